// Which frames an 82540EM lets in (SDM 3.2.1 and 9.4).
#pragma once

#include "dm/devices/net/e1000_regs.hpp"

#include <array>
#include <span>

namespace dm::e1000 {

struct Filter {
    Bits<Rctl> rctl;
    u16 vet = 0; ///< type of tagged frames
    const std::array<u32, kMtaCount>& mta;
    const std::array<u32, kRaCount>& ra;
    const std::array<u32, kVftaCount>& vfta;

    /// Of a frame of at least 18 bytes.
    bool accepts(std::span<const u8> frame) const;
    bool tagged(std::span<const u8> frame) const;

private:
    bool accepts_tag(std::span<const u8> frame) const;
    bool accepts_address(std::span<const u8> frame) const;
    bool is_own(std::span<const u8> frame) const;
    bool in_multicast_table(std::span<const u8> frame) const;
};

} // namespace dm::e1000
