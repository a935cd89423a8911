// How many frames a converter owes by now: what a sound card's crystal is to it. Counts without drift,
// whatever the rate, and forgets what is late beyond a bound, so that a guest that stood still for long does
// not have its card fetch hours of samples at once.
#pragma once

#include "dm/core/clock.hpp"
#include "dm/core/fields.hpp"
#include "dm/core/types.hpp"

#include <algorithm>

namespace dm {

/// Part of a card's State, one for each running converter. Times are machine time in ns. Frames are counted
/// from start_ns on; whole seconds are taken off both, which is exact, so that no product ever overflows.
struct SamplePace {
    /// What is older is forgotten: the stream goes on later, as after a pause.
    static constexpr u64 kMaxBacklogNs = 200 * kMillisecond;

    u64 start_ns = 0;
    u64 frames = 0; ///< handed out since then; less than `rate`
    u32 rate = 48000;
    u32 reserved = 0;

    bool operator==(const SamplePace&) const = default;
    static constexpr void fields(auto&& v, auto& s) {
        v("start_ns", s.start_ns);
        v("frames", s.frames);
        v("rate", s.rate);
        v("reserved", s.reserved);
    }

    /// The converter starts now. `new_rate` in frames a second; 0 counts as 1.
    void restart(u64 now_ns, u32 new_rate) {
        start_ns = now_ns;
        frames = 0;
        rate = std::max<u32>(new_rate, 1);
    }

    /// Frames due since the last take(), at most max_frames; what is beyond that is due in the next one. Late
    /// ones are forgotten beyond kMaxBacklogNs.
    u32 take(u64 now_ns, u32 max_frames) {
        const u64 next = when(1);
        if (now_ns < next) return 0;
        if (now_ns - next > kMaxBacklogNs) start_ns += now_ns - next - kMaxBacklogNs;
        const u64 due = (now_ns - start_ns) * rate / kSecond - frames;
        const auto taken = static_cast<u32>(std::min<u64>(due, max_frames));
        frames += taken;
        start_ns += frames / rate * kSecond;
        frames %= rate;
        return taken;
    }

    /// Machine time at which `more` frames will be due: take() then gives as many.
    u64 when(u32 more) const {
        const u64 count = frames + more;
        return start_ns + count / rate * kSecond + (count % rate * kSecond + rate - 1) / rate;
    }

    /// Of a loaded state: whatever it said, counts from here on are right.
    void mend(u64 now_ns) {
        rate = std::max<u32>(rate, 1);
        frames %= rate;
        reserved = 0;
        if (start_ns > now_ns || when(0) > now_ns + kSecond / rate) restart(now_ns, rate);
    }
};
static_assert(covers_every_field<SamplePace>);

} // namespace dm
