// Every option that libxl can produce, one row each, and the manual page that lists them.
#include "tests/toolstack/command_lines.hpp"

#include <fstream>
#include <sstream>

namespace dm::toolstack {
namespace {

using namespace test;

struct ContractRow {
    const char* line;    ///< as libxl emits it
    Support support;     ///< what hvmdm makes of it today
    unsigned logged = 0; ///< sentences in the log when Logged
};
constexpr auto kDone = Support::Implemented;
constexpr auto kLog = Support::Logged;
constexpr auto kNo = Support::Refused;

// In the order of the argument builder of libxl. When a row flips, flip it here and in docs/options.md.
constexpr ContractRow kContract[] = {
    {"-no-shutdown", kDone},
    {"-chardev socket,id=libxl-cmd,path=/var/run/xen/qmp-libxl-1,server=on,wait=off -mon "
     "chardev=libxl-cmd,mode=control",
     kDone},
    {"-chardev socket,id=libxl-cmd,fd=20,server=on,wait=off -S -mon chardev=libxl-cmd,mode=control", kDone},
    {"-chardev pty,id=libxl-channel1", kLog, 1},
    {"-chardev socket,id=libxl-channel2,path=/c,server=on,wait=off", kLog, 1},
    {"-nodefaults", kDone},
    {"-no-user-config", kDone},
    {"-xen-attach", kNo},
    {"-name g", kDone},
    {"-name g--incoming", kDone},
    {"-vnc none", kDone},
    {"-vnc 127.0.0.1:0,to=99", kDone},
    {"-vnc 0.0.0.0:3,password=on,to=99", kDone},
    {"-vnc [::]:1,to=99", kDone},
    {"-display none", kDone},
    {"-display none -display sdl", kLog, 1},
    {"-k de", kDone},
    {"-kernel /boot/vmlinuz", kDone},
    {"-kernel /k -initrd /boot/initrd.img", kDone},
    {"-kernel /k -append root=/dev/xvda1", kDone},
    {"-device lsi53c895a", kDone},
    {"-serial pty", kDone},
    {"-serial none -serial null", kDone},
    {"-serial vc", kDone}, // the host room says what there is
    {"-nographic", kDone},
    {"-spice port=6000,tls-port=0,addr=127.0.0.1,disable-ticketing=on,agent-mouse=on", kLog, 1},
    {"-device virtio-serial -chardev spicevmc,id=vdagent,name=vdagent -device "
     "virtserialport,chardev=vdagent,name=com.redhat.spice.0",
     kLog, 3},
    {"-device cirrus-vga,vgamem_mb=8", kDone},
    {"-device VGA,vgamem_mb=16", kDone},
    {"-device qxl-vga,vram_size_mb=64,ram_size_mb=64", kLog, 1},
    {"-boot order=cda", kDone},
    {"-usb", kDone, 0},
    {"-usb -usbdevice tablet -usbdevice mouse", kDone, 0},
    {"-usb -usbdevice keyboard", kDone, 0},
    {"-usb -usbdevice wacom-tablet", kLog, 1},
    {"-usb -usbdevice braille", kLog, 1},
    {"-usb -usbdevice host:1.2", kLog, 1},
    {"-device piix3-usb-uhci,id=usb", kDone, 0},
    {"-device piix4-usb-uhci,id=usb", kDone, 0},
    {"-device ich9-usb-ehci1,id=usb,addr=0x1d.0x7,multifunction=on "
     "-device ich9-usb-uhci1,masterbus=usb.0,firstport=0,addr=0x1d.0,multifunction=on "
     "-device ich9-usb-uhci2,masterbus=usb.0,firstport=2,addr=0x1d.0x1,multifunction=on "
     "-device ich9-usb-uhci3,masterbus=usb.0,firstport=4,addr=0x1d.0x2,multifunction=on",
     kDone, 0},
    {"-device usb-ehci,id=e -drive if=none,id=X,file=/x.img,format=raw "
     "-device usb-storage,drive=X,bus=e.0,port=1",
     kDone, 0},
    {"-device nec-usb-xhci,id=usb", kDone, 0},
    {"-device nec-usb-xhci,id=usb -chardev spicevmc,name=usbredir,id=usbrc1 -device "
     "usb-redir,chardev=usbrc1,id=usbrc1",
     kLog, 2},
    {"-device intel-hda -device hda-duplex", kDone},
    {"-device ac97", kDone},
    {"-device adlib", kLog, 1},
    {"-device cs4231a", kLog, 1},
    {"-device es1370", kDone},
    {"-device gus", kLog, 1},
    {"-device sb16", kDone},
    {"-no-acpi", kLog, 1},
    {"-smp 2,maxcpus=4", kDone},
    {"-smp 4", kDone},
    {"-device rtl8139,id=nic0,netdev=net0,mac=00:16:3e:00:00:01 -netdev "
     "type=tap,id=net0,ifname=vif1.0-emu,br=xenbr0,script=no,downscript=no",
     kDone},
    {"-device vmxnet3,id=nic0,netdev=net0,mac=00:16:3e:00:00:01 -netdev "
     "type=tap,id=net0,ifname=vif1.0-emu,br=xenbr0,script=no,downscript=no",
     kLog, 1},
    {"-device e1000,id=nic0,netdev=net0,mac=00:16:3e:00:00:01 -netdev "
     "type=tap,id=net0,ifname=vif1.0-emu,br=xenbr0,script=no,downscript=no",
     kDone},
    {"-net none", kDone},
    {"-xen-domid-restrict", kDone},
    {"-chroot /var/run/xen/qemu-root-1", kDone},
    {"-run-with chroot=/var/run/xen/qemu-root-1", kDone},
    {"-run-with user=xen-qemuuser-shared", kDone},
    {"-incoming fd:31", kDone},
    {"-machine xenfv,suppress-vmdesc=on", kDone},
    {"-machine xenfv,suppress-vmdesc=on,max-ram-below-4g=3221225472", kDone},
    {"-machine xenfv,suppress-vmdesc=on,igd-passthru=on", kLog, 1},
    {"-machine pc,accel=xen,suppress-vmdesc=on", kDone},
    {"-machine xenpv", kNo},
    {"-m 248", kDone},
    {"-device ahci,id=ahci0 -drive file=/a,if=none,id=ahcidisk-0,format=raw,cache=writeback -device "
     "ide-hd,bus=ahci0.0,unit=0,drive=ahcidisk-0",
     kDone},
    {"-drive if=none,readonly=on,id=ide-5632,file=/i.iso,format=raw -device "
     "ide-cd,id=ide-5632,drive=ide-5632,bus=ide.1,unit=0",
     kDone},
    {"-drive if=none,readonly=on,id=ide-5632 -device ide-cd,id=ide-5632,drive=ide-5632,bus=ide.1,unit=0",
     kDone},
    {"-device lsi53c895a -drive file=/s,id=scsi0-hd0,format=raw,if=none,readonly=off,cache=writeback -device "
     "scsi-hd,drive=scsi0-hd0,scsi-id=0",
     kDone},
    {"-drive file=/a,if=ide,index=0,media=disk,format=raw,cache=writeback", kDone},
    {"-drive file=/a,if=ide,index=0,media=disk,format=qcow2,cache=writeback", kDone},
    {"-drive file=/dev/xvda,if=ide,index=0,media=disk,format=host_device,cache=writeback", kDone},
    {"-drive file=nbd+unix:///?socket=/run/tap,if=ide,index=0,media=disk,format=raw,cache=writeback", kDone},
    {"-device xen-pvdevice,device-id=0xc000", kLog, 1},
    {"-runas xen-qemuuser-shared", kDone},
    {"-runas 65541:65534", kDone},
};

class OptionContract : public testing::TestWithParam<ContractRow> {};

TEST_P(OptionContract, IsImplementedLoggedOrRefusedAsTheTableSays) {
    const ContractRow& row = GetParam();
    const auto result = parse_line(std::string(kLeast) + row.line);
    EXPECT_EQ(result.ok(), row.support != Support::Refused)
        << row.line << ": " << (result.ok() ? "accepted" : result.error().message);
    if (!result.ok()) return;
    EXPECT_EQ(result.value().machine.unsupported.size(), row.logged) << row.line;
}
TEST_P(OptionContract, IsUnderstoodEvenWhenItIsRefusedToday) {
    const std::string_view line = GetParam().line;
    if (line.find("xenpv") != line.npos) return;
    const auto result = parse_line(std::string(kLeast) + std::string(line), /*accept_refused=*/true);
    EXPECT_TRUE(result.ok()) << line << ": " << (result.ok() ? "" : result.error().message);
}
INSTANTIATE_TEST_SUITE_P(Libxl, OptionContract, testing::ValuesIn(kContract));

TEST(OptionTable, EveryOptionIsAcceptedOrRefusedWithAReason) {
    for (const OptionRow& row : option_rows()) {
        if (row.support == Support::Implemented) continue;
        EXPECT_FALSE(row.consequence.empty()) << row.name;
        std::string line = fmt::format("-{}", row.name);
        if (row.has_value) line += row.name == "usbdevice" ? " tablet" : " x";
        const auto result = parse_line(std::string(kLeast) + line);
        EXPECT_EQ(result.ok(), row.support == Support::Logged) << row.name;
        if (result.ok()) {
            EXPECT_THAT(result.value().machine.unsupported,
                        testing::Contains(fmt::format("{}: {}", line, row.consequence)));
        } else {
            EXPECT_EQ(result.error().message, fmt::format("{}: {}", line, row.consequence));
        }
    }
}

TEST(OptionTable, NamesAreUnique) {
    for (const OptionRow& row : option_rows())
        EXPECT_EQ(find_option(row.name), &row) << row.name;
    for (const DeviceRow& row : device_rows())
        EXPECT_EQ(find_device(row.driver), &row) << row.driver;
}

TEST(OptionTable, NewerLibxlFindsRunWithAndItsParameters) {
    ASSERT_NE(find_option("run-with"), nullptr);
    EXPECT_EQ(find_option("run-with")->parameters, "chroot user");
}

/// docs/options.md has a line "| `-name ...` | ... | implemented |" for each option and device.
TEST(OptionsManual, SaysOfEachOptionAndDeviceWhatTheTablesSay) {
    std::ifstream file("docs/options.md"); // tests run in the root of the sources
    ASSERT_TRUE(file.good()) << "not in the root of the sources?";
    std::map<std::string, std::string, std::less<>> status;
    for (std::string line; std::getline(file, line);) {
        if (!line.starts_with("| `")) continue;
        const std::string name = line.substr(3, line.find_first_of(" `", 3) - 3);
        const std::size_t end = line.rfind(" |");
        const std::size_t start = line.rfind("| ", end - 1) + 2;
        status[name] = line.substr(start, end - start);
    }
    for (const OptionRow& row : option_rows())
        EXPECT_EQ(status[fmt::format("-{}", row.name)], word_of(row.support)) << row.name;
    for (const DeviceRow& row : device_rows())
        EXPECT_EQ(status[std::string(row.driver)], word_of(row.support)) << row.driver;
}

} // namespace
} // namespace dm::toolstack
