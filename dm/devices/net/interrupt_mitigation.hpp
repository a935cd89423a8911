// When a network card raises its line for frames that came or went.
//
// What an interrupt costs a guest is the exits of its driver, five to ten of them: a guest that moves frames
// can spend more on being told than on the frames. An interrupt that would come sooner than the guest could
// serve one therefore waits for company: reports of sent frames, because nobody is in a hurry to hear of
// them, and frames received right after the guest was ready for the next interrupt, if it is busy. A guest at
// rest, and one that asks and waits for an answer, hear of a frame at once.
//
// How long is "sooner" is learned from the guest itself, so it is right on fast and on slow machines: the
// time from the raised line to the driver's look at the causes. The causes are in their register meanwhile,
// so a driver that looks by itself misses nothing.
//
// A driver that looks again and again and leaves a cause in place gets a rest from the line. Linux's 8139
// drivers do that when an interrupt comes between the end of their polling and the write that allows
// interrupts again: the processor then does nothing but enter their handler, because a hypervisor delivers a
// level that stays up at once, where a chipset takes its time and the interrupted code gets on.
#pragma once

#include "dm/core/clock.hpp"
#include "dm/core/fields.hpp"

#include <algorithm>
#include <optional>

namespace dm {

class InterruptMitigation {
public:
    static constexpr u32 kWaits = 4; ///< responses that a report of sent frames waits at most
    static constexpr u32 kResponseMost = kMillisecond; ///< that is believed
    static constexpr u8 kBusy = 3;                     ///< frames from one interrupt to the next
    static constexpr u8 kLooks = 8;                    ///< at a line that stays up; then it rests
    static constexpr u32 kRestLeast = 50 * kMicrosecond;

    struct State {
        u32 response = 0; ///< ns, the least lately; 0: not known, nothing waits
        bool line = false;
        std::optional<u64> raised_at; ///< and nobody looked since
        std::optional<u64> until;     ///< the line waits
        bool ready = false;           ///< the line is low, and a received frame may raise it
        u64 ready_since = 0;
        u64 first = 0;  ///< when the first frame came or went that the waiting interrupt reports
        u64 last = 0;   ///< and the last
        u8 waiting = 0; ///< frames that the waiting interrupt reports
        u8 frames = 0;  ///< since the line rose
        bool busy = false;
        u8 looks = 0;                  ///< since the line rose
        std::optional<u64> rest_until; ///< the line is down whatever the causes

        bool operator==(const State&) const = default;
        static constexpr void fields(auto&& v, auto& s) {
            v("response", s.response);
            v("line", s.line);
            v("raised_at", s.raised_at);
            v("until", s.until);
            v("ready", s.ready);
            v("ready_since", s.ready_since);
            v("first", s.first);
            v("last", s.last);
            v("waiting", s.waiting);
            v("frames", s.frames);
            v("busy", s.busy);
            v("looks", s.looks, kAddedLater);
            v("rest_until", s.rest_until, kAddedLater);
        }
    };

    struct Causes {
        bool any = false;       ///< set and enabled
        bool urgent = false;    ///< one of them cannot wait
        bool received = false;  ///< frames
        bool listening = false; ///< for frames
    };
    struct Bounds {
        u8 frames = 0;      ///< so many do not wait
        u64 not_before = 0; ///< the card's own throttle
    };

    /// A frame to report.
    static void count(State& s, u64 now) {
        if (s.waiting == 0) s.first = now;
        s.last = now;
        if (s.waiting != 0xff) ++s.waiting;
        if (s.frames != 0xff) ++s.frames;
    }
    /// The driver looks at the causes. True: so often that the line is to rest, level() says so.
    static bool looked(State& s, auto&& now) {
        if (s.raised_at) learn(s, now());
        if (s.line && s.looks < kLooks) ++s.looks;
        return s.looks == kLooks;
    }
    /// What the line is to be; `until` says when to ask again. `now()` is asked when it matters only.
    static bool level(State& s, const Causes& causes, const Bounds& bounds, auto&& now) {
        if (!causes.any) lower(s);
        if (s.line && s.looks == kLooks) rest(s, now());
        const bool ready = !s.line && causes.listening;
        if (ready && !s.ready) s.ready_since = now();
        s.ready = ready;
        if (causes.any && !s.line) {
            const u64 time = now();
            const bool hurry = causes.urgent || s.waiting >= bounds.frames;
            const u64 at = hurry ? time : wanted_at(s, causes.received, time);
            s.until = std::max({at, bounds.not_before, s.rest_until.value_or(0)});
            if (*s.until <= time) raise(s, time);
        }
        return s.line;
    }
    static bool valid(const State& s) {
        constexpr u64 kLatest = u64{1} << 62; // no time is that far away
        return s.response <= kResponseMost && s.raised_at.value_or(0) <= kLatest &&
               s.until.value_or(0) <= kLatest && s.ready_since <= kLatest && s.first <= kLatest &&
               s.last <= kLatest && s.looks <= kLooks && s.rest_until.value_or(0) <= kLatest;
    }

private:
    static void learn(State& s, u64 now) {
        const u64 took = std::min<u64>(now - std::min(now, *s.raised_at), kResponseMost);
        s.raised_at.reset();
        const u64 slower = u64{s.response} + s.response / 8 + 1; // one that was held up says little
        s.response = static_cast<u32>(s.response == 0 ? took : std::min(took, slower));
    }
    static u64 wanted_at(const State& s, bool received, u64 now) {
        const u64 quiet = std::min(s.last + s.response, s.first + u64{s.response} * kWaits);
        if (!received) return quiet;
        return s.busy ? std::min(quiet, s.ready_since + s.response) : now;
    }
    static void raise(State& s, u64 now) {
        s.line = true;
        s.until.reset();
        s.raised_at = now;
        s.ready = false;
        s.busy = s.frames >= kBusy;
        s.frames = 0;
        s.looks = 0;
        s.rest_until.reset();
    }
    static void lower(State& s) {
        s.line = false;
        s.until.reset();
        s.raised_at.reset();
        s.waiting = 0;
        s.looks = 0;
        s.rest_until.reset();
    }
    /// What it takes to enter a handler is enough to get on with what was interrupted.
    static void rest(State& s, u64 now) {
        s.line = false;
        s.looks = 0;
        s.rest_until = now + std::max(s.response, kRestLeast);
    }
};
static_assert(covers_every_field<InterruptMitigation::State>);

} // namespace dm
