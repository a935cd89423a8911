// The fuzzing frame itself: what operations mean as bytes and text, and that each kind of fault is a finding.
// A frame that finds nothing would look like devices without bugs.
#include "tests/fuzz/device_run.hpp"
#include "tests/fuzz/guard.hpp"
#include "tests/fuzz/script.hpp"

#include <gmock/gmock.h>

namespace dm::fuzz {
namespace {

using testing::Each;
using testing::ElementsAre;
using testing::HasSubstr;

// ------------------------------------------------------------------------------------------- operations

const Layout kLayout{.targets = {{test::Target::Kind::Ports, 0x1f0, 8},
                                 {test::Target::Kind::Memory, 0xa0000, 0x20000},
                                 {test::Target::Kind::Config, 0x09, 256}},
                     .ram_bytes = 0x40000};

/// What a line becomes when it goes through an input.
std::string through_bytes(std::string_view line) {
    std::vector<u8> storage;
    Result<Operation> op = parse_operation(line, storage);
    if (!op.ok()) return op.error().message;
    std::vector<u8> bytes;
    const Status encoded = encode(*op, kLayout, bytes);
    if (!encoded.ok()) return encoded.error().message;
    Input input(bytes);
    const Operation decoded = decode(input, kLayout);
    EXPECT_TRUE(input.empty()) << line;
    return std::string(std::string_view(OperationText(decoded)));
}

TEST(FuzzOperation, IsTheSameAsBytesAndAsText) {
    for (const std::string line : {"inb 0x1f7",
                                   "inl 0x1f0",
                                   "outb 0x1f7 0xec",
                                   "outw 0x1f0 0x1234",
                                   "outl 0x1f0 0x12",
                                   "outl 0x1f0 0x80000000",
                                   "outl 0x1f0 0xfffffff0",
                                   "insw 0x1f0 256",
                                   "outsw 0x1f0 6 280000000000000001",
                                   "outsb 0x1f0 4096 -",
                                   "readq 0xa0000",
                                   "writeq 0xbfffc 0x1122334455667788",
                                   "readsl 0xa0000 0",
                                   "writesb 0xa0000 4096 ff",
                                   "cfgreadw 01.1 0x4",
                                   "cfgwritel 01.1 0xfd 0xc000",
                                   "inb 0xcf9",
                                   "readl 0xfebf0000",
                                   "stimulate 010203",
                                   "stimulate -",
                                   "advance 1000",
                                   "advance 2013265920",
                                   "deadline",
                                   "ram 0x3fffe 0011223344",
                                   "restore",
                                   "damage 5 0x80",
                                   "damage 5 0x80 65535 0x0",
                                   "reset",
                                   "wake"})
        EXPECT_EQ(through_bytes(line), line);
}

TEST(FuzzOperation, AnAccessMayStraddleTheEndOfATarget) {
    EXPECT_EQ(through_bytes("inl 0x1f7"), "inl 0x1f7");
    EXPECT_EQ(through_bytes("readq 0xc0003"), "readq 0xc0003");
}

TEST(FuzzOperation, WhatNoInputCanSayIsAnError) {
    EXPECT_THAT(through_bytes("cfgreadl 1f.7 0x0"), HasSubstr("no target"));
    EXPECT_THAT(through_bytes("insw 0x1f0 4097"), HasSubstr("more than 4096"));
    EXPECT_THAT(through_bytes("ram 0x1000000 00"), HasSubstr("far from all memory"));
    EXPECT_THAT(through_bytes("inq 0x1f0"), HasSubstr("no operation"));
    EXPECT_THAT(through_bytes("outb 0x1f0"), HasSubstr("2 words"));
    EXPECT_THAT(through_bytes("stimulate 012"), HasSubstr("half a byte"));
}

TEST(FuzzOperation, EveryByteSequenceIsOne) {
    test::Rng rng(u64{1});
    for (unsigned i = 0; i < 2000; ++i) {
        std::vector<u8> bytes(1 + rng.below(100));
        for (u8& byte : bytes)
            byte = static_cast<u8>(rng.next());
        Input input(bytes);
        while (!input.empty()) {
            const std::size_t before = input.size();
            const Operation op = decode(input, kLayout);
            ASSERT_LT(input.size(), before);
            ASSERT_LE(op.size, op.space == test::Target::Kind::Memory ? 8U : 4U);
            ASSERT_FALSE(std::string_view(OperationText(op)).empty());
        }
    }
}

// ------------------------------------------------------------------------------------------ guest memory

TEST(FuzzPages, HoldWhatTheInputSaysFromItsBack) {
    const std::vector<u8> bytes{1, 2, 3, 0xbb, 0xaa, 2};
    Input input(bytes);
    PageSource pages(input);
    test::FlatMemory memory(8192);
    memory.first_view = &pages;
    std::array<u8, 5> read{};
    memory.read(0x100, read);
    EXPECT_THAT(read, ElementsAre(0xaa, 0xbb, 0xaa, 0xbb, 0xaa));
    EXPECT_EQ(input.size(), 3U) << "operations are left";
}

TEST(FuzzPages, AreDrawnOnceAndTheSameForATwin) {
    const std::vector<u8> bytes{9, 9, 0x11, 1};
    Input input(bytes);
    PageSource pages(input);
    test::FlatMemory memory(4096);
    test::FlatMemory twin(4096);
    memory.first_view = twin.first_view = &pages;
    const std::vector<u8> written{0x77};
    memory.write(0, written);
    std::array<u8, 2> read{};
    memory.read(0, read);
    EXPECT_THAT(read, ElementsAre(0x77, 0x11));
    twin.read(0, read);
    EXPECT_THAT(read, Each(0x11));
}

TEST(FuzzPages, AreZeroWhenTheInputIsUsedUp) {
    Input input({});
    PageSource pages(input);
    test::FlatMemory memory(4096);
    memory.first_view = &pages;
    std::array<u8, 16> read{};
    memory.read(0, read);
    EXPECT_THAT(read, Each(0));
}

// ---------------------------------------------------------------------------------------------- findings

enum class Fault : u8 {
    None,
    StateOutsideState,
    LineLostOnRestore,
    ForgottenInReset,
    EndlessViews,
    EndlessThinking,
    Memory,
    SavingChanges,
    HalfLoaded,
    PinKept,
};

/// A register at offset 0, something to do at offset 1.
template <Fault fault> class Faulty final : public Device, public IoHandler {
public:
    struct State {
        u8 reg = 0;
        u8 other = 0;
        static constexpr void fields(auto&& v, auto& s) {
            v("reg", s.reg);
            v("other", s.other);
        }
    };

    Faulty(GuestMemory& memory, IrqLine irq) : Device("faulty"), memory_(memory), irq_(std::move(irq)) {}

    u64 read(u64 offset, unsigned) override {
        if (fault == Fault::StateOutsideState && offset == 1) return hidden_;
        return offset == 0 ? s_.reg : s_.other;
    }
    void write(u64 offset, unsigned, u64 value) override {
        (offset == 0 ? s_.reg : s_.other) = static_cast<u8>(value);
        hidden_ = static_cast<u8>(value);
        if (offset == 1) act(value);
        irq_.set(s_.reg != 0);
    }
    void reset() override {
        const u8 kept = s_.other;
        s_ = {};
        if (fault == Fault::ForgottenInReset) s_.other = kept;
        irq_.set(false);
    }
    void save(StateWriter& out) const override {
        out.section(name(), s_);
        if (fault == Fault::SavingChanges) ++s_.other;
    }
    Status load(StateReader& in) override {
        const auto valid = [this](const State& loaded) -> Status {
            if (fault == Fault::HalfLoaded) s_.other = loaded.other;
            if (loaded.reg > 0xf0) return fail("too large");
            return {};
        };
        DM_TRY(load_section(in, name(), s_, valid));
        if (fault != Fault::LineLostOnRestore) irq_.set(s_.reg != 0);
        return {};
    }

private:
    void act(u64 value) {
        volatile u64 thinking = 1;
        std::array<u8, 8> descriptor{};
        if (fault == Fault::PinKept) kept_ = Pin(memory_, 0x1000, 16, DmaDirection::ToGuest);
        while (fault == Fault::EndlessViews && descriptor[0] == 0)
            memory_.read(value, descriptor);
        while (fault == Fault::EndlessThinking && thinking != 0)
            thinking = thinking + 2;
        if (fault == Fault::Memory) hoard_.resize(std::size_t{16} << 20);
    }

    GuestMemory& memory_;
    IrqLine irq_;
    mutable State s_;
    u8 hidden_ = 0;
    Pin kept_;
    std::vector<u8> hoard_;
};

template <Fault fault> struct FaultyRig final : test::Rig {
    Faulty<fault> dev{hypervisor.ram, IrqLine{isa, 5}};
    IoWindow window = ports.map({.base = 0x10, .length = 2, .max_width = 1}, dev);
    Device& device() override { return dev; }
    std::vector<test::Target> targets() const override { return {{test::Target::Kind::Ports, 0x10, 2}}; }
};

template <Fault fault> void run(std::string_view script) {
    const Target target{"faulty", run_device, {make_rig<FaultyRig<fault>>}};
    Result<std::vector<u8>> input = encode_script(target, script);
    ASSERT_TRUE(input.ok()) << input.error().message;
    start_guard(); // a death test's process has no clock of its parent's
    target.run(target, *input);
}

TEST(FuzzFrame, FindsNothingInADeviceWithoutFaults) {
    run<Fault::None>(
        "outb 0x10 0xf0\nrestore\ninb 0x11\noutb 0x11 0x3\ndamage 30 0xff\nreset\nrestore\ninb 0x10\n");
}

TEST(FuzzFrameDeathTest, FindsStateThatIsNotSaved) {
    EXPECT_DEATH(run<Fault::StateOutsideState>("outb 0x11 0x3\nrestore\ninb 0x11\n"),
                 "FINDING: a restored device reads 0x0, the one that was saved 0x3\n.*during: inb 0x11");
}

TEST(FuzzFrameDeathTest, FindsAnInterruptThatARestoreLoses) {
    EXPECT_DEATH(run<Fault::LineLostOnRestore>("outb 0x10 0x3\nrestore\n"),
                 "FINDING: .*other interrupt lines");
}

TEST(FuzzFrameDeathTest, FindsWhatAResetForgets) {
    EXPECT_DEATH(run<Fault::ForgottenInReset>("outb 0x11 0x3\n"),
                 "FINDING: a reset device is not like a new one.*other");
}

TEST(FuzzFrameDeathTest, FindsALoopOverGuestMemoryWithoutEnd) {
    EXPECT_DEATH(run<Fault::EndlessViews>("outb 0x11 0x3\n"),
                 "FINDING: an operation causes too many views of guest memory\n.*during: outb 0x11 0x3");
}

TEST(FuzzFrameDeathTest, FindsALoopThatTouchesNothing) {
    EXPECT_DEATH(run<Fault::EndlessThinking>("outb 0x11 0x3\n"),
                 "FINDING: .*processor time.*\n.*during: outb 0x11 0x3");
}

TEST(FuzzFrameDeathTest, FindsAnOperationThatTakesMemory) {
    if (!counts_memory()) GTEST_SKIP() << "built without the address sanitizer";
    EXPECT_DEATH(run<Fault::Memory>("outb 0x11 0x3\n"), "FINDING: .*allocates more memory");
}

TEST(FuzzFrameDeathTest, FindsASaveThatChangesTheDevice) {
    EXPECT_DEATH(run<Fault::SavingChanges>("restore\n"), "FINDING: saving changed the device");
}

TEST(FuzzFrameDeathTest, FindsAStateThatIsRefusedAndTakenAllTheSame) {
    // "HVMDM-ST", version, name, kind, length: the values are the last bytes of the records reg and other.
    EXPECT_DEATH(run<Fault::HalfLoaded>("outb 0x10 0xf0\ndamage 33 0x0f 45 0x01\n"),
                 "FINDING: a refused state changed the device");
    EXPECT_DEATH(run<Fault::HalfLoaded>("outb 0x10 0xf0\ndamage 32768 0x0f 32769 0x01\n"),
                 "FINDING: a refused state changed the device")
        << "places that count values alone";
}

TEST(FuzzFrameDeathTest, FindsGuestMemoryThatStaysMapped) {
    EXPECT_DEATH(run<Fault::PinKept>("outb 0x11 0x1\n"), "FINDING: guest memory is left mapped");
}

} // namespace
} // namespace dm::fuzz
