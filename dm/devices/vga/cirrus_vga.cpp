#include "dm/devices/vga/cirrus_vga.hpp"

#include <algorithm>
#include <cstring>

namespace dm {
namespace {

constexpr PciIdentity kIdentity = {.vendor = 0x1013, .device = 0x00b8, .class_code = 0x030000};

constexpr unsigned kMemoryBar = 0;
constexpr unsigned kMappedBar = 1;

// BAR0.
constexpr u64 kApertureSize = u64{32} << 20;
constexpr u64 kBlitData = u64{16} << 20;
constexpr u64 kBlitDataEnd = u64{20} << 20;

constexpr u64 kMappedSize = 0x1000;
constexpr unsigned kLongestAccess = 8;

} // namespace

CirrusVga::CirrusVga(std::string_view name, PciWiring wiring, std::unique_ptr<VideoMemory> video,
                     std::vector<u8> rom, const Clock& clock)
    : PciFunction(name, kIdentity, {wiring.ports, wiring.memory, IrqLine{}}), video_(std::move(video)),
      core_(name, *video_, clock, [this](bool plain) {
          if (!plain) place(std::nullopt);
      }) {
    add_bar(
        kMemoryBar,
        {.kind = BarKind::PrefetchableMemory, .size = kApertureSize, .handler = &aperture_, .max_width = 8});
    add_bar(kMappedBar,
            {.kind = BarKind::Memory, .size = kMappedSize, .handler = &core_.mapped(), .max_width = 8});
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
        wiring.memory.map(
            {.base = VgaMemory::kWindowBase, .length = VgaMemory::kWindowLength, .max_width = 8},
            core_.window()),
    };
}

// Decoding that is switched off for a moment (every system does that to size BARs) leaves the memory where it
// is: moving it means moving each of its pages.
void CirrusVga::bar_moved(unsigned index, std::optional<u64> address) {
    if (index == kMemoryBar && address && core_.linear_plain() && !loading_) place(address);
}

void CirrusVga::place(std::optional<u64> address) {
    if (address == placed_) return;
    placed_ = address;
    video_->place(address);
}

// Not before the guest accesses it: consoles send blit after blit, and each placing moves a thousand pages.
void CirrusVga::place_again() {
    if (!placed_ && core_.linear_plain()) place(bar_address(kMemoryBar));
}

void CirrusVga::reset() {
    core_.reset();
    reset_config();
    place(std::nullopt);
}

void CirrusVga::save(StateWriter& out) const {
    save_config(out);
    out.section(name(), State{core_.state(), placed_});
}

Status CirrusVga::load(StateReader& in) {
    State state;
    const auto valid = [this](const State& s) -> Status {
        if (s.placed && (*s.placed & (kApertureSize - 1)) != 0)
            return fail("saved state: {}: video memory at {:#x}", name(), *s.placed);
        return core_.valid(s.core);
    };
    DM_TRY(load_section(in, name(), state, valid));
    loading_ = true;
    const Status config = load_config(in);
    loading_ = false;
    DM_TRY(config);
    // First where the guest has had the memory all along; the core may then read it, or move it.
    placed_ = state.placed;
    video_->place(placed_);
    DM_TRY(video_->found());
    core_.load(state.core);
    place(core_.linear_plain() ? state.placed : std::nullopt);
    return {};
}

u64 CirrusVga::Aperture::read(u64 offset, unsigned size) {
    std::array<u8, kLongestAccess> bytes{};
    read_span(offset, size, std::span(bytes).first(size));
    u64 value = 0;
    for (unsigned i = 0; i < size; ++i)
        value |= u64{bytes[i]} << (8 * i);
    return value;
}

void CirrusVga::Aperture::write(u64 offset, unsigned size, u64 value) {
    std::array<u8, kLongestAccess> bytes{};
    for (unsigned i = 0; i < size; ++i)
        bytes[i] = byte_of(value, i);
    write_span(offset, size, std::span(bytes).first(size));
}

void CirrusVga::Aperture::read_span(u64 offset, unsigned, std::span<u8> bytes) {
    const u64 memory = vga.video_->bytes().size();
    const u64 inside = offset < memory ? std::min<u64>(bytes.size(), memory - offset) : 0;
    std::memset(bytes.data() + inside, 0xff, bytes.size() - inside);
    if (inside == 0) return;
    vga.core_.read_linear(offset, bytes.first(inside));
    vga.place_again();
}

void CirrusVga::Aperture::write_span(u64 offset, unsigned size, std::span<const u8> bytes) {
    const u64 memory = vga.video_->bytes().size();
    if (offset < memory) {
        const bool plain = vga.core_.linear_plain();
        vga.core_.write_linear(offset, size, bytes.first(std::min<u64>(bytes.size(), memory - offset)));
        if (plain) vga.place_again(); // not by the last byte of a blit
    } else if (offset >= kBlitData && offset < kBlitDataEnd) {
        vga.core_.write_blit_data(size, bytes.first(std::min<u64>(bytes.size(), kBlitDataEnd - offset)));
    }
}

} // namespace dm
