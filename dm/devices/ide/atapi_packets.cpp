// ATAPI CD-ROM: the packet commands.
#include "dm/devices/ide/atapi_cdrom.hpp"

#include <algorithm>
#include <utility>

namespace dm {

using mmc::be16;
using mmc::be24;
using mmc::be32;
using mmc::Cdb;
using mmc::Opcode;

namespace {

/// Runs even while a change of the medium waits to be reported (MMC-3, 4.1.6.1).
bool runs_with_unit_attention(Opcode opcode) {
    return opcode == Opcode::INQUIRY || opcode == Opcode::REQUEST_SENSE ||
           opcode == Opcode::GET_CONFIGURATION || opcode == Opcode::GET_EVENT_STATUS_NOTIFICATION ||
           opcode == Opcode::MECHANISM_STATUS;
}

bool needs_medium(Opcode opcode) {
    return opcode == Opcode::TEST_UNIT_READY || opcode == Opcode::READ_CAPACITY ||
           opcode == Opcode::READ_10 || opcode == Opcode::READ_12 || opcode == Opcode::READ_CD ||
           opcode == Opcode::SEEK_10 || opcode == Opcode::READ_TOC ||
           opcode == Opcode::READ_DISC_INFORMATION || opcode == Opcode::READ_TRACK_INFORMATION ||
           opcode == Opcode::READ_SUBCHANNEL || opcode == Opcode::READ_DVD_STRUCTURE ||
           opcode == Opcode::READ_CD_MSF || opcode == Opcode::GET_PERFORMANCE ||
           opcode == Opcode::PLAY_AUDIO_10 || opcode == Opcode::PLAY_AUDIO_MSF ||
           opcode == Opcode::PAUSE_RESUME;
}

} // namespace

mmc::Drive AtapiCdrom::facts() const {
    return {.model = model_,
            .firmware = firmware_,
            .serial = serial_,
            .sectors = ready() ? sectors() : 0,
            .tray_open = s_.tray_open,
            .tray_locked = s_.tray_locked};
}

bool AtapiCdrom::may_run(Opcode opcode) {
    if (opcode != Opcode::REQUEST_SENSE) s_.sense = {};
    if (!runs_with_unit_attention(opcode) && ready()) {
        switch (std::exchange(s_.change,
                              s_.change == Change::ReportNoMedium ? Change::ReportChanged : Change::None)) {
        case Change::ReportNoMedium: return check_condition(mmc::kNoMediumTrayOpen), false;
        case Change::ReportChanged: return check_condition(mmc::kMediumChanged), false;
        case Change::None: break;
        }
    }
    if (needs_medium(opcode) && !ready()) return check_condition(no_medium()), false;
    return true;
}

void AtapiCdrom::run(const Cdb& cdb) {
    const auto opcode = static_cast<Opcode>(cdb[0]);
    if (!may_run(opcode)) return;
    switch (opcode) {
    case Opcode::TEST_UNIT_READY:
    case Opcode::SET_CD_SPEED:
    case Opcode::STOP_PLAY_SCAN: return good();
    case Opcode::PLAY_AUDIO_10:
    case Opcode::PLAY_AUDIO_MSF: return check_condition(mmc::kIllegalModeForTrack);
    case Opcode::PAUSE_RESUME: return check_condition(mmc::kSequenceError);
    case Opcode::REQUEST_SENSE: return report_sense(cdb);
    case Opcode::INQUIRY: return answer(cdb, mmc::inquiry(cdb, facts()));
    case Opcode::START_STOP_UNIT: return start_stop(cdb);
    case Opcode::PREVENT_ALLOW_MEDIUM_REMOVAL: lock_tray((cdb[4] & 0x01) != 0); return good();
    case Opcode::READ_CAPACITY: return answer(cdb, mmc::read_capacity(facts()));
    case Opcode::READ_10: return read(be32(cdb, 2), be16(cdb, 7), mmc::kSectorSize);
    case Opcode::READ_12: return read(be32(cdb, 2), be32(cdb, 6), mmc::kSectorSize);
    case Opcode::READ_CD: return read_cd(cdb, be32(cdb, 2), be24(cdb, 6));
    case Opcode::READ_CD_MSF: return read_cd_msf(cdb);
    case Opcode::SEEK_10: return seek(be32(cdb, 2));
    case Opcode::READ_TOC: return answer(cdb, mmc::read_toc(cdb, facts()));
    case Opcode::GET_CONFIGURATION: return answer(cdb, mmc::get_configuration(cdb, facts()));
    case Opcode::GET_EVENT_STATUS_NOTIFICATION: return report_event(cdb);
    case Opcode::READ_DISC_INFORMATION: return answer(cdb, mmc::disc_information(cdb));
    case Opcode::READ_TRACK_INFORMATION: return answer(cdb, mmc::track_information(cdb, facts()));
    case Opcode::READ_SUBCHANNEL: return answer(cdb, mmc::subchannel(cdb));
    case Opcode::GET_PERFORMANCE: return answer(cdb, mmc::performance(cdb, facts()));
    case Opcode::MODE_SENSE_10: return answer(cdb, mmc::mode_sense(cdb, facts()));
    case Opcode::READ_DVD_STRUCTURE: return answer(cdb, mmc::dvd_structure(cdb, facts()));
    case Opcode::MECHANISM_STATUS: return answer(cdb, mmc::mechanism_status(facts()));
    }
    log_.guest("unknown packet {:#04x}", cdb[0]);
    check_condition(mmc::kInvalidOpcode);
}

void AtapiCdrom::answer(const Cdb& cdb, const mmc::Answer& answer) {
    if (answer.error) return check_condition(*answer.error);
    const u32 size = std::min(answer.length, mmc::allocation_length(cdb));
    if (size == 0) return good();
    std::copy_n(answer.bytes.begin(), size, channel_.buffer().begin());
    s_.op = Op::Reply;
    s_.begin = 0;
    s_.end = size;
    s_.sectors_left = 0;
    begin_data(size);
}

void AtapiCdrom::begin_data(u64 bytes) {
    // Through the data port a limit of 0 leaves no way to send anything.
    if (!s_.dma && s_.byte_limit < 2) return aborted();
    s_.bytes_left = bytes;
    if (s_.dma)
        channel_.want_dma(unit_, DmaDirection::ToGuest, bytes);
    else
        offer_block();
}

void AtapiCdrom::report_sense(const Cdb& cdb) {
    const mmc::Answer sense = mmc::request_sense(std::exchange(s_.sense, {}));
    answer(cdb, sense);
}

void AtapiCdrom::report_event(const Cdb& cdb) {
    const mmc::Answer report = mmc::event_status(cdb, facts(), s_.event);
    const bool told = !report.error && report.length > 4 && mmc::allocation_length(cdb) > 4;
    if (told) s_.event = mmc::MediaEvent::None;
    answer(cdb, report);
}

void AtapiCdrom::start_stop(const Cdb& cdb) {
    const bool power_condition = (cdb[4] & 0xf0) != 0;
    const bool load_eject = (cdb[4] & 0x02) != 0;
    const bool start = (cdb[4] & 0x01) != 0;
    if (power_condition || !load_eject) return good(); // spinning up and down means nothing here
    if (start) {
        if (move_tray(false) && medium_ != nullptr) {
            s_.change = Change::ReportNoMedium;
            s_.event = mmc::MediaEvent::NewMedia;
        }
        return good();
    }
    if (s_.tray_locked && !s_.tray_open) return check_condition(mmc::kRemovalPrevented);
    if (move_tray(true)) s_.event = mmc::MediaEvent::MediaRemoval;
    good();
}

void AtapiCdrom::seek(u32 lba) {
    if (lba >= sectors()) return check_condition(mmc::kLbaOutOfRange);
    good();
}

void AtapiCdrom::read(u32 lba, u32 count, u16 sector_size) {
    if (count == 0) return good();
    if (lba >= sectors() || count > sectors() - lba) return check_condition(mmc::kLbaOutOfRange);
    s_.op = Op::Read;
    s_.sector_size = sector_size;
    s_.lba = lba;
    s_.sectors_left = count;
    s_.sectors_total = count;
    s_.begin = 0;
    s_.end = 0;
    begin_data(u64{count} * sector_size);
}

void AtapiCdrom::read_cd(const Cdb& cdb, u32 lba, u32 count) {
    enum class Kind : u8 { Any = 0, Mode1 = 2 }; // of sectors that the host insists on
    enum class Parts : u8 { Nothing = 0x00, UserData = 0x10, Everything = 0xf8 };
    const auto kind = static_cast<Kind>(cdb[1] >> 2 & 0x07);
    const bool error_flags = (cdb[9] & 0x06) != 0;
    const bool subchannels = (cdb[10] & 0x07) != 0;
    if (error_flags || subchannels) return check_condition(mmc::kInvalidField);
    if (kind != Kind::Any && kind != Kind::Mode1) return check_condition(mmc::kIllegalModeForTrack);
    switch (static_cast<Parts>(cdb[9] & 0xf8)) {
    case Parts::Nothing: return good();
    case Parts::UserData: return read(lba, count, mmc::kSectorSize);
    case Parts::Everything: return read(lba, count, mmc::kRawSectorSize);
    }
    check_condition(mmc::kInvalidField);
}

/// From a time up to another.
void AtapiCdrom::read_cd_msf(const Cdb& cdb) {
    const std::optional<u32> first = mmc::lba_of_msf(cdb, 3);
    const std::optional<u32> end = mmc::lba_of_msf(cdb, 6);
    if (!first || !end) return check_condition(mmc::kInvalidField);
    if (*first > *end) return check_condition(mmc::kLbaOutOfRange);
    read_cd(cdb, *first, *end - *first);
}

} // namespace dm
