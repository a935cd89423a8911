// The 93C46 beside an 82540EM: 64 words of configuration, read bit by bit (EECD) or by word (EERD). SDM
// chapter 5; NM93C46 datasheet for the serial protocol.
#pragma once

#include "dm/core/fields.hpp"
#include "dm/devices/net/e1000_regs.hpp"
#include "dm/devices/net/ethernet.hpp"

#include <array>

namespace dm::e1000 {

inline constexpr std::size_t kEepromWords = 64;
using EepromImage = std::array<u16, kEepromWords>;

/// As programmed by the manufacturer; the sum of all words is 0xbaba.
EepromImage eeprom_image(const ethernet::Address& mac);

/// What the chip's four pins have made of it, and EECD.
struct EepromPort {
    u32 eecd = kEecdReset; ///< its writable bits
    u16 command = 0;       ///< bits since the start bit
    u8 taken = 0;          ///< how many: a start bit, two of operation, six of address
    bool reading = false;
    u16 next_bit = 0; ///< of the whole chip, the one to be shifted out next
    bool out = true;  ///< DO; the line is pulled up

    bool operator==(const EepromPort&) const = default;
    static constexpr void fields(auto&& v, auto& s) {
        v("eecd", s.eecd);
        v("command", s.command);
        v("taken", s.taken);
        v("reading", s.reading);
        v("next_bit", s.next_bit);
        v("out", s.out);
    }
    bool possible() const;

    u32 read_eecd() const;
    void write_eecd(u32 value, const EepromImage& image);

private:
    static constexpr u8 kCommandBits = 9;
    static constexpr u16 kBits = kEepromWords * 16;
    void clock_in(bool bit, const EepromImage& image);
};
static_assert(covers_every_field<EepromPort>);

/// What EERD holds after `value` was written: the word is there at once.
u32 eerd_after(u32 value, const EepromImage& image);

} // namespace dm::e1000
