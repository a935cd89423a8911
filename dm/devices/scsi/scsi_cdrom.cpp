#include "dm/devices/scsi/scsi_cdrom.hpp"

#include "dm/devices/scsi/scsi_reply.hpp"

#include <algorithm>

namespace dm {

using scsi::be;
using scsi::Cdb;
namespace op = scsi::op;
using Kind = ScsiAction::Kind;

namespace {

constexpr u8 kCdrom = 0x05;

/// Commands of a CD-ROM drive by their value; those that disks share are in scsi.hpp.
enum MmcOpcode : u8 {
    READ_TOC = 0x43,
    GET_CONFIGURATION = 0x46,
    GET_EVENT_STATUS_NOTIFICATION = 0x4a,
    READ_DVD_STRUCTURE = 0xad,
    SET_CD_SPEED = 0xbb,
    READ_CD = 0xbe,
};

mmc::Cdb packet_of(const Cdb& cdb) {
    mmc::Cdb packet{};
    std::copy_n(cdb.begin(), packet.size(), packet.begin());
    return packet;
}

ScsiAction refused(const mmc::Sense& why) {
    return ScsiAction::check({.key = why.key, .asc = why.asc, .ascq = why.ascq});
}

} // namespace

ScsiCdrom::ScsiCdrom(std::string_view name, const DriveConfig& config)
    : ScsiUnit(name, config), serial_(config.serial), model_(config.model.empty() ? "DVD-ROM" : config.model),
      firmware_(config.firmware) {}

u32 ScsiCdrom::sectors() const {
    if (medium_ == nullptr || s_.tray_open) return 0;
    return static_cast<u32>(std::min<u64>(medium_->size_bytes() / mmc::kSectorSize, 0xffff'fffe));
}

mmc::Drive ScsiCdrom::facts() const {
    return {.model = model_,
            .firmware = firmware_,
            .serial = serial_,
            .sectors = sectors(),
            .tray_open = s_.tray_open,
            .tray_locked = unit_.locked};
}

ScsiAction ScsiCdrom::inquiry(const Cdb& cdb, Buffer buffer) {
    const bool vital = (cdb[1] & 0x01) != 0;
    if (vital) return vital_product_data(cdb, buffer);
    if (cdb[2] != 0) return ScsiAction::check(scsi::kInvalidField);
    ScsiReply reply(buffer);
    reply.u8s({kCdrom, 0x80, 0x05, 0x12, 31, 0, 0, 0x02}); // removable, SPC-3, tagged queueing
    return reply.text("HVMDM", 8).text(model_, 16).text(firmware_, 4).take(be(cdb, 3, 2));
}

ScsiAction ScsiCdrom::vital_product_data(const Cdb& cdb, Buffer buffer) const {
    enum Page : u8 { PAGES = 0x00, SERIAL = 0x80 };
    ScsiReply reply(buffer);
    reply.u8s({kCdrom, cdb[2], 0, 0});
    switch (cdb[2]) {
    case PAGES: reply.u8s({PAGES, SERIAL}); break;
    case SERIAL: reply.text(serial_, serial_.size()); break;
    default: return ScsiAction::check(scsi::kInvalidField);
    }
    return reply.count(2, 2, 4).take(be(cdb, 3, 2));
}

ScsiAction ScsiCdrom::command(const Cdb& cdb, Buffer buffer) {
    const mmc::Cdb packet = packet_of(cdb);
    switch (cdb[0]) {
    case op::START_STOP_UNIT: return start_stop(cdb);
    case op::PREVENT_ALLOW_MEDIUM_REMOVAL: unit_.locked = (cdb[4] & 0x01) != 0; return ScsiAction::good();
    case op::RESERVE_6:
    case op::RELEASE_6:
    case op::REZERO_UNIT:
    case op::SEND_DIAGNOSTIC:
    case SET_CD_SPEED: return ScsiAction::good();
    case op::MODE_SENSE_6: return short_mode_sense(cdb, facts(), buffer);
    case op::MODE_SENSE_10: return answer(cdb, mmc::mode_sense(packet, facts()), buffer);
    case GET_CONFIGURATION: return answer(cdb, mmc::get_configuration(packet, facts()), buffer);
    case GET_EVENT_STATUS_NOTIFICATION:
        return answer(cdb, mmc::event_status(packet, facts(), mmc::MediaEvent::None), buffer);
    }
    if (sectors() == 0) return ScsiAction::check(scsi::kNoMedium);
    return disc_command(cdb, buffer);
}

ScsiAction ScsiCdrom::disc_command(const Cdb& cdb, Buffer buffer) {
    const mmc::Cdb packet = packet_of(cdb);
    switch (cdb[0]) {
    case op::TEST_UNIT_READY: return ScsiAction::good();
    case op::READ_CAPACITY_10: return answer(cdb, mmc::read_capacity(facts()), buffer);
    case op::READ_6: return read(be(cdb, 1, 3) & 0x1f'ffff, cdb[4] == 0 ? 256U : cdb[4]);
    case op::READ_10: return read(be(cdb, 2, 4), be(cdb, 7, 2));
    case op::READ_12: return read(be(cdb, 2, 4), be(cdb, 6, 4));
    case READ_CD: return read_cd(cdb);
    case op::SEEK_10: return read(be(cdb, 2, 4), 0);
    case READ_TOC: return answer(cdb, mmc::read_toc(packet, facts()), buffer);
    case READ_DVD_STRUCTURE: return answer(cdb, mmc::dvd_structure(packet, facts()), buffer);
    }
    return refuse(cdb);
}

ScsiAction ScsiCdrom::answer(const Cdb& cdb, const mmc::Answer& answer, Buffer buffer) {
    if (answer.error) return refused(*answer.error);
    return ScsiReply(buffer)
        .bytes(std::span(answer.bytes).first(answer.length))
        .take(mmc::allocation_length(packet_of(cdb)));
}

/// MODE SENSE (6) is MODE SENSE (10) with a shorter header.
ScsiAction ScsiCdrom::short_mode_sense(const Cdb& cdb, const mmc::Drive& drive, Buffer buffer) {
    const mmc::Answer wide = mmc::mode_sense(packet_of(cdb), drive);
    if (wide.error) return refused(*wide.error);
    constexpr u32 kWideHeader = 8;
    ScsiReply reply(buffer);
    reply.u8s({0, wide.bytes[2], wide.bytes[3], 0});
    reply.bytes(std::span(wide.bytes).subspan(kWideHeader, wide.length - kWideHeader));
    return reply.count(0, 1, 1).take(cdb[4]);
}

ScsiAction ScsiCdrom::read(u64 lba, u64 count) const {
    if (count > kMostSectors) return ScsiAction::check(scsi::kInvalidField);
    if (lba >= sectors() || count > sectors() - lba) return ScsiAction::check(scsi::kLbaOutOfRange.at(lba));
    if (count == 0) return ScsiAction::good();
    return {.kind = Kind::Read, .offset = lba * mmc::kSectorSize, .length = count * mmc::kSectorSize};
}

ScsiAction ScsiCdrom::read_cd(const Cdb& cdb) const {
    enum Parts : u8 { Nothing = 0x00, UserData = 0x10 };
    switch (cdb[9] & 0xf8) {
    case Nothing: return ScsiAction::good();
    case UserData: return read(be(cdb, 2, 4), be(cdb, 6, 3));
    }
    return ScsiAction::check(scsi::kWrongModeForTrack);
}

ScsiAction ScsiCdrom::start_stop(const Cdb& cdb) {
    const bool power_condition = (cdb[4] & 0xf0) != 0;
    const bool load_eject = (cdb[4] & 0x02) != 0;
    const bool start = (cdb[4] & 0x01) != 0;
    if (power_condition || !load_eject) return ScsiAction::good(); // spinning means nothing here
    if (!start && unit_.locked) return ScsiAction::check(scsi::kRemovalPrevented);
    const bool was_open = std::exchange(s_.tray_open, !start);
    if (was_open && start && sectors() > 0) attention(scsi::kMediumChanged);
    return ScsiAction::good();
}

ScsiAction ScsiCdrom::parameters(const Cdb&, std::span<const u8>) {
    return ScsiAction::check(scsi::kTargetFailure); // only from a made-up saved state
}

ScsiAction ScsiCdrom::finished(const Cdb& cdb, Kind, int error) {
    if (error == 0) return ScsiAction::good();
    log_.guest("the medium failed command {:#04x}: errno {}", cdb[0], error);
    return ScsiAction::check(scsi::kReadError);
}

void ScsiCdrom::reset(ScsiReset how) {
    ScsiUnit::reset(how);
    s_ = {};
}

void ScsiCdrom::save(StateWriter& out, std::string_view name) const {
    ScsiUnit::save(out, name);
    out.section(fmt::format("{}/cdrom", name), s_);
}

Status ScsiCdrom::load(StateReader& in, std::string_view name) {
    DM_TRY(ScsiUnit::load(in, name));
    return load_section(in, fmt::format("{}/cdrom", name), loaded_);
}

void ScsiCdrom::commit() {
    ScsiUnit::commit();
    s_ = loaded_;
}

} // namespace dm
