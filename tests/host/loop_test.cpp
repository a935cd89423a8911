#include "dm/host/loop.hpp"

#include "dm/host/signals.hpp"

#include <array>
#include <chrono>
#include <csignal>
#include <fcntl.h>
#include <gmock/gmock.h>
#include <thread>

namespace dm::host {
namespace {

struct Pipe {
    Pipe() {
        std::array<int, 2> ends{};
        EXPECT_EQ(::pipe2(ends.data(), O_CLOEXEC | O_NONBLOCK), 0);
        read.reset(ends[0]);
        write.reset(ends[1]);
    }
    void put(char c = 'x') const { EXPECT_EQ(::write(write.get(), &c, 1), 1); }
    char get() const {
        char c = 0;
        return ::read(read.get(), &c, 1) == 1 ? c : '\0';
    }
    UniqueFd read;
    UniqueFd write;
};

/// Everything holds for both pollers.
class LoopTest : public testing::TestWithParam<bool> {
protected:
    Loop loop{GetParam() ? make_portable_poller() : make_poller()};
};
INSTANTIATE_TEST_SUITE_P(Pollers, LoopTest, testing::Bool(),
                         [](const auto& param) { return param.param ? "poll" : "best"; });

TEST_P(LoopTest, AReadableFdCallsItsHandlerUntilItIsUnwatched) {
    const Pipe pipe;
    int calls = 0;
    loop.watch(pipe.read.get(), FdEvents::Readable, [&](FdReady ready) {
        EXPECT_TRUE(ready.readable);
        ++calls;
        EXPECT_EQ(pipe.get(), 'x');
    });
    pipe.put();
    loop.run_once();
    EXPECT_EQ(calls, 1);
    loop.unwatch(pipe.read.get());
    pipe.put();
    loop.run_once(0);
    EXPECT_EQ(calls, 1);
}

TEST_P(LoopTest, AHandlerMayUnwatchAnotherOneThatIsReadyInTheSameRound) {
    const Pipe a;
    const Pipe b;
    int calls = 0;
    const auto unwatch_both = [&](FdReady) {
        ++calls;
        loop.unwatch(a.read.get());
        loop.unwatch(b.read.get());
    };
    loop.watch(a.read.get(), FdEvents::Readable, unwatch_both);
    loop.watch(b.read.get(), FdEvents::Readable, unwatch_both);
    a.put();
    b.put();
    loop.run_once();
    EXPECT_EQ(calls, 1);
}

TEST_P(LoopTest, InterestCanChangeAndHangupIsAlwaysTold) {
    Pipe pipe;
    std::vector<FdReady> seen;
    loop.watch(pipe.read.get(), FdEvents::None, [&](FdReady ready) { seen.push_back(ready); });
    pipe.put();
    loop.run_once(0);
    EXPECT_TRUE(seen.empty());
    loop.change(pipe.read.get(), FdEvents::Readable);
    loop.run_once();
    ASSERT_EQ(seen.size(), 1U);
    pipe.get();
    loop.change(pipe.read.get(), FdEvents::None);
    pipe.write.reset();
    loop.run_once();
    ASSERT_EQ(seen.size(), 2U);
    EXPECT_TRUE(seen[1].hangup);
    loop.unwatch(pipe.read.get());
}

TEST_P(LoopTest, PostedTasksOfOtherThreadsRunInOrderInTheLoop) {
    std::vector<int> order;
    std::thread other([&] {
        for (int i = 0; i < 100; ++i)
            loop.post([&order, i] { order.push_back(i); });
        loop.post([&] { loop.quit(7); });
    });
    EXPECT_EQ(loop.run(), 7);
    other.join();
    ASSERT_EQ(order.size(), 100U);
    EXPECT_TRUE(std::is_sorted(order.begin(), order.end()));
}

TEST_P(LoopTest, MachineTimersStandStillWhileTheMachineIsStopped) {
    int fired = 0;
    Timer timer(loop.machine_timers(), [&] { ++fired; });
    timer.arm(loop.machine_timers().now_ns());
    loop.run_once(0);
    EXPECT_EQ(fired, 0);
    loop.machine_clock().start();
    loop.run_once();
    EXPECT_EQ(fired, 1);
}

TEST_P(LoopTest, AHostTimerEndsTheSleep) {
    bool fired = false;
    Timer timer(loop.host_timers(), [&] { fired = true; });
    const u64 deadline = loop.host_timers().now_ns() + 3 * kMillisecond;
    timer.arm(deadline);
    while (!fired)
        loop.run_once();
    EXPECT_GE(loop.host_timers().now_ns(), deadline);
}

TEST(MachineClock, ATimeThatNeverComesIsTheEndOfTime) {
    HostClock host;
    MachineClock machine(host);
    machine.start();
    EXPECT_EQ(machine.host_time(~u64{0}), ~u64{0}) << "no wrap into the past: it would be due for ever";
    EXPECT_EQ(machine.host_time(0), 0U);
    EXPECT_GT(machine.host_time(kSecond), host.now_ns());
}

TEST_P(LoopTest, SignalsArriveAsEvents) {
    std::vector<int> seen;
    auto signals = Signals::create(loop, {SIGHUP, SIGTERM}, [&](int number) { seen.push_back(number); });
    ASSERT_TRUE(signals.ok());
    ASSERT_EQ(::raise(SIGHUP), 0);
    ASSERT_EQ(::raise(SIGTERM), 0);
    loop.run_once();
    EXPECT_THAT(seen, testing::ElementsAre(SIGHUP, SIGTERM));
}

/// Work that nobody announces by an fd: `left` pieces of it.
struct Memory final : Lookout {
    bool look() override {
        ++looks;
        if (left == 0) return false;
        --left;
        if (on_work) on_work();
        return true;
    }
    void rest() override { ++rests; }
    int left = 0;
    int looks = 0;
    int rests = 0;
    std::function<void()> on_work;
};

/// The loop after it has learned that work follows work closely, and what a tick is.
void teach(Loop& loop, Memory& memory) {
    for (int i = 0; i < 2; ++i) { // the rate of ticks needs two looks at the clock
        std::this_thread::sleep_for(std::chrono::milliseconds(2));
        loop.run_once(0);
    }
    memory.left = 1;
    loop.run_once(0);
    for (int i = 0; i < 20; ++i) {
        memory.left = 1;
        loop.run_once(0);
    }
    memory.left = memory.looks = memory.rests = 0;
}

TEST_P(LoopTest, WorkInMemoryIsDoneBeforeTheFdThatWouldTellOfItIsRead) {
    Memory memory;
    ASSERT_TRUE(loop.set_lookout(&memory));
    const Pipe pipe;
    int left_for_handler = -1;
    loop.watch(pipe.read.get(), FdEvents::Readable, [&](FdReady) {
        left_for_handler = memory.left;
        pipe.get();
    });
    memory.left = 1;
    pipe.put();
    loop.run_once();
    EXPECT_EQ(left_for_handler, 0);
    loop.set_lookout(nullptr);
}

TEST_P(LoopTest, BeforeItSleepsTheLookoutIsTold) {
    Memory memory;
    loop.set_lookout(&memory);
    loop.run_once(0);
    EXPECT_EQ(memory.rests, 1);
    EXPECT_LE(memory.looks, 1) << "at rest nothing is looked at again and again";
    loop.set_lookout(nullptr);
    loop.run_once(0);
    EXPECT_EQ(memory.rests, 1);
}

TEST_P(LoopTest, WhileWorkFollowsWorkItDoesNotSleepAndOthersAreServed) {
    Memory memory;
    loop.set_lookout(&memory);
    teach(loop, memory);
    const Pipe pipe;
    int other = 0;
    loop.watch(pipe.read.get(), FdEvents::Readable, [&](FdReady) { other += pipe.get() == 'x' ? 1 : 0; });
    bool fired = false;
    Timer timer(loop.host_timers(), [&] { fired = true; });
    memory.left = 1'000'000;
    memory.on_work = [&] {
        if (memory.left == 900'000) pipe.put();
        if (memory.left == 800'000) timer.arm(loop.host_timers().now_ns());
    };
    while (memory.left > 0 && (other == 0 || !fired))
        loop.run_once(
            0); // a test that is held up for long loses its patience, and is not woken by this memory
    EXPECT_EQ(other, 1);
    EXPECT_TRUE(fired);
    EXPECT_GT(memory.left, 0) << "neither waited until there was no more work";
    loop.set_lookout(nullptr);
}

TEST_P(LoopTest, QuitEndsTheLookingToo) {
    Memory memory;
    loop.set_lookout(&memory);
    teach(loop, memory);
    memory.left = 1'000'000;
    memory.on_work = [&] { loop.quit(3); };
    loop.run_once(0);
    EXPECT_EQ(loop.run(), 3);
    EXPECT_GT(memory.left, 999'000);
    loop.set_lookout(nullptr);
}

} // namespace
} // namespace dm::host
