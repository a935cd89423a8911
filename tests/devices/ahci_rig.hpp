// An AHCI controller with its surroundings, and the moves of a driver.
#pragma once

#include "dm/devices/ahci/ahci_controller.hpp"
#include "dm/devices/ide/ata_disk.hpp"
#include "dm/devices/ide/atapi_cdrom.hpp"
#include "tests/devices/drive_log.hpp"
#include "tests/support/rig.hpp"

namespace dm::test {

namespace ahci {
using namespace dm::ahci;

inline constexpr Bdf kBdf{0, 4, 0};
inline constexpr u64 kAbar = 0xf2000000;
inline constexpr Port kIndexData = 0xc200;
inline constexpr unsigned kIntx = 4 * 4;
inline constexpr u64 kRamSize = u64{512} * 1024;
inline constexpr u64 kLists = 0x1000;    ///< a page for each port: command list, received frames
inline constexpr u64 kReceived = 0x400;  ///< in that page
inline constexpr u64 kTables = 0x8000;   ///< a command table for each slot
inline constexpr u64 kTableSize = 0x400; ///< 56 entries
inline constexpr u64 kData = 0x20000;
inline constexpr u64 kDiskSize = u64{1024} * 1024;

inline constexpr u32 ST = 1, FRE = 0x10, FR = 0x4000, CR = 0x8000;
inline constexpr u32 DHRS = 1, PSS = 2, SDBS = 8, OFS = 1U << 24, IFS = 1U << 27, HBFS = 1U << 29,
                     TFES = 1U << 30;
inline constexpr u32 GHC_HR = 1, GHC_IE = 2, GHC_AE = 0x80000000;
inline constexpr u8 BSY = 0x80, DRQ = 0x08, ERR = 0x01, kReady = 0x50;
inline constexpr u8 ABRT = 0x04, IDNF = 0x10, UNC = 0x40;

struct Prd {
    u64 addr;
    u32 bytes;
};
using Prds = std::vector<Prd>;
using Words = std::initializer_list<u32>;
} // namespace ahci

struct AhciRig : Rig {
    enum Drives { Disk = 1, SecondDisk = 2, Cd = 4 }; ///< on ports 0, 1 and 2

    explicit AhciRig(int which, u64 disk_size = ahci::kDiskSize, ErrorPolicy policy = {}, u32 granularity = 0)
        : Rig(ahci::kRamSize), disk(disk_size), disk2(disk_size), disc(disk_size),
          dev("ahci", config(which, policy, granularity), hypervisor.ram, timers,
              pci_wiring(ahci::kBdf.dev, 1)) {
        for (FakeBlock* medium : {&disk, &disk2, &disc})
            std::copy_n(pattern().begin(), medium->data.size(), medium->data.begin());
        pci.attach(ahci::kBdf, dev);
        enable();
    }
    /// Made once: the fuzzers make thousands of rigs.
    static const std::vector<u8>& pattern() {
        static const std::vector<u8> made = [] {
            std::vector<u8> bytes(ahci::kDiskSize);
            for (u64 i = 0; i < bytes.size(); ++i)
                bytes[i] = static_cast<u8>(i * 37 + i / 512 * 11 + i / 65536);
            return bytes;
        }();
        return made;
    }
    AhciController::Config config(int which, ErrorPolicy policy, u32 granularity) {
        for (FakeBlock* medium : {&disk, &disk2})
            medium->granularity = granularity;
        AhciController::Config c;
        const auto drive = [&](DriveKind kind, FakeBlock& medium) {
            return DriveConfig{.kind = kind,
                               .medium = &medium,
                               .serial = "",
                               .model = "",
                               .geometry = {},
                               .errors = policy,
                               .events = &heard};
        };
        if (which & Disk) c.drives[0] = drive(DriveKind::Disk, disk);
        if (which & SecondDisk) c.drives[1] = drive(DriveKind::Disk, disk2);
        if (which & Cd) c.drives[2] = drive(DriveKind::Cdrom, disc);
        return c;
    }
    /// BARs and decoding, as firmware leaves them.
    void enable(u16 command = 7) {
        pci.config_write(ahci::kBdf, pci::BAR0 + 16, 4, ahci::kIndexData);
        pci.config_write(ahci::kBdf, pci::BAR0 + 20, 4, ahci::kAbar);
        pci.config_write(ahci::kBdf, pci::COMMAND, 2, command);
    }

    Device& device() override { return dev; }
    std::vector<Target> targets() const override {
        using Kind = Target::Kind;
        return {{Kind::Memory, ahci::kAbar, 0x30},          {Kind::Memory, ahci::kAbar + 0x100, 0x48},
                {Kind::Memory, ahci::kAbar + 0x100, 0x48},  {Kind::Memory, ahci::kAbar + 0x200, 0x48},
                {Kind::Memory, ahci::kAbar + 0x180, 0x400}, {Kind::Ports, ahci::kIndexData, 32},
                {Kind::Config, ahci::kBdf.devfn(), 256}};
    }
    bool sends_messages() const override { return true; }
    void quiesce() override { dev.quiesce(); }
    void copy_surroundings(Rig& from) override {
        Rig::copy_surroundings(from);
        auto& other = static_cast<AhciRig&>(from);
        for (auto [ours, theirs] :
             {std::pair{&disk, &other.disk}, {&disk2, &other.disk2}, {&disc, &other.disc}}) {
            ours->data = theirs->data;
            ours->hold = theirs->hold;
        }
    }
    /// Some of a driver's work, or a medium catching up.
    void stimulate(Rng& rng) override {
        for (FakeBlock* medium : {&disk, &disk2, &disc}) {
            medium->hold = rng.one_in(2);
            if (!medium->held.empty() && rng.one_in(2)) return medium->complete();
        }
        const auto port = static_cast<unsigned>(rng.below(3));
        enable(rng.one_in(8) ? 3 : 7);
        choose_messages(rng, ahci::kBdf, 0x80);
        if (rng.one_in(8)) return px(port, PortReg::PxCMD, 0);
        poke(ahci::kAbar + 4, ahci::GHC_IE);
        if (rng.one_in(2)) acknowledge();
        start(port);
        const auto commands = 1 + rng.below(6);
        u32 issue = 0;
        for (u64 i = 0; i < commands; ++i) {
            const auto slot = static_cast<u8>(rng.below(ahci::kSlots));
            some_command(rng, port, slot);
            issue |= 1U << slot;
        }
        if (rng.one_in(2)) px(port, PortReg::PxSACT, issue);
        px(port, PortReg::PxCI, issue);
    }
    void acknowledge() {
        for (unsigned port = 0; port < 3; ++port)
            px(port, PortReg::PxIS, ~0U);
        hba(HbaReg::IS, ~0U);
    }
    void some_command(Rng& rng, unsigned port, u8 slot) {
        static constexpr std::array<u8, 20> kCommands{0x60, 0x61, 0x60, 0x61, 0x60, 0x61, 0x25,
                                                      0x35, 0xc8, 0xca, 0x24, 0x34, 0xc5, 0xec,
                                                      0xe7, 0x2f, 0xb0, 0xa0, 0xa1, 0xef};
        ahci::Prds prds(1 + rng.below(4));
        for (ahci::Prd& prd : prds)
            prd = {rng.below(ahci::kRamSize + 0x4000), static_cast<u32>(2 * (1 + rng.below(0x1800)))};
        const u8 opcode = kCommands[rng.below(kCommands.size())];
        const auto count = static_cast<u16>(1 + rng.below(24));
        if ((opcode & 0xfe) == 0x60) {
            const auto tag = rng.one_in(16) ? static_cast<u8>(rng.below(32)) : slot;
            put(port, slot, queued_frame(opcode, tag, rng.below(disk.size_bytes() / 512 + 8), count), prds);
        } else {
            put(port, slot,
                frame(opcode, rng.one_in(8) ? 0x10 : rng.below(disk.size_bytes() / 512 + 8), count), prds);
        }
        if (rng.one_in(16)) ram[table(port, slot) + 1] = 0; // device control
        if (rng.one_in(32)) ram[table(port, slot)] = static_cast<u8>(rng.next());
    }

    // What a driver does.
    using PortReg = dm::ahci::PortReg;
    using HbaReg = dm::ahci::HbaReg;
    static u64 port_addr(unsigned port, PortReg reg) {
        return ahci::kAbar + dm::ahci::kPortBase + dm::ahci::kPortLength * port + static_cast<u64>(reg);
    }
    u32 px(unsigned port, PortReg reg) { return static_cast<u32>(peek(port_addr(port, reg))); }
    void px(unsigned port, PortReg reg, u32 value) { poke(port_addr(port, reg), value); }
    u32 hba(HbaReg reg) { return static_cast<u32>(peek(ahci::kAbar + static_cast<u64>(reg))); }
    void hba(HbaReg reg, u32 value) { poke(ahci::kAbar + static_cast<u64>(reg), value); }
    bool irq() const { return hypervisor.intx.level(ahci::kIntx); }

    static u64 list(unsigned port) { return ahci::kLists + port * kPageSize; }
    static u64 received(unsigned port) { return list(port) + ahci::kReceived; }
    static u64 table(unsigned port, u8 slot) {
        return ahci::kTables + (port % 2 * u64{dm::ahci::kSlots} + slot) * ahci::kTableSize;
    }
    /// Tells the port where its structures are and lets it run.
    void start(unsigned port) {
        px(port, PortReg::PxCLB, static_cast<u32>(list(port)));
        px(port, PortReg::PxFB, static_cast<u32>(received(port)));
        px(port, PortReg::PxIE, 0xffffffff);
        px(port, PortReg::PxCMD, ahci::FRE);
        px(port, PortReg::PxCMD, ahci::FRE | ahci::ST);
    }
    void stop(unsigned port) { px(port, PortReg::PxCMD, ahci::FRE); }

    using Frame = std::array<u8, 20>;
    /// A 48-bit command.
    static Frame frame(u8 opcode, u64 lba = 0, u16 count = 0, u16 features = 0) {
        Frame f{};
        f[0] = 0x27;
        f[1] = 0x80;
        f[2] = opcode;
        f[3] = byte_of(features, 0);
        f[11] = byte_of(features, 1);
        for (unsigned i = 0; i < 3; ++i) {
            f[4 + i] = byte_of(lba, i);
            f[8 + i] = byte_of(lba, 3 + i);
        }
        f[7] = 0x40;
        f[12] = byte_of(count, 0);
        f[13] = byte_of(count, 1);
        return f;
    }
    static Frame queued_frame(u8 opcode, u8 tag, u64 lba, u16 count) {
        return frame(opcode, lba, static_cast<u16>(tag << 3), count);
    }
    void put32(u64 addr, u32 value) {
        for (unsigned i = 0; i < 4; ++i)
            ram[addr + i] = byte_of(value, i);
    }
    u32 get32(u64 addr) const {
        const std::vector<u8>& bytes = hypervisor.ram.ram;
        return bytes[addr] | u32{bytes[addr + 1]} << 8 | u32{bytes[addr + 2]} << 16 |
               u32{bytes[addr + 3]} << 24;
    }
    void put(unsigned port, u8 slot, const Frame& f, const ahci::Prds& prds = {}) {
        // A fuzzer's memory is filled when it is first looked at: that is to be before what is put there.
        hypervisor.ram.view(list(port), 1);
        hypervisor.ram.view(table(port, slot), 1);
        const u64 header = list(port) + slot * u64{32};
        put32(header, static_cast<u32>(prds.size()) << 16 | 5);
        put32(header + 4, 0);
        put32(header + 8, static_cast<u32>(table(port, slot)));
        put32(header + 12, 0);
        std::copy(f.begin(), f.end(), ram.begin() + static_cast<std::ptrdiff_t>(table(port, slot)));
        put_prds(table(port, slot) + 0x80, prds);
    }
    void put_prds(u64 addr, const ahci::Prds& prds) {
        for (std::size_t i = 0; i < prds.size(); ++i, addr += 16) {
            put32(addr, static_cast<u32>(prds[i].addr));
            put32(addr + 4, static_cast<u32>(prds[i].addr >> 32));
            put32(addr + 8, 0);
            put32(addr + 12, prds[i].bytes - 1);
        }
    }
    void issue(unsigned port, u8 slot) { px(port, PortReg::PxCI, 1U << slot); }
    void issue_queued(unsigned port, u32 slots) {
        px(port, PortReg::PxSACT, slots);
        px(port, PortReg::PxCI, slots);
    }
    /// Sends a frame without a command, which has no answer, in slot 0 of port 0.
    void control(u8 value, bool clear_busy = true) {
        Frame f = frame(0);
        f[1] = 0;
        f[15] = value;
        put(0, 0, f);
        if (clear_busy) put32(list(0), 5 | 0x400);
        issue(0, 0);
    }
    /// Runs a command in slot 0 of port 0 whose data is one piece of memory.
    void run(const Frame& f, u32 bytes = 0) {
        put(0, 0, f, bytes != 0 ? ahci::Prds{{ahci::kData, bytes}} : ahci::Prds{});
        issue(0, 0);
    }
    u32 byte_count(u8 slot = 0) const { return get32(list(0) + slot * u64{32} + 4); }

    std::vector<u8> memory_at(u64 addr, u64 length) const {
        const std::vector<u8>& bytes = hypervisor.ram.ram;
        return {bytes.begin() + static_cast<std::ptrdiff_t>(addr),
                bytes.begin() + static_cast<std::ptrdiff_t>(addr + length)};
    }
    std::vector<u8> sectors(u64 lba, u64 count) const {
        return {disk.data.begin() + static_cast<std::ptrdiff_t>(lba * 512),
                disk.data.begin() + static_cast<std::ptrdiff_t>((lba + count) * 512)};
    }
    /// Fills guest memory with something that is nowhere on the disk.
    std::vector<u8> fill(u64 addr, u64 length, u64 seed = 1) {
        Rng rng(seed);
        for (u64 i = 0; i < length; ++i)
            ram[addr + i] = static_cast<u8>(rng.next());
        return memory_at(addr, length);
    }

    DriveLog heard;
    FakeBlock disk;
    FakeBlock disk2;
    FakeBlock disc;
    AhciController dev;
};

struct AhciDiskRig : AhciRig {
    explicit AhciDiskRig(ErrorPolicy policy = {}, u32 granularity = 0)
        : AhciRig(Disk, ahci::kDiskSize, policy, granularity) {}
};
struct AhciFullRig : AhciRig {
    AhciFullRig() : AhciRig(Disk | SecondDisk | Cd) {}
};

} // namespace dm::test
