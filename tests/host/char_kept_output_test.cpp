// Readers that are slow, stop, leave and come back, in time that the test makes; terminal and pipe are real.
#include "dm/host/char_kept_output.hpp"

#include "tests/host/char_rig.hpp"
#include "tests/support/fakes.hpp"

#include <termios.h>

namespace dm::host::test {
namespace {

constexpr u64 kStepNs = 10 * kMillisecond;

struct Ends {
    UniqueFd channel;
    UniqueFd read_back;
    UniqueFd reader;
};

Ends make_pty() {
    Ends ends{UniqueFd(::posix_openpt(O_RDWR | O_NOCTTY)), UniqueFd(), UniqueFd()};
    EXPECT_EQ(::grantpt(ends.channel.get()) + ::unlockpt(ends.channel.get()), 0);
    for (UniqueFd* fd : {&ends.read_back, &ends.reader})
        *fd = UniqueFd(::open(::ptsname(ends.channel.get()), O_RDWR | O_NOCTTY | O_NONBLOCK));
    termios settings{};
    ::cfmakeraw(&settings);
    EXPECT_EQ(::tcsetattr(ends.reader.get(), TCSANOW, &settings), 0);
    return ends;
}

Ends make_pipe() {
    std::array<int, 2> fds{};
    EXPECT_EQ(::pipe2(fds.data(), O_NONBLOCK | O_CLOEXEC), 0);
    return {UniqueFd(fds[1]), UniqueFd(::dup(fds[0])), UniqueFd(fds[0])};
}

using MakeEnds = Ends (*)();

/// A guest that never rests, the output, and a reader.
struct KeptOutputTest : testing::TestWithParam<MakeEnds>, ChannelOwner {
    std::size_t input_room() const override { return 0; }
    void input(std::span<const u8>) override {}
    void output_ready() override {
        if (!output.ready()) return;
        EXPECT_TRUE(waiting) << "told that there is room although nothing was refused";
        waiting = false;
    }
    void closed() override {}

    /// Some time passes; the guest writes as long as it may, the reader reads up to `most`.
    void step(std::string_view& text, std::size_t most) {
        if (waiting) waited_ns += kStepNs;
        clock.now += kStepNs;
        timers.run_due();
        loop.run_once(0);
        for (int burst = 0; burst < 200 && !waiting && !text.empty(); ++burst) {
            const std::string_view piece = text.substr(0, 16);
            const std::size_t taken = output.write(bytes_of(piece));
            text.remove_prefix(taken);
            waiting = taken < piece.size();
            if (waiting) ++waits;
        }
        read(most);
        ::usleep(50); // the system passes on within a terminal what was read
    }
    void read(std::size_t most) {
        std::array<char, 65536> buffer{};
        const ssize_t n = ::read(ends.reader.get(), buffer.data(), std::min(most, buffer.size()));
        if (most > 0 && n > 0) got.append(buffer.data(), static_cast<std::size_t>(n));
    }
    void guest_writes(std::string_view text, std::size_t reader_bytes_per_step) {
        for (int steps = 0; !text.empty() && steps < 20'000; ++steps)
            step(text, reader_bytes_per_step);
        EXPECT_TRUE(text.empty()) << "the guest is held up for ever";
    }
    /// A terminal may take a little later what it refused at first: that is a wait that ends at once.
    void expect_one_wait() const {
        EXPECT_GE(waits, 1U);
        EXPECT_LE(waits, 4U);
        EXPECT_LE(waited_ns, KeptOutput::kPatienceNs + 8 * kStepNs);
    }
    void reader_reads_all() {
        for (std::size_t before = SIZE_MAX; before != got.size();) {
            before = got.size();
            for (int i = 0; i < 10; ++i) {
                std::string_view nothing;
                step(nothing, SIZE_MAX);
            }
        }
    }

    Ends ends = GetParam()();
    Loop loop;
    dm::test::FakeClock clock;
    TimerQueue timers{clock};
    CharChannel channel{loop, std::move(ends.channel), *this};
    KeptOutput output{timers, channel, ends.read_back.get(), *this};
    std::string got;
    bool waiting = false;
    unsigned waits = 0;
    u64 waited_ns = 0;
};

TEST_P(KeptOutputTest, AReaderOf20KilobytesASecondGetsAMegabyteWhole) {
    const std::string text = numbered_lines(87'000);
    guest_writes(text, 200);
    reader_reads_all();
    EXPECT_GT(waits, 100U);
    EXPECT_TRUE(got == text) << "of " << text.size() << " bytes " << got.size() << " came";
}

TEST_P(KeptOutputTest, AReaderThatStopsHoldsThePortOnceAndTheOldestGo) {
    const std::string text = numbered_lines(50'000);
    const std::string_view all = text;
    guest_writes(all.substr(0, 150'000), SIZE_MAX);
    reader_reads_all();
    EXPECT_EQ(waits, 0U);
    EXPECT_TRUE(all.starts_with(got));

    guest_writes(all.substr(150'000), 0);
    expect_one_wait();
    EXPECT_EQ(timers.next_deadline(), std::nullopt) << "nobody reads, and it looks again and again";

    got.clear();
    reader_reads_all();
    EXPECT_GE(got.size(), KeptOutput::kRing);
    EXPECT_TRUE(all.ends_with(got)) << "a gap, or not the newest";

    got.clear();
    guest_writes(all.substr(0, 200'000), 200); // it reads again, slowly
    reader_reads_all();
    EXPECT_GT(waits, 10U);
    EXPECT_TRUE(got == all.substr(0, 200'000)) << got.size() << " bytes came";
}

TEST_P(KeptOutputTest, WhereNobodyEverReadsThePortWaitsOnce) {
    const std::string text = numbered_lines(100'000);
    guest_writes(text, 0);
    expect_one_wait();
    reader_reads_all();
    EXPECT_GE(got.size(), KeptOutput::kRing);
    EXPECT_TRUE(text.ends_with(got));
}

TEST_P(KeptOutputTest, APortThatAsksBeforeItIsToldIsServedWhenPatienceIsOver) {
    const std::string chunk(KeptOutput::kRing, 'x');
    while (output.write(bytes_of(chunk)) == chunk.size()) {
    }
    waiting = true;
    EXPECT_EQ(output.write(bytes_of("y")), 0U);
    clock.now += KeptOutput::kPatienceNs - 1;
    EXPECT_EQ(output.write(bytes_of("y")), 0U);
    clock.now += 1;
    EXPECT_EQ(output.write(bytes_of("y")), 1U);
    EXPECT_EQ(timers.next_deadline(), std::nullopt);
}

/// A pipe tells of room by the page of 4096 bytes, and a port has no patience for that long.
TEST_P(KeptOutputTest, WhatAReaderTookIsRoomAtOnce) {
    const std::string text = numbered_lines(50'000);
    std::string_view rest = text;
    while (!waiting)
        step(rest, 0);
    for (int reads = 0; reads < 5; ++reads) {
        const std::size_t before = rest.size();
        read(1000);
        for (int i = 0; i < 5; ++i)
            step(rest, 0);
        EXPECT_LT(rest.size(), before);
        EXPECT_GT(rest.size() + 6000, before) << "much more than was read";
    }
}

TEST_P(KeptOutputTest, AReaderOf3KilobytesASecondIsWaitedFor) {
    const std::string text = numbered_lines(13'000);
    guest_writes(text, 32);
    reader_reads_all();
    EXPECT_TRUE(got == text) << "of " << text.size() << " bytes " << got.size() << " came";
}

INSTANTIATE_TEST_SUITE_P(Pty, KeptOutputTest, testing::Values(make_pty));
INSTANTIATE_TEST_SUITE_P(Pipe, KeptOutputTest, testing::Values(make_pipe));

} // namespace
} // namespace dm::host::test
