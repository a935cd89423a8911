// A PointerQueue and its driver, with a page in memory between them.
#pragma once

#include "dm/xen/pv/pointer_queue.hpp"
#include "tests/support/fakes.hpp"
#include "tests/support/kbd_front.hpp"

#include <array>

namespace dm::test {

struct KbdRig {
    static constexpr u32 kMost = 0x7fff;

    KbdRig() : front(page) { queue.attach(xen::KbdRing(page)); }
    void start(bool absolute = true, u32 width = kMost, u32 height = kMost) {
        queue.start({.absolute = absolute, .width = width, .height = height});
    }
    /// The driver reads all and says so, as Linux does.
    std::vector<std::string> take() {
        std::vector<std::string> all;
        do {
            for (std::string& event : front.take())
                all.push_back(std::move(event));
            queue.kick();
        } while (queue.attached() && front.unread() != 0);
        return all;
    }
    void advance(u64 ns) {
        clock.now += ns;
        timers.run_due();
    }

    alignas(kPageSize) std::array<u8, kPageSize> page{};
    FakeClock clock;
    TimerQueue timers{clock};
    KbdFront front;
    unsigned notified = 0;
    std::string broken;
    xen::PointerQueue queue{
        timers,
        {.notify = [this] { ++notified; }, .broken = [this](const std::string& why) { broken = why; }}};
};

} // namespace dm::test
