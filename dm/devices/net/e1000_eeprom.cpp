#include "dm/devices/net/e1000_eeprom.hpp"

namespace dm::e1000 {
namespace {

// Words (SDM table 5-2).
constexpr std::size_t kInitControl1 = 0x0a;
constexpr std::size_t kSubsystemId = 0x0b;
constexpr std::size_t kSubsystemVendor = 0x0c;
constexpr std::size_t kDeviceId = 0x0d;
constexpr std::size_t kVendorId = 0x0e;
constexpr std::size_t kInitControl2 = 0x0f;
constexpr std::size_t kLedDefaults = 0x2f;
constexpr std::size_t kChecksum = 0x3f;

constexpr u16 kSum = 0xbaba;

} // namespace

EepromWords eeprom_words(const ethernet::Address& mac, Chip chip) {
    EepromWords words;
    words.fill(0xffff);
    for (std::size_t i = 0; i < 3; ++i)
        words[i] = static_cast<u16>(mac[2 * i] | mac[2 * i + 1] << 8);
    for (std::size_t i = 3; i < kInitControl1; ++i)
        words[i] = 0;
    words[kInitControl1] = 0x4403; // valid, full duplex, IDs are loaded from here
    words[kSubsystemId] = 0x1100;
    words[kSubsystemVendor] = 0x1af4;
    words[kDeviceId] = chip.device;
    words[kVendorId] = kIntel;
    words[kInitControl2] = 0x3040; // both kinds of PAUSE are offered
    words[kLedDefaults] = 0x0602;
    u16 sum = 0;
    for (std::size_t i = 0; i < kChecksum; ++i)
        sum = static_cast<u16>(sum + words[i]);
    words[kChecksum] = static_cast<u16>(kSum - sum);
    return words;
}

u32 read_eecd(u32 eecd, const Eeprom93c46::State& eeprom) {
    Bits<Eecd> bits{eecd};
    bits.set(Eecd::PRES);
    bits.set(Eecd::GNT, bits.has(Eecd::REQ));         // nobody else wants the EEPROM
    bits.set(Eecd::DO, eeprom.out || !eeprom.select); // the line is pulled up
    return bits.raw();
}

u32 write_eecd(u32 value, Eeprom93c46::State& eeprom) {
    const Bits<Eecd> bits{value};
    Eeprom93c46::drive(eeprom, bits.has(Eecd::CS), bits.has(Eecd::SK), bits.has(Eecd::DI));
    return value & kEecdWritable;
}

u32 eerd_after(u32 value, const EepromWords& words) {
    const u32 address = value >> kEerdAddress & 0xff;
    const u32 kept = address << kEerdAddress;
    if (!Bits<Eerd>{value}.has(Eerd::START)) return kept;
    const u32 data = address < words.size() ? words[address] : 0;
    return data << kEerdData | kept | static_cast<u32>(Eerd::DONE);
}

} // namespace dm::e1000
