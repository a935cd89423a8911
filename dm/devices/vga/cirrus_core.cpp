#include "dm/devices/vga/cirrus_core.hpp"

#include <algorithm>

namespace dm {
namespace {

constexpr unsigned kFirstPort = 0x3b0;
constexpr u64 kMappedPorts = 0x20;      // of BAR1: ports from 3c0 on
constexpr u64 kMappedBlitter = 0x100;   // of BAR1
constexpr u64 kWindowBlitter = 0x18000; // of the window: B8000
constexpr u64 kBlitterRegisters = 0x100;
constexpr unsigned kLongestAccess = 8;

u64 value_of(std::span<const u8> bytes) {
    u64 value = 0;
    for (unsigned i = 0; i < bytes.size(); ++i)
        value |= u64{bytes[i]} << (8 * i);
    return value;
}

std::array<u8, kLongestAccess> bytes_of(u64 value) {
    std::array<u8, kLongestAccess> bytes{};
    for (unsigned i = 0; i < bytes.size(); ++i)
        bytes[i] = byte_of(value, i);
    return bytes;
}

} // namespace

CirrusCore::CirrusCore(std::string_view name, VideoMemory& video, const Clock& clock,
                       std::function<void(bool plain)> linear_changed)
    : linear_changed_(std::move(linear_changed)), registers_at_(video.bytes().size() - kBlitterRegisters),
      dirty_(video.bytes().size()), blitter_(name, s_.blitter, video, dirty_),
      planes_(video, s_.vga, nullptr, dirty_), memory_(video, s_.regs, dirty_),
      screen_(video, s_.vga, s_.regs, regs_), render_(video, s_.vga, screen_, dirty_, clock) {}

void CirrusCore::update() {
    planes_.update();
    const bool plain = memory_.plain() && !blitter_.active() && !regs_.mapped_in_linear();
    if (plain == plain_) return;
    plain_ = plain;
    linear_changed_(plain);
}

void CirrusCore::apply(CirrusRegs::Effect effect) {
    switch (effect) {
    case CirrusRegs::Effect::None: break;
    case CirrusRegs::Effect::StartBlit: blitter_.start(regs_.blit()); break;
    case CirrusRegs::Effect::ResetBlit: blitter_.stop(); break;
    }
    update();
}

void CirrusCore::write_port(unsigned port, u8 value) {
    apply(regs_.write(port, value, blitter_.active()));
}

// A word is index and data in one access, or the same of two ports: the lower byte first.
u64 CirrusCore::read_ports(u64 offset, unsigned size) {
    u64 value = 0;
    for (unsigned i = 0; i < size; ++i)
        value |= u64{read_port(kFirstPort + static_cast<unsigned>(offset) + i)} << (8 * i);
    return value;
}

void CirrusCore::write_ports(u64 offset, unsigned size, u64 value) {
    for (unsigned i = 0; i < size; ++i)
        write_port(kFirstPort + static_cast<unsigned>(offset) + i, byte_of(value, i));
}

u64 CirrusCore::read_mapped(u64 offset, unsigned size) {
    u64 value = 0;
    for (unsigned i = 0; i < size; ++i) {
        const u64 at = offset + i;
        u8 byte = 0xff;
        if (at < kMappedPorts) byte = read_port(static_cast<unsigned>(0x3c0 + at));
        if (at >= kMappedBlitter)
            byte = regs_.read_mapped(static_cast<unsigned>(at - kMappedBlitter), blitter_.active());
        value |= u64{byte} << (8 * i);
    }
    return value;
}

void CirrusCore::write_mapped(u64 offset, unsigned size, u64 value) {
    for (unsigned i = 0; i < size; ++i) {
        const u64 at = offset + i;
        if (at < kMappedPorts) write_port(static_cast<unsigned>(0x3c0 + at), byte_of(value, i));
        if (at >= kMappedBlitter)
            write_mapped_byte(static_cast<unsigned>(at - kMappedBlitter), byte_of(value, i));
    }
}

void CirrusCore::write_mapped_byte(unsigned offset, u8 value) {
    apply(regs_.write_mapped(offset, value, blitter_.active()));
}

// The CPU sends whole accesses: what is left of the one that completes the blit is padding.
std::size_t CirrusCore::feed(unsigned size, std::span<const u8> bytes) {
    if (!blitter_.active()) return 0;
    const std::size_t taken = (blitter_.feed(bytes) + size - 1) / size * size;
    if (!blitter_.active()) update();
    return std::min(taken, bytes.size());
}

void CirrusCore::read_linear(u64 address, std::span<u8> bytes) {
    const u64 end = registers_at_ + kBlitterRegisters;
    if (!regs_.mapped_in_linear()) {
        memory_.read_linear(address, bytes);
        return;
    }
    for (u8& byte : bytes) {
        const u64 at = address++ & (end - 1);
        if (at >= registers_at_)
            byte = regs_.read_mapped(static_cast<unsigned>(at - registers_at_), blitter_.active());
        else
            memory_.read_linear(at, {&byte, 1});
    }
}

void CirrusCore::write_linear(u64 address, unsigned size, std::span<const u8> bytes) {
    const u64 end = registers_at_ + kBlitterRegisters;
    while (!bytes.empty()) {
        const u64 at = address & (end - 1);
        std::size_t done = 0;
        if (regs_.mapped_in_linear() && at >= registers_at_) {
            write_mapped_byte(static_cast<unsigned>(at - registers_at_), bytes.front());
            done = 1;
        } else if (blitter_.active()) {
            done = feed(size, bytes);
        } else {
            done = regs_.mapped_in_linear() ? std::min<u64>(bytes.size(), registers_at_ - at) : bytes.size();
            memory_.write_linear(at, bytes.first(done));
        }
        address += done;
        bytes = bytes.subspan(done);
    }
}

u64 CirrusCore::Window::read(u64 offset, unsigned size) {
    std::array<u8, kLongestAccess> bytes{};
    read_span(offset, size, std::span(bytes).first(size));
    return value_of(std::span(bytes).first(size));
}

void CirrusCore::Window::write(u64 offset, unsigned size, u64 value) {
    const auto bytes = bytes_of(value);
    write_span(offset, size, std::span(bytes).first(size));
}

void CirrusCore::Window::read_span(u64 offset, unsigned size, std::span<u8> bytes) {
    if (!core.regs_.extended()) {
        core.planes_.read_span(offset, size, bytes);
        return;
    }
    while (!bytes.empty()) {
        std::size_t done = 1;
        if (offset < CirrusMemory::kWindowLength) {
            done = std::min<u64>(bytes.size(), CirrusMemory::kWindowLength - offset);
            core.memory_.read_window(offset, bytes.first(done));
        } else if (offset - kWindowBlitter < kBlitterRegisters && core.regs_.mapped_in_window()) {
            bytes.front() = core.regs_.read_mapped(static_cast<unsigned>(offset - kWindowBlitter),
                                                   core.blitter_.active());
        } else {
            bytes.front() = 0xff;
        }
        offset += done;
        bytes = bytes.subspan(done);
    }
}

void CirrusCore::Window::write_span(u64 offset, unsigned size, std::span<const u8> bytes) {
    while (!bytes.empty()) {
        if (!core.regs_.extended()) { // also when a byte of this span has made it so
            core.planes_.write_span(offset, size, bytes);
            return;
        }
        std::size_t done = 1;
        if (offset < CirrusMemory::kWindowLength) {
            done = core.feed(size, bytes);
            if (done == 0) {
                done = std::min<u64>(bytes.size(), CirrusMemory::kWindowLength - offset);
                core.memory_.write_window(offset, bytes.first(done));
            }
        } else if (offset - kWindowBlitter < kBlitterRegisters && core.regs_.mapped_in_window()) {
            core.write_mapped_byte(static_cast<unsigned>(offset - kWindowBlitter), bytes.front());
        }
        offset += done;
        bytes = bytes.subspan(done);
    }
}

void CirrusCore::reset() {
    s_ = {};
    blitter_.restored();
    update();
}

Status CirrusCore::valid(const State& state) const {
    DM_TRY(VgaRegs::valid(state.vga));
    DM_TRY(CirrusRegs::valid(state.regs));
    return blitter_.valid(state.blitter);
}

void CirrusCore::load(const State& state) {
    s_ = state;
    blitter_.restored();
    update();
    render_.invalidate();
}

} // namespace dm
