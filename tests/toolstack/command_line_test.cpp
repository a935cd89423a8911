// Whole command lines, and options about the machine and the process.
#include "tests/toolstack/command_lines.hpp"

namespace dm::toolstack {
namespace {

using namespace test;
using testing::AllOf;
using testing::Contains;
using testing::ElementsAre;
using testing::HasSubstr;
using testing::IsEmpty;
using testing::Not;
using testing::SizeIs;
using testing::StartsWith;

TEST(CommandLine, WhatXlPassesForAPlainGuestIsUnderstood) {
    auto result = parse_line(kPlainGuest);
    ASSERT_TRUE(result.ok()) << result.error().message;
    EXPECT_FALSE(result->print.has_value());
    const MachineOptions& m = result->machine;
    EXPECT_EQ(m.domid, 1U);
    EXPECT_EQ(m.name, "g");
    EXPECT_FALSE(m.probe);
    EXPECT_TRUE(m.xen_platform);
    EXPECT_FALSE(m.exit_on_shutdown);
    EXPECT_EQ(m.memory_mib, 248U);
    EXPECT_EQ(m.cpus, 1U);
    EXPECT_EQ(m.boot_order, "cda");
    ASSERT_THAT(m.monitors, SizeIs(2));
    EXPECT_EQ(m.monitors[0].id, "libxl-cmd");
    EXPECT_EQ(m.monitors[0].path, "/var/run/xen/qmp-libxl-1");
    EXPECT_TRUE(m.monitors[0].server);
    EXPECT_TRUE(m.monitors[0].events);
    EXPECT_EQ(m.monitors[1].path, "/var/run/xen/qmp-libxenstat-1");
    EXPECT_FALSE(m.monitors[1].events);
    EXPECT_TRUE(m.vnc.enabled);
    EXPECT_EQ(m.vnc.host, "127.0.0.1");
    EXPECT_EQ(m.vnc.display, 0U);
    EXPECT_EQ(m.vnc.to, 99U);
    EXPECT_FALSE(m.vnc.password_required);
    ASSERT_THAT(m.serials, SizeIs(1));
    EXPECT_EQ(m.serials[0]->kind, CharKind::Pty);
    EXPECT_EQ(m.vga.requested, VgaModel::Cirrus);
    EXPECT_EQ(m.vga.memory_mib, 8U);
    EXPECT_EQ(m.vga.pci_slot, 3U);
    ASSERT_THAT(m.disks, SizeIs(1));
    EXPECT_EQ(m.disks[0].id, "ide0-hd0");
    EXPECT_EQ(m.disks[0].file, "/tmp/disk.img");
    EXPECT_EQ(m.disks[0].format, "raw");
    EXPECT_FALSE(m.disks[0].read_only);
    EXPECT_THAT(m.nics, IsEmpty());
    EXPECT_THAT(m.channels, IsEmpty());
}

TEST(CommandLine, WhatXlPassesForARichGuestIsUnderstood) {
    auto result = parse_line(kRichGuest, /*accept_refused=*/true);
    ASSERT_TRUE(result.ok()) << result.error().message;
    const MachineOptions& m = result->machine;
    EXPECT_TRUE(m.vnc.password_required);
    EXPECT_EQ(m.vnc.keymap, "de");
    EXPECT_EQ(m.vga.model, VgaModel::Std);
    EXPECT_EQ(m.vga.memory_mib, 16U);
    EXPECT_EQ(m.boot_order, "dc");
    EXPECT_TRUE(m.usb);
    EXPECT_THAT(m.usb_devices, ElementsAre("tablet"));
    ASSERT_THAT(m.devices, SizeIs(2));
    EXPECT_EQ(m.devices[0].driver, "intel-hda");
    EXPECT_EQ(m.devices[0].pci_slot, 4U);
    EXPECT_EQ(m.devices[1].driver, "hda-duplex");
    EXPECT_FALSE(m.devices[1].pci_slot.has_value());
    EXPECT_EQ(m.cpus, 2U);
    EXPECT_EQ(m.max_cpus, 4U);
    ASSERT_THAT(m.nics, SizeIs(1));
    EXPECT_EQ(m.nics[0].model, "e1000");
    EXPECT_EQ(m.nics[0].id, "nic0");
    EXPECT_EQ(m.nics[0].tap, "vif7.0-emu");
    EXPECT_EQ(m.nics[0].bridge, "br0");
    EXPECT_THAT(m.nics[0].mac, ElementsAre(0x00, 0x16, 0x3e, 0xaa, 0xbb, 0xcc));
    EXPECT_EQ(m.nics[0].pci_slot, 5U);
    EXPECT_EQ(m.incoming_fd, 31);
    ASSERT_THAT(m.disks, SizeIs(2));
    EXPECT_EQ(m.disks[1].id, "ide-5632");
    EXPECT_EQ(m.disks[1].file, "/i.iso");
    EXPECT_EQ(m.disks[1].media, DiskMedia::Cdrom);
    EXPECT_TRUE(m.disks[1].read_only);
    EXPECT_EQ(m.disks[1].channel, 1U);
    EXPECT_EQ(m.disks[1].unit, 0U);
}

TEST(CommandLine, AQcow2DiskIsTakenAsLibxlWritesIt) {
    std::string line(kRichGuest);
    line.replace(line.find("/d.raw,if=ide,index=0,media=disk,format=raw"), 43,
                 "/d.qcow2,if=ide,index=0,media=disk,format=qcow2");
    const auto result = parse_line(line, /*accept_refused=*/true);
    ASSERT_TRUE(result.ok()) << result.error().message;
    EXPECT_EQ(result.value().machine.disks[0].file, "/d.qcow2");
    EXPECT_EQ(result.value().machine.disks[0].format, "qcow2");
}

TEST(CommandLine, TheProbeOfNewerLibxlIsRecognised) {
    auto result = parse_line(
        "-S -no-user-config -nodefaults -nographic -machine none,accel=xen "
        "-chardev socket,id=libxl-cmd,fd=5,server=on,wait=off -mon chardev=libxl-cmd,mode=control");
    ASSERT_TRUE(result.ok()) << result.error().message;
    EXPECT_TRUE(result->machine.probe);
    EXPECT_TRUE(result->machine.start_paused);
    EXPECT_FALSE(result->machine.domid.has_value());
    ASSERT_THAT(result->machine.monitors, SizeIs(1));
    EXPECT_EQ(result->machine.monitors[0].fd, 5);
    EXPECT_EQ(result->machine.monitors[0].path, "");
    EXPECT_THAT(result->machine.unsupported, IsEmpty());
}

TEST(CommandLine, TheOptionsOfTheRegisterTestsAreParsed) {
    auto result = parse_line(
        "-qtest unix:/tmp/qtest-9.sock -qtest-log /dev/null -chardev "
        "socket,path=/tmp/qtest-9.qmp,id=char0 -mon chardev=char0,mode=control -display none "
        "-machine pc -nodefaults -m 64 -rtc clock=vm -no-fd-bootchk -global T.P=V -smp 1 -vga none "
        "-accel kvm -accel tcg -accel qtest",
        /*accept_refused=*/true);
    ASSERT_TRUE(result.ok()) << result.error().message;
    EXPECT_EQ(result->machine.accel, Accel::Qtest);
    EXPECT_EQ(result->machine.qtest, "/tmp/qtest-9.sock");
    EXPECT_EQ(result->machine.qtest_log, "/dev/null");
    EXPECT_FALSE(result->machine.xen_platform);
    ASSERT_THAT(result->machine.monitors, SizeIs(1));
    EXPECT_FALSE(result->machine.monitors[0].server);
    EXPECT_EQ(result->machine.vga.model, VgaModel::None);
}

TEST(CommandLine, WithoutADomainTheErrorSaysWhoStartsHvmdm) {
    const auto result = parse_line("-machine xenfv");
    ASSERT_FALSE(result.ok());
    EXPECT_THAT(result.error().message,
                AllOf(StartsWith("-xen-domid is missing"), HasSubstr("xl"), HasSubstr("-help")));
}

TEST(CommandLine, WithoutAMachineItDoesNotStart) {
    const auto result = parse_line("-xen-domid 1");
    ASSERT_FALSE(result.ok());
    EXPECT_THAT(result.error().message, StartsWith("-machine is missing"));
}

TEST(CommandLine, AnUnknownOptionIsNamed) {
    EXPECT_THAT(error("-foo bar"), AllOf(StartsWith("-foo:"), HasSubstr("-help")));
    EXPECT_THAT(error("--foo"), StartsWith("-foo:"));
    EXPECT_THAT(error("disk.img"), HasSubstr("'disk.img' is not an option"));
}

TEST(CommandLine, AnOptionWithoutItsValueIsNamed) {
    EXPECT_THAT(error("-vnc"), HasSubstr("-vnc needs a value"));
}

TEST(CommandLine, TwoDashesAreOne) {
    EXPECT_EQ(machine("--name x").name, "x");
}

TEST(CommandLine, ErrorsAreOneLine) {
    for (const char* bad :
         {"-m x", "-drive file=/a,format=foo", "-vnc ::", "-smp 0", "-device foo", "-machine q35",
          "-incoming tcp:0:1", "-serial foo:1", "-netdev foo,id=1", "-usbdevice foo:1.2"}) {
        const std::string message = error(bad);
        EXPECT_THAT(message, StartsWith(bad)) << message;
        EXPECT_THAT(message, Not(HasSubstr("\n")));
    }
}

TEST(CommandLine, HelpIsPrintedAndHoldsNothingThatLibvirtTakesForTheOldDeviceModel) {
    for (const char* option : {"-help", "-h", "--help", "-help -nonsense"}) {
        auto result = parse_line(option);
        ASSERT_TRUE(result.ok() && result->print.has_value()) << option;
        EXPECT_THAT(*result->print, AllOf(HasSubstr("-xen-domid N"), HasSubstr("device_model_override")));
        EXPECT_THAT(*result->print, Not(HasSubstr("Options specific to the Xen version:")));
    }
}

TEST(CommandLine, HelpNamesEveryOption) {
    auto result = parse_line("-help");
    for (const OptionRow& row : option_rows())
        if (row.support != Support::Implemented || !row.help.empty()) {
            EXPECT_THAT(*result->print, HasSubstr(fmt::format(" -{}", row.name)));
        }
}

TEST(CommandLine, VersionAndListsArePrinted) {
    EXPECT_THAT(*parse_line("-version")->print, StartsWith("hvmdm "));
    EXPECT_THAT(*parse_line("-device help")->print, AllOf(HasSubstr("ide-cd"), HasSubstr("rtl8139")));
    EXPECT_THAT(*parse_line("-machine help")->print, HasSubstr("xenfv"));
    EXPECT_THAT(*parse_line("-M ?")->print, HasSubstr("xenfv"));
    EXPECT_THAT(*parse_line("-accel help")->print, HasSubstr("xen"));
    EXPECT_THAT(*parse_line("-netdev help")->print, HasSubstr("tap"));
    EXPECT_THAT(*parse_line("-chardev help")->print, HasSubstr("socket"));
}

TEST(MachineOption, XenfvHasThePlatformDeviceAndPcHasNot) {
    EXPECT_TRUE(machine("").xen_platform);
    EXPECT_FALSE(parse_line("-xen-domid 1 -machine pc,accel=xen,suppress-vmdesc=on")->machine.xen_platform);
    EXPECT_TRUE(parse_line("-xen-domid 1 -machine pc,accel=xen -device xen-platform")->machine.xen_platform);
    EXPECT_THAT(error("-device xen-platform"), HasSubstr("already"));
}

TEST(MachineOption, TheLowMemoryLimitIsTaken) {
    EXPECT_EQ(machine("-machine xenfv,suppress-vmdesc=on,max-ram-below-4g=3221225472").max_ram_below_4g,
              0xc0000000U);
}

TEST(MachineOption, PassingAGraphicsCardThroughIsLogged) {
    EXPECT_THAT(machine("-machine xenfv,igd-passthru=on").unsupported, Contains(HasSubstr("graphics card")));
}

TEST(MachineOption, OtherMachinesAreRefused) {
    EXPECT_THAT(error("-machine xenpv"), HasSubstr("HVM guests only"));
    EXPECT_THAT(error("-machine q35"), HasSubstr("-machine help"));
    EXPECT_THAT(parse_line("-xen-domid 1 -machine pc").error().message, HasSubstr("accel=xen"));
    EXPECT_THAT(error("-machine xenfv,typo=1"), HasSubstr("'typo'"));
}

TEST(MachineOption, ADomainIsANumberAboveZero) {
    EXPECT_FALSE(parse_line("-xen-domid x -machine xenfv").ok());
    EXPECT_FALSE(parse_line("-xen-domid 0 -machine xenfv").ok());
    EXPECT_FALSE(parse_line("-xen-domid 32752 -machine xenfv").ok());
    EXPECT_EQ(parse_line("-xen-domid 32751 -machine xenfv")->machine.domid, 32751U);
}

TEST(MachineOption, MemoryIsInMebibytes) {
    EXPECT_EQ(machine("-m 2032").memory_mib, 2032U);
    EXPECT_EQ(machine("-m 2G").memory_mib, 2048U);
    EXPECT_EQ(machine("-m size=512M,slots=2,maxmem=1G").memory_mib, 512U);
    EXPECT_THAT(error("-m 0"), HasSubstr("-m 0"));
    EXPECT_THAT(error("-m -1"), HasSubstr("-m -1"));
}

TEST(MachineOption, CpusNowAndAtMost) {
    EXPECT_EQ(machine("-smp 2,maxcpus=4").max_cpus, 4U);
    EXPECT_EQ(machine("-smp 3").max_cpus, 3U);
    EXPECT_EQ(machine("-smp cpus=2,maxcpus=2,sockets=2").cpus, 2U);
    for (const char* bad :
         {"-smp 0", "-smp 4,maxcpus=2", "-smp 257", "-smp 1,maxcpus=300", "-smp x", "-smp 1,maxcpus=x"})
        EXPECT_THAT(error(bad), StartsWith(bad));
}

TEST(MachineOption, BootOrder) {
    EXPECT_EQ(machine("-boot order=dc").boot_order, "dc");
    EXPECT_EQ(machine("-boot n").boot_order, "n");
    for (const char* bad : {"-boot order=x", "-boot order=cc", "-boot order=acdn", "-boot order="})
        EXPECT_THAT(error(bad), StartsWith(bad));
}

TEST(ProcessOption, StartingUnderRestrictionIsParsed) {
    const MachineOptions m =
        machine("-chardev socket,id=libxl-cmd,fd=20,server=on,wait=off -S -mon "
                "chardev=libxl-cmd,mode=control -xen-domid-restrict -chroot /run/xen/qemu-root-1 "
                "-runas 1001:1002",
                true);
    EXPECT_TRUE(m.start_paused);
    EXPECT_TRUE(m.restrict_to_domain);
    EXPECT_EQ(m.chroot_dir, "/run/xen/qemu-root-1");
    ASSERT_TRUE(m.run_as.has_value());
    EXPECT_EQ(m.run_as->uid, 1001U);
    EXPECT_EQ(m.run_as->gid, 1002U);
    EXPECT_EQ(m.monitors.at(0).fd, 20);
}

TEST(ProcessOption, RunWithSaysTheSameInOneOption) {
    const MachineOptions m = machine("-run-with chroot=/run/xen/qemu-root-1 -run-with user=xen-dm", true);
    EXPECT_EQ(m.chroot_dir, "/run/xen/qemu-root-1");
    EXPECT_EQ(m.run_as->user, "xen-dm");
    EXPECT_FALSE(parse_line(std::string(kLeast) + "-run-with typo=1", true).ok());
    EXPECT_FALSE(parse_line(std::string(kLeast) + "-runas 1:x", true).ok());
}

TEST(ProcessOption, IncomingNamesADescriptorOrAFile) {
    EXPECT_EQ(machine("-incoming fd:31", true).incoming_fd, 31);
    EXPECT_EQ(machine("-incoming file:/x", true).incoming_file, "/x");
    for (const char* bad : {"fd:-1", "fd:x", "fd:", "tcp:0:4444", "defer", "exec:cat x"})
        EXPECT_FALSE(parse_words({"-xen-domid", "1", "-machine", "xenfv", "-incoming", bad}, true).ok())
            << bad;
}

TEST(ProcessOption, KernelAndItsCommandLineKeepTheirCommas) {
    const auto result = parse_words({"-xen-domid", "1", "-machine", "xenfv", "-kernel", "/boot/k,1",
                                     "-initrd", "/i", "-append", "-x a=b,c"},
                                    true);
    ASSERT_TRUE(result.ok());
    const MachineOptions m = result.value().machine;
    EXPECT_EQ(m.kernel, "/boot/k,1");
    EXPECT_EQ(m.initrd, "/i");
    EXPECT_EQ(m.append, "-x a=b,c");
}

TEST(ProcessOption, ARamdiskOrACommandLineWithoutAKernelIsRefused) {
    EXPECT_FALSE(parse_line(std::string(kLeast) + "-initrd /i").ok());
    EXPECT_FALSE(parse_line(std::string(kLeast) + "-append quiet").ok());
    EXPECT_TRUE(parse_line(std::string(kLeast) + "-kernel /k -initrd /i -append quiet").ok());
}

TEST(ProcessOption, InheritedDescriptorsJoinFdSets) {
    const MachineOptions m = machine("-add-fd fd=5,set=1,opaque=save");
    ASSERT_THAT(m.inherited_fds, SizeIs(1));
    EXPECT_EQ(m.inherited_fds[0].fd, 5);
    EXPECT_EQ(m.inherited_fds[0].set, 1U);
    EXPECT_EQ(m.inherited_fds[0].opaque, "save");
    EXPECT_FALSE(parse_line(std::string(kLeast) + "-add-fd fd=1,set=1").ok());
    EXPECT_FALSE(parse_line(std::string(kLeast) + "-add-fd fd=5").ok());
}

} // namespace
} // namespace dm::toolstack
