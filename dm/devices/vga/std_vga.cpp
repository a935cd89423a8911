#include "dm/devices/vga/std_vga.hpp"

#include "dm/core/bits.hpp"

#include <algorithm>
#include <bit>

namespace dm {
namespace {

constexpr PciIdentity kIdentity = {
    .vendor = 0x1234,
    .device = 0x1111,
    .class_code = 0x030000,
    .revision = 2, // tells drivers that BAR2 has the extended registers
};

constexpr u64 kMebibyte = 1 << 20;
constexpr u64 kLeastMemory = 1 * kMebibyte;
constexpr u64 kMostMemory = 256 * kMebibyte;
constexpr unsigned kMemoryBar = 0;
constexpr unsigned kMmioBar = 2;

// BAR2.
constexpr u64 kMmioSize = 0x1000;
constexpr u64 kMmioEdidEnd = 0x400;
constexpr u64 kMmioPorts = 0x400; // ports 3c0..3df
constexpr u64 kMmioPortsEnd = 0x420;
constexpr u64 kMmioDispi = 0x500; // sixteen bits each
constexpr u64 kMmioDispiEnd = 0x516;
constexpr u64 kMmioExtended = 0x600; // its own size, then the byte order of pixels
constexpr u64 kMmioByteOrder = 0x604;
constexpr u64 kMmioExtendedEnd = 0x608;
constexpr u32 kExtendedSize = 8;
constexpr u32 kLittleEndian = 0x1e1e1e1e;
constexpr u32 kBigEndian = 0xbebebebe;

constexpr ScreenMode kPreferred{1280, 800}; // until a viewer wants something else

} // namespace

u64 StdVga::memory_size(u64 mebibytes) {
    return std::bit_ceil(std::clamp(mebibytes, kLeastMemory / kMebibyte, kMostMemory / kMebibyte)) *
           kMebibyte;
}

StdVga::StdVga(std::string_view name, PciWiring wiring, std::unique_ptr<VideoMemory> video,
               std::vector<u8> rom, const Clock& clock)
    : PciFunction(name, kIdentity, {wiring.ports, wiring.memory, IrqLine{}}), video_(std::move(video)),
      core_(*video_, clock),
      edid_(make_edid(possible_mode(kPreferred, video_->bytes().size()), video_->bytes().size())) {
    add_bar(kMemoryBar, {.kind = BarKind::PrefetchableMemory, .size = video_->bytes().size()});
    add_bar(kMmioBar, {.kind = BarKind::Memory, .size = kMmioSize, .handler = &mmio_, .max_width = 8});
    rom_.set(std::move(rom));
    if (rom_.size() != 0)
        add_bar(pci::kRomBar, {.kind = BarKind::Rom, .size = rom_.size(), .handler = &rom_, .max_width = 8});
    finish_config();

    // The fixed addresses answer whatever the command register says: firmware probes them while it sizes
    // BARs.
    const auto ports = [&](u64 base, u64 length) {
        return wiring.ports.map(
            {.base = base, .length = length, .max_width = 2, .first_offset = base - 0x3b0}, core_.ports());
    };
    windows_ = {
        ports(0x3b4, 2),
        ports(0x3ba, 1),
        ports(0x3c0, 16),
        ports(0x3d4, 2),
        ports(0x3da, 1),
        wiring.ports.map({.base = 0x1ce, .length = 4, .max_width = 2}, core_.dispi_ports()),
        wiring.memory.map(
            {.base = VgaMemory::kWindowBase, .length = VgaMemory::kWindowLength, .max_width = 8},
            core_.window()),
    };
}

// Decoding that is switched off for a moment (every system does that to size BARs) leaves the memory where it
// is: moving it means moving each of its pages.
void StdVga::bar_moved(unsigned index, std::optional<u64> address) {
    if (index == kMemoryBar && address) place(address);
}

void StdVga::place(std::optional<u64> address) {
    if (address == placed_) return;
    placed_ = address;
    video_->place(address);
}

void StdVga::reset() {
    core_.reset();
    reset_config();
    place(std::nullopt);
}

void StdVga::save(StateWriter& out) const {
    save_config(out);
    out.section(name(), State{core_.state(), placed_});
}

Status StdVga::load(StateReader& in) {
    State state;
    const auto valid = [this](const State& s) -> Status {
        if (s.placed && (*s.placed & (bar_size(kMemoryBar) - 1)) != 0)
            return fail("saved state: {}: video memory at {:#x}", name(), *s.placed);
        return core_.valid(s.core);
    };
    DM_TRY(load_section(in, name(), state, valid));
    DM_TRY(load_config(in));
    // Where BAR0 is being decoded the loaded configuration has placed the memory; else it is where it was
    // left.
    placed_ = bar_address(kMemoryBar) ? bar_address(kMemoryBar) : state.placed;
    video_->place(placed_);
    DM_TRY(video_->found());
    core_.load(state.core);
    return {};
}

bool StdVga::Screen::propose_size(unsigned width, unsigned height) {
    const u64 memory = vga.video_->bytes().size();
    vga.edid_ = make_edid(possible_mode({width, height}, memory), memory);
    return true;
}

u8 StdVga::Mmio::read_byte(u64 offset) const {
    if (offset < kEdidBytes) return vga.edid_[offset];
    if (offset < kMmioEdidEnd) return 0;
    if (offset >= kMmioPorts && offset < kMmioPortsEnd)
        return vga.core_.read_port(static_cast<unsigned>(0x3c0 + offset - kMmioPorts));
    if (offset >= kMmioDispi && offset < kMmioDispiEnd) {
        const u64 reg = (offset - kMmioDispi) / 2;
        return byte_of(vga.core_.read_dispi(static_cast<unsigned>(reg)), offset & 1);
    }
    if (offset >= kMmioByteOrder && offset < kMmioExtendedEnd)
        return byte_of(vga.core_.state().big_endian ? kBigEndian : kLittleEndian, offset & 3);
    if (offset >= kMmioExtended && offset < kMmioByteOrder) return byte_of(kExtendedSize, offset & 3);
    return 0xff;
}

u64 StdVga::Mmio::read(u64 offset, unsigned size) {
    u64 value = 0;
    for (unsigned i = 0; i < size; ++i)
        value |= u64{read_byte(offset + i)} << (8 * i);
    return value;
}

void StdVga::Mmio::write(u64 offset, unsigned size, u64 value) {
    if (offset == kMmioByteOrder && size == 4) {
        if (value == kBigEndian || value == kLittleEndian) vga.core_.set_big_endian(value == kBigEndian);
        return;
    }
    for (unsigned i = 0; i < size; ++i) {
        const u64 at = offset + i;
        if (at >= kMmioPorts && at < kMmioPortsEnd)
            vga.core_.write_port(static_cast<unsigned>(0x3c0 + at - kMmioPorts), byte_of(value, i));
        // Dispi registers are words: half of one, or one that starts in the middle, is not written.
        if (at >= kMmioDispi && at + 1 < kMmioDispiEnd && (at & 1) == 0 && i + 1 < size)
            vga.core_.write_dispi(static_cast<unsigned>((at - kMmioDispi) / 2),
                                  static_cast<u16>(value >> (8 * i)));
    }
}

} // namespace dm
