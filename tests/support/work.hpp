// What the fakes around a device were asked to do. Tests may look; the fuzzers hold each operation of a guest
// to a bound.
#pragma once

#include "dm/core/types.hpp"

namespace dm::test {

struct Work {
    u64 block_requests = 0;
    u64 block_bytes = 0;
    u64 guest_views = 0;
    u64 line_changes = 0;
};

inline constexpr Work kAnyWork{~u64{0}, ~u64{0}, ~u64{0}, ~u64{0}};

inline Work work;                                         ///< since somebody set it to {}
inline Work most_work = kAnyWork;                         ///< more of any kind is told at once ...
inline void (*too_much_work)(const char* what) = nullptr; ///< ... here

inline void count_work(u64 Work::*what, const char* name, u64 amount = 1) {
    work.*what += amount;
    if (work.*what > most_work.*what && too_much_work != nullptr) too_much_work(name);
}

} // namespace dm::test
