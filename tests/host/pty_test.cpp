#include "dm/host/pty.hpp"

#include "tests/host/char_rig.hpp"

#include <termios.h>

namespace dm::host::test {
namespace {

struct PtyTest : CharTest {
    PtyTest() { open({.kind = CharKind::Pty, .text = "-serial pty"}); }
    std::string path() const { return backend->description().substr(4); }
    UniqueFd reader() const { return UniqueFd(::open(path().c_str(), O_RDWR | O_NOCTTY | O_NONBLOCK)); }
};

TEST_F(PtyTest, ItsDescriptionIsWhatTheToolstackExpects) {
    EXPECT_THAT(backend->description(), testing::StartsWith("pty:/dev/"));
    EXPECT_EQ(::access(path().c_str(), R_OK | W_OK), 0);
}

TEST_F(PtyTest, OutputReachesTheReaderByteForByte) {
    const UniqueFd fd = reader();
    std::string all;
    for (int c = 0; c < 256; ++c)
        all += static_cast<char>(c);
    EXPECT_EQ(write(all), all.size());
    EXPECT_EQ(read_all(fd.get()), all);
}

TEST_F(PtyTest, InputReachesThePortByteForByte) {
    const UniqueFd fd = reader();
    std::string all;
    for (int c = 0; c < 256; ++c)
        all += static_cast<char>(c);
    put(fd.get(), all);
    run_until([&] { return port.got.size() >= all.size(); });
    EXPECT_EQ(port.got, all);
}

TEST_F(PtyTest, OutputIsNotEchoedBackToTheGuest) {
    write("login: ");
    settle();
    EXPECT_EQ(port.got, "");
}

TEST_F(PtyTest, InputWaitsUntilThePortHasRoom) {
    port.room = 3;
    const UniqueFd fd = reader();
    put(fd.get(), "abcdef");
    settle();
    EXPECT_EQ(port.got, "abc");
    EXPECT_LE(wakeups(50 * kMillisecond), 2U) << "the loop spins while the port is full";
    port.room = 100;
    backend->accept_input();
    settle();
    EXPECT_EQ(port.got, "abcdef");
}

TEST_F(PtyTest, WithoutAReaderTheGuestWaitsOnceAndTheNewestOutputIsKept) {
    const std::string text = numbered_lines(100'000); // 1.2 MB
    write_all(text, 100);
    EXPECT_GE(port.writable_calls, 1U);
    EXPECT_LE(port.writable_calls, 3U)
        << "the terminal itself may take a little later what it refused at first";
    const unsigned waits = port.writable_calls;
    EXPECT_LE(wakeups(50 * kMillisecond), 3U) << "the loop spins without a reader";
    const UniqueFd fd = reader();
    const std::string got = read_all(fd.get());
    EXPECT_GE(got.size(), 64U * 1024 - 100);
    EXPECT_LE(got.size(), 256U * 1024);
    EXPECT_TRUE(got == text.substr(text.size() - got.size())) << "a gap, or not the end of the output";
    EXPECT_EQ(port.writable_calls, waits);
}

TEST_F(PtyTest, OnePieceLargerThanAllBuffersKeepsItsEnd) {
    const std::string text = numbered_lines(30'000);
    write_all(text, text.size());
    const std::string got = read_all(reader().get());
    EXPECT_GE(got.size(), KeptOutput::kRing);
    EXPECT_TRUE(text.ends_with(got));
}

TEST_F(PtyTest, ALateReaderGetsEverythingWhenItIsLittle) {
    write("early boot\n");
    settle();
    EXPECT_EQ(read_all(reader().get()), "early boot\n");
}

TEST_F(PtyTest, ReadersComeAndGo) {
    for (int i = 0; i < 3; ++i) {
        const UniqueFd fd = reader();
        write("hello");
        EXPECT_EQ(read_all(fd.get()), "hello");
        port.got.clear();
        put(fd.get(), "world");
        run_until([&] { return port.got.size() >= 5; });
        EXPECT_EQ(port.got, "world");
    }
    EXPECT_LE(wakeups(50 * kMillisecond), 2U) << "the loop spins after a reader has left";
    write("while nobody reads");
    EXPECT_EQ(read_all(reader().get()), "while nobody reads");
}

TEST_F(PtyTest, ASlowReaderGetsAllOfAnAmountThatFits) {
    const std::string text = numbered_lines(5400); // 64.8 KB, the ring alone holds that
    const UniqueFd fd = reader();
    write_all(text, 100);
    EXPECT_EQ(port.writable_calls, 0U) << "it had to wait";
    EXPECT_TRUE(read_all(fd.get()) == text);
}

TEST_F(PtyTest, TheTerminalIsRawFromTheStart) {
    termios settings{};
    ASSERT_EQ(::tcgetattr(reader().get(), &settings), 0);
    EXPECT_EQ(settings.c_lflag & (ECHO | ICANON | ISIG), 0U);
    EXPECT_EQ(settings.c_oflag & OPOST, 0U);
    EXPECT_EQ(settings.c_iflag & (ICRNL | IXON), 0U);
}

TEST_F(PtyTest, AReaderThatLeavesTheTerminalEchoingDoesNotConfuseTheGuest) {
    {
        const UniqueFd fd = reader();
        termios settings{};
        ASSERT_EQ(::tcgetattr(fd.get(), &settings), 0);
        settings.c_lflag |= ECHO | ICANON;
        ASSERT_EQ(::tcsetattr(fd.get(), TCSANOW, &settings), 0);
    }
    write("login: ");
    settle();
    EXPECT_EQ(port.got, "");
}

TEST_F(PtyTest, WithoutAPortInputWaitsInTheTerminal) {
    backend->set_frontend(nullptr);
    const UniqueFd fd = reader();
    put(fd.get(), "abc");
    EXPECT_LE(wakeups(30 * kMillisecond), 3U);
    backend->set_frontend(&port);
    settle();
    EXPECT_EQ(port.got, "abc");
}

} // namespace
} // namespace dm::host::test
