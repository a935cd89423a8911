#include "dm/qtest/bus.hpp"

#include "dm/core/bits.hpp"

#include <algorithm>
#include <bit>
#include <cstring>

namespace dm::qtest {
namespace {

constexpr GuestPhys kVgaArea = 0xa0000;
constexpr GuestPhys kRomArea = 0xc0000;
constexpr GuestPhys kBiosArea = 0xf0000;
constexpr GuestPhys kOneMebibyte = 0x100000;

// Memory attribute registers of the host bridge (Intel 290549): a nibble for 16 KiB, for all of the BIOS one
// more.
constexpr Bdf kHostBridge{0, 0, 0};
constexpr unsigned kPam0 = 0x59;
constexpr u32 kReadEnable = 1;
constexpr u32 kWriteEnable = 2;
constexpr u64 kPamPiece = 0x4000;

unsigned pam_nibble(GuestPhys addr) {
    return addr >= kBiosArea ? 1 : 2 + static_cast<unsigned>((addr - kRomArea) / kPamPiece);
}

/// The widest aligned access that starts at `addr` and stays within `left` bytes.
unsigned access_size(GuestPhys addr, u64 left) {
    const u64 aligned = addr == 0 ? 8 : addr & (~addr + 1);
    return static_cast<unsigned>(std::bit_floor(std::min({aligned, left, u64{8}})));
}

} // namespace

class Bus::Video final : public VideoMemory {
public:
    Video(Bus& bus, u64 size) : bus_(bus), memory_(size, 0) { bus_.videos_.push_back(this); }
    ~Video() override { std::erase(bus_.videos_, this); }
    Video(const Video&) = delete;
    Video& operator=(const Video&) = delete;

    std::span<u8> bytes() override { return memory_; }
    void place(std::optional<GuestPhys> addr) override { place_ = addr; }
    bool collect_dirty(u64, u64, std::span<u8>) override { return false; }
    void stop_tracking() override {}
    void wrote(u64, u64) override {}

    std::span<u8> view(GuestPhys addr, u64 length) {
        if (!place_ || addr < *place_ || addr - *place_ >= memory_.size()) return {};
        const u64 at = addr - *place_;
        return std::span(memory_).subspan(at, std::min(length, memory_.size() - at));
    }

private:
    Bus& bus_;
    std::vector<u8> memory_;
    std::optional<GuestPhys> place_;
};

Result<std::unique_ptr<VideoMemory>> Bus::make_video_memory(u64 size) {
    return std::unique_ptr<VideoMemory>(std::make_unique<Video>(*this, size));
}

void Bus::connect(IoSpace& ports, IoSpace& memory, PciBus& pci) {
    ports_ = &ports;
    memory_ = &memory;
    pci_ = &pci;
}

u32 Bus::in(u16 port, unsigned size) {
    if (hypervisor_ports_.answers(port, size)) return static_cast<u32>(hypervisor_ports_.read(port, size));
    return static_cast<u32>(ports_ != nullptr ? ports_->read(port, size) : ones(size));
}

void Bus::out(u16 port, unsigned size, u32 value) {
    if (hypervisor_ports_.answers(port, size))
        hypervisor_ports_.write(port, size, value);
    else if (ports_ != nullptr)
        ports_->write(port, size, value);
}

Bus::Segment Bus::rom_area(GuestPhys addr, u64 length, Direction direction) {
    const u64 here = std::min(length, kPamPiece - addr % kPamPiece);
    const unsigned nibble = pam_nibble(addr);
    const u32 attributes = pci_ != nullptr
                               ? pci_->config_read(kHostBridge, kPam0 + nibble / 2, 1) >> (nibble % 2 * 4)
                               : kReadEnable | kWriteEnable;
    const bool to_ram = direction == Direction::Read ? (attributes & kReadEnable) != 0
                                                     : (attributes & kWriteEnable) != 0 && !roms_locked_;
    const std::span<u8> bytes = to_ram ? ram_.view(addr, here) : std::span<u8>{};
    return {bytes, bytes.empty() ? here : bytes.size()};
}

Bus::Segment Bus::segment(GuestPhys addr, u64 length, Direction direction) {
    if (addr >= kRomArea && addr < kOneMebibyte) return rom_area(addr, length, direction);
    if (addr >= kVgaArea && addr < kRomArea) return {{}, std::min(length, kRomArea - addr)};
    const u64 before_vga = addr < kVgaArea ? std::min(length, kVgaArea - addr) : length;
    if (const std::span<u8> bytes = ram_.view(addr, before_vga); !bytes.empty()) return {bytes, bytes.size()};
    for (Video* video : videos_)
        if (const std::span<u8> bytes = video->view(addr, length); !bytes.empty())
            return {bytes, bytes.size()};
    return {{}, std::min(length, kPageSize - addr % kPageSize)};
}

void Bus::read(GuestPhys addr, std::span<u8> out) {
    while (!out.empty()) {
        const Segment part = segment(addr, out.size(), Direction::Read);
        if (part.bytes.empty())
            read_devices(addr, out.first(part.length));
        else
            std::memcpy(out.data(), part.bytes.data(), part.length);
        out = out.subspan(part.length);
        addr += part.length;
    }
}

void Bus::write(GuestPhys addr, std::span<const u8> in) {
    while (!in.empty()) {
        const Segment part = segment(addr, in.size(), Direction::Write);
        if (part.bytes.empty())
            write_devices(addr, in.first(part.length));
        else
            std::memcpy(part.bytes.data(), in.data(), part.length);
        in = in.subspan(part.length);
        addr += part.length;
    }
}

void Bus::read_devices(GuestPhys addr, std::span<u8> out) {
    while (!out.empty()) {
        const unsigned size = access_size(addr, out.size());
        const u64 value = memory_ != nullptr ? memory_->read(addr, size) : ones(size);
        for (unsigned i = 0; i < size; ++i)
            out[i] = byte_of(value, i);
        out = out.subspan(size);
        addr += size;
    }
}

void Bus::write_devices(GuestPhys addr, std::span<const u8> in) {
    while (!in.empty()) {
        const unsigned size = access_size(addr, in.size());
        u64 value = 0;
        for (unsigned i = 0; i < size; ++i)
            value |= u64{in[i]} << (i * 8);
        if (memory_ != nullptr) memory_->write(addr, size, value);
        in = in.subspan(size);
        addr += size;
    }
}

} // namespace dm::qtest
