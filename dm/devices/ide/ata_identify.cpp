#include "dm/devices/ide/ata_identify.hpp"

#include "dm/core/bits.hpp"

#include <algorithm>

namespace dm::ata {
namespace {

constexpr u64 kMostLba28 = 0x0fff'ffff;

class Words {
public:
    void set(unsigned word, u64 value) {
        const std::size_t at = std::size_t{word} * 2;
        data_[at] = byte_of(value, 0);
        data_[at + 1] = byte_of(value, 1);
    }
    void set32(unsigned word, u64 value) {
        set(word, value);
        set(word + 1, value >> 16);
    }
    /// ASCII, padded with spaces, the first character in the high byte of the word.
    void text(unsigned word, unsigned words, std::string_view value) {
        for (std::size_t i = 0; i < std::size_t{words} * 2; ++i) {
            const char c = i < value.size() ? value[i] : ' ';
            const bool printable = c >= 0x20 && c < 0x7f;
            data_[std::size_t{word} * 2 + (i ^ 1U)] = static_cast<u8>(printable ? c : '?');
        }
    }
    void names(const Names& n) {
        text(10, 10, n.serial);
        text(23, 4, n.firmware);
        text(27, 20, n.model);
    }
    /// Words 62, 63 and 88: modes 0-2 (0-5 for Ultra DMA) exist, one may be selected.
    void dma_modes(TransferMode mode) {
        const auto active = [&](DmaMode family) {
            return mode.family == family ? 0x100U << mode.number : 0U;
        };
        set(62, 0x0007 | active(DmaMode::SingleWord));
        set(63, 0x0007 | active(DmaMode::MultiWord));
        set(88, 0x003f | active(DmaMode::Ultra));
    }
    u16 get(unsigned word) const {
        const std::size_t at = std::size_t{word} * 2;
        return static_cast<u16>(data_[at] | data_[at + 1] << 8);
    }
    /// What a Serial ATA device has beyond a parallel one, which has a cable instead (ATA8-ACS, 7.16).
    void serial_ata(unsigned queue_depth) {
        set(5, 512); // bytes of a sector: retired long ago, and still looked at (QEMU's ahci-test)
        set(75, queue_depth - 1);
        set(76, 0x0102);            // Gen1, native command queuing
        set(80, get(80) | 0x0100U); // ATA8-ACS
        for (const unsigned word : {84U, 87U})
            set(word, get(word) | 0x0020U); // general purpose logging: where queue errors are told
        set(93, 0);
        set(222, 0x1010); // transport: serial, SATA 2.6
    }
    const IdentifyData& data() const { return data_; }

private:
    IdentifyData data_{};
};

} // namespace

Geometry default_geometry(u64 sectors) {
    const u64 cylinders = sectors / (u64{16} * 63);
    return {static_cast<u32>(std::clamp<u64>(cylinders, 1, kMostCylinders)), 16, 63};
}

BiosTranslation bios_translation(const Geometry& g) {
    if (g.cylinders <= 1024) return BiosTranslation::None;
    return g.cylinders * g.heads <= 131072 ? BiosTranslation::Large : BiosTranslation::Lba;
}

std::optional<TransferMode> decode_transfer_mode(u8 value) {
    const u8 number = value & 0x07;
    const auto upto = [number](DmaMode family, u8 last) -> std::optional<TransferMode> {
        if (number > last) return std::nullopt;
        return TransferMode{family, family == DmaMode::None ? u8{0} : number};
    };
    switch (value >> 3) {
    case 0: return upto(DmaMode::None, 1); // PIO default
    case 1: return upto(DmaMode::None, 4); // PIO with flow control
    case 2: return upto(DmaMode::SingleWord, 2);
    case 4: return upto(DmaMode::MultiWord, 2);
    case 8: return upto(DmaMode::Ultra, 5);
    }
    return std::nullopt;
}

IdentifyData identify_disk(const DiskFacts& disk) {
    Words w;
    w.set(0, 0x0040); // fixed device
    w.set(1, disk.physical.cylinders);
    w.set(3, disk.physical.heads);
    w.set(6, disk.physical.sectors);
    w.names(disk.names);
    w.set(47, 0x8000U | kMostSectorsPerBlock);
    w.set(48, 1);      // 32-bit data port
    w.set(49, 0x0b00); // IORDY, LBA, DMA
    w.set(51, 0x0200);
    w.set(52, 0x0200);
    w.set(53, 0x0007); // words 54-58, 64-70 and 88 are valid
    w.set(54, disk.current.cylinders);
    w.set(55, disk.current.heads);
    w.set(56, disk.current.sectors);
    w.set32(57, u64{disk.current.cylinders} * disk.current.heads * disk.current.sectors);
    if (disk.sectors_per_block != 0) w.set(59, 0x0100U | disk.sectors_per_block);
    w.set32(60, std::min(disk.sectors, kMostLba28));
    w.dma_modes(disk.mode);
    w.set(64, 0x0003); // PIO 3 and 4
    for (unsigned word = 65; word <= 68; ++word)
        w.set(word, 120); // ns per cycle
    w.set(80, 0x00f0);    // ATA-4 to ATA-7
    w.set(81, 0x0016);
    w.set(82, 0x4021); // NOP, write cache, SMART
    w.set(83, 0x7400); // FLUSH CACHE (EXT), 48-bit addresses
    w.set(84, 0x4000);
    w.set(85, 0x4000U | (disk.write_cache ? 0x20U : 0U) | (disk.smart ? 0x01U : 0U));
    w.set(86, 0x3400);
    w.set(87, 0x4000);
    w.set(93, 0x6001); // passed the diagnostic, 80-wire cable
    w.set32(100, disk.sectors);
    w.set32(102, disk.sectors >> 32);
    w.set(106, 0x6000); // one logical sector of 512 bytes per physical one
    if (disk.trim) {
        w.set(69, 0x4000); // what is read after TRIM does not change
        w.set(105, kMostTrimBlocks);
        w.set(169, 0x0001);
    }
    if (disk.queue_depth != 0) w.serial_ata(disk.queue_depth);
    return w.data();
}

IdentifyData identify_cdrom(const Names& names, TransferMode mode) {
    Words w;
    w.set(0, 0x85c0); // packet device, CD-ROM, removable, 12-byte packets, DRQ within 50 us
    w.names(names);
    w.set(48, 1);
    w.set(49, 0x0300); // LBA, DMA
    w.set(53, 0x0007);
    w.dma_modes(mode);
    w.set(64, 0x0003);
    w.set(65, 180);
    w.set(66, 180);
    w.set(67, 300);
    w.set(68, 180);
    w.set(71, 30); // ns from PACKET to bus release, from SERVICE to not busy
    w.set(72, 30);
    w.set(80, 0x001e);
    return w.data();
}

} // namespace dm::ata
