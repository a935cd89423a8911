#include "dm/core/pci.hpp"
#include "tests/support/fakes.hpp"

#include <gmock/gmock.h>

namespace dm {
namespace {

using testing::ElementsAre;
using testing::HasSubstr;
using testing::IsEmpty;

constexpr u16 kIo = 1;
constexpr u16 kMemory = 2;
constexpr u16 kIntxDisable = 0x400;

struct Marked final : IoHandler {
    explicit Marked(u8 m) : mark(m) {}
    u64 read(u64 offset, unsigned) override { return mark + offset; }
    void write(u64, unsigned, u64) override {}
    u8 mark;
};

/// BAR0 ports, BAR1 memory, BAR2 prefetchable memory placed by the card itself, BAR3 memory, ROM.
class Card final : public PciFunction {
public:
    explicit Card(PciWiring wiring, const PciIdentity& identity = kIdentity)
        : PciFunction("card", identity, std::move(wiring)) {
        add_bar(0, {.kind = BarKind::Io, .size = 0x20, .handler = &io});
        add_bar(1, {.kind = BarKind::Memory, .size = 0x1000, .handler = &memory});
        add_bar(2, {.kind = BarKind::PrefetchableMemory, .size = 0x100000});
        add_bar(3, {.kind = BarKind::Memory, .size = 0x1000, .handler = &other});
        add_bar(6, {.kind = BarKind::Rom, .size = 0x10000, .handler = &rom});
        set_register(pci::STATUS, 2, 0x0280, 0, 0xf900);
        set_register(0x40, 4, 0x11223344, 0x00ffff00);
        set_register(0x50, 1, 0xa5, 0);
        own_byte(0x50);
        finish_config();
    }
    static constexpr PciIdentity kIdentity{
        .vendor = 0x8086, .device = 0x1234, .class_code = 0x020100, .revision = 3, .interrupt_pin = 1};

    void reset() override { reset_config(); }
    void save(StateWriter& out) const override { save_config(out); }
    Status load(StateReader& in) override { return load_config(in); }

    void interrupt(bool level) { set_intx(level); }
    void status_error() { set_config8(pci::STATUS + 1, 0x42); }
    void own(u8 value) { set_config8(0x50, value); }

    Marked io{0x10};
    Marked memory{0x20};
    Marked other{0x40};
    Marked rom{0x60};
    std::vector<std::string> moves;
    std::vector<std::string> writes;

private:
    void bar_moved(unsigned index, std::optional<u64> address) override {
        moves.push_back(address ? fmt::format("{}@{:x}", index, *address) : fmt::format("{} off", index));
    }
    void config_written(unsigned reg, unsigned size) override {
        writes.push_back(fmt::format("{:x}+{}", reg, size));
    }
};

struct PciTest : testing::Test {
    IoSpace ports{"ports", 0xffff};
    IoSpace memory{"memory", ~u64{0}};
    test::FakeIrqs irqs;
    Card card{{ports, memory, IrqLine{irqs, 7}}};

    u32 sized(unsigned reg) {
        card.config_write(reg, 4, 0xffffffff);
        return card.config_read(reg, 4);
    }
    void command(u16 value) { card.config_write(pci::COMMAND, 2, value); }
    std::vector<u8> image() {
        StateWriter writer;
        card.save(writer);
        return std::move(writer).take();
    }
    Status load(std::span<const u8> bytes) {
        DM_TRY_ASSIGN(StateReader reader, StateReader::open(bytes));
        return card.load(reader);
    }
};

TEST_F(PciTest, TheHeaderShowsTheIdentity) {
    EXPECT_EQ(card.config_read(0, 4), 0x12348086U);
    EXPECT_EQ(card.config_read(8, 4), 0x02010003U);
    EXPECT_EQ(card.config_read(pci::HEADER_TYPE, 1), 0U);
    EXPECT_EQ(card.config_read(pci::SUBSYSTEM_VENDOR_ID, 4), 0x11001af4U);
    EXPECT_EQ(card.config_read(pci::INTERRUPT_PIN, 1), 1U);
}

TEST_F(PciTest, IdentityAndReservedRegistersCannotBeWritten) {
    for (const unsigned reg : {0U, 8U, 0x2cU, 0x34U, 0x38U, 0xfcU}) {
        const u32 before = card.config_read(reg, 4);
        EXPECT_EQ(sized(reg), before) << reg;
    }
}

TEST_F(PciTest, OnlyWritableBitsOfARegisterChange) {
    EXPECT_EQ(sized(0x40), 0x11ffff44U);
    card.config_write(0x41, 1, 0);
    EXPECT_EQ(card.config_read(0x40, 4), 0x11ff0044U);
}

TEST_F(PciTest, InterruptLineLatencyAndCacheLineAreStorage) {
    for (const unsigned reg : {0x3cU, 0x0dU, 0x0cU}) {
        card.config_write(reg, 1, 0x5a);
        EXPECT_EQ(card.config_read(reg, 1), 0x5aU);
    }
}

TEST_F(PciTest, AWriteThatStraddlesRegistersChangesEachByItsOwnRules) {
    card.config_write(0x0e, 4, 0xffffffff); // header type, BIST, low half of BAR0
    EXPECT_EQ(card.config_read(0x0e, 2), 0U);
    EXPECT_EQ(card.config_read(pci::BAR0, 4), 0x0000ffe1U);
}

TEST_F(PciTest, BytesBeyondConfigSpaceReadAsOnesAndTakeNoWrites) {
    EXPECT_EQ(card.config_read(0xfe, 4), 0xffff0000U);
    EXPECT_EQ(card.config_read(0x100, 1), 0xffU);
    EXPECT_EQ(card.config_read(0xffffffff, 2), 0xffffU);
    card.config_write(0xfe, 4, 0);
    card.config_write(0xffffffff, 4, 0);
    EXPECT_TRUE(card.writes.empty());
}

TEST_F(PciTest, StatusBitsAreClearedByWritingOnes) {
    card.status_error();
    card.config_write(pci::STATUS, 2, 0x0100);
    EXPECT_EQ(card.config_read(pci::STATUS, 2), 0x4280U);
    card.config_write(pci::STATUS, 2, 0xffff);
    EXPECT_EQ(card.config_read(pci::STATUS, 2), 0x0280U) << "bits 7 and 9 are wired";
}

TEST_F(PciTest, SizingABarShowsItsSizeAndItsType) {
    EXPECT_EQ(sized(0x10), 0xffffffe1U);
    EXPECT_EQ(sized(0x14), 0xfffff000U);
    EXPECT_EQ(sized(0x18), 0xfff00008U);
    EXPECT_EQ(sized(0x20), 0U) << "a BAR that is not there";
    EXPECT_EQ(sized(pci::ROM_ADDRESS), 0xffff0001U);
    EXPECT_THAT(card.moves, IsEmpty()) << "decoding is off";
}

TEST_F(PciTest, ABarIsDecodedOnlyWhileItsCommandBitIsSet) {
    card.config_write(0x10, 4, 0xc000);
    card.config_write(0x14, 4, 0xf0000000);
    command(kIo);
    EXPECT_EQ(ports.read(0xc001, 1), 0x11U);
    EXPECT_EQ(memory.read(0xf0000000, 1), 0xffU);
    command(kMemory);
    EXPECT_EQ(ports.read(0xc001, 1), 0xffU);
    EXPECT_EQ(memory.read(0xf0000002, 1), 0x22U);
    EXPECT_EQ(card.bar_address(0), std::nullopt);
    EXPECT_EQ(card.bar_address(1), 0xf0000000U);
}

TEST_F(PciTest, ABarMovesWithItsRegister) {
    command(kIo);
    card.config_write(0x10, 4, 0xc000);
    card.config_write(0x11, 1, 0xd0);
    EXPECT_EQ(ports.read(0xc000, 1), 0xffU);
    EXPECT_EQ(ports.read(0xd000, 1), 0x10U);
    EXPECT_THAT(card.moves, ElementsAre("0@c000", "0@d000"));
}

TEST_F(PciTest, AtAddressZeroABarIsNotDecoded) {
    command(kIo | kMemory);
    card.config_write(0x10, 4, 0);
    EXPECT_THAT(card.moves, IsEmpty());
    EXPECT_EQ(memory.read(0, 1), 0xffU);
}

TEST_F(PciTest, ABarBeyondTheEndOfItsSpaceIsNotDecoded) {
    command(kIo | kMemory);
    card.config_write(0x10, 4, 0x10000);
    EXPECT_EQ(card.bar_address(0), std::nullopt);
    card.config_write(0x10, 4, 0xffffffff);
    EXPECT_EQ(card.bar_address(0), std::nullopt);
    card.config_write(0x10, 4, 0xffe0);
    EXPECT_EQ(card.bar_address(0), 0xffe0U);
    EXPECT_EQ(ports.read(0xffff, 1), 0x2fU);
    card.config_write(0x14, 4, 0xfffffffc); // the last page below 4 GiB: fits exactly
    EXPECT_EQ(card.bar_address(1), 0xfffff000U);
    EXPECT_EQ(memory.read(0x100000000, 1), 0xffU);
}

TEST_F(PciTest, OfTwoBarsAtOnePlaceTheFirstAnswersAndTheOtherWhenItHasGone) {
    command(kMemory);
    card.config_write(0x14, 4, 0xf0000000);
    card.config_write(0x1c, 4, 0xf0000000);
    EXPECT_EQ(memory.read(0xf0000000, 1), 0x20U);
    card.config_write(0x14, 4, 0xf1000000);
    EXPECT_EQ(memory.read(0xf0000000, 1), 0x40U);
    EXPECT_EQ(memory.read(0xf1000000, 1), 0x20U);
}

TEST_F(PciTest, TheRomNeedsItsOwnEnableBitToo) {
    command(kMemory);
    card.config_write(pci::ROM_ADDRESS, 4, 0xf2000000);
    EXPECT_EQ(card.bar_address(pci::kRomBar), std::nullopt);
    card.config_write(pci::ROM_ADDRESS, 4, 0xf2000001);
    EXPECT_EQ(memory.read(0xf2000003, 1), 0x63U);
    command(0);
    EXPECT_EQ(card.bar_address(pci::kRomBar), std::nullopt);
}

/// A card whose ROM is of that size, with its BAR as a guest left it.
struct RomCard final : PciFunction {
    RomCard(PciWiring wiring, u64 size) : PciFunction("card", Card::kIdentity, std::move(wiring)) {
        if (size != 0) add_bar(pci::kRomBar, {.kind = BarKind::Rom, .size = size, .handler = &rom});
        finish_config();
    }
    void reset() override { reset_config(); }
    void save(StateWriter& out) const override { save_config(out); }
    Status load(StateReader& in) override { return load_config(in); }
    Marked rom{0x60};
};

TEST_F(PciTest, ASavedGuestFindsAnotherRomOrNone) {
    RomCard saved{{ports, memory, {}}, 0x10000};
    saved.config_write(pci::ROM_ADDRESS, 4, 0xf2010001);
    StateWriter writer;
    saved.save(writer);
    const std::vector<u8> image = std::move(writer).take();
    const auto restored = [&](u64 size) {
        RomCard other{{ports, memory, {}}, size};
        auto reader = StateReader::open(image);
        const Status loaded = other.load(*reader);
        EXPECT_TRUE(loaded.ok()) << loaded.error().message;
        return other.config_read(pci::ROM_ADDRESS, 4);
    };
    EXPECT_EQ(restored(0x10000), 0xf2010001U);
    EXPECT_EQ(restored(0x1000), 0xf2010001U);
    EXPECT_EQ(restored(0x20000), 0xf2000001U);
    EXPECT_EQ(restored(0), 0U);
}

TEST_F(PciTest, ABarWithoutHandlerIsOnlyToldWhereItIs) {
    command(kMemory);
    card.config_write(0x18, 4, 0xe0000000);
    EXPECT_THAT(card.moves, ElementsAre("2@e0000000"));
    EXPECT_FALSE(memory.answers(0xe0000000, 1));
}

TEST_F(PciTest, InterruptsAreGatedByTheDisableBit) {
    card.interrupt(true);
    EXPECT_TRUE(irqs.level(7));
    command(kIntxDisable);
    EXPECT_FALSE(irqs.level(7));
    card.interrupt(false);
    card.interrupt(true);
    EXPECT_FALSE(irqs.level(7));
    command(0);
    EXPECT_TRUE(irqs.level(7));
}

/// A function with the MSI capability at 0x60, another one behind it.
class MessageCard final : public PciFunction {
public:
    explicit MessageCard(PciWiring wiring) : PciFunction("card", Card::kIdentity, std::move(wiring)) {
        offered = add_msi(0x60, 0x80);
        finish_config();
    }
    void reset() override { reset_config(); }
    void save(StateWriter& out) const override { save_config(out); }
    Status load(StateReader& in) override { return load_config(in); }
    void interrupt(bool level) { set_intx(level); }
    void again() { repeat_interrupt(); }
    void enable(u16 control) {
        config_write(pci::COMMAND, 2, 4);
        config_write(0x64, 4, 0xfee0100f);
        config_write(0x68, 4, 0x1);
        config_write(0x6c, 2, 0x4051);
        config_write(0x62, 2, control);
    }
    bool offered = false;
};

struct PciMessageTest : testing::Test {
    IoSpace ports{"ports", 0xffff};
    IoSpace memory{"memory", ~u64{0}};
    test::FakeIrqs irqs;
    test::FakeMessages messages;
    MessageCard card{{ports, memory, IrqLine{irqs, 7}, &messages}};
};

TEST_F(PciMessageTest, TheCapabilityHasOneMessageWith64Bits) {
    EXPECT_TRUE(card.offered);
    EXPECT_EQ(card.config_read(0x60, 4), 0x00808005U);
    card.enable(0xffff);
    EXPECT_EQ(card.config_read(0x60, 4), 0x00f18005U);
    EXPECT_EQ(card.config_read(0x64, 4), 0xfee0100cU);
    EXPECT_EQ(card.config_read(0x68, 4), 1U);
    EXPECT_EQ(card.config_read(0x6c, 4), 0x4051U);
}

TEST_F(PciMessageTest, AMachineWithoutMessagesHasNoCapability) {
    MessageCard plain{{ports, memory, IrqLine{irqs, 7}}};
    EXPECT_FALSE(plain.offered);
    plain.enable(1);
    EXPECT_EQ(plain.config_read(0x60, 4), 0U);
    plain.interrupt(true);
    EXPECT_TRUE(irqs.level(7));
}

TEST_F(PciMessageTest, AnEnabledMessageIsSentWhenTheInterruptRisesAndTheLineStaysLow) {
    card.interrupt(true);
    EXPECT_TRUE(irqs.level(7));
    card.enable(1);
    EXPECT_FALSE(irqs.level(7));
    EXPECT_TRUE(messages.sent.empty());
    card.interrupt(true);
    EXPECT_TRUE(messages.sent.empty()) << "no edge";
    card.interrupt(false);
    card.interrupt(true);
    EXPECT_EQ(messages.sent, (std::vector<test::FakeMessages::Message>{{0x1'fee0'100c, 0x4051}}));
    card.again();
    EXPECT_EQ(messages.sent.size(), 2U);
    card.interrupt(false);
    card.again();
    EXPECT_EQ(messages.sent.size(), 2U);
    EXPECT_FALSE(irqs.level(7));
    card.interrupt(true);
    card.enable(0);
    EXPECT_TRUE(irqs.level(7)) << "without messages the line tells";
}

TEST_F(PciMessageTest, AMessageIsAWriteAndNeedsTheBus) {
    card.enable(1);
    card.config_write(pci::COMMAND, 2, 0);
    card.interrupt(true);
    EXPECT_TRUE(messages.sent.empty());
}

TEST_F(PciTest, WritingTheOtherHalfOfCommandLeavesDecodingAlone) {
    card.config_write(0x10, 4, 0xc000);
    command(kIo);
    card.interrupt(true);
    card.config_write(pci::COMMAND + 1, 1, 0x04);
    EXPECT_FALSE(irqs.level(7));
    EXPECT_EQ(card.bar_address(0), 0xc000U);
}

TEST_F(PciTest, ResetUndoesDecodingAndConfiguration) {
    command(kIo);
    card.config_write(0x10, 4, 0xc000);
    card.config_write(0x40, 4, 0);
    card.reset();
    EXPECT_EQ(ports.read(0xc000, 1), 0xffU);
    EXPECT_EQ(card.config_read(0x40, 4), 0x11223344U);
    EXPECT_THAT(card.moves, ElementsAre("0@c000", "0 off"));
}

TEST_F(PciTest, ALoadedFunctionDecodesAsTheSavedOne) {
    command(kIo | kMemory);
    card.config_write(0x10, 4, 0xc000);
    card.config_write(0x14, 4, 0xf0000000);
    card.own(0x77);
    const std::vector<u8> saved = image();
    card.reset();
    ASSERT_TRUE(load(saved).ok());
    EXPECT_EQ(ports.read(0xc000, 1), 0x10U);
    EXPECT_EQ(memory.read(0xf0000000, 1), 0x20U);
    EXPECT_EQ(card.config_read(0x50, 1), 0x77U) << "a byte that the device itself changes";
}

TEST_F(PciTest, ALoadedFunctionGatesItsInterrupt) {
    command(kIntxDisable);
    const std::vector<u8> saved = image();
    command(0);
    card.interrupt(true);
    ASSERT_TRUE(load(saved).ok());
    EXPECT_FALSE(irqs.level(7));
}

TEST_F(PciTest, BitsThatNobodyCanChangeMustBeThisDevices) {
    const std::vector<u8> saved = image();
    const std::size_t bytes = saved.size() - 256;
    const auto with = [&](unsigned reg, u8 value) {
        std::vector<u8> bent = saved;
        bent[bytes + reg] = value;
        return bent;
    };
    EXPECT_TRUE(load(with(0x3c, 11)).ok());
    const Status other = load(with(pci::DEVICE_ID, 0x35));
    ASSERT_FALSE(other.ok());
    EXPECT_THAT(other.error().message, HasSubstr("card: config byte 0x02"));
    EXPECT_FALSE(load(with(pci::HEADER_TYPE, 0x80)).ok());
    EXPECT_FALSE(load(with(pci::BAR0, 0x00)).ok()) << "a port BAR cannot become a memory BAR";
    EXPECT_FALSE(load(with(pci::COMMAND, 0x80)).ok()) << "a reserved bit";
    EXPECT_FALSE(load(with(0xff, 1)).ok());
    EXPECT_EQ(card.config_read(0x3c, 1), 11U) << "refused images change nothing";
}

struct Functions final : PciFunctionSink {
    void add_function(Bdf bdf) override { log.push_back(fmt::format("+{}.{}", bdf.dev, bdf.fn)); }
    void remove_function(Bdf bdf) override { log.push_back(fmt::format("-{}.{}", bdf.dev, bdf.fn)); }
    std::vector<std::string> log;
};

struct PciBusTest : PciTest {
    PciBus bus;
};

TEST_F(PciBusTest, WhereThereIsNoFunctionReadsGiveOnes) {
    bus.config_write({0, 3, 0}, 4, 4, 0);
    EXPECT_EQ(bus.config_read({0, 3, 0}, 0, 4), 0xffffffffU);
    EXPECT_EQ(bus.config_read({0, 3, 0}, 0, 2), 0xffffU);
    ASSERT_TRUE(bus.attach({0, 3, 0}, card));
    EXPECT_EQ(bus.config_read({0, 3, 0}, 0, 2), 0x8086U);
    EXPECT_EQ(bus.config_read({0, 3, 1}, 0, 2), 0xffffU);
    EXPECT_EQ(bus.config_read({1, 3, 0}, 0, 2), 0xffffU) << "other buses are empty";
    bus.detach({0, 3, 0});
    EXPECT_EQ(bus.config_read({0, 3, 0}, 0, 2), 0xffffU);
}

TEST_F(PciBusTest, APlaceIsGivenOnce) {
    EXPECT_TRUE(bus.attach({0, 3, 0}, card));
    EXPECT_FALSE(bus.attach({0, 3, 0}, card));
    EXPECT_FALSE(bus.attach({1, 3, 0}, card));
}

TEST_F(PciBusTest, TheHypervisorHearsOfFunctionsThatComeAndGo) {
    Functions functions;
    ASSERT_TRUE(bus.attach({0, 1, 3}, card));
    bus.set_function_sink(&functions);
    ASSERT_TRUE(bus.attach({0, 5, 0}, card));
    bus.detach({0, 1, 3});
    bus.detach({0, 1, 3});
    EXPECT_THAT(functions.log, ElementsAre("+1.3", "+5.0", "-1.3"));
}

TEST_F(PciBusTest, AFreeDeviceHasNoFunctionAtAll) {
    ASSERT_TRUE(bus.attach({0, 0, 0}, card));
    ASSERT_TRUE(bus.attach({0, 1, 3}, card));
    EXPECT_EQ(bus.free_device(), 2);
    EXPECT_EQ(bus.free_device(5), 5);
    for (u8 dev = 2; dev < 32; ++dev)
        ASSERT_TRUE(bus.attach({0, dev, 7}, card));
    EXPECT_EQ(bus.free_device(), std::nullopt);
}

} // namespace
} // namespace dm
