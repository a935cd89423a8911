#include "dm/core/guest_memory.hpp"

#include <algorithm>
#include <cstring>

namespace dm {
namespace {

/// Bytes up to the end of the page: how far to skip where there is no RAM.
u64 to_page_end(GuestPhys addr, u64 length) {
    return std::min(length, kPageSize - (addr & (kPageSize - 1)));
}

/// How much of the transfer lies below the end of the address space: nothing wraps around to address 0.
u64 below_end(GuestPhys addr, u64 length) {
    return addr == 0 ? length : std::min(length, ~addr + 1);
}

} // namespace

void GuestMemory::read(GuestPhys addr, std::span<u8> out) {
    const u64 reachable = below_end(addr, out.size());
    std::ranges::fill(out.subspan(reachable), u8{0xff});
    out = out.first(reachable);
    while (!out.empty()) {
        const std::span<u8> ram = view(addr, out.size());
        const u64 step = ram.empty() ? to_page_end(addr, out.size()) : ram.size();
        if (ram.empty())
            std::memset(out.data(), 0xff, step);
        else
            std::memcpy(out.data(), ram.data(), step);
        out = out.subspan(step);
        addr += step;
    }
}

void GuestMemory::write(GuestPhys addr, std::span<const u8> in) {
    in = in.first(below_end(addr, in.size()));
    while (!in.empty()) {
        const std::span<u8> ram = view(addr, in.size());
        const u64 step = ram.empty() ? to_page_end(addr, in.size()) : ram.size();
        if (!ram.empty()) {
            std::memcpy(ram.data(), in.data(), step);
            wrote(addr, step);
        }
        in = in.subspan(step);
        addr += step;
    }
}

} // namespace dm
