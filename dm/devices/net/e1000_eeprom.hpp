// How an 82540EM reaches the 93C46 that holds its configuration: bit by bit (EECD) or by word (EERD). SDM
// chapter 5.
#pragma once

#include "dm/devices/net/e1000_chip.hpp"
#include "dm/devices/net/e1000_regs.hpp"
#include "dm/devices/net/eeprom_93c46.hpp"
#include "dm/devices/net/ethernet.hpp"

#include <array>

namespace dm::e1000 {

using EepromWords = std::array<u16, Eeprom93c46::kWords>;

/// As programmed by the manufacturer; the sum of all words is 0xbaba.
EepromWords eeprom_words(const ethernet::Address& mac, Chip chip);

/// What EECD reads as; `eecd` are its writable bits.
u32 read_eecd(u32 eecd, const Eeprom93c46::State& eeprom);
/// Its writable bits after `value` was written.
u32 write_eecd(u32 value, Eeprom93c46::State& eeprom);
/// What EERD holds after `value` was written: the word is there at once.
u32 eerd_after(u32 value, const EepromWords& words);

} // namespace dm::e1000
