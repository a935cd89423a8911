// ATA disk: commands that move no sectors, and the life of the drive.
#include "dm/devices/ide/ata_disk.hpp"

#include "dm/core/block_flush.hpp"

#include <algorithm>
#include <bit>

namespace dm {
namespace {

enum class Opcode : u8 {
    NOP = 0x00,
    READ_NATIVE_MAX_ADDRESS_EXT = 0x27,
    SET_MAX_ADDRESS_EXT = 0x37,
    INITIALIZE_DEVICE_PARAMETERS = 0x91,
    DOWNLOAD_MICROCODE = 0x92,
    STANDBY_IMMEDIATE_OLD = 0x94,
    IDLE_IMMEDIATE_OLD = 0x95,
    STANDBY_OLD = 0x96,
    IDLE_OLD = 0x97,
    CHECK_POWER_MODE_OLD = 0x98,
    SLEEP_OLD = 0x99,
    SMART = 0xb0,
    DEVICE_CONFIGURATION = 0xb1,
    SET_MULTIPLE_MODE = 0xc6,
    STANDBY_IMMEDIATE = 0xe0,
    IDLE_IMMEDIATE = 0xe1,
    STANDBY = 0xe2,
    IDLE = 0xe3,
    CHECK_POWER_MODE = 0xe5,
    SLEEP = 0xe6,
    IDENTIFY_DEVICE = 0xec,
    SET_FEATURES = 0xef,
    SECURITY_SET_PASSWORD = 0xf1,
    SECURITY_UNLOCK = 0xf2,
    SECURITY_ERASE_PREPARE = 0xf3,
    SECURITY_ERASE_UNIT = 0xf4,
    SECURITY_FREEZE_LOCK = 0xf5,
    SECURITY_DISABLE_PASSWORD = 0xf6,
    READ_NATIVE_MAX_ADDRESS = 0xf8,
    SET_MAX_ADDRESS = 0xf9,
};

enum class Feature : u8 {
    ENABLE_WRITE_CACHE = 0x02,
    SET_TRANSFER_MODE = 0x03,
    ENABLE_APM = 0x05,
    ENABLE_AAM = 0x42,
    DISABLE_LOOK_AHEAD = 0x55,
    DISABLE_REVERTING = 0x66,
    NO_OP_67 = 0x67,
    NO_OP_69 = 0x69,
    DISABLE_WRITE_CACHE = 0x82,
    DISABLE_APM = 0x85,
    NO_OP_96 = 0x96,
    NO_OP_9A = 0x9a,
    ENABLE_LOOK_AHEAD = 0xaa,
    DISABLE_AAM = 0xc2,
    ENABLE_REVERTING = 0xcc,
};

enum class Smart : u8 {
    READ_DATA = 0xd0,
    READ_THRESHOLDS = 0xd1,
    AUTOSAVE = 0xd2,
    EXECUTE_OFF_LINE = 0xd4,
    READ_LOG = 0xd5,
    ENABLE = 0xd8,
    DISABLE = 0xd9,
    RETURN_STATUS = 0xda,
};

constexpr u8 kSmartMid = 0x4f; // the key that SMART commands carry in LBA mid and high
constexpr u8 kSmartHigh = 0xc2;
constexpr u8 kActiveOrIdle = 0xff;

/// An attribute of the SMART data structure (8.41.6.8), with the number that starts it.
struct SmartAttribute {
    u8 id;
    u8 threshold;
};
constexpr std::array kSmartAttributes{
    SmartAttribute{0x01, 6},  // raw read error rate
    SmartAttribute{0x05, 36}, // reallocated sectors
    SmartAttribute{0x09, 0},  // power-on hours
    SmartAttribute{0x0c, 20}, // power cycles
};

using Sector = std::array<u8, ata::kSectorSize>;

/// The last byte makes the sum of all bytes zero.
void add_checksum(Sector& s) {
    u8 sum = 0;
    for (std::size_t i = 0; i + 1 < s.size(); ++i)
        sum = static_cast<u8>(sum + s[i]);
    s.back() = static_cast<u8>(0x100 - sum);
}

Sector smart_data(bool autosave) {
    Sector s{};
    s[0] = 1; // revision of the structure
    for (std::size_t i = 0; i < kSmartAttributes.size(); ++i) {
        u8* attribute = &s[2 + 12 * i];
        attribute[0] = kSmartAttributes[i].id;
        attribute[1] = 0x03; // flags: pre-failure, updated online
        attribute[3] = 100;  // value
        attribute[4] = 100;  // worst value
    }
    s[362] = autosave ? 0x82 : 0x02; // off-line collection completed without error
    s[364] = 0x01;                   // seconds to complete it
    s[367] = 0x1b;                   // off-line capability
    s[368] = 0x03;                   // SMART capability: saves attributes
    s[370] = 0x01;                   // error log supported
    s[372] = 0x02;                   // minutes: short self-test
    s[373] = 0x36;                   // minutes: extended self-test
    add_checksum(s);
    return s;
}

Sector smart_thresholds() {
    Sector s{};
    s[0] = 1;
    for (std::size_t i = 0; i < kSmartAttributes.size(); ++i) {
        s[2 + 12 * i] = kSmartAttributes[i].id;
        s[3 + 12 * i] = kSmartAttributes[i].threshold;
    }
    add_checksum(s);
    return s;
}

} // namespace

bool AtaDisk::non_data_command(u8 opcode) {
    // RECALIBRATE and SEEK take a whole row of opcodes each.
    if ((opcode & 0xf0) == 0x10) return done(), true;
    if ((opcode & 0xf0) == 0x70) return seek();
    switch (static_cast<Opcode>(opcode)) {
    case Opcode::READ_NATIVE_MAX_ADDRESS: return read_native_max(false);
    case Opcode::READ_NATIVE_MAX_ADDRESS_EXT: return read_native_max(true);
    case Opcode::INITIALIZE_DEVICE_PARAMETERS: return initialize_parameters();
    case Opcode::CHECK_POWER_MODE_OLD:
    case Opcode::CHECK_POWER_MODE: task().count.now = kActiveOrIdle; return done(), true;
    case Opcode::STANDBY_IMMEDIATE_OLD:
    case Opcode::STANDBY_OLD:
    case Opcode::SLEEP_OLD:
    case Opcode::STANDBY_IMMEDIATE:
    case Opcode::STANDBY:
    case Opcode::SLEEP:
        return flush(), true; // a disk that spins down has written its cache; this one is back at once
    case Opcode::IDLE_IMMEDIATE_OLD:
    case Opcode::IDLE_OLD:
    case Opcode::IDLE_IMMEDIATE:
    case Opcode::IDLE:
    case Opcode::SECURITY_FREEZE_LOCK: return done(), true; // nothing to rest, nothing to lock
    case Opcode::NOP:                                       // always aborted (ATA/ATAPI-6, 8.24)
    case Opcode::DOWNLOAD_MICROCODE:
    case Opcode::DEVICE_CONFIGURATION:
    case Opcode::SECURITY_SET_PASSWORD:
    case Opcode::SECURITY_UNLOCK:
    case Opcode::SECURITY_ERASE_PREPARE:
    case Opcode::SECURITY_ERASE_UNIT:
    case Opcode::SECURITY_DISABLE_PASSWORD:
    case Opcode::SET_MAX_ADDRESS:
    case Opcode::SET_MAX_ADDRESS_EXT: return aborted(), true; // tried by hosts, offered to none
    case Opcode::SMART: return smart(), true;
    case Opcode::SET_MULTIPLE_MODE: return set_multiple();
    case Opcode::IDENTIFY_DEVICE: return identify(), true;
    case Opcode::SET_FEATURES: return set_features();
    }
    return false;
}

bool AtaDisk::seek() {
    const std::optional<u64> lba = start_lba(false);
    if (lba && *lba < capacity())
        done();
    else
        out_of_range();
    return true;
}

bool AtaDisk::initialize_parameters() {
    const u32 sectors = task().count.now;
    const u32 heads = task().head() + 1;
    if (sectors == 0) return aborted(), true; // GL1243, GL2399: nothing may ever divide by it
    s_.sectors = sectors;
    s_.heads = heads;
    s_.cylinders =
        static_cast<u32>(std::clamp<u64>(capacity() / (u64{heads} * sectors), 1, ata::kMostCylinders));
    done();
    return true;
}

bool AtaDisk::set_multiple() {
    const u8 count = task().count.now;
    if (count > ata::kMostSectorsPerBlock || (count != 0 && !std::has_single_bit(count)))
        return aborted(), true;
    s_.sectors_per_block = count;
    done();
    return true;
}

bool AtaDisk::read_native_max(bool extended) {
    const u64 last = capacity() > 0 ? capacity() - 1 : 0;
    if (extended)
        task().set_lba48(last);
    else
        task().set_lba28(std::min<u64>(last, 0x0fff'ffff));
    done();
    return true;
}

bool AtaDisk::set_features() {
    const auto accept = [this] { return done(), true; };
    switch (static_cast<Feature>(task().features.now)) {
    case Feature::ENABLE_WRITE_CACHE: s_.write_cache = true; return accept();
    case Feature::DISABLE_WRITE_CACHE: s_.write_cache = false; return flush(), true;
    case Feature::SET_TRANSFER_MODE:
        if (const auto mode = ata::decode_transfer_mode(task().count.now)) {
            s_.mode = *mode;
            return accept();
        }
        return aborted(), true;
    case Feature::ENABLE_APM:
    case Feature::DISABLE_APM:
    case Feature::ENABLE_AAM:
    case Feature::DISABLE_AAM:
    case Feature::ENABLE_LOOK_AHEAD:
    case Feature::DISABLE_LOOK_AHEAD:
    case Feature::ENABLE_REVERTING:
    case Feature::DISABLE_REVERTING:
    case Feature::NO_OP_67:
    case Feature::NO_OP_69:
    case Feature::NO_OP_96:
    case Feature::NO_OP_9A: return accept();
    }
    return aborted(), true;
}

void AtaDisk::smart() {
    ata::TaskFile& t = task();
    const auto what = static_cast<Smart>(t.features.now);
    if (t.mid.now != kSmartMid || t.high.now != kSmartHigh || (!s_.smart && what != Smart::ENABLE))
        return aborted();
    switch (what) {
    case Smart::READ_DATA: return reply(smart_data(s_.smart_autosave));
    case Smart::READ_THRESHOLDS: return reply(smart_thresholds());
    case Smart::READ_LOG: {
        Sector log{}; // the directory, the error log and the self-test log: all of them empty
        if (t.low.now != 0x00 && t.low.now != 0x01 && t.low.now != 0x06) return aborted();
        log[0] = 1; // version of each
        if (t.low.now != 0x00) add_checksum(log);
        return reply(log);
    }
    case Smart::AUTOSAVE:
        if (t.count.now != 0x00 && t.count.now != 0xf1) return aborted();
        s_.smart_autosave = t.count.now != 0;
        return done();
    case Smart::EXECUTE_OFF_LINE: return done();
    case Smart::ENABLE: s_.smart = true; return done();
    case Smart::DISABLE: s_.smart = false; return done();
    case Smart::RETURN_STATUS: return done(); // mid and high keep the key: no threshold exceeded
    }
    aborted();
}

void AtaDisk::identify() {
    const ata::DiskFacts facts{.names = {serial_, firmware_, model_},
                               .physical = physical_,
                               .current = {s_.cylinders, s_.heads, s_.sectors},
                               .sectors = capacity(),
                               .sectors_per_block = s_.sectors_per_block,
                               .write_cache = s_.write_cache,
                               .smart = s_.smart,
                               .trim = can_trim(),
                               .mode = s_.mode,
                               .queue_depth = channel_.queue_depth()};
    reply(ata::identify_disk(facts));
}

/// One sector of answer through the data port.
void AtaDisk::reply(std::span<const u8, ata::kSectorSize> data) {
    s_.op = Op::Reply;
    std::copy(data.begin(), data.end(), channel_.buffer().begin());
    channel_.offer(unit_, AtaLink::Phase::DataIn, 0, ata::kSectorSize);
    channel_.interrupt();
}

void AtaDisk::power_on() {
    const bool unplugged = s_.unplugged;
    s_ = {};
    s_.unplugged = unplugged; // until the domain ends
    s_.cylinders = physical_.cylinders;
    s_.heads = physical_.heads;
    s_.sectors = physical_.sectors;
    dma_open_ = false;
    ranges_.clear();
}

int AtaDisk::unplug() {
    if (medium_ == nullptr) return 0;
    channel_.drop_command(unit_);
    const int result = flush_and_wait(*medium_);
    medium_ = nullptr;
    s_.unplugged = true;
    if (result != 0) log_.error("unplugged, but the last flush failed with errno {}", result);
    return result;
}

void AtaDisk::save(StateWriter& out, std::string_view name) const {
    out.section(name, s_);
}

Status AtaDisk::load(StateReader& in, std::string_view name) {
    if (!in.has(name)) {
        log_.info("attached since the machine began: the guest sees it through its PV drivers only");
        loaded_ = s_;
        loaded_.op = Op::None;
        loaded_.unplugged = true;
        return {};
    }
    return load_section(in, name, loaded_, [&](const State& state) -> Status {
        if (state.op > Op::Trim || !state.mode.valid())
            return fail("saved state: {}: a value that no disk has", name);
        if (state.cylinders == 0 || state.cylinders > 0xffff || state.heads == 0 || state.heads > 16 ||
            state.sectors == 0 || state.sectors > 0xff)
            return fail("saved state: {}: impossible geometry", name);
        const bool multiple_ok = state.sectors_per_block == 0 || std::has_single_bit(state.sectors_per_block);
        if (!multiple_ok || state.sectors_per_block > ata::kMostSectorsPerBlock ||
            !std::has_single_bit(state.per_block) || state.per_block > ata::kMostSectorsPerBlock)
            return fail("saved state: {}: impossible block size", name);
        if (state.left > 0x10000 || state.in_buffer > std::min<u32>(state.left, 16) ||
            state.lba > u64{1} << 48)
            return fail("saved state: {}: impossible transfer", name);
        if (medium_ == nullptr && !state.unplugged)
            return fail("saved state: {} has a disk that was unplugged here", name);
        return {};
    });
}

void AtaDisk::commit() {
    s_ = loaded_;
    dma_open_ = false;
    ranges_.clear();
    if (s_.unplugged) medium_ = nullptr;
}

} // namespace dm
