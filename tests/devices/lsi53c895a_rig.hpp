// An LSI53C895A with its surroundings, and the moves of a driver.
#pragma once

#include "dm/devices/scsi/lsi53c895a.hpp"
#include "dm/devices/scsi/scsi_disk.hpp"
#include "tests/devices/drive_log.hpp"
#include "tests/support/rig.hpp"

#include <numeric>

namespace dm::test {

namespace lsi_rig {
using namespace lsi;
inline constexpr u64 kRamSize = u64{256} * 1024;
inline constexpr u64 kDiskSize = u64{1024} * 1024;
inline constexpr u64 kDiscSize = u64{256} * 1024;
inline constexpr Bdf kBdf{0, 4, 0};
inline constexpr Port kIo = 0xc000;
inline constexpr u64 kMmio = 0xf300'0000;
inline constexpr u64 kScriptRam = 0xf300'2000;

// Where the driver keeps things in guest RAM.
inline constexpr u32 kScript = 0x2000;
inline constexpr u32 kTable = 0x3000; ///< DSA
inline constexpr u32 kMessageOut = 0x3100;
inline constexpr u32 kMessageIn = 0x3120;
inline constexpr u32 kStatus = 0x3130;
inline constexpr u32 kCommand = 0x3140;
inline constexpr u32 kData = 0x10000;

using Words = std::vector<u32>;

enum Phase : u32 { DATA_OUT, DATA_IN, COMMAND, STATUS, MSG_OUT = 6, MSG_IN };
// SCRIPTS instructions.
inline Words move(Phase phase, u32 count, u32 addr) {
    return {phase << 24 | count, addr};
}
inline Words move_table(Phase phase, u32 offset) {
    return {0x1000'0000U | phase << 24, offset};
}
inline Words select_atn(u32 id, u32 alternate) {
    return {0x4100'0000U | id << 16, alternate};
}
inline Words select_atn_table(u32 offset, u32 alternate) {
    return {0x4300'0000U | offset, alternate};
}
inline Words wait_disconnect() {
    return {0x4800'0000, 0};
}
inline Words wait_reselect(u32 alternate) {
    return {0x5000'0000, alternate};
}
inline Words set(u32 bits) {
    return {0x5800'0000U | bits, 0};
}
inline Words clear(u32 bits) {
    return {0x6000'0000U | bits, 0};
}
inline constexpr u32 ATN = 0x08, ACK = 0x40, CARRY = 0x400;
inline Words jump(u32 to) {
    return {0x8008'0000, to};
}
inline Words jump_when(Phase phase, u32 to) {
    return {0x800b'0000U | phase << 24, to};
}
inline Words jump_if(u8 data, u32 to) {
    return {0x800c'0000U | data, to};
}
inline Words call(u32 to) {
    return {0x8808'0000, to};
}
inline Words ret() {
    return {0x9008'0000, 0};
}
inline Words interrupt(u32 code) {
    return {0x9808'0000, code};
}
inline Words interrupt_on_the_fly() {
    return {0x9818'0000, 0};
}
inline Words load(u32 reg, u32 count, u32 addr) {
    return {0xe100'0000U | reg << 16 | count, addr};
}
inline Words store(u32 reg, u32 count, u32 addr) {
    return {0xe000'0000U | reg << 16 | count, addr};
}
inline Words copy(u32 count, u32 from, u32 to) {
    return {0xc000'0000U | count, from, to};
}
enum Operator : u32 { MOVE, SHL, OR, XOR, AND, SHR, ADD, ADDC };
inline Words modify(u32 reg, Operator how, u8 data) {
    return {0x7800'0000U | how << 24 | (reg & 0x7f) << 16 | u32{data} << 8 | (reg & 0x80), 0};
}
inline Words to_sfbr(u32 reg, Operator how, u8 data) {
    return Words{modify(reg, how, data)[0] ^ 0x0800'0000, 0};
}
inline Words from_sfbr(u32 reg, Operator how, u8 data) {
    return Words{modify(reg, how, data)[0] ^ 0x1000'0000, 0};
}

inline Words join(std::initializer_list<Words> parts) {
    Words all;
    for (const Words& part : parts)
        all.insert(all.end(), part.begin(), part.end());
    return all;
}

inline constexpr u32 kDone = 0x1001;     ///< COMMAND COMPLETE
inline constexpr u32 kBadPhase = 0x1002; ///< none of the six
inline constexpr u32 kIdle = 0x1003;     ///< SIGP

struct Region {
    u32 addr;
    u32 size;
};
} // namespace lsi_rig

struct LsiRig : Rig {
    enum Drives { Disk = 1, SecondDisk = 2, Cd = 8 }; ///< bit n: ID n

    explicit LsiRig(int drives = Disk | SecondDisk | Cd,
                    ErrorPolicy errors = {OnError::Report, OnError::Report})
        : Rig(lsi_rig::kRamSize), disk(lsi_rig::kDiskSize), disk2(lsi_rig::kDiskSize),
          disc(lsi_rig::kDiscSize),
          dev("lsi", config(drives, errors), hypervisor.ram, timers, pci_wiring(4, 1)) {
        for (u64 i = 0; i < disk.data.size(); ++i)
            disk.data[i] = static_cast<u8>(i * 31 + i / 512 * 7 + i / 4096);
        std::copy_n(disk.data.begin() + 7, disc.data.size(), disc.data.begin());
        disk.granularity = 4096;
        pci.attach(lsi_rig::kBdf, dev);
        place_bars();
    }
    Lsi53c895a::Config config(int which, ErrorPolicy errors) {
        Lsi53c895a::Config c;
        const auto drive = [&](FakeBlock& medium, DriveKind kind) {
            DriveConfig made;
            made.kind = kind;
            made.medium = &medium;
            made.errors = errors;
            made.events = &heard;
            return made;
        };
        if (which & Disk) c.drives[0] = drive(disk, DriveKind::Disk);
        if (which & SecondDisk) c.drives[1] = drive(disk2, DriveKind::Disk);
        if (which & Cd) c.drives[3] = drive(disc, DriveKind::Cdrom);
        return c;
    }
    void place_bars(u16 command = 7) {
        pci.config_write(lsi_rig::kBdf, pci::BAR0, 4, lsi_rig::kIo);
        pci.config_write(lsi_rig::kBdf, pci::BAR0 + 4, 4, lsi_rig::kMmio);
        pci.config_write(lsi_rig::kBdf, pci::BAR0 + 8, 4, lsi_rig::kScriptRam);
        pci.config_write(lsi_rig::kBdf, pci::COMMAND, 2, command);
    }

    Device& device() override { return dev; }
    std::vector<Target> targets() const override {
        return {{Target::Kind::Ports, lsi_rig::kIo, 256},
                {Target::Kind::Memory, lsi_rig::kMmio, 1024},
                {Target::Kind::Memory, lsi_rig::kScriptRam, 8192},
                {Target::Kind::Config, 0x20, 256}};
    }
    void quiesce() override { dev.quiesce(); }
    void copy_surroundings(Rig& from) override {
        Rig::copy_surroundings(from);
        auto& other = dynamic_cast<LsiRig&>(from);
        disk.data = other.disk.data;
        disk2.data = other.disk2.data;
        disk.hold = other.disk.hold;
        disk2.hold = other.disk2.hold;
        disc.hold = other.disc.hold;
        disk.next_error = other.disk.next_error;
    }
    /// A driver's command, or a medium catching up.
    void stimulate(Rng& rng) override {
        disk.hold = disk2.hold = disc.hold = rng.one_in(2);
        for (FakeBlock* medium : {&disk, &disk2, &disc})
            if (!medium->held.empty()) return medium->complete();
        if (rng.one_in(4)) dev.retry();
        if (rng.one_in(6)) place_bars(rng.one_in(8) ? 3 : 7);
        if (rng.one_in(4)) return out(lsi_rig::kIo + lsi::DIEN, 0x7d);
        if (rng.one_in(4)) return out(lsi_rig::kIo + lsi::SIEN0, rng.below(256));
        if (rng.one_in(4)) return out(lsi_rig::kIo + lsi::ISTAT0, rng.next() & 0xf4);
        static constexpr std::array<u8, 20> kCommands{0x00, 0x03, 0x08, 0x0a, 0x12, 0x15, 0x1a,
                                                      0x1b, 0x25, 0x28, 0x28, 0x2a, 0x2a, 0x2f,
                                                      0x35, 0x41, 0x42, 0x5a, 0x9e, 0xa0};
        std::vector<u8> cdb(10, 0);
        cdb[0] = kCommands[rng.below(kCommands.size())];
        cdb[1] = static_cast<u8>(rng.below(2) * 8);
        cdb[4] = static_cast<u8>(rng.below(256));
        cdb[5] = static_cast<u8>(rng.below(256));
        cdb[8] = static_cast<u8>(rng.below(32));
        const auto where = static_cast<u32>(rng.below(lsi_rig::kRamSize + 0x2000));
        const auto size = static_cast<u32>(rng.below(0x3000));
        prepare(static_cast<u8>(rng.below(5)), cdb,
                {{where, size}, {static_cast<u32>(rng.below(lsi_rig::kRamSize)), 0x2000}},
                rng.below(3) * 0x40 != 0, static_cast<int>(rng.below(3)) - 1);
        go();
    }

    // What a driver does.
    u32 reg32(unsigned reg) { return static_cast<u32>(in(static_cast<Port>(lsi_rig::kIo + reg), 4)); }
    u8 reg(unsigned r) { return static_cast<u8>(in(static_cast<Port>(lsi_rig::kIo + r))); }
    void set(unsigned r, u64 value, unsigned size = 1) {
        out(static_cast<Port>(lsi_rig::kIo + r), value, size);
    }
    void put_words(u32 at, const lsi_rig::Words& words) {
        for (std::size_t i = 0; i < words.size(); ++i)
            for (unsigned b = 0; b < 4; ++b)
                ram[at + 4 * i + b] = byte_of(words[i], b);
    }
    void put(u32 at, const std::vector<u8>& bytes) { std::ranges::copy(bytes, ram.begin() + at); }
    u32 word(u32 at) const {
        const auto& bytes = hypervisor.ram.ram;
        return bytes[at] | u32{bytes[at + 1]} << 8 | u32{bytes[at + 2]} << 16 | u32{bytes[at + 3]} << 24;
    }
    std::vector<u8> bytes(u32 at, u32 size) const {
        const auto& all = hypervisor.ram.ram;
        return {all.begin() + at, all.begin() + at + size};
    }
    /// Runs what was put at kScript.
    void run(const lsi_rig::Words& script) {
        put_words(lsi_rig::kScript, script);
        set(lsi::DSP, lsi_rig::kScript, 4);
    }
    bool irq() const { return hypervisor.intx.level(4 * 4); }

    /// Puts a command and a script that follows the target through all phases into guest RAM.
    void prepare(u8 id, std::vector<u8> cdb, const std::vector<lsi_rig::Region>& data,
                 bool may_disconnect = true, int tag = -1, u8 lun = 0) {
        using namespace lsi_rig;
        std::vector<u8> message{static_cast<u8>((may_disconnect ? 0xc0 : 0x80) | lun)};
        if (tag >= 0) {
            message.push_back(ordered ? 0x22 : 0x20);
            message.push_back(static_cast<u8>(tag));
        }
        put(kMessageOut, message);
        cdb.resize(16);
        put(kCommand, cdb);
        put_words(kTable, {u32{id} << 16});
        for (std::size_t i = 0; i < data.size(); ++i)
            put_words(static_cast<u32>(kTable + 8 + 8 * i), {data[i].size, data[i].addr});
        constexpr u32 kDispatch = kScript + 8;
        const auto block = [&](Phase phase) {
            Words moves;
            for (std::size_t i = 0; i < data.size(); ++i)
                for (const u32 w : move_table(phase, static_cast<u32>(8 + 8 * i)))
                    moves.push_back(w);
            return moves;
        };
        const u32 block_size = static_cast<u32>(8 * data.size() + 8);
        constexpr u32 kMsgOut = kDispatch + 56, kCmd = kMsgOut + 16, kStat = kCmd + 16, kMsg = kStat + 16;
        constexpr u32 kIn = kMsg + 96;
        const u32 data_out_at = kIn + block_size;
        put_words(kScript, join({select_atn_table(0, kDispatch),
                                 // dispatch
                                 jump_when(MSG_OUT, kMsgOut), jump_when(MSG_IN, kMsg),
                                 jump_when(DATA_OUT, data_out_at), jump_when(DATA_IN, kIn),
                                 jump_when(COMMAND, kCmd), jump_when(STATUS, kStat), interrupt(kBadPhase),
                                 // MESSAGE OUT, COMMAND, STATUS
                                 move(MSG_OUT, static_cast<u32>(message.size()), kMessageOut),
                                 jump(kDispatch), move(COMMAND, 16, kCommand), jump(kDispatch),
                                 move(STATUS, 1, kStatus), jump(kDispatch),
                                 // MESSAGE IN
                                 move(MSG_IN, 1, kMessageIn), clear(ACK), jump_if(0, kMsg + 40),
                                 jump_if(4, kMsg + 56), jump(kDispatch),
                                 // COMMAND COMPLETE
                                 wait_disconnect(), interrupt(kDone),
                                 // DISCONNECT
                                 wait_disconnect(), wait_reselect(kMsg + 80), jump(kDispatch),
                                 interrupt(kIdle), interrupt(kBadPhase),
                                 // data
                                 block(DATA_IN), jump(kDispatch), block(DATA_OUT), jump(kDispatch)}));
    }
    void go() {
        set(lsi::DSA, lsi_rig::kTable, 4);
        set(lsi::DSP, lsi_rig::kScript, 4);
    }
    /// Runs a command to its end; its status, or 0xff when it did not end well.
    u8 command(u8 id, const std::vector<u8>& cdb, const std::vector<lsi_rig::Region>& data = {},
               bool may_disconnect = true, int tag = -1, u8 lun = 0) {
        prepare(id, cdb, data, may_disconnect, tag, lun);
        ram[lsi_rig::kStatus] = 0xee;
        set(lsi::CCNTL0, 0x80); // a short data phase goes on with the dispatcher
        set(lsi::PMJAD1, lsi_rig::kScript + 8, 4);
        set(lsi::PMJAD2, lsi_rig::kScript + 8, 4);
        go();
        return finish();
    }
    u8 finish() {
        for (int i = 0; i < 1000 && (reg(lsi::ISTAT0) & 3) == 0; ++i)
            for (FakeBlock* medium : {&disk, &disk2, &disc})
                if (!medium->held.empty()) medium->complete();
        const u8 sist = static_cast<u8>(reg(lsi::SIST0) | reg(lsi::SIST1));
        const u8 dstat = reg(lsi::DSTAT);
        const bool done = dstat == (lsi::dstat::DFE | lsi::dstat::SIR) && reg32(lsi::DSPS) == lsi_rig::kDone;
        return done && sist == 0 ? ram[lsi_rig::kStatus] : u8{0xff};
    }
    /// As after a driver's first commands: nobody has a unit attention to tell.
    void settle() {
        for (const u8 id : std::initializer_list<u8>{0, 1, 3})
            command(id, {0x00});
    }
    /// The answer of a command that gives `size` bytes at most.
    std::vector<u8> fetch(u8 id, const std::vector<u8>& cdb, u32 size) {
        std::fill_n(ram.begin() + lsi_rig::kData, size, u8{0xcc});
        last_status = command(id, cdb, {{lsi_rig::kData, size}});
        return bytes(lsi_rig::kData, size);
    }
    /// Key, code and qualifier.
    std::array<u8, 3> sense(u8 id = 0) {
        const auto data = fetch(id, {0x03, 0, 0, 0, 18}, 18);
        return {static_cast<u8>(data[2] & 0xf), data[12], data[13]};
    }

    DriveLog heard;
    FakeBlock disk;
    FakeBlock disk2;
    FakeBlock disc;
    Lsi53c895a dev;
    u8 last_status = 0;
    bool ordered = false;
};

} // namespace dm::test
