#include "dm/replay/shadow.hpp"

#include <algorithm>
#include <cstring>

namespace dm::replay {
namespace {

/// Calls part(gfn, offset in the page, position, length) for each page of a range.
template <class Part> void for_pages(GuestPhys addr, std::size_t length, Part part) {
    for (std::size_t at = 0; at < length;) {
        const u64 offset = (addr + at) & (kPageSize - 1);
        const std::size_t step = std::min<u64>(kPageSize - offset, length - at);
        part((addr + at) >> kPageShift, offset, at, step);
        at += step;
    }
}

} // namespace

const Shadow::Page& Shadow::page(Gfn gfn) const {
    static constexpr Page kZeros{};
    const auto it = pages_.find(gfn);
    return it != pages_.end() ? *it->second : kZeros;
}

void Shadow::read(GuestPhys addr, std::span<u8> out) const {
    for_pages(addr, out.size(), [&](Gfn gfn, u64 offset, std::size_t at, std::size_t step) {
        std::memcpy(out.data() + at, page(gfn).data() + offset, step);
    });
}

bool Shadow::equals(GuestPhys addr, std::span<const u8> bytes) const {
    bool equal = true;
    for_pages(addr, bytes.size(), [&](Gfn gfn, u64 offset, std::size_t at, std::size_t step) {
        equal = equal && std::memcmp(bytes.data() + at, page(gfn).data() + offset, step) == 0;
    });
    return equal;
}

void Shadow::write(GuestPhys addr, std::span<const u8> bytes) {
    for_pages(addr, bytes.size(), [&](Gfn gfn, u64 offset, std::size_t at, std::size_t step) {
        auto it = pages_.find(gfn);
        if (it == pages_.end()) {
            if (pages_.size() == kMostPages) pages_.clear();
            it = pages_.emplace(gfn, std::make_unique<Page>()).first;
        }
        std::memcpy(it->second->data() + offset, bytes.data() + at, step);
    });
}

} // namespace dm::replay
