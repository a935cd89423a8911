// A PIIX3 IDE function with its surroundings, and the moves of a driver.
#pragma once

#include "dm/devices/ide/ata_disk.hpp"
#include "dm/devices/ide/atapi_cdrom.hpp"
#include "dm/devices/ide/piix3_ide.hpp"
#include "tests/devices/drive_log.hpp"
#include "tests/support/rig.hpp"

namespace dm::test {

namespace ide {
using Bytes = std::initializer_list<u8>;
using Limits = std::initializer_list<u16>;
inline constexpr Port kPrimary = 0x1f0;
inline constexpr Port kSecondary = 0x170;
inline constexpr Port kControl = 0x206; ///< from the command block to the control block
inline constexpr Port kBusMaster = 0xc000;
inline constexpr Bdf kBdf{0, 1, 1};
inline constexpr u64 kPrdTable = 0x1000;
inline constexpr u64 kData = 0x10000;
inline constexpr u64 kRamSize = u64{256} * 1024;
inline constexpr u64 kDiskSize = u64{1024} * 1024;
inline constexpr u64 kDiscSize = u64{512} * 1024;

enum Reg : Port { DATA, ERROR, COUNT, LOW, MID, HIGH, DEVICE, STATUS };
inline constexpr u8 BSY = 0x80, DRDY = 0x40, DF = 0x20, DSC = 0x10, DRQ = 0x08, ERR = 0x01;
inline constexpr u8 ABRT = 0x04, IDNF = 0x10, UNC = 0x40;
inline constexpr u8 ACTIVE = 1, INTR = 4;
inline constexpr u8 kReady = DRDY | DSC;
inline constexpr u8 kLba = 0x40;

struct Prd {
    u32 addr;
    u32 size; ///< bit 31: end of table
};
inline constexpr u32 EOT = 0x8000'0000;
} // namespace ide

struct IdeRig : Rig {
    enum Drives { Disk = 1, Cd = 2, SecondDisk = 4, SecondaryCd = 8 };

    explicit IdeRig(int which, u64 disk_size = ide::kDiskSize, u64 disc_size = ide::kDiscSize,
                    ErrorPolicy policy = {})
        : Rig(ide::kRamSize), drives(which), errors(policy), disk(disk_size), disk2(disk_size),
          disc(disc_size), dev("ide", config(which), hypervisor.ram, irqs(), wiring()) {
        const std::vector<u8>& filling = patterns();
        std::copy_n(filling.begin(), disk.data.size(), disk.data.begin());
        std::copy_n(filling.begin() + kDiscShift, disc.data.size(), disc.data.begin());
        pci.attach(ide::kBdf, dev);
        pci.config_write(ide::kBdf, pci::BAR0 + 16, 4, ide::kBusMaster);
        pci.config_write(ide::kBdf, pci::COMMAND, 2, 5);
    }
    static u8 pattern(u64 i) { return static_cast<u8>(i * 31 + i / 512 * 7 + i / 4096); }
    static constexpr std::ptrdiff_t kDiscShift = 7; ///< the disc's pattern begins there
    /// Made once: the fuzzers make thousands of rigs.
    static const std::vector<u8>& patterns() {
        static const std::vector<u8> made = [] {
            std::vector<u8> bytes(ide::kDiskSize + kDiscShift);
            for (u64 i = 0; i < bytes.size(); ++i)
                bytes[i] = pattern(i);
            return bytes;
        }();
        return made;
    }

    Piix3Ide::Config config(int which) {
        Piix3Ide::Config c;
        if (which & Disk) c.drives[0] = drive(DriveKind::Disk, disk);
        if (which & SecondDisk) c.drives[1] = drive(DriveKind::Disk, disk2);
        const DriveConfig cd = drive(DriveKind::Cdrom, disc);
        if (which & Cd) c.drives[which & Disk ? 1 : 0] = cd;
        if (which & SecondaryCd) c.drives[2] = cd;
        return c;
    }
    DriveConfig drive(DriveKind kind, FakeBlock& medium) {
        DriveConfig config;
        config.kind = kind;
        config.medium = &medium;
        config.errors = errors;
        config.events = &heard;
        return config;
    }
    Piix3Ide::Irqs irqs() { return {IrqLine{isa, 14}, IrqLine{isa, 15}}; }
    PciWiring wiring() { return pci_wiring(1, 0); }

    Device& device() override { return dev; }
    std::vector<Target> targets() const override {
        return {{Target::Kind::Ports, 0x1f0, 8},  {Target::Kind::Ports, 0x1f0, 8},
                {Target::Kind::Ports, 0x170, 8},  {Target::Kind::Ports, 0x3f6, 1},
                {Target::Kind::Ports, 0x376, 1},  {Target::Kind::Ports, ide::kBusMaster, 16},
                {Target::Kind::Config, 0x09, 256}};
    }
    void quiesce() override { dev.quiesce(); }
    void copy_surroundings(Rig& from) override {
        Rig::copy_surroundings(from);
        auto& other = static_cast<IdeRig&>(from);
        disk.data = other.disk.data;
        disk2.data = other.disk2.data;
        disk.granularity = other.disk.granularity;
        disk2.granularity = other.disk2.granularity;
        disk.hold = other.disk.hold;
        disc.hold = other.disc.hold;
    }
    /// A driver's command, or the medium catching up.
    void stimulate(Rng& rng) override {
        disk.hold = disc.hold = rng.one_in(2);
        dev.retry();
        if (!disk.held.empty()) return disk.complete();
        if (!disc.held.empty()) return disc.complete();
        const Port base = rng.one_in(4) ? ide::kSecondary : ide::kPrimary;
        const Port master = static_cast<Port>(ide::kBusMaster + (base == ide::kSecondary ? 8 : 0));
        pci.config_write(ide::kBdf, pci::BAR0 + 16, 4, ide::kBusMaster);
        pci.config_write(ide::kBdf, pci::COMMAND, 2, rng.one_in(8) ? 1 : 5);
        const auto size = static_cast<u32>(rng.below(0x3000) & ~1ULL);
        set_prds({{static_cast<u32>(rng.below(ide::kRamSize + 0x4000)), size},
                  {static_cast<u32>(rng.below(ide::kRamSize + 0x4000)), 0x4000 | ide::EOT}},
                 master);
        static constexpr std::array<u8, 20> kCommands{0x06, 0x20, 0x24, 0x30, 0x34, 0xc4, 0xc5,
                                                      0xc8, 0x25, 0xca, 0x35, 0xec, 0xa1, 0xa0,
                                                      0xa0, 0xa0, 0xef, 0xe7, 0x40, 0xb0};
        out(static_cast<Port>(base + ide::DEVICE), rng.next() & 0x50);
        out(static_cast<Port>(base + ide::ERROR), rng.below(4));
        out(static_cast<Port>(base + ide::COUNT), 1 + rng.below(40));
        out(static_cast<Port>(base + ide::LOW), rng.below(256));
        out(static_cast<Port>(base + ide::MID), rng.below(8));
        out(static_cast<Port>(base + ide::HIGH), rng.below(2) * 8);
        const u8 command = kCommands[rng.below(kCommands.size())];
        out(static_cast<Port>(base + ide::STATUS), command);
        if (command == 0xa0) {
            static constexpr std::array<u8, 14> kPackets{0x28, 0xa8, 0xbe, 0x12, 0x43, 0x5a, 0x03,
                                                         0x25, 0x46, 0x51, 0x52, 0x42, 0xac, 0xb9};
            std::vector<u8> cdb(12, 0);
            cdb[0] = kPackets[rng.below(kPackets.size())];
            cdb[5] = static_cast<u8>(rng.below(256));
            cdb[8] = cdb[9] = static_cast<u8>(rng.below(24));
            if (cdb[0] == 0xbe) cdb[9] = 0xf8;
            ports.write_string(base, 2, cdb);
        }
        if (rng.one_in(2)) out(master, 9);
    }

    // What a driver does.
    u8 reg(ide::Reg r, Port base = ide::kPrimary) { return static_cast<u8>(in(static_cast<Port>(base + r))); }
    void set(ide::Reg r, u64 value, Port base = ide::kPrimary) { out(static_cast<Port>(base + r), value); }
    u8 alt_status(Port base = ide::kPrimary) {
        return static_cast<u8>(in(static_cast<Port>(base + ide::kControl)));
    }
    void control(u8 value, Port base = ide::kPrimary) { out(static_cast<Port>(base + ide::kControl), value); }
    bool irq(unsigned line = 14) const { return hypervisor.isa.level(line); }

    void lba28(u8 opcode, u32 lba, u32 count, u8 device = 0) {
        set(ide::DEVICE, ide::kLba | device | (lba >> 24 & 0xf));
        set(ide::COUNT, count & 0xff);
        set(ide::LOW, lba & 0xff);
        set(ide::MID, lba >> 8 & 0xff);
        set(ide::HIGH, lba >> 16 & 0xff);
        set(ide::STATUS, opcode);
    }
    void lba48(u8 opcode, u64 lba, u32 count, u8 device = 0) {
        set(ide::DEVICE, ide::kLba | device);
        for (const unsigned half : {1U, 0U}) {
            set(ide::COUNT, count >> (8 * half) & 0xff);
            set(ide::LOW, lba >> (24 * half) & 0xff);
            set(ide::MID, lba >> (24 * half + 8) & 0xff);
            set(ide::HIGH, lba >> (24 * half + 16) & 0xff);
        }
        set(ide::STATUS, opcode);
    }
    std::vector<u8> pull(std::size_t bytes, Port base = ide::kPrimary) {
        std::vector<u8> data(bytes);
        ports.read_string(base, 2, data);
        return data;
    }
    void push(std::span<const u8> data, Port base = ide::kPrimary) { ports.write_string(base, 2, data); }
    std::vector<u8> pull_by_words(std::size_t bytes, Port base = ide::kPrimary) {
        std::vector<u8> data;
        for (std::size_t i = 0; i < bytes; i += 2) {
            const u64 word = in(base, 2);
            data.push_back(byte_of(word, 0));
            data.push_back(byte_of(word, 1));
        }
        return data;
    }

    void set_prds(const std::vector<ide::Prd>& prds, Port master = ide::kBusMaster,
                  u64 table = ide::kPrdTable) {
        for (std::size_t i = 0; i < prds.size(); ++i)
            for (unsigned b = 0; b < 4; ++b) {
                ram[table + 8 * i + b] = byte_of(prds[i].addr, b);
                ram[table + 8 * i + 4 + b] = byte_of(prds[i].size, b);
            }
        out(static_cast<Port>(master + 4), table, 4);
    }
    void start(bool to_memory, Port master = ide::kBusMaster) { out(master, to_memory ? 9 : 1); }
    void stop(Port master = ide::kBusMaster) { out(master, 0); }
    u8 bm_status(Port master = ide::kBusMaster) { return static_cast<u8>(in(static_cast<Port>(master + 2))); }
    void clear_bm() {
        stop();
        out(ide::kBusMaster + 2, 6);
    }
    std::vector<u8> memory_at(u64 addr, u64 length) const {
        const std::vector<u8>& bytes = hypervisor.ram.ram;
        return {bytes.begin() + static_cast<std::ptrdiff_t>(addr),
                bytes.begin() + static_cast<std::ptrdiff_t>(addr + length)};
    }
    static std::vector<u8> part(const FakeBlock& medium, u64 at, u64 length) {
        return {medium.data.begin() + static_cast<std::ptrdiff_t>(at),
                medium.data.begin() + static_cast<std::ptrdiff_t>(at + length)};
    }

    int drives;
    ErrorPolicy errors;
    DriveLog heard;
    FakeBlock disk;
    FakeBlock disk2;
    FakeBlock disc;
    Piix3Ide dev;
};

struct DiskRig : IdeRig {
    explicit DiskRig(ErrorPolicy policy = {}) : IdeRig(Disk, ide::kDiskSize, ide::kDiscSize, policy) {}
};
struct CdRig : IdeRig {
    explicit CdRig(ErrorPolicy policy = {}) : IdeRig(Cd, ide::kDiskSize, ide::kDiscSize, policy) {}
    /// Sends a packet; the answer by PIO or DMA is the caller's affair.
    void packet(std::vector<u8> cdb, u16 limit = 0xfffe, u8 features = 0, u8 device = 0) {
        cdb.resize(12);
        set(ide::DEVICE, device);
        set(ide::ERROR, features);
        set(ide::MID, limit & 0xff);
        set(ide::HIGH, limit >> 8);
        set(ide::STATUS, 0xa0);
        push(cdb);
    }
    u16 byte_count() { return static_cast<u16>(reg(ide::MID) | reg(ide::HIGH) << 8); }
    /// Runs a packet to its end by PIO and returns everything that the drive sends.
    std::vector<u8> fetch(const std::vector<u8>& cdb, u16 limit = 0xfffe) {
        packet(cdb, limit);
        std::vector<u8> all;
        while ((reg(ide::STATUS) & ide::DRQ) != 0) {
            const u16 count = byte_count();
            const std::vector<u8> block = pull((count + 1U) & ~1U);
            all.insert(all.end(), block.begin(), block.begin() + count);
        }
        return all;
    }
    /// Key, code and qualifier.
    std::array<u8, 3> sense() {
        const std::vector<u8> data = fetch({0x03, 0, 0, 0, 18});
        return {static_cast<u8>(data.at(2) & 0xf), data.at(12), data.at(13)};
    }
};
struct BothRig : IdeRig {
    BothRig() : IdeRig(Disk | Cd) {}
};
struct FullRig : IdeRig {
    FullRig() : IdeRig(Disk | SecondDisk | SecondaryCd) {}
};

} // namespace dm::test
