#include "dm/qtest/session.hpp"

#include "dm/qtest/fw_cfg.hpp"
#include "tests/qtest/qtest_rig.hpp"
#include "tests/support/rng.hpp"

#include <gmock/gmock.h>

namespace dm::qtest {
namespace {

using testing::StartsWith;

constexpr u64 kMiB = 1 << 20;

struct SessionTest : testing::Test {
    SessionTest() { bus.connect(machine.ports, machine.memory, machine.pci); }
    /// All lines that came, the last one without its end.
    std::string say(std::string_view line) {
        session.execute(line);
        std::string out = std::exchange(session.output(), {});
        EXPECT_TRUE(out.ends_with('\n')) << line;
        out.pop_back();
        return out;
    }

    std::unique_ptr<Ram> ram = Ram::create(4 * kMiB, 4 * kMiB).value();
    SmallMachine machine;
    Bus bus{*ram};
    VirtualTime time;
    IrqRouter irqs;
    Session session{bus, time, irqs};
};

TEST_F(SessionTest, TellsTheByteOrder) {
    EXPECT_EQ(say("endianness"), "OK little");
}

TEST_F(SessionTest, PortsAreReadAndWrittenInThreeSizes) {
    EXPECT_EQ(say("outl 0x3f8 0x11223344"), "OK");
    EXPECT_EQ(say("inb 0x3f8"), "OK 0x0044");
    EXPECT_EQ(say("inw 1018"), "OK 0x1122");
    EXPECT_EQ(say("inl 0x3f8"), "OK 0x11223344");
    EXPECT_EQ(say("outb 0x3f9 0xfff"), "OK");
    EXPECT_EQ(say("inb 0x3f9"), "OK 0x00ff");
    EXPECT_EQ(say("inw 0x9000"), "OK 0xffff");
}

TEST_F(SessionTest, MemoryIsReadAndWrittenInFourSizes) {
    EXPECT_EQ(say("writeq 0x1000 0x1122334455667788"), "OK");
    EXPECT_EQ(say("readb 0x1001"), "OK 0x0000000000000077");
    EXPECT_EQ(say("readw 0x1002"), "OK 0x0000000000005566");
    EXPECT_EQ(say("readl 0x1004"), "OK 0x0000000011223344");
    EXPECT_EQ(say("readq 0x1000"), "OK 0x1122334455667788");
    EXPECT_EQ(say("writel 0xe0000010 0xabcdef01"), "OK");
    EXPECT_EQ(machine.mmio_registers.bytes[0x13], 0xab);
}

TEST_F(SessionTest, BlocksGoInHexadecimalAndMissingBytesAreZero) {
    EXPECT_EQ(say("memset 0x2000 8 0xee"), "OK");
    EXPECT_EQ(say("memset 0 0 0"), "OK");
    EXPECT_EQ(say("write 0x2000 4 0xABcd"), "OK");
    EXPECT_EQ(say("read 0x2000 6"), "OK 0xabcd0000eeee");
}

TEST_F(SessionTest, BlocksGoInBase64) {
    EXPECT_EQ(say("b64write 0x2000 4 Zm9vYg=="), "OK");
    EXPECT_EQ(say("b64read 0x2000 4"), "OK Zm9vYg==");
}

TEST_F(SessionTest, AFillMayBeLargerThanALine) {
    EXPECT_EQ(say("memset 0 0x400000 0x5a"), "OK");
    EXPECT_EQ(say("readl 0x3ffffc"), "OK 0x000000005a5a5a5a");
}

TEST_F(SessionTest, TimePassesOnlyWhenToldTo) {
    EXPECT_EQ(say("clock_step 100"), "OK 100");
    EXPECT_EQ(say("clock_set 250"), "OK 250");
    EXPECT_EQ(say("clock_set 10"), "OK 250");
    EXPECT_EQ(say("clock_step -5"), "OK 250");
    Timer timer(time.timers(), [] {});
    timer.arm(1000);
    EXPECT_EQ(say("clock_step"), "OK 1000");
    EXPECT_EQ(say("clock_step"), "OK 1000") << "no deadline left";
}

TEST_F(SessionTest, InterruptsAreToldBeforeTheReplyOnChangesOnly) {
    machine.port_registers.on_write = [&] {
        irqs.isa().set_level(4, true);
        irqs.isa().set_level(3, true);
    };
    EXPECT_EQ(say("outb 0x3f8 1"), "OK") << "nobody listens yet";
    EXPECT_EQ(say("irq_intercept_in ioapic"), "IRQ raise 3\nIRQ raise 4\nOK");
    EXPECT_EQ(say("irq_intercept_in /machine/i440fx/ioapic"), "OK") << "again";
    EXPECT_EQ(say("outb 0x3f8 1"), "OK");
    machine.port_registers.on_write = [&] { irqs.isa().set_level(4, false); };
    EXPECT_EQ(say("outb 0x3f8 1"), "IRQ lower 4\nOK");
}

TEST_F(SessionTest, AnInterruptBetweenCommandsAnnouncesItself) {
    unsigned events = 0;
    session.set_on_event([&] { ++events; });
    say("irq_intercept_in ioapic");
    irqs.isa().set_level(14, true);
    EXPECT_EQ(session.output(), "IRQ raise 14\n");
    EXPECT_EQ(events, 1U);
}

TEST_F(SessionTest, AnInputCanBeSet) {
    say("irq_intercept_in ioapic");
    EXPECT_EQ(say("set_irq_in ioapic unnamed-gpio-in 5 1"), "IRQ raise 5\nOK");
    EXPECT_EQ(say("set_irq_in ioapic unnamed-gpio-in 5 0"), "IRQ lower 5\nOK");
}

TEST_F(SessionTest, DevicesThatAreNotThereFail) {
    EXPECT_EQ(say("irq_intercept_in /machine/soc/gic"), "FAIL Unknown device");
    EXPECT_EQ(say("irq_intercept_out ioapic"), "FAIL Unknown device");
    EXPECT_EQ(say("set_irq_in pic unnamed-gpio-in 1 1"), "FAIL Unknown device");
    EXPECT_THAT(say("module_load x y"), StartsWith("FAIL"));
}

TEST_F(SessionTest, WorkThatIsDueAtOnceIsDoneBeforeTheNextCommand) {
    bool fired = false;
    Timer timer(time.timers(), [&] { fired = true; });
    machine.port_registers.on_write = [&] { timer.arm(0); };
    say("outb 0x3f8 1");
    EXPECT_TRUE(fired);
}

struct BadLine : SessionTest, testing::WithParamInterface<const char*> {};

TEST_P(BadLine, IsAnsweredWithFail) {
    EXPECT_THAT(say(GetParam()), StartsWith("FAIL "));
    EXPECT_EQ(say("endianness"), "OK little");
}

INSTANTIATE_TEST_SUITE_P(
    All, BadLine,
    testing::Values("", " ", "foo", "INB 0x10", "inb", "inb ", "inb  0x10", "inb x", "inb 0x10000", "inb -1",
                    "outb 0x10", "outb 0x10 x", "outb 0x10 ", "readl", "readl 0x", "writel 0", "writel 0 z",
                    "readq 0x10000000000000000", "read 0", "read 0 0", "read 0 x", "read 0 0x100000000",
                    "read 0xffffffffffffffff 2", "write 0 4", "write 0 0 0x", "write 0 2 0x112233",
                    "write 0 4 1234", "write 0 4 0x1", "write 0 4 0xgg", "write 0 0x7fffffffffffffff 0x00",
                    "b64write 0 3 Z", "b64write 0 1 Zm9v", "b64read 0 0", "memset 0 0x100000001 0",
                    "memset 0 4", "memset 0 4 x", "clock_step x", "clock_step 9223372036854775808",
                    "clock_set", "clock_set ", "irq_intercept_in", "set_irq_in ioapic unnamed-gpio-in 24 1",
                    "set_irq_in ioapic unnamed-gpio-in 1", "set_irq_in ioapic unnamed-gpio-in x 1",
                    "\x01\xff\x80", "read 0 4\rread"));

TEST_F(SessionTest, NoiseNeverDoesMoreThanFail) {
    test::Rng rng(1);
    const std::array<std::string_view, 14> words{"inb",      "outl",       "read",  "write",   "memset",
                                                 "b64write", "0x10",       "0x-1",  "0x3fff0", "9",
                                                 "",         "clock_step", "readq", "0xaa"};
    for (int i = 0; i < 5000; ++i) {
        std::string line;
        for (u64 n = rng.below(6); n > 0; --n) {
            line += words[rng.below(words.size())];
            line += rng.one_in(20) ? static_cast<char>(rng.next() | 0x80) : ' ';
        }
        const std::string reply = say(line);
        ASSERT_TRUE(reply.starts_with("OK") || reply.starts_with("FAIL ")) << line << " -> " << reply;
    }
}

TEST(FwCfg, TellsTheRamAndTheCpus) {
    FwCfg dev(u64{5} << 30, 2, 4);
    const auto item = [&](u16 key, unsigned length) {
        dev.write(0, 2, key);
        u64 value = 0;
        for (unsigned i = 0; i < length; ++i)
            value |= dev.read(1, 1) << (i * 8);
        return value;
    };
    EXPECT_EQ(item(FwCfg::SIGNATURE, 4), 0x554d4551U);
    EXPECT_EQ(item(FwCfg::RAM_SIZE, 8), u64{5} << 30);
    EXPECT_EQ(item(FwCfg::NB_CPUS, 2), 2U);
    EXPECT_EQ(item(FwCfg::MAX_CPUS, 2), 4U);
    EXPECT_EQ(item(FwCfg::NB_CPUS, 4), 2U) << "zeros behind the end";
    EXPECT_EQ(item(0x7777, 2), 0U);
}

} // namespace
} // namespace dm::qtest
