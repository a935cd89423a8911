// A machine that is saved, and one that goes on from there.
#include "dm/board/saved_machine.hpp"

#include "tests/board/machine_rig.hpp"

#include <fcntl.h>

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
    toolstack::DiskOptions more;
    more.id = "ide0-hd1";
    more.file = file("more.img", 65536, 'm');
    more.unit = 1;
    options.disks.push_back(more);
    EXPECT_THAT(refusal(), AllOf(HasSubstr("no section for device"), HasSubstr("configuration")));
}

TEST_F(SavedMachineTest, ARestoredGuestIsNotRecorded) {
    start();
    stop_and_save();
    options.record_file = folder / "recording";
    EXPECT_THAT(refusal(), HasSubstr("-hvmdm-record"));
}

} // namespace
} // namespace dm::test
