#include "dm/devices/net/e1000_stats.hpp"

#include <algorithm>
#include <utility>

namespace dm::e1000 {
namespace {

std::size_t place(Stat which) {
    return static_cast<std::size_t>(which);
}

/// Two registers; wraps.
void count_bytes(Statistics& stats, Stat low, u64 amount) {
    u32& first = stats[place(low)];
    u32& second = stats[place(low) + 1];
    const u64 sum = (u64{second} << 32 | first) + amount;
    first = static_cast<u32>(sum);
    second = static_cast<u32>(sum >> 32);
}

/// 64, 65 to 127, 128 to 255 ... 1024 and more.
std::size_t size_class(u64 bytes) {
    if (bytes <= 64) return 0;
    std::size_t which = 1;
    for (u64 end = 128; which < 5 && bytes >= end; end *= 2)
        ++which;
    return which;
}

Stat of_size(Stat smallest, u64 bytes) {
    return static_cast<Stat>(place(smallest) + size_class(bytes));
}

bool high_half(std::size_t which) {
    for (const Stat low : {Stat::GORCL, Stat::GOTCL, Stat::TORL, Stat::TOTL})
        if (which == place(low) + 1) return true;
    return false;
}

} // namespace

void count(Statistics& stats, Stat which, u64 amount) {
    u32& counter = stats[place(which)];
    counter = static_cast<u32>(std::min<u64>(0xffff'ffff, counter + amount));
}

void count_received(Statistics& stats, Cast cast, u64 bytes) {
    count(stats, Stat::TPR);
    count_bytes(stats, Stat::TORL, bytes);
    count(stats, Stat::GPRC);
    count_bytes(stats, Stat::GORCL, bytes);
    count(stats, of_size(Stat::PRC64, bytes));
    if (cast == Cast::Multi) count(stats, Stat::MPRC);
    if (cast == Cast::Broad) count(stats, Stat::BPRC);
}

void count_not_received(Statistics& stats, u64 bytes) {
    count(stats, Stat::TPR);
    count_bytes(stats, Stat::TORL, bytes);
}

void count_sent(Statistics& stats, Cast cast, u64 bytes, u64 frames) {
    count(stats, Stat::TPT, frames);
    count_bytes(stats, Stat::TOTL, bytes * frames);
    count(stats, Stat::GPTC, frames);
    count_bytes(stats, Stat::GOTCL, bytes * frames);
    count(stats, of_size(Stat::PTC64, bytes), frames);
    if (cast == Cast::Multi) count(stats, Stat::MPTC, frames);
    if (cast == Cast::Broad) count(stats, Stat::BPTC, frames);
}

u32 read_and_clear(Statistics& stats, std::size_t which) {
    if (high_half(which)) stats[which - 1] = 0;
    return std::exchange(stats[which], 0);
}

} // namespace dm::e1000
