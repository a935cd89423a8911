// Serial ports, VNC, VGA, disks, NICs and other devices.
#include "tests/toolstack/command_lines.hpp"

namespace dm::toolstack {
namespace {

using namespace test;
using testing::AllOf;
using testing::Contains;
using testing::ElementsAre;
using testing::HasSubstr;
using testing::IsEmpty;
using testing::Pair;
using testing::SizeIs;
using testing::StartsWith;

CharOptions serial(std::string_view value) {
    const MachineOptions m = machine(fmt::format("-serial {}", value));
    if (m.serials.size() != 1 || !m.serials[0]) {
        ADD_FAILURE() << value;
        return {};
    }
    return *m.serials[0];
}

TEST(SerialOption, EveryBackEndOfTheContractIsParsed) {
    EXPECT_EQ(serial("null").kind, CharKind::Null);
    EXPECT_EQ(serial("pty").kind, CharKind::Pty);
    EXPECT_EQ(serial("file:/tmp/log").path, "/tmp/log");
    EXPECT_EQ(serial("pipe:/tmp/p").kind, CharKind::Pipe);
    EXPECT_EQ(serial("/dev/ttyS0").kind, CharKind::HostSerial);
    EXPECT_EQ(serial("/dev/ttyS0").path, "/dev/ttyS0");
    EXPECT_EQ(serial("pty").text, "-serial pty");
    for (const char* nowhere : {"stdio", "vc", "vc:80Cx25C", "mon:stdio", "mon:vc"})
        EXPECT_EQ(serial(nowhere).kind, CharKind::Nowhere) << nowhere;
    for (const char* later : {"udp:1.2.3.4:5@:6", "tn3270::1", "websocket::1", "msmouse", "mon:udp::1"})
        EXPECT_EQ(serial(later).kind, CharKind::Unsupported) << later;
}

TEST(SerialOption, Sockets) {
    const CharOptions unix_socket = serial("unix:/tmp/s,server,nowait");
    EXPECT_EQ(unix_socket.kind, CharKind::Unix);
    EXPECT_EQ(unix_socket.path, "/tmp/s");
    EXPECT_TRUE(unix_socket.server);
    EXPECT_FALSE(unix_socket.wait);
    const CharOptions tcp = serial("tcp:[::1]:4444,server=on,wait=off,nodelay,ipv6");
    EXPECT_EQ(tcp.kind, CharKind::Tcp);
    EXPECT_EQ(tcp.host, "::1");
    EXPECT_EQ(tcp.port, "4444");
    EXPECT_TRUE(tcp.no_delay);
    EXPECT_EQ(tcp.family, CharOptions::Family::Ipv6);
    EXPECT_EQ(serial("tcp::4444,server").host, "");
    EXPECT_TRUE(serial("tcp::4444,server").wait);
    EXPECT_EQ(serial("tcp:host:9,reconnect=10").reconnect_s, 10U);
}

TEST(SerialOption, TelnetIsTcpWithAProtocol) {
    const CharOptions telnet = serial("telnet:127.0.0.1:4444,server=on,wait=off");
    EXPECT_EQ(telnet.kind, CharKind::Tcp);
    EXPECT_TRUE(telnet.telnet);
    EXPECT_EQ(telnet.host, "127.0.0.1");
    EXPECT_EQ(telnet.port, "4444");
    EXPECT_TRUE(telnet.server);
    EXPECT_FALSE(telnet.wait);
    EXPECT_FALSE(serial("tcp::4444,server").telnet);
    EXPECT_TRUE(serial("tcp::4444,server,telnet=on").telnet);
    const MachineOptions m =
        machine("-chardev socket,id=a,host=h,port=1,telnet=on -serial chardev:a -chardev vc,id=b,width=800 "
                "-serial chardev:b");
    EXPECT_TRUE(m.serials.at(0)->telnet);
    EXPECT_EQ(m.serials.at(1)->kind, CharKind::Nowhere);
    EXPECT_THAT(error("-chardev socket,id=a,path=/x,telnet=on"), HasSubstr("telnet"));
}

TEST(SerialOption, AMonitorOnThePortIsLogged) {
    const MachineOptions m = machine("-serial mon:pty");
    EXPECT_EQ(m.serials.at(0)->kind, CharKind::Pty);
    EXPECT_EQ(m.serials.at(0)->text, "-serial mon:pty");
    EXPECT_THAT(m.unsupported, ElementsAre(AllOf(HasSubstr("-serial mon:pty"), HasSubstr("monitor"))));
    EXPECT_THAT(error("-serial mon:foo"), StartsWith("-serial mon:foo: "));
}

TEST(SerialOption, NoneTakesAnIndexWithoutAPort) {
    const MachineOptions m = machine("-serial none -serial pty");
    ASSERT_THAT(m.serials, SizeIs(2));
    EXPECT_FALSE(m.serials[0].has_value());
    EXPECT_EQ(m.serials[1]->kind, CharKind::Pty);
}

TEST(SerialOption, WithoutTheOptionThereIsNoPort) {
    EXPECT_THAT(machine("").serials, IsEmpty());
}

TEST(SerialOption, AChardevCanBeUsedOnce) {
    const MachineOptions m = machine("-chardev file,id=log,path=/tmp/x,append=on -serial chardev:log");
    EXPECT_EQ(m.serials.at(0)->path, "/tmp/x");
    EXPECT_TRUE(m.serials.at(0)->append);
    EXPECT_THAT(m.channels, IsEmpty());
    EXPECT_THAT(error("-chardev null,id=log -serial chardev:log -serial chardev:log"), HasSubstr("in use"));
    EXPECT_THAT(error("-serial chardev:log"), HasSubstr("no -chardev"));
}

TEST(SerialOption, AFifthPortIsLogged) {
    const MachineOptions m = machine("-serial pty -serial pty -serial pty -serial pty -serial null");
    EXPECT_THAT(m.serials, SizeIs(4));
    EXPECT_THAT(m.unsupported, Contains(HasSubstr("-serial null")));
}

TEST(SerialOption, MistakesAreNamed) {
    for (const char* bad :
         {"foo", "file:", "unix:", "tcp:4444", "tcp:a:", "unix:/x,typo=1", "unix:/x,telnet=on"})
        EXPECT_THAT(error(fmt::format("-serial {}", bad)), StartsWith(fmt::format("-serial {}: ", bad)));
}

TEST(ChardevOption, AChannelIsKeptAndLogged) {
    const MachineOptions m = machine("-chardev pty,id=libxl-channel1 -chardev "
                                     "socket,id=libxl-channel2,path=/tmp/c,server=on,wait=off");
    ASSERT_THAT(m.channels, SizeIs(2));
    EXPECT_EQ(m.channels.at("libxl-channel2").path, "/tmp/c");
    EXPECT_THAT(m.unsupported, SizeIs(2));
    EXPECT_THAT(m.unsupported[0], HasSubstr("channel="));
}

TEST(ChardevOption, IdsThatXlTakesForSerialPortsAreRefused) {
    EXPECT_THAT(error("-chardev pty,id=serialfoo"), HasSubstr("serial"));
}

TEST(ChardevOption, MistakesAreNamed) {
    for (const char* bad :
         {"pty", "foo,id=a", "file,id=a", "socket,id=a", "socket,id=a,path=/x,fd=3", "pty,id=a,typo=1"})
        EXPECT_THAT(error(fmt::format("-chardev {}", bad)), StartsWith(fmt::format("-chardev {}: ", bad)));
    EXPECT_THAT(error("-chardev pty,id=a -chardev pty,id=a"), HasSubstr("in use"));
}

TEST(MonitorOption, QmpNeedsAUnixSocketThatExists) {
    EXPECT_THAT(error("-mon chardev=zz,mode=control"), HasSubstr("id=zz"));
    EXPECT_THAT(error("-chardev pty,id=a -mon chardev=a,mode=control"), HasSubstr("unix sockets only"));
    EXPECT_THAT(error("-qmp stdio"), HasSubstr("unix sockets only"));
    EXPECT_EQ(machine("-qmp unix:/tmp/q,server=on,wait=off").monitors.at(0).path, "/tmp/q");
}

TEST(MonitorOption, TheReadlineMonitorIsLogged) {
    EXPECT_THAT(machine("-chardev stdio,id=a -mon chardev=a").unsupported,
                ElementsAre(HasSubstr("qemu-monitor-command")));
    EXPECT_THAT(machine("-monitor stdio").unsupported, SizeIs(1));
    EXPECT_THAT(machine("-monitor none").unsupported, IsEmpty());
}

TEST(VncOption, Addresses) {
    EXPECT_FALSE(machine("-vnc none").vnc.enabled);
    EXPECT_FALSE(machine("").vnc.enabled);
    EXPECT_EQ(machine("-vnc 0.0.0.0:1,to=99").vnc.display, 1U);
    EXPECT_EQ(machine("-vnc :0").vnc.host, "");
    EXPECT_EQ(machine("-vnc [::1]:5").vnc.host, "::1");
    EXPECT_EQ(machine("-vnc unix:/tmp/v").vnc.unix_path, "/tmp/v");
    EXPECT_EQ(machine("-display vnc=:3").vnc.display, 3U);
}

TEST(VncOption, ALastDisplayBelowTheFirstIsRaised) {
    EXPECT_EQ(machine("-vnc 127.0.0.1:150,to=99").vnc.to, 150U);
}

TEST(VncOption, KeyboardLayoutMayComeBeforeOrAfter) {
    EXPECT_EQ(machine("-k de -vnc :0").vnc.keymap, "de");
    EXPECT_EQ(machine("-vnc :0 -k fr").vnc.keymap, "fr");
    EXPECT_EQ(machine("-vnc :0").vnc.keymap, "en-us");
    EXPECT_THAT(error("-k ../x"), StartsWith("-k ../x: "));
}

TEST(VncOption, Sharing) {
    EXPECT_EQ(machine("-vnc :0,share=force-shared").vnc.share, VncShare::ForceShared);
    EXPECT_EQ(machine("-vnc :0,share=ignore").vnc.share, VncShare::Ignore);
    EXPECT_THAT(error("-vnc :0,share=x"), HasSubstr("share=x"));
}

TEST(VncOption, ProtectionThatIsNotThereIsRefusedNotIgnored) {
    for (const char* key : {"sasl=on", "sasl", "tls-authz=a", "password-secret=s"})
        EXPECT_THAT(error(fmt::format("-vnc :0,{}", key)), HasSubstr("not supported"));
    EXPECT_TRUE(machine("-vnc :0,sasl=off,lossy=on").vnc.enabled);
}

TEST(VncOption, APasswordIsAskedForInQemusAncientAndNewWords) {
    EXPECT_TRUE(machine("-vnc :0,password").vnc.password_required);
    EXPECT_TRUE(machine("-vnc :0,password=on").vnc.password_required);
    EXPECT_FALSE(machine("-vnc :0,password=off").vnc.password_required);
    EXPECT_FALSE(machine("-vnc :0,nopassword").vnc.password_required);
    EXPECT_FALSE(machine("-vnc :0").vnc.password_required);
}

TEST(VncOption, WebSocketsHaveAPortOfTheirOwn) {
    EXPECT_FALSE(machine("-vnc :0").vnc.websocket);
    EXPECT_FALSE(machine("-vnc :0,websocket=off").vnc.websocket);
    EXPECT_FALSE(machine("-vnc :0,websocket=on").vnc.websocket->port);
    EXPECT_FALSE(machine("-vnc :0,websocket").vnc.websocket->port);
    EXPECT_EQ(machine("-vnc :0,websocket=8080").vnc.websocket->port, 8080U);
    const VncOptions vnc = machine("-vnc :0,websocket=[::1]:8080").vnc;
    EXPECT_EQ(vnc.websocket->host, "::1");
    EXPECT_EQ(vnc.websocket->port, 8080U);
    EXPECT_EQ(machine("-vnc :0,websocket=unix:/w").vnc.websocket->unix_path, "/w");
    EXPECT_THAT(error("-vnc :0,websocket=x"), HasSubstr("websocket=x"));
    EXPECT_THAT(error("-vnc :0,websocket=70000"), HasSubstr("websocket="));
}

TEST(VncOption, TlsCredentialsMayComeBeforeOrAfter) {
    const char* const creds = "-object tls-creds-x509,id=tls0,dir=/pki,endpoint=server,verify-peer=no";
    for (const std::string& line :
         {fmt::format("{} -vnc :0,tls-creds=tls0", creds), fmt::format("-vnc :0,tls-creds=tls0 {}", creds)}) {
        const VncOptions vnc = machine(line).vnc;
        ASSERT_TRUE(vnc.tls) << line;
        EXPECT_TRUE(vnc.tls->x509);
        EXPECT_EQ(vnc.tls->directory, "/pki");
        EXPECT_FALSE(vnc.tls->verify_peer);
    }
    EXPECT_FALSE(machine("-object tls-creds-anon,id=a,endpoint=server -vnc :0,tls-creds=a").vnc.tls->x509);
    EXPECT_TRUE(machine("-object tls-creds-x509,id=a,dir=d,endpoint=server -vnc :0,tls-creds=a")
                    .vnc.tls->verify_peer);
    EXPECT_FALSE(machine("-object tls-creds-anon,id=a,endpoint=server -vnc :0").vnc.tls);
}

TEST(VncOption, TlsCredentialsThatCannotBeUsedAreErrors) {
    EXPECT_THAT(error("-vnc :0,tls-creds=tls0"), HasSubstr("tls-creds=tls0"));
    EXPECT_THAT(error("-object tls-creds-anon,id=a -vnc :0,tls-creds=a"), HasSubstr("endpoint=server"));
    EXPECT_THAT(error("-object tls-creds-anon,endpoint=server"), HasSubstr("id="));
    EXPECT_THAT(error("-object tls-creds-x509,id=a,endpoint=server"), HasSubstr("dir="));
    EXPECT_THAT(error("-object tls-creds-x509,id=a,dir=d,passwordid=s"), HasSubstr("passwordid"));
}

TEST(VncOption, OtherObjectsAreLogged) {
    EXPECT_THAT(machine("-object rng-random,id=r").unsupported, ElementsAre(HasSubstr("rng-random")));
}

TEST(WebOption, IsOffUnlessAskedFor) {
    EXPECT_FALSE(machine("-vnc :0").vnc.web);
    EXPECT_FALSE(machine("-vnc :0 -hvmdm-web on").vnc.web->port);
    EXPECT_EQ(machine("-hvmdm-web 8000 -vnc :0").vnc.web->port, 8000U);
    const VncOptions vnc = machine("-vnc :0 -hvmdm-web 10.0.0.1:8000,path=/opt/novnc").vnc;
    EXPECT_EQ(vnc.web->host, "10.0.0.1");
    EXPECT_EQ(vnc.web->directory, "/opt/novnc");
    EXPECT_THAT(error("-vnc none -hvmdm-web on"), HasSubstr("vnc=1"));
    EXPECT_THAT(error("-vnc :0 -hvmdm-web 0"), HasSubstr("PORT"));
}

TEST(VncOption, MistakesAreNamed) {
    EXPECT_THAT(error("-vnc ::"), HasSubstr("brackets"));
    EXPECT_THAT(error("-vnc localhost"), HasSubstr("ADDRESS:DISPLAY"));
    EXPECT_THAT(error("-vnc a:99999"), HasSubstr("ADDRESS:DISPLAY"));
    EXPECT_THAT(error("-vnc :0,typo=1"), HasSubstr("'typo'"));
}

TEST(VgaOption, WhatIsNotEmulatedBecomesAStandardVgaAndIsLogged) {
    const MachineOptions m = machine("-device qxl-vga,vram_size_mb=64,ram_size_mb=64");
    EXPECT_EQ(m.vga.requested, VgaModel::Qxl);
    EXPECT_EQ(m.vga.model, VgaModel::Std);
    EXPECT_THAT(m.unsupported, ElementsAre("-device qxl-vga,vram_size_mb=64,ram_size_mb=64: not emulated "
                                           "yet, the guest gets a standard VGA instead"));
}

TEST(VgaOption, CirrusIsWhatXlAsksForByDefault) {
    const MachineOptions m = machine("-device cirrus-vga,vgamem_mb=8");
    EXPECT_EQ(m.vga.model, VgaModel::Cirrus);
    EXPECT_THAT(m.unsupported, ElementsAre());
    EXPECT_EQ(machine("-vga cirrus").vga.model, VgaModel::Cirrus);
    EXPECT_EQ(machine("-vga none").vga.model, VgaModel::None);
}

TEST(VgaOption, MemoryIsAPowerOfTwoThatXlHasPaidFor) {
    EXPECT_EQ(machine("-device VGA,vgamem_mb=20").vga.memory_mib, 16U);
    EXPECT_EQ(machine("-device VGA").vga.memory_mib, 16U);
    for (const char* bad : {"0", "257", "x"})
        EXPECT_THAT(error(fmt::format("-device VGA,vgamem_mb={}", bad)), HasSubstr("vgamem_mb"));
    EXPECT_THAT(error("-device VGA -device VGA"), HasSubstr("already"));
    EXPECT_THAT(error("-device VGA,typo=1"), HasSubstr("'typo'"));
}

TEST(DiskOption, IdePlacesByIndexAndByBusAndUnit) {
    const MachineOptions m = machine("-drive file=/a,format=raw -drive file=/d,if=ide,index=3,format=raw "
                                     "-drive file=/b,bus=0,unit=1,format=raw");
    ASSERT_THAT(m.disks, SizeIs(3));
    const auto place = [&](std::string_view file) {
        for (const DiskOptions& disk : m.disks)
            if (disk.file == file) return disk.channel * 2 + disk.unit;
        return 99U;
    };
    EXPECT_EQ(place("/d"), 3U);
    EXPECT_EQ(place("/b"), 1U);
    EXPECT_EQ(place("/a"), 0U); // the first that is left
}

TEST(DiskOption, ShortForms) {
    const MachineOptions m = machine("-hda /a -hdb /b -cdrom /c -hdd /d");
    ASSERT_THAT(m.disks, SizeIs(4));
    EXPECT_EQ(m.disks[2].id, "ide1-cd0");
    EXPECT_TRUE(m.disks[2].read_only);
    EXPECT_EQ(m.disks[3].id, "ide1-hd1");
}

TEST(DiskOption, AnEmptyCdromIsATrayWithoutAMedium) {
    const MachineOptions m = machine("-drive if=none,readonly=on,id=ide-5632 -device "
                                     "ide-cd,id=ide-5632,drive=ide-5632,bus=ide.1,unit=0");
    ASSERT_THAT(m.disks, SizeIs(1));
    EXPECT_EQ(m.disks[0].file, "");
    EXPECT_EQ(m.disks[0].media, DiskMedia::Cdrom);
    EXPECT_TRUE(m.disks[0].emulated);
}

TEST(DiskOption, AFifthPlaceDoesNotExist) {
    EXPECT_THAT(
        error("-drive if=none,readonly=on,id=ide-1 -device ide-cd,id=ide-1,drive=ide-1,bus=ide.2,unit=0"),
        AllOf(StartsWith("-device ide-cd"), HasSubstr("ide.2")));
    EXPECT_THAT(error("-drive file=/a,index=4,format=raw"), HasSubstr("four places"));
    EXPECT_THAT(error("-hda /a -hdb /b -hdc /c -hdd /d -drive file=/e,format=raw"), HasSubstr("all four"));
}

TEST(DiskOption, TwoDisksInOnePlaceAreRefused) {
    EXPECT_THAT(error("-hda /a -drive file=/b,index=0,format=raw"), HasSubstr("two disks"));
}

TEST(DiskOption, ScsiDisksAreOnTheAdapter) {
    const MachineOptions m = machine(
        "-device lsi53c895a -drive file=/s,id=scsi0-hd2,format=raw,if=none,readonly=on,cache=writeback "
        "-device scsi-hd,drive=scsi0-hd2,scsi-id=2");
    ASSERT_THAT(m.disks, SizeIs(1));
    EXPECT_EQ(m.disks[0].bus, DiskBus::Scsi);
    EXPECT_EQ(m.disks[0].unit, 2U);
    EXPECT_TRUE(m.disks[0].read_only);
    EXPECT_TRUE(m.disks[0].emulated);
    EXPECT_EQ(m.disks[0].id, "scsi0-hd2");
    EXPECT_THAT(m.unsupported, IsEmpty());
    ASSERT_THAT(m.devices, SizeIs(1));
    EXPECT_EQ(m.devices[0].driver, "lsi53c895a");
    EXPECT_TRUE(m.devices[0].emulated);
}

TEST(DiskOption, ScsiDrivesHaveIdsOfTheirOwn) {
    const MachineOptions m =
        machine("-device lsi -drive if=scsi,file=/a,format=raw,bus=0,unit=3 "
                "-drive if=none,id=c,file=/c -device scsi-cd,drive=c -device scsi-disk,drive=d "
                "-drive if=none,id=d,file=/d -drive if=scsi,file=/b");
    ASSERT_THAT(m.disks, SizeIs(4));
    EXPECT_EQ(m.disks[0].media, DiskMedia::Cdrom);
    EXPECT_TRUE(m.disks[0].read_only);
    EXPECT_EQ(m.disks[0].unit, 0U);
    EXPECT_EQ(m.disks[1].unit, 1U);
    EXPECT_EQ(m.disks[2].unit, 3U);
    EXPECT_EQ(m.disks[2].id, "scsi0-hd3");
    EXPECT_EQ(m.disks[3].unit, 2U);
    EXPECT_THAT(error("-device lsi -drive if=scsi,file=/a,unit=3 -drive if=scsi,file=/b,unit=3"),
                HasSubstr("same SCSI ID 3"));
}

TEST(DiskOption, ScsiDisksThatCannotBeEmulatedArePvDisks) {
    for (const char* options :
         {"-drive if=scsi,file=/a", "-device lsi -drive if=scsi,file=/a,unit=7",
          "-device lsi -drive if=none,id=a,file=/a -device scsi-hd,drive=a,scsi-id=16"}) {
        const MachineOptions m = machine(options);
        ASSERT_THAT(m.disks, SizeIs(1));
        EXPECT_FALSE(m.disks[0].emulated);
        EXPECT_THAT(m.unsupported, ElementsAre(HasSubstr("PV disk")));
    }
}

constexpr std::string_view kAhciDisk =
    "-device ahci,id=ahci0 -drive file=/a,if=none,id=ahcidisk-1,format=raw,cache=writeback "
    "-device ide-hd,bus=ahci0.1,unit=0,drive=ahcidisk-1";

TEST(DiskOption, AhciDisksTakeThePortTheyName) {
    const MachineOptions m = machine(std::string(kAhciDisk));
    ASSERT_THAT(m.disks, SizeIs(1));
    EXPECT_EQ(m.disks[0].bus, DiskBus::Ahci);
    EXPECT_EQ(m.disks[0].channel, 1U);
    EXPECT_TRUE(m.disks[0].emulated);
    EXPECT_THAT(m.unsupported, SizeIs(0));
    ASSERT_THAT(m.devices, SizeIs(1));
    EXPECT_EQ(m.devices[0].driver, "ahci");
    EXPECT_TRUE(m.devices[0].emulated);
}

TEST(DiskOption, ADiskOfTheAhciControllerWithoutAPortTakesTheFirstFreeOne) {
    const MachineOptions m =
        machine("-device ahci,id=a,addr=1f.2 -drive file=/x,if=none,id=x,format=raw -device "
                "ide-hd,bus=a.0,drive=x -drive file=/y,if=none,id=y,format=raw -device ide-hd,bus=a,drive=y");
    ASSERT_THAT(m.disks, SizeIs(2));
    EXPECT_EQ(m.disks[1].channel, 1U);
    EXPECT_EQ(m.devices.at(0).pci_slot, 0x1fU);
    EXPECT_EQ(m.devices.at(0).pci_function, 2U);
}

TEST(DiskOption, AhciPlacesThatAreNotThereAreRefused) {
    const auto second = [](std::string_view place) {
        return error(fmt::format("{} -drive file=/b,if=none,id=b,format=raw -device ide-hd,drive=b,{}",
                                 kAhciDisk, place));
    };
    EXPECT_THAT(second("bus=ahci0.1"), HasSubstr("same AHCI port 1"));
    EXPECT_THAT(second("bus=ahci0.6"), HasSubstr("ports 0 to 5"));
    EXPECT_THAT(second("bus=ahci0.2,unit=1"), HasSubstr("unit 0 only"));
    EXPECT_THAT(error("-device ahci,id=a -device ahci,id=b"), HasSubstr("one AHCI controller"));
    EXPECT_THAT(error("-device ahci,id=a -drive file=/b,if=none,id=b,format=raw,readonly=on "
                      "-device ide-hd,drive=b,bus=a.0"),
                HasSubstr("read-only"));
}

TEST(DiskOption, ABusWithoutItsControllerIsRefused) {
    EXPECT_THAT(error("-drive file=/a,if=none,id=x,format=raw -device ide-hd,bus=ahci0.1,unit=0,drive=x"),
                HasSubstr("no bus 'ahci0.1'"));
}

TEST(DiskOption, ADriveForCdsNeedsNoMedium) {
    const MachineOptions m = machine("-device ide-cd,bus=ide.1");
    ASSERT_EQ(m.disks.size(), 1U);
    EXPECT_EQ(m.disks[0].file, "");
    EXPECT_EQ(m.disks[0].media, DiskMedia::Cdrom);
    EXPECT_EQ(m.disks[0].channel, 1U);
}

TEST(DiskOption, GlobalsNameDisksThatHaveNoNamesOfTheirOwn) {
    const MachineOptions m = machine("-global ide-hd.ver=7 -global driver=ide-hd,property=model,value=M "
                                     "-drive file=/a,format=raw -drive file=/b,if=none,id=b,format=raw "
                                     "-device ide-hd,drive=b,ver=8");
    ASSERT_EQ(m.disks.size(), 2U);
    EXPECT_EQ(m.disks[0].firmware, "7");
    EXPECT_EQ(m.disks[0].model, "M");
    EXPECT_EQ(m.disks[1].firmware, "8");
    EXPECT_EQ(m.disks[1].model, "M");
    EXPECT_THAT(machine("-global PIIX4_PM.disable_s3=1").unsupported, ElementsAre(HasSubstr("no effect")));
}

TEST(DiskOption, WhatBecomesOfErrorsIsSaidByTheDriveTheDeviceOrAGlobal) {
    const auto policy = [](std::string_view line) {
        const MachineOptions m = machine(line);
        EXPECT_THAT(m.unsupported, IsEmpty());
        return std::pair{m.disks.at(0).errors.on_read, m.disks.at(0).errors.on_write};
    };
    const auto usual = std::pair{OnError::Report, OnError::StopIfNoSpace}; // QEMU's
    EXPECT_EQ(policy("-drive file=/a,format=raw"), usual);
    EXPECT_EQ(policy("-drive file=/a,format=raw,rerror=auto,werror=auto"), usual);
    EXPECT_EQ(policy("-drive file=/a,format=raw,rerror=report,werror=enospc"), usual);
    EXPECT_EQ(policy("-drive file=/a,format=raw,rerror=ignore,werror=report"),
              (std::pair{OnError::Ignore, OnError::Report}));
    EXPECT_EQ(
        policy("-drive file=/a,if=none,id=a,format=raw,werror=ignore -device ide-hd,drive=a,werror=stop"),
        (std::pair{OnError::Report, OnError::Stop}));
    EXPECT_EQ(policy("-global ide-hd.werror=report -global ide-cd.rerror=stop -drive file=/a,format=raw"),
              (std::pair{OnError::Report, OnError::Report}));
    EXPECT_EQ(policy("-global ide-hd.werror=report -drive file=/a,format=raw,werror=stop"),
              (std::pair{OnError::Report, OnError::Stop}));
    EXPECT_EQ(
        policy(
            "-global scsi-hd.werror=report -device lsi53c895a -drive file=/a,if=none,id=a,format=raw -device "
            "scsi-hd,drive=a,rerror=stop"),
        (std::pair{OnError::Stop, OnError::Report}));
    EXPECT_THAT(error("-drive file=/a,format=raw,rerror=enospc"), HasSubstr("rerror=enospc"));
    EXPECT_THAT(error("-drive file=/a,format=raw,werror=panic"), HasSubstr("enospc or stop"));
    EXPECT_THAT(error("-global ide-hd.werror=x -drive file=/a,format=raw"), HasSubstr("werror=x"));
}

TEST(DiskOption, MistakesAreNamed) {
    EXPECT_THAT(error("-drive if=ide,index=0,media=disk"), HasSubstr("needs file="));
    EXPECT_THAT(error("-drive file=/a,readonly=on,format=raw"), HasSubstr("read-only"));
    EXPECT_THAT(error("-drive file=/a,typo=1"), HasSubstr("'typo'"));
    EXPECT_THAT(error("-drive file=/a,snapshot=on"), HasSubstr("snapshot"));
    EXPECT_THAT(error("-drive file=/a,if=none,id=a -drive file=/b,if=none,id=a"), HasSubstr("in use"));
    EXPECT_THAT(error("-device ide-hd"), HasSubstr("drive="));
    EXPECT_THAT(error("-device ide-cd,drive=x"), HasSubstr("id=x"));
    EXPECT_THAT(machine("-drive file=/a,if=none,id=a").unsupported, ElementsAre(HasSubstr("no -device")));
}

TEST(NicOption, ACardThatIsNotEmulatedStillOpensItsTap) {
    const MachineOptions m = machine("-device vmxnet3,id=nic0,netdev=net0,mac=00:16:3e:01:02:03 -netdev "
                                     "type=tap,id=net0,ifname=vif1.0-emu,br=xenbr0,script=no,downscript=no");
    ASSERT_THAT(m.nics, SizeIs(1));
    EXPECT_EQ(m.nics[0].tap, "vif1.0-emu");
    EXPECT_FALSE(m.nics[0].emulated);
    EXPECT_THAT(m.unsupported, ElementsAre(AllOf(StartsWith("-device vmxnet3,id=nic0,"),
                                                 HasSubstr("guest nic0 has only the PV interface"))));
}

TEST(NicOption, AnUnknownModelIsRefusedWithThoseThatThereAre) {
    EXPECT_THAT(error("-device rtl8169,id=nic0,netdev=net0,mac=00:16:3e:01:02:03"),
                AllOf(HasSubstr("'rtl8169'"), HasSubstr("model= can be one of rtl8139, e1000")));
}

TEST(NicOption, ACardTakesItsRomAndItsRules) {
    const MachineOptions plain = machine("-device rtl8139");
    EXPECT_EQ(plain.nics.at(0).rom_file, std::nullopt);
    EXPECT_FALSE(plain.nics.at(0).enforce_mac);
    EXPECT_EQ(machine("-device rtl8139,romfile=/r.rom").nics.at(0).rom_file, "/r.rom");
    EXPECT_EQ(machine("-device rtl8139,rombar=0").nics.at(0).rom_file, "");
    EXPECT_EQ(machine("-device rtl8139,romfile=").nics.at(0).rom_file, "");
    EXPECT_TRUE(machine("-device rtl8139,enforce-mac=on").nics.at(0).enforce_mac);
    const MachineOptions global = machine("-global rtl8139.enforce-mac=on -device rtl8139");
    EXPECT_TRUE(global.nics.at(0).enforce_mac);
    EXPECT_THAT(global.unsupported, IsEmpty());
    EXPECT_THAT(error("-device rtl8139,rombar=2"), HasSubstr("rombar"));
}

TEST(NicOption, AskedForAnEnforcedMacIsNeverOffWithoutAWord) {
    const auto enforced = [](const std::string& global, const std::string& card) {
        return machine("-global " + global + " -device " + card).nics.at(0).enforce_mac;
    };
    for (const char* yes : {"on", "yes", "true", "y"})
        EXPECT_TRUE(enforced(std::string("rtl8139.enforce-mac=") + yes, "rtl8139")) << yes;
    for (const char* no : {"off", "no", "false", "n"})
        EXPECT_FALSE(enforced(std::string("rtl8139.enforce-mac=") + no, "rtl8139")) << no;
    EXPECT_TRUE(enforced("driver=e1000,property=enforce-mac,value=on", "e1000"));
    EXPECT_TRUE(enforced("e1000-82540em.enforce-mac=on", "e1000"));
    EXPECT_TRUE(enforced("e1000.enforce-mac=on", "e1000-82540em"));
    EXPECT_FALSE(enforced("e1000.enforce-mac=on", "rtl8139")) << "another model's";
    EXPECT_FALSE(enforced("e1000.enforce-mac=on", "e1000,enforce-mac=off")) << "the card's own word counts";
    for (const char* bad : {"", "1", "ON", "onn"})
        EXPECT_THAT(error(std::string("-global rtl8139.enforce-mac=") + bad + " -device rtl8139"),
                    AllOf(HasSubstr("-global rtl8139.enforce-mac"), HasSubstr("neither on nor off")));
    EXPECT_THAT(error("-global rtl8193.enforce-mac=on"), HasSubstr("no network card rtl8193"));
    EXPECT_THAT(machine("-global vmxnet3.enforce-mac=on").unsupported, ElementsAre(HasSubstr("no effect")));
}

TEST(NicOption, APcnetIsEmulated) {
    const MachineOptions m = machine("-device pcnet");
    ASSERT_THAT(m.nics, SizeIs(1));
    EXPECT_TRUE(m.nics[0].emulated);
    EXPECT_THAT(m.unsupported, IsEmpty());
}

TEST(NicOption, CardsAreInOrderWithMacsOfTheirOwn) {
    const MachineOptions m = machine("-device e1000 -device virtio-net,addr=9");
    ASSERT_THAT(m.nics, SizeIs(2));
    EXPECT_EQ(m.nics[1].model, "virtio-net-pci");
    EXPECT_NE(m.nics[0].mac, m.nics[1].mac);
    EXPECT_EQ(m.nics[0].tap, "");
    EXPECT_EQ(m.nics[1].pci_slot, 9U);
}

TEST(NicOption, MistakesAreNamed) {
    for (const char* bad : {"1:2:3:4:5:6", "00:16:3e:01:02:0g", "00-16-3e-01-02-03", "01:00:00:00:00:00", ""})
        EXPECT_THAT(error(fmt::format("-device e1000,mac={}", bad)), HasSubstr("mac="));
    EXPECT_THAT(error("-device e1000,netdev=n"), HasSubstr("id=n"));
    EXPECT_THAT(error("-netdev tap,ifname=x"), HasSubstr("id="));
    EXPECT_THAT(error("-netdev tap,id=a"), HasSubstr("ifname="));
    EXPECT_THAT(error("-netdev tap,id=a,ifname=0123456789abcdef"), HasSubstr("at most 15"));
    EXPECT_THAT(error("-netdev tap,id=a,ifname=x -device e1000,netdev=a -device e1000,netdev=a"),
                HasSubstr("in use"));
    EXPECT_THAT(error("-net nic"), HasSubstr("none"));
    EXPECT_THAT(machine("-netdev user,id=u").unsupported, Contains(HasSubstr("no cable")));
    EXPECT_THAT(machine("-netdev tap,id=a,ifname=x,script=/etc/up").unsupported,
                Contains(HasSubstr("script is not run")));
}

TEST(DeviceOption, SlotsAreGivenInOrderAlsoToWhatIsNotEmulated) {
    const MachineOptions m =
        machine("-device lsi53c895a -device VGA -device AC97 -device e1000 -device "
                "ich9-usb-ehci1,id=usb,addr=0x1d.0x7,multifunction=on -device "
                "ich9-usb-uhci1,masterbus=usb.0,firstport=0,addr=0x1d.0,multifunction=on");
    EXPECT_EQ(m.devices.at(0).pci_slot, 3U); // 2 is the Xen platform device
    EXPECT_EQ(m.vga.pci_slot, 4U);
    EXPECT_EQ(m.devices.at(1).pci_slot, 5U);
    EXPECT_EQ(m.nics.at(0).pci_slot, 6U);
    EXPECT_EQ(m.devices.at(2).pci_slot, 0x1dU);
    EXPECT_EQ(m.devices.at(3).pci_slot, 0x1dU);
    EXPECT_THAT(m.devices.at(3).properties, Contains(Pair("masterbus", "usb.0")));
}

TEST(DeviceOption, AUsbDiskIsADriveAndADeviceOnItsBus) {
    const MachineOptions m =
        machine("-device usb-ehci,id=e -drive if=none,id=X,file=/x.img,format=raw,readonly=on -device "
                "usb-storage,id=stick,drive=X,bus=e.0,port=2,serial=S,removable=on,bootindex=1");
    ASSERT_EQ(m.disks.size(), 1U);
    EXPECT_EQ(m.disks[0].bus, DiskBus::Usb);
    EXPECT_EQ(m.disks[0].id, "X");
    EXPECT_EQ(m.disks[0].serial, "S");
    EXPECT_TRUE(m.disks[0].read_only);
    EXPECT_EQ(m.devices.at(1).driver, "usb-storage");
    EXPECT_EQ(m.devices.at(1).id, "stick");
    EXPECT_THAT(m.devices.at(1).properties, testing::IsSupersetOf({Pair("drive", "X"), Pair("port", "2")}));
    EXPECT_THAT(error("-usb -device usb-storage"), HasSubstr("drive="));
    EXPECT_THAT(error("-usb -device usb-storage,drive=none"), HasSubstr("no -drive"));
}

TEST(DeviceOption, AUsbDeviceWithoutAControllerIsTheErrorThatQemuGives) {
    for (const char* driver : {"usb-tablet", "usb-kbd", "usb-hub", "usb-storage", "usb-host"}) {
        const std::string device = fmt::format("-device {},hostbus=1,hostaddr=2", driver);
        EXPECT_THAT(error(device.c_str()), HasSubstr("No 'usb-bus' bus found")) << driver;
        EXPECT_THAT(error(device.c_str()), HasSubstr("usbctrl=")) << driver;
    }
    EXPECT_EQ(machine("-device usb-tablet -device piix4-usb-uhci").devices.size(), 2U);
    const MachineOptions m = machine("-usb -device usb-host,id=h,vendorid=0x46d,productid=0xc077");
    EXPECT_TRUE(m.devices.at(0).emulated);
    EXPECT_THAT(m.devices.at(0).properties, Contains(Pair("vendorid", "0x46d")));
}

TEST(DeviceOption, WhereThereIsUsbADriveThatNobodyUsesWaitsForDeviceAdd) {
    const char* const drive = " -drive if=none,id=X,file=/x.img,format=raw";
    EXPECT_EQ(machine(fmt::format("-usb{}", drive)).disks.at(0).bus, DiskBus::Usb);
    EXPECT_EQ(machine(fmt::format("-device ich9-usb-ehci1,id=u{}", drive)).disks.size(), 1U);
    EXPECT_THAT(machine(fmt::format("-m 64{}", drive)).disks, testing::IsEmpty());
}

TEST(DeviceOption, WithoutThePlatformDeviceSlotTwoIsFree) {
    EXPECT_EQ(parse_line("-xen-domid 1 -machine pc,accel=xen -device VGA")->machine.vga.pci_slot, 2U);
}

TEST(DeviceOption, TakenAndImpossibleSlotsAreRefused) {
    EXPECT_THAT(error("-device VGA,addr=2"), HasSubstr("taken"));
    EXPECT_THAT(error("-device VGA,addr=20"), HasSubstr("addr="));
    EXPECT_THAT(error("-device VGA,addr=3.8"), HasSubstr("addr="));
    std::string many;
    for (int i = 0; i < 30; ++i)
        many += " -device e1000";
    EXPECT_THAT(error(many), HasSubstr("no free PCI slot"));
}

TEST(DeviceOption, UnknownAndDoubleIdsAreRefused) {
    EXPECT_THAT(error("-device foo"), AllOf(HasSubstr("'foo'"), HasSubstr("-device help")));
    EXPECT_THAT(error("-device e1000,id=a -device e1000,id=a"), HasSubstr("in use"));
    EXPECT_THAT(error("-device xen-pci-passthrough,hostaddr=0:0.0"), HasSubstr("pass-through"));
}

TEST(DeviceOption, EveryDeviceOfTheTableIsAccepted) {
    for (const DeviceRow& row : device_rows()) {
        if (row.kind == DeviceKind::XenPlatform || row.support == Support::Refused) continue;
        std::string line = fmt::format("-device {},id=it", row.driver);
        const bool disk = row.kind == DeviceKind::IdeDisk || row.kind == DeviceKind::IdeCdrom ||
                          row.kind == DeviceKind::ScsiDisk || row.kind == DeviceKind::UsbDisk;
        if (disk) line = fmt::format("-drive file=/a,if=none,id=d,format=raw {},drive=d", line);
        if (row.kind == DeviceKind::ScsiDisk) line += " -device lsi53c895a";
        if (row.driver.starts_with("hda-")) line = "-device intel-hda " + line;
        if (row.driver.starts_with("usb-")) line += " -usb";
        const MachineOptions m = machine(line);
        EXPECT_EQ(m.unsupported.size(), row.support == Support::Logged ? 1U : 0U) << row.driver;
        if (!row.alias.empty()) {
            EXPECT_EQ(find_device(row.alias), find_device(row.driver));
        }
    }
}

TEST(DeviceOption, SoundWordsOfXlAreDevices) {
    for (const char* word : {"adlib", "cs4231a", "gus"})
        EXPECT_THAT(machine(fmt::format("-device {}", word)).unsupported,
                    ElementsAre(HasSubstr("no sound card")));
    for (const char* word : {"ac97", "es1370", "intel-hda", "ich9-intel-hda", "sb16"})
        EXPECT_TRUE(machine(fmt::format("-device {}", word)).devices.at(0).emulated);
}

TEST(UsbOption, TheLegacyFormIsKept) {
    const MachineOptions m = machine("-usb -usbdevice tablet -usbdevice keyboard");
    EXPECT_TRUE(m.usb);
    EXPECT_THAT(m.usb_devices, ElementsAre("tablet", "keyboard"));
    EXPECT_THAT(error("-usbdevice foo"), HasSubstr("tablet"));
    EXPECT_THAT(machine("-usbdevice host:1.2").unsupported, Contains(HasSubstr("usbdev=")));
}

} // namespace
} // namespace dm::toolstack
