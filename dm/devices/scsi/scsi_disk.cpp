// SCSI disk: commands that reach the medium.
#include "dm/devices/scsi/scsi_disk.hpp"

#include <algorithm>
#include <cerrno>

namespace dm {

using scsi::be;
using scsi::Cdb;
namespace op = scsi::op;
using scsi::Sense;
using Kind = ScsiAction::Kind;

namespace {

enum class Group : u8 { Six, Ten, Twelve, Sixteen };

/// The top three bits of an opcode tell the length of the command.
Group group_of(u8 opcode) {
    switch (opcode >> 5) {
    case 0: return Group::Six;
    case 4: return Group::Sixteen;
    case 5: return Group::Twelve;
    }
    return Group::Ten;
}

bool force_unit_access(const Cdb& cdb) {
    switch (cdb[0]) {
    case op::WRITE_AND_VERIFY_10:
    case op::WRITE_AND_VERIFY_12:
    case op::WRITE_AND_VERIFY_16: return true;
    }
    return group_of(cdb[0]) != Group::Six && (cdb[1] & 0x08) != 0;
}

bool asks_for_protection(const Cdb& cdb) {
    return group_of(cdb[0]) != Group::Six && (cdb[1] & 0xe0) != 0;
}

} // namespace

ScsiDisk::ScsiDisk(std::string_view name, const DriveConfig& config)
    : ScsiUnit(name, config), serial_(config.serial),
      model_(config.model.empty() ? "HARDDISK" : config.model), firmware_(config.firmware) {
    if (medium_ != nullptr) medium_->set_size_changed([this] { attention(scsi::kCapacityChanged); });
}

ScsiDisk::~ScsiDisk() {
    if (medium_ != nullptr) medium_->set_size_changed({});
}

ScsiAction ScsiDisk::command(const Cdb& cdb, Buffer buffer) {
    switch (cdb[0]) {
    case op::START_STOP_UNIT: return start_stop(cdb);
    case op::MODE_SENSE_6: return mode_sense(cdb, buffer, false);
    case op::MODE_SENSE_10: return mode_sense(cdb, buffer, true);
    case op::MODE_SELECT_6: return mode_select(cdb, false);
    case op::MODE_SELECT_10: return mode_select(cdb, true);
    case op::PREVENT_ALLOW_MEDIUM_REMOVAL: unit_.locked = (cdb[4] & 0x01) != 0; return ScsiAction::good();
    case op::RESERVE_6:
    case op::RELEASE_6:
    case op::REZERO_UNIT:
    case op::SEND_DIAGNOSTIC: return ScsiAction::good();
    }
    if (unit_.stopped) return ScsiAction::check(scsi::kStopped);
    if (capacity() == 0) return ScsiAction::check(scsi::kNoMedium);
    return medium_command(cdb, buffer);
}

ScsiAction ScsiDisk::medium_command(const Cdb& cdb, Buffer buffer) {
    switch (cdb[0]) {
    case op::TEST_UNIT_READY: return ScsiAction::good();
    case op::READ_6:
    case op::READ_10:
    case op::READ_12:
    case op::READ_16: return transfer(cdb, Kind::Read);
    case op::WRITE_6:
    case op::WRITE_10:
    case op::WRITE_12:
    case op::WRITE_16:
    case op::WRITE_AND_VERIFY_10:
    case op::WRITE_AND_VERIFY_12:
    case op::WRITE_AND_VERIFY_16: return transfer(cdb, Kind::Write);
    case op::VERIFY_10:
    case op::VERIFY_12:
    case op::VERIFY_16: return verify(cdb);
    case op::SYNCHRONIZE_CACHE_10:
    case op::SYNCHRONIZE_CACHE_16: return synchronize(cdb);
    case op::SEEK_6: return seek(cdb, be(cdb, 1, 3) & 0x1f'ffff);
    case op::SEEK_10: return seek(cdb, be(cdb, 2, 4));
    case op::READ_CAPACITY_10: return read_capacity_10(cdb, buffer);
    case op::SERVICE_ACTION_IN_16: return read_capacity_16(cdb, buffer);
    case op::WRITE_SAME_10:
    case op::WRITE_SAME_16: return write_same(cdb);
    case op::UNMAP:
        if (!can_discard()) return refuse(cdb);
        if (be(cdb, 7, 2) > kBufferSize) return ScsiAction::check(scsi::kParameterListLength);
        return be(cdb, 7, 2) == 0 ? ScsiAction::good() : ScsiAction::parameters(be(cdb, 7, 2));
    }
    return refuse(cdb);
}

ScsiDisk::Extent ScsiDisk::extent_of(const Cdb& cdb) {
    switch (group_of(cdb[0])) {
    case Group::Six: return {be(cdb, 1, 3) & 0x1f'ffff, cdb[4] == 0 ? 256U : cdb[4]};
    case Group::Ten: return {be(cdb, 2, 4), be(cdb, 7, 2)};
    case Group::Twelve: return {be(cdb, 2, 4), be(cdb, 6, 4)};
    case Group::Sixteen: return {be(cdb, 2, 8), be(cdb, 10, 4)};
    }
    return {};
}

/// Why `extent` is not on the disk; nothing when it is.
std::optional<Sense> ScsiDisk::beyond(const Extent& extent) const {
    const u64 blocks = capacity();
    if (extent.lba > blocks || (extent.lba == blocks && extent.blocks > 0))
        return scsi::kLbaOutOfRange.at(extent.lba);
    if (extent.blocks > blocks - extent.lba) return scsi::kLbaOutOfRange.at(blocks);
    return std::nullopt;
}

ScsiAction ScsiDisk::transfer(const Cdb& cdb, Kind kind) {
    const Extent extent = extent_of(cdb);
    if (asks_for_protection(cdb) || extent.blocks > kMostBlocks)
        return ScsiAction::check(scsi::kInvalidField);
    if (const auto sense = beyond(extent)) {
        log_.guest("command beyond the end of the disk");
        return ScsiAction::check(*sense);
    }
    if (kind == Kind::Write && medium_->read_only()) return ScsiAction::check(scsi::kWriteProtected);
    if (extent.blocks == 0) return ScsiAction::good();
    return {.kind = kind, .offset = extent.lba * kBlockSize, .length = extent.blocks * kBlockSize};
}

ScsiAction ScsiDisk::verify(const Cdb& cdb) {
    constexpr u8 kByteCheck = 0x06;
    if ((cdb[1] & kByteCheck) != 0) return ScsiAction::check(scsi::kInvalidField);
    return transfer(cdb, Kind::Verify);
}

ScsiAction ScsiDisk::synchronize(const Cdb& cdb) {
    if (const auto sense = beyond(extent_of(cdb))) return ScsiAction::check(*sense);
    return ScsiAction::flush();
}

ScsiAction ScsiDisk::seek(const Cdb&, u64 lba) {
    if (lba >= capacity()) return ScsiAction::check(scsi::kLbaOutOfRange.at(lba));
    return ScsiAction::good();
}

/// A disk that is to stop makes stable first what it was given.
ScsiAction ScsiDisk::start_stop(const Cdb& cdb) {
    const bool power_condition = (cdb[4] & 0xf0) != 0;
    const bool start = (cdb[4] & 0x01) != 0;
    if (power_condition) return ScsiAction::good();
    if (!start && !unit_.stopped && medium_ != nullptr) return ScsiAction::flush();
    unit_.stopped = !start;
    return ScsiAction::good();
}

ScsiAction ScsiDisk::write_same(const Cdb& cdb) {
    enum Flag : u8 { NDOB = 0x01, LBDATA = 0x02, PBDATA = 0x04, ANCHOR = 0x10, PROTECT = 0xe0 };
    const Extent extent = extent_of(cdb);
    const bool no_data = cdb[0] == op::WRITE_SAME_16 && (cdb[1] & NDOB) != 0;
    if ((cdb[1] & (LBDATA | PBDATA | ANCHOR | PROTECT)) != 0 || extent.blocks == 0 ||
        extent.blocks > kMostBlocks)
        return ScsiAction::check(scsi::kInvalidField);
    if (const auto sense = beyond(extent)) return ScsiAction::check(*sense);
    if (medium_->read_only()) return ScsiAction::check(scsi::kWriteProtected);
    return no_data ? zero(cdb, {}) : ScsiAction::parameters(kBlockSize);
}

ScsiAction ScsiDisk::zero(const Cdb& cdb, std::span<const u8> pattern) {
    constexpr u8 kUnmap = 0x08;
    if (std::ranges::any_of(pattern, [](u8 b) { return b != 0; }))
        return ScsiAction::check(scsi::kInvalidParameter);
    const Extent extent = extent_of(cdb);
    if (const auto sense = beyond(extent)) return ScsiAction::check(*sense); // it may have shrunk meanwhile
    return {.kind = Kind::Zero,
            .offset = extent.lba * kBlockSize,
            .length = extent.blocks * kBlockSize,
            .unmap = (cdb[1] & kUnmap) != 0};
}

ScsiAction ScsiDisk::unmap(std::span<const u8> list) {
    constexpr std::size_t kHeader = 8;
    constexpr std::size_t kDescriptor = 16;
    if (list.size() < kHeader) return ScsiAction::check(scsi::kParameterListLength);
    const u64 described = std::min<u64>(be(list, 2, 2), list.size() - kHeader);
    const u64 descriptors = described / kDescriptor;
    if (descriptors == 0) return ScsiAction::good();
    if (descriptors > 1) return ScsiAction::check(scsi::kInvalidParameter);
    const Extent extent{be(list, kHeader, 8), be(list, kHeader + 8, 4)};
    if (extent.blocks > kMostDiscarded) return ScsiAction::check(scsi::kInvalidParameter);
    if (const auto sense = beyond(extent)) return ScsiAction::check(*sense);
    if (extent.blocks == 0) return ScsiAction::good();
    return {.kind = Kind::Discard, .offset = extent.lba * kBlockSize, .length = extent.blocks * kBlockSize};
}

ScsiAction ScsiDisk::parameters(const Cdb& cdb, std::span<const u8> list) {
    switch (cdb[0]) {
    case op::MODE_SELECT_6: return set_modes(list, false);
    case op::MODE_SELECT_10: return set_modes(list, true);
    case op::UNMAP: return unmap(list);
    case op::WRITE_SAME_10:
    case op::WRITE_SAME_16: return zero(cdb, list);
    }
    return ScsiAction::check(scsi::kTargetFailure); // only from a made-up saved state
}

ScsiAction ScsiDisk::finished(const Cdb& cdb, Kind kind, int error) {
    if (error != 0) return ScsiAction::check(failure(cdb, kind, error));
    const bool wrote = kind == Kind::Write || kind == Kind::Zero;
    const bool force = kind == Kind::Write && force_unit_access(cdb);
    if (force || (wrote && !s_.write_cache)) return ScsiAction::flush();
    if (cdb[0] == op::START_STOP_UNIT) unit_.stopped = true;
    return ScsiAction::good();
}

/// The address is that of the first block that is not known to be good.
Sense ScsiDisk::failure(const Cdb& cdb, Kind kind, int error) {
    log_.guest("the medium failed command {:#04x}: errno {}", cdb[0], error);
    const u64 lba = extent_of(cdb).lba;
    if (error == ECANCELED) return scsi::kCommandAborted;
    if (error == EINVAL) return scsi::kLbaOutOfRange.at(lba); // it shrank
    switch (kind) {
    case Kind::Read:
    case Kind::Verify: return scsi::kReadError.at(lba);
    case Kind::Zero:
    case Kind::Discard:
        if (error == EOPNOTSUPP) return scsi::kInvalidOpcode;
        [[fallthrough]];
    case Kind::Write:
    case Kind::Flush:
        if (error == EROFS) return scsi::kWriteProtected;
        if (error == ENOSPC || error == EDQUOT) return scsi::kNoSpace;
        return kind == Kind::Write ? scsi::kWriteError.at(lba) : scsi::kWriteError;
    case Kind::Done:
    case Kind::Reply:
    case Kind::Parameters: break;
    }
    return scsi::kTargetFailure;
}

void ScsiDisk::reset(ScsiReset how) {
    ScsiUnit::reset(how);
    s_ = {};
}

void ScsiDisk::save(StateWriter& out, std::string_view name) const {
    ScsiUnit::save(out, name);
    out.section(fmt::format("{}/disk", name), s_);
}

Status ScsiDisk::load(StateReader& in, std::string_view name) {
    DM_TRY(ScsiUnit::load(in, name));
    return load_section(in, fmt::format("{}/disk", name), loaded_);
}

void ScsiDisk::commit() {
    ScsiUnit::commit();
    s_ = loaded_;
}

} // namespace dm
