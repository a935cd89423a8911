#include "dm/devices/net/pcnet_descriptor.hpp"

#include "dm/core/bits.hpp"

#include <algorithm>
#include <atomic>

namespace dm::pcnet {
namespace {

constexpr u16 get16(std::span<const u8> bytes, std::size_t at) {
    return static_cast<u16>(bytes[at] | bytes[at + 1] << 8);
}
constexpr u32 get32(std::span<const u8> bytes, std::size_t at) {
    return get16(bytes, at) | u32{get16(bytes, at + 2)} << 16;
}
/// A bus without an answer.
bool is_nowhere(std::span<const u8> bytes) {
    return std::ranges::all_of(bytes, [](u8 byte) { return byte == 0xff; });
}
void put(GuestMemory& memory, u32 at, u32 value, unsigned size) {
    const std::array<u8, 4> bytes{byte_of(value, 0), byte_of(value, 1), byte_of(value, 2), byte_of(value, 3)};
    memory.write(at, std::span(bytes).first(size));
}

constexpr u32 kLanceAddress = 0x00ff'ffff;

} // namespace

std::optional<Descriptor> read_descriptor(GuestMemory& memory, u32 at, Style style, u32 high) {
    std::array<u8, 16> all;
    const std::span<u8> bytes = std::span(all).first(descriptor_bytes(style));
    memory.read(at, bytes);
    if (is_nowhere(bytes)) return std::nullopt;
    Descriptor d;
    d.length = static_cast<u16>(4096U - (get16(bytes, 4) & 0x0fffU)); // BCNT, two's complement
    if (style == Style::Lance) {
        d.address = (get32(bytes, 0) & kLanceAddress) | high;
        d.status = static_cast<u16>(bytes[3] << 8);
    } else {
        d.address = get32(bytes, style == Style::PciBurst ? 8 : 0);
        d.status = get16(bytes, 6);
    }
    return d;
}

std::optional<InitBlock> read_init_block(GuestMemory& memory, u32 at, Style style, u32 high) {
    const bool lance = style == Style::Lance;
    std::array<u8, 28> all;
    const std::span<u8> bytes = std::span(all).first(lance ? 24 : 28);
    memory.read(at, bytes);
    if (is_nowhere(bytes)) return std::nullopt;
    InitBlock block;
    block.mode = get16(bytes, 0);
    for (std::size_t i = 0; i < block.padr.size(); ++i)
        block.padr[i] = get16(bytes, (lance ? 2 : 4) + i * 2);
    for (std::size_t i = 0; i < block.ladrf.size(); ++i)
        block.ladrf[i] = get16(bytes, (lance ? 8 : 12) + i * 2);
    block.rdra = get32(bytes, lance ? 16 : 20);
    block.tdra = get32(bytes, lance ? 20 : 24);
    if (lance) {
        block.rlen = static_cast<u8>(block.rdra >> 29);
        block.tlen = static_cast<u8>(block.tdra >> 29);
        block.rdra = (block.rdra & kLanceAddress) | high;
        block.tdra = (block.tdra & kLanceAddress) | high;
    } else {
        block.rlen = bytes[2] >> 4;
        block.tlen = bytes[3] >> 4;
    }
    return block;
}

/// OWN goes last: another CPU of the guest may be looking.
void write_descriptor(GuestMemory& memory, u32 at, Style style, u16 status, std::optional<u32> message) {
    const bool lance = style == Style::Lance;
    if (message) {
        if (lance)
            put(memory, at + 6, *message, 2);
        else
            put(memory, at + (style == Style::PciBurst ? 0 : 8), *message, 4);
    }
    std::atomic_thread_fence(std::memory_order_release);
    if (lance)
        put(memory, at + 3, status >> 8, 1);
    else
        put(memory, at + 6, status, 2);
}

} // namespace dm::pcnet
