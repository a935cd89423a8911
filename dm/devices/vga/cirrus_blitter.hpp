// The BitBLT engine of the CL-GD5446: runs a blit at once, or takes its source from the CPU row by row.
#pragma once

#include "dm/core/hypervisor.hpp"
#include "dm/core/log.hpp"
#include "dm/core/result.hpp"
#include "dm/devices/vga/cirrus_blit.hpp"
#include "dm/devices/vga/vga_dirty.hpp"

#include <array>
#include <optional>
#include <span>

namespace dm {

class CirrusBlitter {
public:
    struct State {
        u16 rows_left = 0; ///< of the source, which the CPU sends; 0: idle
        u16 filled = 0;    ///< bytes of `row`
        CirrusBlit blit;
        std::array<u8, kCirrusMostBlitWidth> row{};

        static constexpr void fields(auto&& v, auto& s) {
            v("rows_left", s.rows_left);
            v("filled", s.filled);
            v("blit", s.blit);
            v("row", s.row);
        }
    };

    CirrusBlitter(std::string_view name, State& state, VideoMemory& video, VgaDirty& dirty)
        : log_(name), s_(state), video_(video), dirty_(dirty) {}

    /// Waits for the CPU's data.
    bool active() const { return s_.rows_left != 0; }
    /// A blit that cannot run is ignored.
    void start(const CirrusBlit& blit);
    void stop();
    /// Data from the CPU. Returns how many bytes were taken: fewer when the blit ended with them.
    std::size_t feed(std::span<const u8> bytes);

    Status valid(const State& state) const;
    /// To be called after `state` was replaced.
    void restored();

private:
    u32 memory() const { return static_cast<u32>(video_.bytes().size()); }
    void about_to_paint(const CirrusBlitPlan& plan, CirrusBlitPlan::Range written);
    void painted(CirrusBlitPlan::Range written);
    void paint_row();

    Log log_;
    State& s_;
    VideoMemory& video_;
    VgaDirty& dirty_;
    std::optional<CirrusBlitPlan> plan_; ///< while active; follows from s_.blit
};
static_assert(covers_every_field<CirrusBlitter::State>);

} // namespace dm
