#include "dm/devices/vga/cirrus_blit.hpp"

#include <algorithm>

namespace dm {
namespace {

using Kind = CirrusBlitPlan::Kind;
using Range = CirrusBlitPlan::Range;

constexpr u32 kMonoPattern = 8; // bytes, one per row

std::optional<Kind> kind_of(const CirrusBlit& blit, unsigned pixel) {
    const Bits<BltMode> mode = blit.mode;
    // Reading the screen back is not there; from system to system there is nothing to do.
    if (mode.has(BltMode::SYSTEM_DESTINATION)) return std::nullopt;
    const bool expand = mode.has(BltMode::COLOUR_EXPAND);
    const bool keyed = mode.has(BltMode::TRANSPARENCY);
    if (mode.has(BltMode::PATTERN)) {
        if (expand && !keyed && blit.extension.has(BltExtension::SOLID_FILL)) return Kind::Fill;
        return expand ? Kind::ExpandPattern : Kind::Pattern;
    }
    if (expand) return Kind::Expand;
    if (!keyed) return Kind::Copy;
    if (pixel > 2) return std::nullopt; // the key has sixteen bits
    return Kind::KeyedCopy;
}

/// What `rows` rows of `row` bytes touch. Backwards the first byte is the one with the highest address.
std::optional<Range> touched(u32 start, u32 pitch, u32 rows, u64 row, bool backwards, u32 memory) {
    const u64 extent = u64{rows - 1} * pitch + row;
    const u64 room = backwards ? u64{start} + 1 : u64{memory} - start;
    if (extent > room) return std::nullopt;
    if (backwards) return Range{static_cast<u32>(start + 1 - extent), start + 1};
    return Range{start, static_cast<u32>(start + extent)};
}

u32 divide_up(u32 value, u32 by) {
    return (value + by - 1) / by;
}

void set_skip(CirrusBlitPlan& plan) {
    if (plan.kind == Kind::Fill || plan.kind == Kind::Copy || plan.kind == Kind::KeyedCopy) return;
    if (plan.pixel == 3) {
        plan.skip_bytes = plan.blit.skip & 0x1f;
        plan.skip_pixels = plan.skip_bytes / 3;
    } else {
        plan.skip_pixels = plan.blit.skip & 7;
        plan.skip_bytes = plan.skip_pixels * plan.pixel;
    }
}

/// Bytes of one row of bits, or of the CPU's pixels; all of a pattern.
u32 source_row_of(const CirrusBlitPlan& plan) {
    const u32 width = plan.blit.width;
    switch (plan.kind) {
    case Kind::Fill: return 0;
    case Kind::ExpandPattern: return kMonoPattern;
    case Kind::Pattern: return 8 * plan.pattern_pitch();
    case Kind::Copy:
    case Kind::KeyedCopy: return divide_up(width, 4) * 4;
    case Kind::Expand: break;
    }
    const u32 bits = plan.from_system ? width / plan.pixel : std::max(plan.skip_pixels + plan.pixels, 1U);
    return plan.blit.extension.has(BltExtension::DWORD_GRANULARITY) ? divide_up(bits, 32) * 4
                                                                    : divide_up(bits, 8);
}

std::optional<Range> source_range(const CirrusBlitPlan& plan, u64 row, u32 memory) {
    const CirrusBlit& blit = plan.blit;
    switch (plan.kind) {
    case Kind::Fill: return Range{};
    case Kind::ExpandPattern:
    case Kind::Pattern: { // lies at a multiple of its size, so it is all inside
        const u32 first = blit.src & ~(plan.source_row - 1);
        return Range{first, first + plan.source_row};
    }
    case Kind::Expand: return touched(blit.src, plan.source_row, blit.height, plan.source_row, false, memory);
    case Kind::Copy:
    case Kind::KeyedCopy: return touched(blit.src, blit.src_pitch, blit.height, row, plan.backwards, memory);
    }
    return std::nullopt;
}

} // namespace

std::optional<CirrusBlitPlan> plan_cirrus_blit(const CirrusBlit& blit, u32 memory) {
    if (blit.width == 0 || blit.width > kCirrusMostBlitWidth || blit.height == 0 ||
        blit.height > kCirrusMostBlitHeight)
        return std::nullopt;
    CirrusBlitPlan plan;
    plan.blit = blit;
    plan.blit.dst &= memory - 1;
    plan.blit.src &= memory - 1;
    plan.pixel = 1U + (blit.mode.raw() >> 4 & 3);
    const std::optional<Kind> kind = kind_of(blit, plan.pixel);
    if (!kind) return std::nullopt;
    plan.kind = *kind;
    plan.from_system = plan.kind != Kind::Fill && blit.mode.has(BltMode::SYSTEM_SOURCE);
    const bool copies = plan.kind == Kind::Copy || plan.kind == Kind::KeyedCopy;
    plan.backwards = copies && !plan.from_system && blit.mode.has(BltMode::BACKWARDS);
    set_skip(plan);
    if (blit.width > plan.skip_bytes) plan.pixels = divide_up(blit.width - plan.skip_bytes, plan.pixel);

    // Whole pixels are drawn, also when the width ends within one.
    u64 row = blit.width;
    if (plan.kind != Kind::Copy && plan.pixels != 0)
        row = std::max<u64>(row, plan.skip_bytes + u64{plan.pixels} * plan.pixel);
    if (row * blit.height > memory) return std::nullopt;

    const auto written = touched(plan.blit.dst, blit.dst_pitch, blit.height, row, plan.backwards, memory);
    if (!written) return std::nullopt;
    plan.written = *written;
    plan.source_row = source_row_of(plan);
    if (plan.from_system) {
        if (plan.source_row == 0) return std::nullopt; // not even one pixel
        return plan;
    }
    const auto read = source_range(plan, row, memory);
    if (!read) return std::nullopt;
    plan.read = *read;
    return plan;
}

} // namespace dm
