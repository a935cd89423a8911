// The fixture of the tests that look at the picture.
#pragma once

#include "tests/devices/vga_rig.hpp"

#include <gmock/gmock.h>

namespace dm::test {

struct VgaRenderTest : testing::Test {
    VgaRig rig{4 << 20};
    VgaDriver& vga = rig.drive;
    Picture& screen = rig.screen;

    void mode(const VgaMode& m) {
        vga.set(m);
        vga.distinct_dac();
    }
    /// Colour of one of the sixteen through the palette registers.
    static u32 colour(const VgaMode& m, unsigned i) { return VgaDriver::distinct_colour(m.attr[i]); }
    void expect_same_as_drawn_afresh() { EXPECT_EQ(screen.visible(), rig.drawn_afresh()); }
};

} // namespace dm::test
