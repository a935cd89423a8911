// Standard VGA, PCI 1234:1111: the Bochs adapter as QEMU attaches it. Video memory in BAR0, registers once
// more in BAR2, the option ROM in the ROM BAR, and the VGA's fixed ports and window.
//
// Interface: Bochs vbe_display_api.txt, QEMU docs/specs/standard-vga. Notes: docs/devices/std_vga.md
#pragma once

#include "dm/core/pci.hpp"
#include "dm/devices/vga/option_rom.hpp"
#include "dm/devices/vga/vga_core.hpp"
#include "dm/devices/vga/vga_edid.hpp"

#include <array>
#include <memory>
#include <optional>
#include <span>
#include <vector>

namespace dm {

class StdVga final : public PciFunction {
public:
    struct State {
        VgaCore::State core;
        std::optional<u64> placed; ///< where the guest sees the video memory, decoded at this moment or not
        static constexpr void fields(auto&& v, auto& s) {
            v("core", s.core);
            v("placed", s.placed);
        }
    };

    /// Size of the video memory for an adapter that was asked to have `mebibytes`: a BAR is a power of two.
    static u64 memory_size(u64 mebibytes);

    /// `video`: of a size that memory_size() returns. `rom`: the image, empty for none. `clock`: for
    /// blinking.
    StdVga(std::string_view name, PciWiring wiring, std::unique_ptr<VideoMemory> video, std::vector<u8> rom,
           const Clock& clock);

    DisplaySource& display() { return screen_; }

    void reset() override;
    void save(StateWriter& out) const override;
    Status load(StateReader& in) override;

private:
    /// BAR2.
    struct Mmio final : IoHandler {
        explicit Mmio(StdVga& v) : vga(v) {}
        u64 read(u64 offset, unsigned size) override;
        void write(u64 offset, unsigned size, u64 value) override;
        u8 read_byte(u64 offset) const;
        StdVga& vga;
    };

    /// The VGA's picture, and a monitor of the size that viewers want.
    struct Screen final : DisplaySource {
        explicit Screen(StdVga& v) : vga(v) {}
        void refresh(Display& display, bool full) override { vga.core_.display().refresh(display, full); }
        void unwatched() override { vga.core_.display().unwatched(); }
        void snapshot(Display& display) override { vga.core_.display().snapshot(display); }
        bool propose_size(unsigned width, unsigned height) override;
        StdVga& vga;
    };

    void bar_moved(unsigned index, std::optional<u64> address) override;
    void place(std::optional<u64> address);

    std::unique_ptr<VideoMemory> video_;
    VgaCore core_;
    std::optional<u64> placed_;
    EdidBlock edid_; ///< what a viewer wants is no state of the machine: it does not travel
    Mmio mmio_{*this};
    Screen screen_{*this};
    OptionRom rom_;
    std::array<IoWindow, 7> windows_;
};
static_assert(covers_every_field<StdVga::State>);

} // namespace dm
