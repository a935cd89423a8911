// A machine that is saved, and one that goes on from there.
#include "dm/board/saved_machine.hpp"

#include "tests/board/machine_rig.hpp"
#include "tests/support/fake_nbd.hpp"

#include <fcntl.h>
#include <zlib.h>

namespace dm::test {
namespace {

using testing::AllOf;
using testing::HasSubstr;
using testing::IsEmpty;

constexpr u16 kScratch = 0x3f8 + 7;
constexpr u16 kDisk = 0x1f0;
constexpr u16 kDiskControl = 0x3f6;
constexpr u16 kUnplug = 0x10;
constexpr u16 kKeyboard = 0x60;
constexpr u16 kKeyboardCommand = 0x64;

struct SavedMachineTest : MachineRig {
    SavedMachineTest() {
        options.serials.emplace_back(CharOptions{});
        toolstack::DiskOptions disk;
        disk.id = "ide0-hd0";
        disk.file = file("disk.img", 65536, 'd');
        options.disks.push_back(disk);
    }
    std::string saved() const { return folder / "saved"; }
    Json save(bool live = false) {
        return say("xen-save-devices-state", {{"filename", saved()}, {"live", live}});
    }
    void stop_and_save() {
        ASSERT_EQ(say("stop")["return"], Json::object());
        ASSERT_EQ(save()["return"], Json::object());
    }
    /// The machine is gone, and another one begins with its state.
    void restore() {
        end();
        options.incoming_file = saved();
        start();
    }
    void end() {
        qmp.reset();
        guest.reset();
        machine.reset();
    }
    /// Why a machine with that state is none.
    std::string refusal() {
        end();
        options.incoming_file = saved();
        std::string reason = "it was taken";
        const UniqueFd listener = listen();
        const auto made = Machine::create(loop, options);
        if (!made.ok()) reason = made.error().message;
        return reason;
    }
    std::string read_file() const {
        std::ifstream in(saved());
        return {std::istreambuf_iterator<char>(in), {}};
    }
    void write_file(const std::string& bytes) const { std::ofstream(saved()) << bytes; }
    void pass(u64 ns) {
        guest->send(fmt::format("clock_step {}\n", ns));
        EXPECT_THAT(guest->line(), HasSubstr("OK"));
    }
    /// What the keyboard has sent, and sends while each byte takes its time.
    std::vector<unsigned> scan_codes() {
        std::vector<unsigned> codes;
        for (; (in(kKeyboardCommand)&1) != 0; pass(2 * kMillisecond))
            codes.push_back(in(kKeyboard));
        return codes;
    }
    std::string status() { return say("query-status")["return"]["status"]; }
};

TEST_F(SavedMachineTest, TheMachineGoesOnWithWhatItsDevicesHeld) {
    start();
    out(kScratch, 0x5a);
    stop_and_save();
    restore();
    EXPECT_EQ(in(kScratch), 0x5aU);
}

TEST_F(SavedMachineTest, TimeGoesOnWhereItStood) {
    start();
    const u64 before = loop.machine_clock().now_ns();
    stop_and_save();
    const u64 stood = loop.machine_clock().now_ns();
    ASSERT_GE(stood, before);
    loop.machine_clock().set(0);
    restore();
    EXPECT_GE(loop.machine_clock().now_ns(), stood);
}

TEST_F(SavedMachineTest, BeforeTheToolstackSaysSoItStandsStill) {
    start();
    stop_and_save();
    options.start_paused = true;
    restore();
    EXPECT_EQ(status(), "paused");
    EXPECT_EQ(say("cont")["return"], Json::object());
    EXPECT_EQ(status(), "running");
}

TEST_F(SavedMachineTest, WhatWasUnpluggedStaysUnplugged) {
    start();
    EXPECT_EQ(in(kUnplug, "inw"), 0x49d2U) << "the Xen platform device";
    outw(kUnplug, 1);
    stop_and_save();
    restore();
    out(kDisk + 6, 0xa0);
    EXPECT_EQ(in(kDisk + 7), 0U) << "no drive";
}

/// Whoever held it does so at the machine that was saved.
TEST_F(SavedMachineTest, AKeyThatWasHeldGoesUpAndDoesNotRepeat) {
    start();
    out(kKeyboardCommand, 0x60);
    out(kKeyboard, 0); // scan codes as they are
    say("send-key", {{"keys", {{{"type", "qcode"}, {"data", "a"}}}}, {"hold-time", 100'000}});
    EXPECT_EQ(scan_codes(), (std::vector<unsigned>{0x1c}));
    stop_and_save();
    restore();
    pass(2 * kMillisecond);
    EXPECT_EQ(scan_codes(), (std::vector<unsigned>{0xf0, 0x1c}));
    pass(2 * kSecond);
    EXPECT_THAT(scan_codes(), IsEmpty());
}

TEST_F(SavedMachineTest, TheSavedOneGoesOnToo) {
    start();
    stop_and_save();
    EXPECT_EQ(say("cont")["return"], Json::object());
    EXPECT_EQ(status(), "running");
    out(kDisk + 6, 0xa0);
    out(kDisk + 7, 0xec);
    EXPECT_EQ(wait_while_busy(kDiskControl) & 0x89, 0x08);
}

TEST_F(SavedMachineTest, AMigratedMachineLetsItsDisksGoUntilItGoesOnItself) {
    start();
    ASSERT_EQ(say("stop")["return"], Json::object());
    ASSERT_EQ(save(true)["return"], Json::object());
    {
        auto taken = host::open_image(options.disks[0], loop,
                                      *host::make_block_engine(loop, host::BlockEngineKind::Threads).value());
        EXPECT_TRUE(taken.ok()) << "the other host has it";
    }
    EXPECT_EQ(say("cont")["return"], Json::object());
    out(kDisk + 6, 0xe0);
    out(kDisk + 2, 1);
    out(kDisk + 7, 0x20);
    EXPECT_EQ(wait_while_busy(kDiskControl) & 0x89, 0x08) << "it reads again";
}

/// It could neither start qemu-nbd again nor reach the socket, should the migration fail. Nothing is changed.
TEST_F(SavedMachineTest, AMachineWithoutRightsKeepsADiskThatItWouldNotGetBack) {
    FakeNbd server(folder / "nbd", {});
    options.disks[0].file = server.address();
    options.chroot_dir = folder; // and is never locked down, for it is not started
    const UniqueFd listener = listen();
    auto made = Machine::create(loop, options);
    if (!made.ok() && made.error().message.find("libnbd") != std::string::npos)
        GTEST_SKIP() << made.error().message;
    ASSERT_TRUE(made.ok()) << made.error().message;
    const UniqueFd out(::open(saved().c_str(), O_RDWR | O_CREAT | O_CLOEXEC, 0600));
    const Status live = made.value()->save_devices(out.get(), true);
    ASSERT_FALSE(live.ok());
    EXPECT_THAT(live.error().message, AllOf(HasSubstr(server.address()), HasSubstr("use a raw image")));
    EXPECT_THAT(read_file(), IsEmpty());
    EXPECT_TRUE(made.value()->save_devices(out.get(), false).ok());
    made.value().reset();
}

TEST_F(SavedMachineTest, ARunningMachineIsNotSaved) {
    start();
    EXPECT_THAT(error_of("xen-save-devices-state", {{"filename", saved()}}), HasSubstr("send stop first"));
}

TEST_F(SavedMachineTest, AStateThatCannotBeWrittenIsAnErrorAndTheMachineGoesOn) {
    start();
    ASSERT_EQ(say("stop")["return"], Json::object());
    EXPECT_THAT(error_of("xen-save-devices-state", {{"filename", "/dev/full"}}), HasSubstr("No space left"));
    EXPECT_EQ(say("cont")["return"], Json::object());
    EXPECT_EQ(status(), "running");
}

TEST_F(SavedMachineTest, TheStateIsSmall) {
    start();
    stop_and_save();
    EXPECT_LE(read_file().size(), 100U << 10);
}

TEST_F(SavedMachineTest, WhatIsNoStateIsRefusedByItsName) {
    start();
    stop_and_save();
    const std::string good = read_file();
    write_file("");
    EXPECT_THAT(refusal(), AllOf(HasSubstr("-incoming file:" + saved()), HasSubstr("empty")));
    write_file("QEVM and more");
    EXPECT_THAT(refusal(), HasSubstr("QEMU saved"));
    write_file(std::string(kLargestSavedState + 1, 'x'));
    EXPECT_THAT(refusal(), HasSubstr("longer"));
    write_file("abc");
    EXPECT_THAT(refusal(), HasSubstr("cut off"));
    write_file(good.substr(0, good.size() / 2));
    EXPECT_THAT(refusal(), HasSubstr("damaged"));
    std::filesystem::remove(saved());
    EXPECT_THAT(refusal(), HasSubstr("No such file"));
}

TEST_F(SavedMachineTest, EachFlippedBitIsNoticed) {
    start();
    stop_and_save();
    const std::string good = read_file();
    const UniqueFd fd(::open(saved().c_str(), O_RDWR | O_CLOEXEC));
    for (std::size_t at = 0; at < good.size(); at += 1 + at % 97) {
        const char flipped = static_cast<char>(good[at] ^ 1 << at % 8);
        ASSERT_EQ(::pwrite(fd.get(), &flipped, 1, static_cast<off_t>(at)), 1);
        ASSERT_EQ(::lseek(fd.get(), 0, SEEK_SET), 0);
        EXPECT_FALSE(read_saved(fd.get(), "here").ok()) << at;
        ASSERT_EQ(::pwrite(fd.get(), &good[at], 1, static_cast<off_t>(at)), 1);
    }
    ASSERT_EQ(::lseek(fd.get(), 0, SEEK_SET), 0);
    EXPECT_TRUE(read_saved(fd.get(), "here").ok());
}

TEST_F(SavedMachineTest, AnotherMachinesStateIsRefusedAndTheRemedyNamed) {
    start();
    stop_and_save();
    end();
    options.serials.emplace_back(CharOptions{});
    EXPECT_THAT(refusal(), AllOf(HasSubstr("no section for device"), HasSubstr("configuration")));
    options.serials.clear();
    EXPECT_THAT(refusal(), AllOf(HasSubstr("serial0 belongs to no device"), HasSubstr("configuration")));
    options.serials.emplace_back(CharOptions{});
    options.disks.clear();
    EXPECT_THAT(refusal(), AllOf(HasSubstr("the guest uses this disk"), HasSubstr("configuration")));
}

/// libxl writes a disk that was attached as xvdb into the configuration, and the machine that is restored has
/// it as hdb, too.
TEST_F(SavedMachineTest, ADiskThatWasAttachedForPvDriversIsNotSeenInItsEmulatedPlace) {
    start();
    stop_and_save();
    toolstack::DiskOptions attached;
    attached.id = "ide0-hd1";
    attached.file = file("attached.img", 65536, 'a');
    attached.unit = 1;
    options.disks.push_back(attached);
    restore();
    out(kDisk + 6, 0xb0);
    EXPECT_EQ(in(kDisk + 7), 0U) << "no drive";
    out(kDisk + 6, 0xe0);
    out(kDisk + 2, 1);
    out(kDisk + 7, 0x20);
    EXPECT_EQ(wait_while_busy(kDiskControl) & 0x89, 0x08) << "the other one reads";
}

TEST_F(SavedMachineTest, ADiskThatPvDriversTookOverMayBeDetached) {
    start();
    EXPECT_EQ(in(kUnplug, "inw"), 0x49d2U) << "the Xen platform device";
    outw(kUnplug, 1);
    stop_and_save();
    options.disks.clear();
    restore();
    EXPECT_EQ(status(), "running");
}

TEST_F(SavedMachineTest, AnImpossibleTimeIsRefused) {
    const UniqueFd fd(::open(saved().c_str(), O_RDWR | O_CREAT | O_CLOEXEC, 0600));
    StateWriter out;
    out.section("machine", MachineState{.now_ns = ~u64{0}});
    ASSERT_TRUE(write_saved(fd.get(), std::move(out).take()).ok());
    EXPECT_THAT(refusal(), HasSubstr("no machine's time"));
}

/// As piix4-pm: PMBASE, its enable bit, PM1 control with SLP_TYP 1 and SLP_EN.
TEST_F(SavedMachineTest, AGuestThatSleptSleepsOnOrWakesWhereNobodyCouldWakeIt) {
    start();
    const auto config = [this](unsigned reg, unsigned value) {
        guest->send(fmt::format("outl 0xcf8 {:#x}\n", 0x80000b00U | reg));
        EXPECT_EQ(guest->line(), "OK");
        guest->send(fmt::format("outl 0xcfc {:#x}\n", value));
        EXPECT_EQ(guest->line(), "OK");
    };
    config(0x40, 0xb001);
    config(0x80, 1);
    outw(0xb004, 0x2401);
    EXPECT_EQ(status(), "suspended");
    EXPECT_THAT(error_of("xen-save-devices-state", {{"filename", saved()}}), HasSubstr("send stop first"));
    stop_and_save();
    restore();
    EXPECT_EQ(status(), "suspended");
    options.restrict_to_domain = true;
    restore();
    EXPECT_EQ(status(), "running");
    out(0x70, 0x0f);
    EXPECT_EQ(in(0x71), 0xfeU) << "the firmware goes to the waking vector";
}

TEST_F(SavedMachineTest, StatesOfEarlierVersionsAndBombs) {
    const auto file_of = [this](std::string bytes) {
        const auto crc = static_cast<u32>(
            ::crc32(0, reinterpret_cast<const u8*>(bytes.data()), static_cast<unsigned>(bytes.size())));
        for (unsigned i = 0; i < 4; ++i)
            bytes += static_cast<char>(byte_of(crc, i));
        write_file(bytes);
        const UniqueFd fd(::open(saved().c_str(), O_RDONLY | O_CLOEXEC));
        return read_saved(fd.get(), "here");
    };
    const auto packed = [](std::size_t length, const std::string& what) {
        std::string out = "HVMDM-SZ";
        for (unsigned i = 0; i < 4; ++i)
            out += static_cast<char>(byte_of(length, i));
        std::vector<u8> stream(::compressBound(what.size()));
        uLongf size = stream.size();
        ::compress(stream.data(), &size, reinterpret_cast<const u8*>(what.data()), what.size());
        return out.append(stream.begin(), stream.begin() + static_cast<std::ptrdiff_t>(size));
    };
    const std::string image(100'000, 'i');
    ASSERT_TRUE(file_of(image).ok());
    EXPECT_EQ(file_of(image)->bytes.size(), image.size()) << "as it is";
    ASSERT_TRUE(file_of(packed(image.size(), image)).ok());
    EXPECT_EQ(file_of(packed(image.size(), image))->bytes.size(), image.size());
    for (const u32 length : {0U, 99'999U, 100'001U, 1U << 24})
        EXPECT_THAT(file_of(packed(length, image)).error().message, HasSubstr("damaged")) << length;
    EXPECT_THAT(file_of(packed((1U << 24) + 1, image)).error().message, HasSubstr("longer"));
    const std::string whole = packed(image.size(), image);
    for (const std::size_t length : {whole.size() - 1, whole.size() / 2, std::size_t{12}})
        EXPECT_THAT(file_of(whole.substr(0, length)).error().message, HasSubstr("damaged")) << length;
}

/// All that libxl can ask for at once.
TEST_F(SavedMachineTest, TheStateOfTheLargestMachineIsSmall) {
    const auto disk = [this](const char* id, toolstack::DiskBus bus, unsigned channel, unsigned unit) {
        toolstack::DiskOptions made;
        made.id = id;
        made.bus = bus;
        made.channel = channel;
        made.unit = unit;
        made.file = file(id, 65536, 'x');
        options.disks.push_back(made);
    };
    const auto device = [this](const char* driver, std::optional<unsigned> slot = {}) {
        toolstack::DeviceOptions made;
        made.driver = made.id = driver;
        made.emulated = true;
        made.pci_slot = slot;
        options.devices.push_back(made);
    };
    options.serials.resize(4, CharOptions{});
    options.parallel.emplace();
    options.vga.model = options.vga.requested = toolstack::VgaModel::Cirrus;
    options.vga.memory_mib = 4;
    for (unsigned i = 1; i < 4; ++i)
        disk(fmt::format("ide{}-hd{}", i / 2, i % 2).c_str(), toolstack::DiskBus::Ide, i / 2, i % 2);
    device("ahci");
    for (unsigned i = 0; i < 6; ++i)
        disk(fmt::format("ahci{}", i).c_str(), toolstack::DiskBus::Ahci, i, 0);
    device("lsi53c895a");
    for (unsigned i = 0; i < 7; ++i)
        disk(fmt::format("scsi0-hd{}", i).c_str(), toolstack::DiskBus::Scsi, 0, i);
    device("intel-hda");
    device("hda-duplex");
    for (unsigned i = 0; i < 8; ++i) {
        toolstack::NicOptions nic;
        nic.model = i % 2 == 0 ? "e1000" : "rtl8139";
        nic.id = fmt::format("nic{}", i);
        nic.rom_file = "";
        options.nics.push_back(nic);
    }
    options.usb = true;
    options.usb_devices = {"tablet", "keyboard", "mouse"};
    start();
    if (HasFatalFailure()) return;
    for (const char* id : {"xusb-0", "xusb-1"})
        EXPECT_EQ(
            say("device_add", {{"driver", "nec-usb-xhci"}, {"id", id}, {"p2", "15"}, {"p3", "15"}})["return"],
            Json::object());
    stop_and_save();
    const std::string file = read_file();
    EXPECT_LE(file.size(), 100U << 10);
    const UniqueFd fd(::open(saved().c_str(), O_RDONLY | O_CLOEXEC));
    auto image = read_saved(fd.get(), "here");
    ASSERT_TRUE(image.ok());
    EXPECT_GT(image->bytes.size(), 100U << 10) << "it would not be without deflating";
    RecordProperty("file_bytes", static_cast<int>(file.size()));
    RecordProperty("image_bytes", static_cast<int>(image->bytes.size()));
    restore();
    EXPECT_EQ(status(), "running");
}

TEST_F(SavedMachineTest, ARestoredGuestIsNotRecorded) {
    start();
    stop_and_save();
    options.record_file = folder / "recording";
    EXPECT_THAT(refusal(), HasSubstr("-hvmdm-record"));
}

} // namespace
} // namespace dm::test
