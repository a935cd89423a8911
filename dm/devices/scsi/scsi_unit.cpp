#include "dm/devices/scsi/scsi_unit.hpp"

#include "dm/core/block_flush.hpp"
#include "dm/devices/scsi/scsi_reply.hpp"

#include <cerrno>

namespace dm {

using scsi::be;
using scsi::Cdb;
namespace op = scsi::op;
using scsi::Sense;

namespace {

void add_fixed_sense(ScsiReply& reply, const Sense& sense) {
    const bool valid = sense.has_address && sense.address <= 0xffff'ffff;
    reply.u8s({static_cast<u8>(valid ? 0xf0 : 0x70), 0, sense.key}).be(valid ? sense.address : 0, 4);
    reply.u8s({10, 0, 0, 0, 0, sense.asc, sense.ascq}).zeros(4);
}

void add_described_sense(ScsiReply& reply, const Sense& sense) {
    reply.u8s({0x72, sense.key, sense.asc, sense.ascq, 0, 0, 0, 0});
    if (sense.has_address) reply.u8s({0x00, 0x0a, 0x80, 0}).be(sense.address, 8);
    reply.count(7, 1, 8);
}

} // namespace

ScsiUnit::ScsiUnit(std::string_view name, const DriveConfig& config)
    : log_(name), medium_(config.medium), errors_(config.errors), events_(config.events) {
    unit_.attention = scsi::kPowerOn;
}

OnError ScsiUnit::medium_failed(BlockIo::Op op, int error) {
    OnError action = errors_.action(op, error == ENOSPC || error == EDQUOT);
    // Where nobody can stop the machine, the request would wait for ever.
    if (action == OnError::Stop && events_ == nullptr) action = OnError::Report;
    if (events_ != nullptr) events_->medium_failed(op, error, action);
    return action;
}

ScsiAction ScsiUnit::start(const Cdb& cdb, u8 lun, Buffer buffer) {
    if (cdb[0] == op::REQUEST_SENSE) return request_sense(cdb, lun, buffer);
    unit_.sense = {};
    if (cdb[0] == op::REPORT_LUNS) return report_luns(cdb, buffer);
    if (cdb[0] == op::INQUIRY) return lun == 0 ? inquiry(cdb, buffer) : inquiry_of_nobody(cdb, buffer);
    if (lun != 0) return ScsiAction::check(scsi::kNoSuchLun);
    if (unit_.attention.any()) return ScsiAction::check(std::exchange(unit_.attention, {}));
    return command(cdb, buffer);
}

ScsiAction ScsiUnit::request_sense(const Cdb& cdb, u8 lun, Buffer buffer) {
    Sense sense = scsi::kNoSuchLun;
    if (lun == 0) sense = std::exchange(unit_.sense.any() ? unit_.sense : unit_.attention, {});
    ScsiReply reply(buffer);
    const bool described = (cdb[1] & 0x01) != 0;
    if (described)
        add_described_sense(reply, sense);
    else
        add_fixed_sense(reply, sense);
    return reply.take(cdb[4]);
}

ScsiAction ScsiUnit::report_luns(const Cdb& cdb, Buffer buffer) {
    enum Select : u8 { Addressable, WellKnown, All };
    constexpr u64 kLeast = 16;
    const u64 allocation = be(cdb, 6, 4);
    if (cdb[2] > All || allocation < kLeast) return ScsiAction::check(scsi::kInvalidField);
    ScsiReply reply(buffer);
    reply.zeros(8);
    if (cdb[2] != WellKnown) reply.zeros(8); // LUN 0
    return reply.count(0, 4, 8).take(allocation);
}

/// Qualifier 3: this target has no such logical unit.
ScsiAction ScsiUnit::inquiry_of_nobody(const Cdb& cdb, Buffer buffer) {
    if ((cdb[1] & 0x01) != 0 || cdb[2] != 0) return ScsiAction::check(scsi::kInvalidField);
    return ScsiReply(buffer).u8s({0x7f, 0, 0x05, 0x02, 31}).zeros(31).take(be(cdb, 3, 2));
}

ScsiAction ScsiUnit::refuse(const Cdb& cdb) {
    log_.guest("unknown command {:#04x}", cdb[0]);
    return ScsiAction::check(scsi::kInvalidOpcode);
}

void ScsiUnit::reset(ScsiReset how) {
    const bool unplugged = unit_.unplugged;
    unit_ = {};
    unit_.unplugged = unplugged;
    switch (how) {
    case ScsiReset::PowerOn: unit_.attention = scsi::kPowerOn; break;
    case ScsiReset::Bus: unit_.attention = scsi::kBusReset; break;
    case ScsiReset::Target: unit_.attention = scsi::kTargetReset; break;
    }
}

int ScsiUnit::unplug() {
    if (unit_.unplugged) return 0;
    unit_.unplugged = true;
    BlockBackend* medium = std::exchange(medium_, nullptr);
    if (medium == nullptr) return 0;
    medium->set_size_changed({});
    return flush_and_wait(*medium);
}

Status ScsiUnit::load(StateReader& in, std::string_view name) {
    return load_section(in, name, loaded_, [&](const UnitState& state) -> Status {
        if (state.sense.key > 0x0f || state.attention.key > 0x0f)
            return fail("saved state: {}: a sense key that there is not", name);
        if (unit_.unplugged && !state.unplugged)
            return fail("saved state: {}: the disk was unplugged here", name);
        return {};
    });
}

void ScsiUnit::commit() {
    if (loaded_.unplugged) static_cast<void>(unplug());
    unit_ = loaded_;
}

} // namespace dm
