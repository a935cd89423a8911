#include "dm/devices/isa/cmos.hpp"

#include "dm/core/bits.hpp"

#include <algorithm>

namespace dm {
namespace {

constexpr u64 kKiB = 1 << 10;
constexpr u64 kMiB = 1 << 20;

enum Port : u8 { INDEX = 0, DATA = 1 };

void put16(Cmos::Bytes& bytes, unsigned at, u64 value) {
    bytes[at] = byte_of(value, 0);
    bytes[at + 1] = byte_of(value, 1);
}

/// `bytes` beyond `from`, in units; what the field cannot hold is the most it can.
u64 beyond(u64 bytes, u64 from, u64 unit, u64 most) {
    return bytes > from ? std::min((bytes - from) / unit, most) : 0;
}

void put_memory(Cmos::Bytes& bytes, const CmosContents& c) {
    put16(bytes, Cmos::BASE_MEMORY, std::min(c.memory_below_4g / kKiB, u64{640}));
    const u64 extended = beyond(c.memory_below_4g, kMiB, kKiB, 0xffff);
    put16(bytes, Cmos::EXTENDED_MEMORY, extended);
    put16(bytes, Cmos::EXTENDED_MEMORY_2, extended);
    put16(bytes, Cmos::MEMORY_ABOVE_16M, beyond(c.memory_below_4g, 16 * kMiB, 64 * kKiB, 0xffff));
    const u64 high = std::min(c.memory_above_4g / (64 * kKiB), u64{0xffffff});
    put16(bytes, Cmos::MEMORY_ABOVE_4G, high);
    bytes[Cmos::MEMORY_ABOVE_4G + 2] = byte_of(high, 2);
}

void put_boot_order(Cmos::Bytes& bytes, std::string_view letters) {
    std::array<u8, 3> order{};
    std::size_t n = 0;
    for (const char letter : letters) {
        u8 device = 0;
        if (letter == 'a') device = 1;
        if (letter == 'c') device = 2;
        if (letter == 'd') device = 3;
        if (letter == 'n') device = 4;
        if (device != 0 && n < order.size()) order[n++] = device;
    }
    bytes[Cmos::BOOT_ORDER_1_2] = static_cast<u8>(order[1] << 4 | order[0]);
    bytes[Cmos::BOOT_ORDER_3] = static_cast<u8>(order[2] << 4);
}

void put_floppies(Cmos::Bytes& bytes, const CmosContents& c) {
    const auto [a, b] = c.floppies;
    bytes[Cmos::FLOPPY_TYPES] = static_cast<u8>(static_cast<u8>(a) << 4 | static_cast<u8>(b));
    constexpr u8 kFpu = 0x02;
    constexpr u8 kMouse = 0x04;
    const auto count = std::ranges::count_if(c.floppies, [](CmosFloppy f) { return f != CmosFloppy::None; });
    const u8 drives = count == 0 ? 0x00 : count == 1 ? 0x01 : 0x41;
    bytes[Cmos::EQUIPMENT] = static_cast<u8>(kFpu | kMouse | drives);
}

void put_geometry(Cmos::Bytes& bytes, unsigned at, const CmosContents::Disk& disk) {
    constexpr u8 kManyHeads = 0x08; // control byte, with bits 6 and 7: retries as the AT had them
    put16(bytes, at, disk.cylinders);
    bytes[at + 2] = disk.heads;
    put16(bytes, at + 3, 0xffff); // no write precompensation
    bytes[at + 5] = static_cast<u8>(0xc0 | (disk.heads > 8 ? kManyHeads : 0));
    put16(bytes, at + 6, disk.cylinders); // landing zone
    bytes[at + 8] = disk.sectors;
}

void put_disks(Cmos::Bytes& bytes, const CmosContents& c) {
    constexpr u8 kUserType = 47;
    for (unsigned i = 0; i < c.ide_disks.size(); ++i) {
        if (!c.ide_disks[i]) continue;
        const unsigned translation = static_cast<unsigned>(c.ide_disks[i]->translation) << (i * 2);
        bytes[Cmos::DISK_TRANSLATION] = static_cast<u8>(bytes[Cmos::DISK_TRANSLATION] | translation);
    }
    if (c.ide_disks[0]) {
        bytes[Cmos::DISK_TYPES] = 0xf0; // "see the extended type"
        bytes[Cmos::DISK0_TYPE] = kUserType;
        put_geometry(bytes, Cmos::DISK0_GEOMETRY, *c.ide_disks[0]);
    }
    if (c.ide_disks[1]) {
        bytes[Cmos::DISK_TYPES] = static_cast<u8>(bytes[Cmos::DISK_TYPES] | 0x0f);
        bytes[Cmos::DISK1_TYPE] = kUserType;
        put_geometry(bytes, Cmos::DISK1_GEOMETRY, *c.ide_disks[1]);
    }
}

/// Sum of 0x10-0x2d, high byte first, as the AT's BIOS checks it.
void put_checksum(Cmos::Bytes& bytes) {
    unsigned sum = 0;
    for (unsigned i = Cmos::FLOPPY_TYPES; i < Cmos::CHECKSUM; ++i)
        sum += bytes[i];
    bytes[Cmos::CHECKSUM] = byte_of(sum, 1);
    bytes[Cmos::CHECKSUM + 1] = byte_of(sum, 0);
}

Cmos::Bytes bytes_of(const CmosContents& c) {
    Cmos::Bytes bytes{};
    put_floppies(bytes, c);
    put_disks(bytes, c);
    put_memory(bytes, c);
    put_boot_order(bytes, c.boot_order);
    bytes[Cmos::CENTURY] = 0x20; // BCD
    bytes[Cmos::CENTURY_PS2] = 0x20;
    bytes[Cmos::VCPUS] = static_cast<u8>(std::clamp(c.vcpus, 1U, 256U) - 1);
    put_checksum(bytes);
    return bytes;
}

} // namespace

Cmos::Cmos(std::string_view name, const CmosContents& contents)
    : Device(name), contents_(bytes_of(contents)), state_{.bytes = contents_} {}

u64 Cmos::read(u64 offset, unsigned) {
    // The index cannot be read back; the clock's registers are not here.
    if (offset == INDEX || state_.index < kFirst) return ones(1);
    return state_.bytes[state_.index];
}

void Cmos::write(u64 offset, unsigned, u64 value) {
    constexpr u8 kIndexBits = 0x7f; // bit 7 is the NMI mask, which is not ours
    if (offset == INDEX)
        state_.index = static_cast<u8>(value & kIndexBits);
    else if (state_.index >= kFirst)
        state_.bytes[state_.index] = static_cast<u8>(value);
}

Status Cmos::load(StateReader& in) {
    return load_section(in, name(), state_, [this](const State& s) -> Status {
        if (s.index >= kSize) return fail("saved state: {}: index {} is outside the CMOS", name(), s.index);
        return {};
    });
}

} // namespace dm
