// When a sound card looks at its running streams.
#pragma once

#include "dm/core/clock.hpp"
#include "dm/core/types.hpp"

#include <algorithm>

namespace dm {

inline constexpr u32 kSoundChunk = 4096; ///< bytes that are fetched and played at once

/// Not more often, whatever a guest asks for, and not less often: a back end is to hear continuously.
inline constexpr u64 kSoonestLook = kMillisecond;
inline constexpr u64 kLatestLook = 10 * kMillisecond;

/// The next look after that at `looked_ns`; at `event_ns` the card would interrupt.
constexpr u64 look_at(u64 looked_ns, u64 event_ns) {
    return std::clamp(event_ns, looked_ns + kSoonestLook, looked_ns + kLatestLook);
}

} // namespace dm
