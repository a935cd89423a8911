// What network cards share: Ethernet's addresses, frames and check sequence (IEEE 802.3, 802.1Q for tags).
#pragma once

#include "dm/core/types.hpp"

#include <algorithm>
#include <array>
#include <span>

namespace dm::ethernet {

using Address = std::array<u8, 6>;

inline constexpr std::size_t kHeader = 14;       ///< two addresses and the type
inline constexpr std::size_t kTag = 4;           ///< 802.1Q, between addresses and type
inline constexpr std::size_t kAddresses = 12;    ///< where a tag is, or the type
inline constexpr std::size_t kLeast = 60;        ///< without FCS; shorter ones are padded
inline constexpr std::size_t kMost = 1514;       ///< without FCS and tag
inline constexpr std::size_t kCheckSequence = 4; ///< FCS
inline constexpr u8 kMulticastBit = 0x01;        ///< of an address' first byte

enum Type : u16 { IPV4 = 0x0800, RARP = 0x8035, VLAN = 0x8100, IPV6 = 0x86dd };

/// Big-endian, as all of a frame's numbers.
constexpr u16 be16(std::span<const u8> bytes, std::size_t at = 0) {
    return static_cast<u16>(bytes[at] << 8 | bytes[at + 1]);
}
constexpr void set_be16(std::span<u8> bytes, std::size_t at, u16 value) {
    bytes[at] = static_cast<u8>(value >> 8);
    bytes[at + 1] = static_cast<u8>(value);
}

/// Who a frame is for, by its first six bytes, which it must have.
constexpr bool is_multicast(std::span<const u8> frame) {
    return (frame[0] & kMulticastBit) != 0;
}
constexpr bool is_broadcast(std::span<const u8> frame) {
    return std::ranges::all_of(frame.first(sizeof(Address)), [](u8 byte) { return byte == 0xff; });
}
constexpr bool is_for(std::span<const u8> frame, const Address& address) {
    return std::ranges::equal(frame.first(sizeof(Address)), address);
}

/// The check sequence as cards append it, least significant byte first; `so_far` is that of what came before.
u32 check_sequence(std::span<const u8> bytes, u32 so_far = 0);

/// The CRC of a multicast address from which hash filters take the upper bits: the shift register's content,
/// the first bit out being the most significant, not inverted.
constexpr u32 hash_crc(std::span<const u8> address) {
    constexpr u32 kPolynomial = 0x04c11db7;
    u32 crc = ~u32{0};
    for (const u8 byte : address.first(sizeof(Address)))
        for (unsigned bit = 0; bit < 8; ++bit) {
            const u32 feedback = (crc >> 31) ^ (byte >> bit & 1U);
            crc = crc << 1 ^ (feedback != 0 ? kPolynomial : 0);
        }
    return crc;
}

} // namespace dm::ethernet
