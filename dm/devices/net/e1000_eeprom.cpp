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
constexpr u16 kRead = 0b110; // start bit and operation

} // namespace

EepromImage eeprom_image(const ethernet::Address& mac) {
    EepromImage image;
    image.fill(0xffff);
    for (std::size_t i = 0; i < 3; ++i)
        image[i] = static_cast<u16>(mac[2 * i] | mac[2 * i + 1] << 8);
    for (std::size_t i = 3; i < 8; ++i)
        image[i] = 0;
    image[kInitControl1] = 0x4403; // valid, full duplex, IDs are loaded from here
    image[kSubsystemId] = 0x1100;
    image[kSubsystemVendor] = 0x1af4;
    image[kDeviceId] = 0x100e;
    image[kVendorId] = 0x8086;
    image[kInitControl2] = 0x3040; // both kinds of PAUSE are offered
    image[kLedDefaults] = 0x0602;
    u16 sum = 0;
    for (std::size_t i = 0; i < kChecksum; ++i)
        sum = static_cast<u16>(sum + image[i]);
    image[kChecksum] = static_cast<u16>(kSum - sum);
    return image;
}

bool EepromPort::possible() const {
    return (eecd & ~kEecdWritable) == 0 && taken <= kCommandBits && command < 1U << kCommandBits &&
           next_bit < kBits;
}

u32 EepromPort::read_eecd() const {
    Bits<Eecd> bits{eecd};
    bits.set(Eecd::PRES);
    bits.set(Eecd::GNT, bits.has(Eecd::REQ)); // nobody else wants the EEPROM
    bits.set(Eecd::DO, out);
    return bits.raw();
}

void EepromPort::write_eecd(u32 value, const EepromImage& image) {
    const Bits<Eecd> before{eecd};
    const Bits<Eecd> now{value};
    eecd = value & kEecdWritable;
    if (!now.has(Eecd::CS)) {
        command = 0;
        taken = 0;
        reading = false;
        out = true;
        return;
    }
    if (before.has(Eecd::CS) && !before.has(Eecd::SK) && now.has(Eecd::SK))
        clock_in(now.has(Eecd::DI), image);
}

void EepromPort::clock_in(bool bit, const EepromImage& image) {
    if (reading) { // word after word, as long as the chip is selected
        out = (image[next_bit / 16] >> (15 - next_bit % 16) & 1) != 0;
        next_bit = static_cast<u16>((next_bit + 1) % kBits);
        return;
    }
    if (taken == kCommandBits || (taken == 0 && !bit)) return; // no operation but reading is known
    command = static_cast<u16>(command << 1 | (bit ? 1 : 0));
    if (++taken < kCommandBits || command >> 6 != kRead) return;
    reading = true;
    out = false; // a zero comes before the data
    next_bit = static_cast<u16>(command % kEepromWords * 16);
}

u32 eerd_after(u32 value, const EepromImage& image) {
    const u32 address = value >> kEerdAddress & 0xff;
    const u32 kept = address << kEerdAddress;
    if (!Bits<Eerd>{value}.has(Eerd::START)) return kept;
    const u32 data = address < image.size() ? image[address] : 0;
    return data << kEerdData | kept | static_cast<u32>(Eerd::DONE);
}

} // namespace dm::e1000
