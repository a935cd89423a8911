#include "dm/qtest/qtest_accelerator.hpp"

#include "tests/qtest/qtest_rig.hpp"
#include "tests/toolstack/poll_loop.hpp"

#include <fstream>
#include <gmock/gmock.h>
#include <sys/socket.h>

namespace dm::qtest {
namespace {

using testing::HasSubstr;
using testing::StartsWith;

struct QtestAcceleratorTest : testing::Test {
    QtestAcceleratorTest() { build(""); }
    void build(const std::string& log) {
        std::array<int, 2> ends{};
        ASSERT_EQ(::socketpair(AF_UNIX, SOCK_STREAM | SOCK_CLOEXEC | SOCK_NONBLOCK, 0, ends.data()), 0);
        test.reset(ends[0]);
        accelerator.reset();
        accelerator =
            QtestAccelerator::create(
                {.socket = UniqueFd{ends[1]}, .log = log, .ram_bytes = 4 << 20, .low_ram_limit = 3 << 20})
                .value();
        accelerator->reboots_in_place([this] { ++resets; });
        ASSERT_TRUE(accelerator->start(loop, machine.ports, machine.memory, machine.pci).ok());
    }
    void send(std::string_view text) {
        while (!text.empty()) {
            const ssize_t n = ::send(test.get(), text.data(), text.size(), MSG_NOSIGNAL);
            if (n > 0) text.remove_prefix(static_cast<std::size_t>(n));
            loop.step();
        }
        loop.settle();
    }
    std::string received() {
        std::string all;
        std::array<char, 65536> buffer{};
        for (ssize_t n = 0; (n = ::recv(test.get(), buffer.data(), buffer.size(), 0)) > 0; loop.settle())
            all.append(buffer.data(), static_cast<std::size_t>(n));
        return all;
    }
    std::string say(std::string_view line) {
        send(std::string(line) + "\n");
        return received();
    }

    dm::test::PollLoop loop;
    SmallMachine machine;
    UniqueFd test;
    std::unique_ptr<QtestAccelerator> accelerator;
    unsigned resets = 0;
};

TEST_F(QtestAcceleratorTest, ServesManyCommandsOfOneWriteInOrder) {
    EXPECT_EQ(say("outb 0x3f8 1\noutb 0x3f9 2\ninw 0x3f8"), "OK\nOK\nOK 0x0201\n");
}

TEST_F(QtestAcceleratorTest, FwCfgTellsTheSizeOfRam) {
    EXPECT_EQ(say("outw 0x510 3"), "OK\n");
    say("inb 0x511");
    say("inb 0x511");
    EXPECT_EQ(say("inb 0x511"), "OK 0x0040\n");
}

TEST_F(QtestAcceleratorTest, DevicesAndTheTestSeeTheSameRam) {
    say("write 0x2fffff 2 0x1122");
    std::vector<u8> bytes(2);
    accelerator->memory().read(0x2fffff, bytes);
    EXPECT_EQ(bytes, (std::vector<u8>{0x11, 0xff}));
}

TEST_F(QtestAcceleratorTest, ARebootResetsTheDevicesWhenTheAccessIsOver) {
    machine.port_registers.on_write = [this] {
        accelerator->shutdown(ShutdownReason::Reboot);
        EXPECT_EQ(resets, 0U);
    };
    EXPECT_EQ(say("outb 0x3f8 1"), "OK\n");
    EXPECT_EQ(resets, 1U);
    say("inb 0x3f8");
    EXPECT_EQ(resets, 1U);
}

TEST_F(QtestAcceleratorTest, PoweringOffResetsNothing) {
    accelerator->shutdown(ShutdownReason::PowerOff);
    accelerator->trim();
    EXPECT_EQ(resets, 0U);
}

TEST_F(QtestAcceleratorTest, DeviceTimersRunInTheTestsTime) {
    u64 fired_at = 0;
    Timer timer(accelerator->machine_timers(loop),
                [&] { fired_at = accelerator->machine_timers(loop).now_ns(); });
    timer.arm(5000);
    loop.clock.now += kSecond;
    loop.settle();
    EXPECT_EQ(fired_at, 0U);
    EXPECT_EQ(say("clock_step 10000"), "OK 10000\n");
    EXPECT_EQ(fired_at, 5000U);
}

TEST_F(QtestAcceleratorTest, AnInterruptBetweenCommandsIsSentAtOnce) {
    say("irq_intercept_in ioapic");
    accelerator->isa_irqs().set_level(14, true);
    EXPECT_EQ(received(), "IRQ raise 14\n");
}

TEST_F(QtestAcceleratorTest, ALineThatIsTooLongFailsAndTheNextIsServed) {
    const std::string piece(1 << 20, 'x');
    for (u64 sent = 0; sent <= Session::kLongestLine; sent += piece.size())
        send(piece);
    EXPECT_EQ(say("\nendianness"), "FAIL line is too long\nOK little\n");
}

TEST_F(QtestAcceleratorTest, APeerThatDoesNotReadWaitsAndLosesNothing) {
    std::string commands;
    constexpr unsigned kCount = 200;
    for (unsigned i = 0; i < kCount; ++i)
        commands += "read 0 0x10000\n";
    send(commands);
    const std::string all = received();
    EXPECT_EQ(all.size(), kCount * (5 + 2 * 0x10000 + 1));
    EXPECT_FALSE(loop.quit_called);
}

TEST_F(QtestAcceleratorTest, EndsWhenTheTestIsGone) {
    test.reset();
    loop.settle();
    EXPECT_TRUE(loop.quit_called);
    EXPECT_EQ(loop.watched(), 0U);
}

TEST_F(QtestAcceleratorTest, EndsWhenTheTestIsGoneWhileRepliesWait) {
    std::string commands;
    for (unsigned i = 0; i < 100; ++i)
        commands += "read 0 0x10000\n";
    send(commands);
    test.reset();
    EXPECT_LT(loop.settle(), 1000);
    EXPECT_TRUE(loop.quit_called);
}

TEST_F(QtestAcceleratorTest, TheTranscriptHasBothDirections) {
    const std::string path = testing::TempDir() + "qtest-transcript";
    build(path);
    say("inb 0x3f8");
    std::ifstream file(path);
    const std::string text{std::istreambuf_iterator<char>(file), {}};
    EXPECT_THAT(text, StartsWith("[R +0."));
    EXPECT_THAT(text, HasSubstr("] inb 0x3f8\n[S +"));
    EXPECT_THAT(text, HasSubstr("] OK 0x0000\n"));
}

TEST(QtestAccelerator, ALogThatCannotBeWrittenIsAnError) {
    const auto made =
        QtestAccelerator::create({.socket = {}, .log = "/nonexistent/log", .ram_bytes = 1 << 20});
    ASSERT_FALSE(made.ok());
    EXPECT_THAT(made.error().message, StartsWith("-qtest-log /nonexistent/log: "));
}

} // namespace
} // namespace dm::qtest
