#include "tests/devices/parallel_port_rig.hpp"

#include "tests/support/conformance.hpp"

namespace dm::test {
namespace {

struct ParallelPortTest : testing::Test {
    ParallelRig r;
};

TEST_F(ParallelPortTest, RegistersHaveTheirPowerOnValues) {
    EXPECT_EQ(r.in(0x378), 0xffU);
    EXPECT_EQ(r.status(), 0xd9);
    EXPECT_EQ(r.in(0x37a), 0xccU);
    EXPECT_FALSE(r.irq());
}

TEST_F(ParallelPortTest, FirmwareFindsThePortByWritingDataAndControl) {
    r.out(0x378, 0xaa);
    EXPECT_EQ(r.in(0x378), 0xaaU);
    r.control(0x0a);
    EXPECT_EQ(r.in(0x37a), 0xcaU);
}

TEST_F(ParallelPortTest, ThePinsReadAsOnesWhileTheyAreInputs) {
    r.out(0x378, 0x12);
    r.control(0x2c);
    EXPECT_EQ(r.in(0x378), 0xffU);
}

TEST_F(ParallelPortTest, EachStrobePrintsAByte) {
    for (const char c : {'d', 'm'})
        r.print(static_cast<u8>(c));
    EXPECT_EQ(r.printer.sent, "dm");
    r.out(0x378, 'x');
    r.control(0x0d);
    r.control(0x0d);
    EXPECT_EQ(r.printer.sent, "dmx") << "once, however long the strobe is";
}

TEST_F(ParallelPortTest, APrinterThatIsNotSelectedOrBeingInitialisedPrintsNothing) {
    r.print('a', 0x04);
    r.print('b', 0x08);
    EXPECT_EQ(r.printer.sent, "");
}

TEST_F(ParallelPortTest, StatusGoesThroughTheHandshake) {
    r.print('a');
    EXPECT_EQ(r.status() & 0xc0, 0x40) << "busy";
    EXPECT_EQ(r.status() & 0xc0, 0x00) << "acknowledges";
    EXPECT_EQ(r.status() & 0xc0, 0xc0) << "ready";
    r.out(0x378, 'b');
    r.control(0x0d);
    EXPECT_EQ(r.status() & 0xc0, 0x40);
    EXPECT_EQ(r.status() & 0xc0, 0x40) << "as long as the strobe is";
}

TEST_F(ParallelPortTest, TheEndOfAStrobeInterruptsUntilStatusIsRead) {
    r.control(0x1c);
    r.print('a', 0x1c);
    EXPECT_TRUE(r.irq());
    r.status();
    EXPECT_FALSE(r.irq());
    r.control(0x0c);
    r.status();
    r.print('a');
    EXPECT_FALSE(r.irq());
}

TEST_F(ParallelPortTest, APrinterThatTakesNothingStaysBusyAndPrintsLater) {
    r.printer.room = 0;
    r.print('a');
    r.out(0x378, 'z');
    for (int n = 0; n < 5; ++n)
        EXPECT_EQ(r.status() & 0x80, 0x00);
    r.printer.room = 1;
    r.printer.frontend->writable();
    EXPECT_EQ(r.printer.sent, "a");
    r.status();
    r.status();
    EXPECT_EQ(r.status() & 0x80, 0x80);
}

TEST_F(ParallelPortTest, InitialisingMakesItReady) {
    r.printer.room = 0;
    r.print('a');
    r.control(0x08);
    EXPECT_EQ(r.status(), 0xd8);
    r.printer.room = 5;
    r.printer.frontend->writable();
    EXPECT_EQ(r.printer.sent, "") << "what waited is forgotten";
}

} // namespace

INSTANTIATE_TYPED_TEST_SUITE_P(ParallelPort, DeviceConformance, ParallelRig);

} // namespace dm::test
