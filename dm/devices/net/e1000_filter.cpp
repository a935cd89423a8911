#include "dm/devices/net/e1000_filter.hpp"

#include "dm/devices/net/ethernet.hpp"

namespace dm::e1000 {
namespace {

constexpr u16 kVlanId = 0x0fff;
constexpr u16 kCfi = 0x1000;

} // namespace

bool Filter::tagged(std::span<const u8> frame) const {
    return ethernet::be16(frame, ethernet::kAddresses) == vet;
}

bool Filter::accepts_tag(std::span<const u8> frame) const {
    if (!rctl.has(Rctl::VFE) || !tagged(frame)) return true;
    const u16 tag = ethernet::be16(frame, ethernet::kAddresses + 2);
    if (rctl.has(Rctl::CFIEN) && ((tag & kCfi) != 0) != rctl.has(Rctl::CFI)) return false;
    const u32 id = tag & kVlanId;
    return (vfta[id / 32] >> (id % 32) & 1) != 0;
}

bool Filter::is_own(std::span<const u8> frame) const {
    const u32 low = u32{frame[0]} | u32{frame[1]} << 8 | u32{frame[2]} << 16 | u32{frame[3]} << 24;
    const u32 high = u32{frame[4]} | u32{frame[5]} << 8;
    for (std::size_t i = 0; i < ra.size(); i += 2)
        if ((ra[i + 1] & kRahValid) != 0 && ra[i] == low && (ra[i + 1] & 0xffff) == high) return true;
    return false;
}

/// Twelve of the address' upper bits, from 47, 46, 45 or 43 down.
bool Filter::in_multicast_table(std::span<const u8> frame) const {
    static constexpr std::array<unsigned, 4> kShift{4, 3, 2, 0};
    const u32 upper = u32{frame[4]} | u32{frame[5]} << 8;
    const u32 hash = upper >> kShift[rctl.raw() >> kRctlMo & 3] & 0xfff;
    return (mta[hash / 32] >> (hash % 32) & 1) != 0;
}

bool Filter::accepts_address(std::span<const u8> frame) const {
    if (ethernet::is_broadcast(frame) && rctl.has(Rctl::BAM)) return true;
    if (ethernet::is_multicast(frame)) {
        if (rctl.has(Rctl::MPE) || in_multicast_table(frame)) return true;
    } else if (rctl.has(Rctl::UPE)) {
        return true;
    }
    return is_own(frame);
}

bool Filter::accepts(std::span<const u8> frame) const {
    return accepts_tag(frame) && accepts_address(frame);
}

} // namespace dm::e1000
