#include "dm/devices/vga/cirrus_blitter.hpp"

#include "dm/devices/vga/cirrus_paint.hpp"

#include <algorithm>

namespace dm {

void CirrusBlitter::start(const CirrusBlit& blit) {
    stop();
    const auto plan = plan_cirrus_blit(blit, memory());
    if (!plan) {
        log_.guest("blit ignored: mode {:#x}/{:#x}, {} bytes x {}, to {:#x} by {}, from {:#x} by {}",
                   blit.mode.raw(), blit.extension.raw(), blit.width, blit.height, blit.dst, blit.dst_pitch,
                   blit.src, blit.src_pitch);
        return;
    }
    if (plan->from_system) {
        s_.blit = plan->blit;
        s_.rows_left = static_cast<u16>(plan->source_rows());
        plan_ = plan;
        return;
    }
    about_to_paint(*plan, plan->written);
    paint_cirrus_blit(*plan, video_.bytes());
    painted(plan->written);
}

void CirrusBlitter::stop() {
    s_.rows_left = 0;
    s_.filled = 0;
    plan_.reset();
}

std::size_t CirrusBlitter::feed(std::span<const u8> bytes) {
    std::size_t taken = 0;
    while (active() && taken < bytes.size()) {
        const std::size_t here = std::min<std::size_t>(bytes.size() - taken, plan_->source_row - s_.filled);
        std::copy_n(bytes.begin() + static_cast<std::ptrdiff_t>(taken), here, s_.row.begin() + s_.filled);
        s_.filled = static_cast<u16>(s_.filled + here);
        taken += here;
        if (s_.filled == plan_->source_row) paint_row();
    }
    return taken;
}

void CirrusBlitter::paint_row() {
    const CirrusBlitPlan& plan = *plan_;
    const u32 row = plan.source_rows() - s_.rows_left;
    CirrusBlitPlan::Range written = plan.written;
    if (!plan.is_pattern()) {
        const u32 later = (s_.rows_left - 1U) * plan.blit.dst_pitch;
        written = {plan.written.first + row * plan.blit.dst_pitch, plan.written.end - later};
    }
    about_to_paint(plan, written);
    paint_cirrus_row(plan, video_.bytes(), row, s_.row);
    painted(written);
    s_.filled = 0;
    if (--s_.rows_left == 0) stop();
}

void CirrusBlitter::about_to_paint(const CirrusBlitPlan& plan, CirrusBlitPlan::Range written) {
    video_.about_to_read(written.first, written.end - written.first);
    if (plan.read.end != plan.read.first)
        video_.about_to_read(plan.read.first, plan.read.end - plan.read.first);
}

void CirrusBlitter::painted(CirrusBlitPlan::Range written) {
    const u32 length = written.end - written.first;
    dirty_.mark(written.first, length);
    dirty_.mark_fonts();
    video_.wrote(written.first, length);
}

Status CirrusBlitter::valid(const State& state) const {
    if (state.rows_left == 0) {
        if (state.filled != 0) return fail("saved state: cirrus: data for a blit that does not run");
        return {};
    }
    const auto plan = plan_cirrus_blit(state.blit, memory());
    if (!plan || !plan->from_system || state.rows_left > plan->source_rows() ||
        state.filled >= plan->source_row)
        return fail("saved state: cirrus: an impossible blit");
    return {};
}

void CirrusBlitter::restored() {
    plan_ = active() ? plan_cirrus_blit(s_.blit, memory()) : std::nullopt;
}

} // namespace dm
