// What the CL-GD5446 shows: the VGA's modes with a longer pitch and start address, its own packed modes, and
// the hardware cursor.
#pragma once

#include "dm/core/hypervisor.hpp"
#include "dm/devices/vga/cirrus_regs.hpp"
#include "dm/devices/vga/vga_screen.hpp"

namespace dm {

class CirrusScreen final : public VgaScreen {
public:
    CirrusScreen(VideoMemory& video, const VgaRegs::State& vga, const CirrusRegs::State& cirrus,
                 const CirrusRegs& regs)
        : video_(video), v_(vga), s_(cirrus), regs_(regs) {}

    VgaFrame frame() const override;
    VgaCursor cursor() const override;

private:
    VideoMemory& video_;
    const VgaRegs::State& v_;
    const CirrusRegs::State& s_;
    const CirrusRegs& regs_;
};

} // namespace dm
