#include "dm/devices/vga/vga_core.hpp"

#include "dm/core/bits.hpp"

namespace dm {
namespace {

constexpr unsigned kFirstPort = 0x3b0;
constexpr unsigned kDispiIndexPort = 0; // offset from 1ce; data follows at 1 and 2

} // namespace

VgaCore::VgaCore(VideoMemory& video, const Clock& clock)
    : dispi_(s_.dispi, static_cast<u32>(video.bytes().size())), dirty_(video.bytes().size()),
      memory_(video, s_.vga, &dispi_, dirty_), render_(video, s_.vga, screen_, dirty_, clock) {}

void VgaCore::write_port(unsigned port, u8 value) {
    regs_.write(port, value);
    memory_.update();
}

void VgaCore::write_dispi(unsigned reg, u16 value) {
    const VbeDispi::Effect effect = dispi_.write(reg, value);
    if (effect.mode_set) preset_for_dispi();
    memory_.update();
    if (effect.clear_bytes != 0) memory_.clear(effect.clear_bytes);
}

// Drivers of linear modes set nothing but the dispi registers; those that look at the VGA's afterwards expect
// a graphics mode of the same size there.
void VgaCore::preset_for_dispi() {
    auto& cr = s_.vga.crtc;
    auto& gr = s_.vga.gfx;
    const auto change = [](u8& reg, unsigned clear, unsigned set) {
        reg = static_cast<u8>((reg & ~clear) | set);
    };
    const unsigned last_line = dispi_.height() - 1;
    change(gr[GR_MISCELLANEOUS], 0x0f, 0x05); // graphics, 64 KiB at A0000
    change(gr[GR_MODE], 0x60, dispi_.planar() ? 0x00 : 0x40);
    change(cr[CR_MODE_CONTROL], 0, 0x03); // no CGA addressing
    cr[CR_OFFSET] = static_cast<u8>(dispi_.line_bytes() / 8);
    cr[CR_HORIZONTAL_DISPLAY_END] = static_cast<u8>(dispi_.width() / 8 - 1);
    cr[CR_VERTICAL_DISPLAY_END] = static_cast<u8>(last_line);
    change(cr[CR_OVERFLOW], 0x42, (last_line >> 7 & 0x02) | (last_line >> 3 & 0x40) | 0x10);
    cr[CR_LINE_COMPARE] = 0xff;
    change(cr[CR_MAXIMUM_SCAN_LINE], 0x9f, 0x40);
}

void VgaCore::reset() {
    s_ = {};
    memory_.update();
}

Status VgaCore::valid(const State& state) const {
    DM_TRY(VgaRegs::valid(state.vga));
    return dispi_.valid(state.dispi);
}

void VgaCore::load(const State& state) {
    s_ = state;
    memory_.update();
    render_.invalidate();
}

// A word is index and data in one access, or the same of two ports: the lower byte first.
u64 VgaCore::Ports::read(u64 offset, unsigned size) {
    u64 value = 0;
    for (unsigned i = 0; i < size; ++i)
        value |= u64{core.read_port(kFirstPort + static_cast<unsigned>(offset) + i)} << (8 * i);
    return value;
}

void VgaCore::Ports::write(u64 offset, unsigned size, u64 value) {
    for (unsigned i = 0; i < size; ++i)
        core.write_port(kFirstPort + static_cast<unsigned>(offset) + i, byte_of(value, i));
}

u64 VgaCore::DispiPorts::read(u64 offset, unsigned size) {
    if (size != 2) return ones(size);
    if (offset == kDispiIndexPort) return core.s_.dispi.index;
    return core.read_dispi(core.s_.dispi.index);
}

void VgaCore::DispiPorts::write(u64 offset, unsigned size, u64 value) {
    if (size != 2) return;
    if (offset == kDispiIndexPort)
        core.s_.dispi.index = static_cast<u16>(value);
    else
        core.write_dispi(core.s_.dispi.index, static_cast<u16>(value));
}

} // namespace dm
