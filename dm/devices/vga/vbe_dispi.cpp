#include "dm/devices/vga/vbe_dispi.hpp"

#include <algorithm>

namespace dm {
namespace {

constexpr u16 kFirstId = 0xb0c0;
constexpr u16 kLastId = 0xb0c5;
constexpr u16 kEnableMask =
    VbeDispi::ENABLED | VbeDispi::GETCAPS | VbeDispi::DAC_8BIT | VbeDispi::LFB | VbeDispi::NOCLEARMEM;

} // namespace

u16 VbeDispi::read(unsigned reg) const {
    if (reg == VIDEO_MEMORY_64K) return static_cast<u16>(memory_ >> 16);
    if (reg >= kRegisters) return 0;
    if ((s_.regs[ENABLE] & GETCAPS) != 0) {
        if (reg == XRES) return kMaxXres;
        if (reg == YRES) return kMaxYres;
        if (reg == BPP) return kMaxBpp;
    }
    return s_.regs[reg];
}

VbeDispi::Effect VbeDispi::write(unsigned reg, u16 value) {
    if (reg >= kRegisters) return {};
    switch (static_cast<Reg>(reg)) {
    case ID:
        if (value >= kFirstId && value <= kLastId) s_.regs[ID] = value;
        return {};
    case XRES:
    case YRES:
    case BPP:
    case VIRT_WIDTH:
    case X_OFFSET:
    case Y_OFFSET:
        s_.regs[reg] = value;
        if (!enabled()) return {};
        normalise(s_.regs);
        return {.mode_set = true, .clear_bytes = 0};
    case BANK: {
        // Planar pixels take a quarter of the window's addresses.
        const u32 banks = (memory_ >> 16) / (planar() ? 4 : 1);
        s_.regs[BANK] = static_cast<u16>(value & (std::max<u32>(banks, 1) - 1));
        return {};
    }
    case ENABLE: return write_enable(value);
    case VIRT_HEIGHT:
    case VIDEO_MEMORY_64K: return {}; // read-only
    }
    return {};
}

VbeDispi::Effect VbeDispi::write_enable(u16 value) {
    const bool was_enabled = enabled();
    s_.regs[ENABLE] = value & kEnableMask;
    if (!enabled() || was_enabled) {
        s_.regs[BANK] = 0;
        return {.mode_set = enabled(), .clear_bytes = 0};
    }
    s_.regs[VIRT_WIDTH] = 0;
    s_.regs[X_OFFSET] = 0;
    s_.regs[Y_OFFSET] = 0;
    normalise(s_.regs);
    return {.mode_set = true,
            .clear_bytes = (value & NOCLEARMEM) != 0 ? 0 : std::min(memory_, height() * line_bytes())};
}

// Makes the registers describe a window that lies inside the video memory, whatever they held.
void VbeDispi::normalise(Regs& regs) const {
    switch (regs[BPP]) {
    case 4:
    case 8:
    case 15:
    case 16:
    case 24:
    case 32: break;
    default: regs[BPP] = 8;
    }
    const unsigned bits = bits_per_pixel(regs[BPP]);
    regs[XRES] = static_cast<u16>(std::clamp<unsigned>(regs[XRES] & ~7U, 8, kMaxXres));
    regs[VIRT_WIDTH] = static_cast<u16>(std::clamp<unsigned>(regs[VIRT_WIDTH] & ~7U, regs[XRES], kMaxXres));
    // A small memory may not hold one line of what was asked for.
    const unsigned most_pixels = (memory_ * 8 / bits) & ~7U;
    regs[XRES] = static_cast<u16>(std::min<unsigned>(regs[XRES], most_pixels));
    regs[VIRT_WIDTH] = static_cast<u16>(std::min<unsigned>(regs[VIRT_WIDTH], most_pixels));

    const u32 line = line_bytes_of(regs);
    const u32 lines = std::min<u32>(memory_ / line, 0xffff);
    regs[YRES] = static_cast<u16>(std::clamp<u32>(regs[YRES], 1, std::min<u32>(lines, kMaxYres)));
    regs[VIRT_HEIGHT] = static_cast<u16>(lines);

    const auto leaves_memory = [&] {
        const u64 start = u64{regs[Y_OFFSET]} * line + u64{regs[X_OFFSET]} * bits / 8;
        return start + u64{regs[YRES]} * line > memory_;
    };
    if (leaves_memory()) regs[Y_OFFSET] = 0;
    if (leaves_memory()) regs[X_OFFSET] = 0;
}

u32 VbeDispi::start_byte() const {
    const u32 line = s_.regs[Y_OFFSET] * line_bytes();
    if (planar()) return line + x_offset() / 8 * 4;
    return line + x_offset() * bits_per_pixel(s_.regs[BPP]) / 8;
}

Status VbeDispi::valid(const State& state) const {
    const Regs& regs = state.regs;
    Regs normal = regs;
    if ((regs[ENABLE] & ENABLED) != 0) normalise(normal);
    if (normal != regs || regs[ID] < kFirstId || regs[ID] > kLastId || (regs[ENABLE] & ~kEnableMask) != 0 ||
        regs[BANK] >= std::max<u32>(memory_ >> 16, 1))
        return fail("saved state: vga: impossible dispi registers");
    return {};
}

} // namespace dm
