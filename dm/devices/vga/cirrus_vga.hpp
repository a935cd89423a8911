// Cirrus Logic CL-GD5446, PCI 1013:00b8, as QEMU attaches it: 4 MiB of video memory in BAR0 and behind it the
// place for blit data, registers in BAR1, the option ROM in the ROM BAR, and the VGA's fixed ports and
// window.
//
// Datasheet: "CL-GD5446 Technical Reference Manual", Cirrus Logic, 1996. Not there: byte swapping apertures,
// video overlay and capture, blits to the CPU, DDC. Notes: docs/devices/cirrus_vga.md
#pragma once

#include "dm/core/pci.hpp"
#include "dm/devices/vga/cirrus_core.hpp"
#include "dm/devices/vga/option_rom.hpp"

#include <array>
#include <memory>
#include <optional>
#include <vector>

namespace dm {

class CirrusVga final : public PciFunction {
public:
    /// The chip's most; registers tell drivers of just this.
    static constexpr u64 kMemory = u64{4} << 20;

    struct State {
        CirrusCore::State core;
        /// Where the guest reaches the video memory without us. Nothing while its accesses mean more than
        /// that.
        std::optional<u64> placed;
        static constexpr void fields(auto&& v, auto& s) {
            v("core", s.core);
            v("placed", s.placed);
        }
    };

    /// `video`: of kMemory bytes; tests take less, a power of two. `rom`: the image, empty for none. `clock`:
    /// for blinking.
    CirrusVga(std::string_view name, PciWiring wiring, std::unique_ptr<VideoMemory> video,
              std::vector<u8> rom, const Clock& clock);

    DisplaySource& display() { return core_.display(); }

    void reset() override;
    void save(StateWriter& out) const override;
    Status load(StateReader& in) override;

private:
    /// BAR0, where the guest does not reach the memory itself.
    struct Aperture final : IoHandler {
        explicit Aperture(CirrusVga& v) : vga(v) {}
        u64 read(u64 offset, unsigned size) override;
        void write(u64 offset, unsigned size, u64 value) override;
        void read_span(u64 offset, unsigned size, std::span<u8> bytes) override;
        void write_span(u64 offset, unsigned size, std::span<const u8> bytes) override;
        CirrusVga& vga;
    };

    void bar_moved(unsigned index, std::optional<u64> address) override;
    void place(std::optional<u64> address);
    void place_again();

    std::unique_ptr<VideoMemory> video_;
    CirrusCore core_;
    std::optional<u64> placed_;
    bool loading_ = false; ///< the BARs are being set, and the memory is placed by what was saved
    Aperture aperture_{*this};
    OptionRom rom_;
    std::array<IoWindow, 6> windows_;
};
static_assert(covers_every_field<CirrusVga::State>);

} // namespace dm
