// States that earlier versions saved: tests/board/states/MACHINE-NUMBER.state. Whatever this version has
// learnt since, it takes each of them. After a change of what is saved, HVMDM_WRITE_STATE=NUMBER in the
// environment writes new ones beside them.
#include "tests/board/machine_rig.hpp"

namespace dm::test {
namespace {

constexpr u16 kScratch = 0x3f8 + 7;
constexpr u16 kDisk = 0x1f0;

const std::filesystem::path kStates = "tests/board/states";

struct ReferenceStates : MachineRig {
    ReferenceStates() { options.serials.emplace_back(CharOptions{}); }

    void disk(const char* id, unsigned unit, bool cdrom) {
        toolstack::DiskOptions disk;
        disk.id = id;
        disk.unit = unit;
        if (cdrom) disk.media = toolstack::DiskMedia::Cdrom;
        disk.read_only = cdrom;
        disk.file = file(id, 65536, 'd');
        options.disks.push_back(disk);
    }
    void vga(toolstack::VgaModel model) {
        options.vga.model = options.vga.requested = model;
        options.vga.memory_mib = 4;
        options.vga.pci_slot = 3;
    }
    void device(const char* driver, unsigned slot) {
        toolstack::DeviceOptions device;
        device.driver = driver;
        device.id = driver;
        device.pci_slot = slot;
        options.devices.push_back(device);
    }
    void nic(const char* model) {
        toolstack::NicOptions nic;
        nic.model = model;
        nic.id = "nic0";
        nic.pci_slot = 4;
        nic.rom_file = "";
        options.nics.push_back(nic);
    }
    /// What libxl gives most guests.
    void usual() {
        vga(toolstack::VgaModel::Std);
        disk("ide0-hd0", 0, false);
        nic("rtl8139");
        options.usb = true;
        options.usb_devices = {"tablet"};
    }
    /// What else it can give.
    void rich() {
        disk("ide0-hd0", 0, false);
        disk("ide0-cd1", 1, true);
        vga(toolstack::VgaModel::Cirrus);
        nic("e1000");
        options.parallel.emplace();
        device("AC97", 7);
        device("ES1370", 8);
        device("intel-hda", 9);
    }
    void write_if_told(const std::string& machine_name) {
        const char* number = std::getenv("HVMDM_WRITE_STATE");
        if (number == nullptr) return;
        start();
        if (HasFatalFailure()) return;
        out(kScratch, 0x5a);
        out(kDisk + 6, 0xe0);
        out(kDisk + 2, 1);
        out(kDisk + 7, 0x20); // READ SECTOR, of which a part is read
        wait_while_busy(0x3f6);
        for (int i = 0; i < 100; ++i)
            in(kDisk, "inw");
        ASSERT_EQ(say("stop")["return"], Json::object());
        std::filesystem::create_directories(kStates);
        const auto path = std::filesystem::absolute(kStates / (machine_name + "-" + number + ".state"));
        ASSERT_EQ(say("xen-save-devices-state", {{"filename", path}})["return"], Json::object());
        end();
    }
    void end() {
        qmp.reset();
        guest.reset();
        machine.reset();
    }
    void expect_all_load(const std::string& machine_name) {
        unsigned loaded = 0;
        for (const auto& entry : std::filesystem::directory_iterator(kStates)) {
            if (!entry.path().filename().string().starts_with(machine_name + "-")) continue;
            SCOPED_TRACE(entry.path());
            options.incoming_file = entry.path();
            start();
            if (HasFatalFailure()) return;
            EXPECT_EQ(in(kScratch), 0x5aU);
            EXPECT_EQ(in(kDisk + 7) & 0x89, 0x08U) << "its sector is still to be read";
            for (int i = 100; i < 256; ++i)
                EXPECT_EQ(in(kDisk, "inw"), 0x6464U);
            EXPECT_EQ(in(kDisk + 7) & 0x89, 0U);
            end();
            ++loaded;
        }
        EXPECT_GT(loaded, 0U);
    }
};

TEST_F(ReferenceStates, OfTheUsualMachineLoad) {
    usual();
    write_if_told("usual");
    expect_all_load("usual");
}

TEST_F(ReferenceStates, OfOneWithMoreDevicesLoad) {
    rich();
    write_if_told("rich");
    expect_all_load("rich");
}

} // namespace
} // namespace dm::test
