// Which pages of the video memory changed since the screen was last drawn.
#pragma once

#include "dm/core/types.hpp"

#include <algorithm>
#include <span>
#include <vector>

namespace dm {

class VgaDirty {
public:
    /// `memory_bytes`: a power of two.
    explicit VgaDirty(u64 memory_bytes)
        : pages_((memory_bytes + kPageSize - 1) >> kPageShift), bits_((pages_ + 7) / 8 + 1, 0) {}

    /// While off, mark() does nothing: nobody looks.
    void enable(bool on) {
        enabled_ = on;
        if (!on) clear();
    }
    bool enabled() const { return enabled_; }

    /// [offset, offset + length) was written; what lies beyond the memory wraps around to its start.
    void mark(u64 offset, u64 length) {
        if (!enabled_ || length == 0) return;
        any_ = true;
        const u64 count = std::min((((offset & (kPageSize - 1)) + length - 1) >> kPageShift) + 1, pages_);
        for (u64 page = offset >> kPageShift, n = 0; n < count; ++page, ++n)
            set(page % pages_);
    }
    /// A character map may have changed. Cells and fonts share pages, so pages do not tell.
    void mark_fonts() { fonts_ = enabled_; }
    bool fonts() const { return fonts_; }
    /// Adds bits as VideoMemory::collect_dirty() makes them.
    void mark_bits(u64 first_page, u64 count, std::span<const u8> bitmap) {
        for (u64 i = 0; i < count; ++i)
            if ((bitmap[i / 8] >> (i % 8) & 1) != 0) {
                any_ = true;
                set((first_page + i) % pages_);
            }
    }

    bool any() const { return any_; }
    bool test(u64 offset, u64 length) const {
        if (!any_ || length == 0) return false;
        const u64 count = std::min((((offset & (kPageSize - 1)) + length - 1) >> kPageShift) + 1, pages_);
        for (u64 page = offset >> kPageShift, n = 0; n < count; ++page, ++n)
            if ((bits_[(page % pages_) / 8] >> (page % pages_ % 8) & 1) != 0) return true;
        return false;
    }
    void clear() {
        if (any_) std::fill(bits_.begin(), bits_.end(), u8{0});
        any_ = false;
        fonts_ = false;
    }

private:
    void set(u64 page) { bits_[page / 8] = static_cast<u8>(bits_[page / 8] | 1U << (page % 8)); }

    u64 pages_;
    std::vector<u8> bits_;
    bool enabled_ = false;
    bool any_ = false;
    bool fonts_ = false;
};

} // namespace dm
