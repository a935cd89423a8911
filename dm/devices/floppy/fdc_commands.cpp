// The 82078's commands, but for those that move data.
#include "dm/devices/floppy/fdc_82078.hpp"

#include <algorithm>

namespace dm {
namespace fdc {
namespace {

struct Row {
    u8 value;
    u8 mask; ///< bits of the first byte that tell the command
    u8 parameters;
    Code code;
};

/// The bits left out are MT, MFM and SK, of which FM is taken for MFM, and the flags of LOCK and RELATIVE
/// SEEK.
constexpr std::array kRows{
    Row{0x06, 0x1f, 8, Code::ReadData},
    Row{0x05, 0x1f, 8, Code::WriteData}, // BeOS sets SK, which has no meaning here
    Row{0x0f, 0xff, 2, Code::Seek},
    Row{0x08, 0xff, 0, Code::SenseInterrupt},
    Row{0x07, 0xff, 1, Code::Recalibrate},
    Row{0x0d, 0xbf, 5, Code::FormatTrack},
    Row{0x02, 0xbf, 8, Code::ReadTrack},
    Row{0x4e, 0xff, 17, Code::Restore},
    Row{0x2e, 0xff, 0, Code::Save},
    Row{0x0c, 0x1f, 8, Code::ReadDeletedData},
    Row{0x11, 0x1f, 8, Code::ScanEqual},
    Row{0x16, 0x1f, 8, Code::Verify},
    Row{0x19, 0x1f, 8, Code::ScanLowOrEqual},
    Row{0x1d, 0x1f, 8, Code::ScanHighOrEqual},
    Row{0x09, 0x3f, 8, Code::WriteDeletedData},
    Row{0x0a, 0xbf, 1, Code::ReadId},
    Row{0x03, 0xff, 2, Code::Specify},
    Row{0x04, 0xff, 1, Code::SenseDriveStatus},
    Row{0x12, 0xff, 1, Code::PerpendicularMode},
    Row{0x13, 0xff, 3, Code::Configure},
    Row{0x17, 0xff, 1, Code::PowerdownMode},
    Row{0x33, 0xff, 1, Code::Option},
    Row{0x8e, 0xff, kMostDriveSpecs, Code::DriveSpecification},
    Row{0x8f, 0xbf, 2, Code::RelativeSeek},
    Row{0x14, 0x7f, 0, Code::Lock},
    Row{0x0e, 0xff, 0, Code::DumpReg},
    Row{0x10, 0xff, 0, Code::Version},
    Row{0x18, 0xff, 0, Code::PartId},
};
static_assert(std::ranges::all_of(kRows, [](const Row& row) { return row.parameters < kMostBytes; }));

constexpr Row kInvalid{0, 0, 0, Code::Invalid};

const Row& row_of(u8 first_byte) {
    const auto found =
        std::ranges::find_if(kRows, [&](const Row& row) { return (first_byte & row.mask) == row.value; });
    return found == kRows.end() ? kInvalid : *found;
}

} // namespace

Code code_of(u8 first_byte) {
    return row_of(first_byte).code;
}
unsigned parameters_of(u8 first_byte) {
    return row_of(first_byte).parameters;
}

} // namespace fdc

namespace {

constexpr u8 kVersion = 0x90; ///< an enhanced controller: 82077 and later
constexpr u8 kPartId = 0x41;  ///< 82078, the 64-pin one
constexpr u8 kLock = 0x80;
constexpr u8 kTowardsCentre = 0x40; ///< DIR of RELATIVE SEEK
constexpr u8 kOverwrite = 0x80;     ///< OW of PERPENDICULAR MODE
constexpr u8 kSpecDone = 0x80;      ///< DN of DRIVE SPECIFICATION
constexpr u8 kSpecNoResult = 0x40;  ///< NRP
constexpr u8 kSpecBits = 0x1f;

} // namespace

void Fdc82078::take_command_byte(u8 value) {
    State& s = state_;
    s.command[s.have++] = value;
    const unsigned all = 1 + fdc::parameters_of(s.command[0]);
    const bool last_spec = code() == fdc::Code::DriveSpecification && s.have > 1 && (value & kSpecDone) != 0;
    if (s.have >= all || last_spec) execute();
}

void Fdc82078::command_over() {
    state_.phase = Phase::Command;
    state_.step = Step::None;
    state_.have = 0;
}

void Fdc82078::respond(std::initializer_list<u8> bytes) {
    state_.step = Step::None;
    state_.phase = Phase::Result;
    state_.result.clear();
    for (const u8 byte : bytes)
        state_.result.push(byte);
}

void Fdc82078::execute() {
    using enum fdc::Code;
    switch (code()) {
    case ReadTrack:
    case WriteData:
    case ReadData:
    case WriteDeletedData:
    case ReadDeletedData:
    case ScanEqual:
    case ScanLowOrEqual:
    case ScanHighOrEqual:
    case Verify: return begin_transfer();
    case FormatTrack: return begin_format();
    case ReadId: return begin_read_id();
    case SenseDriveStatus: return sense_drive_status();
    case Recalibrate: return recalibrate();
    case SenseInterrupt: return sense_interrupt();
    case Seek: return seek(unit(), parameter(2));
    case RelativeSeek: return relative_seek();
    case DumpReg: return dump_registers();
    case Version: return respond({kVersion});
    case PartId: return respond({kPartId});
    case Save: return save_registers();
    case Restore: return restore_registers();
    case DriveSpecification: return drive_specification();
    case Specify:
    case PerpendicularMode:
    case Configure:
    case Lock:
    case PowerdownMode:
    case Option: return execute_setting(code());
    case Invalid: log_.guest("there is no command {:02x}", parameter(0)); return respond({fdc::ST0_INVALID});
    }
}

/// Commands that set registers. `code` is one of them.
void Fdc82078::execute_setting(fdc::Code code) {
    State& s = state_;
    if (code == fdc::Code::Lock) {
        s.lock = (parameter(0) & kLock) != 0;
        return respond({static_cast<u8>(s.lock ? 0x10 : 0x00)});
    }
    if (code == fdc::Code::PowerdownMode) {
        s.powerdown = parameter(1);
        return respond({s.powerdown});
    }
    if (code == fdc::Code::Specify) {
        s.srt_hut = parameter(1);
        s.hlt_nd = parameter(2);
    } else if (code == fdc::Code::Configure) {
        s.configure = parameter(2);
        s.pretrk = parameter(3);
    } else if (code == fdc::Code::PerpendicularMode) {
        constexpr u8 kGapAndWrite = 0x03;
        constexpr u8 kDrivesToo = 0x3f;
        const u8 mask = (parameter(1) & kOverwrite) != 0 ? kDrivesToo : kGapAndWrite;
        s.perpendicular = static_cast<u8>((s.perpendicular & ~mask) | (parameter(1) & mask));
    }
    command_over();
}

void Fdc82078::sense_drive_status() {
    const Drive* d = drive(unit());
    unsigned st3 = fdc::ST3_READY | fdc::ST3_TWO_SIDED | (parameter(1) & (fdc::kHeadSelect | 0x03U));
    if (d == nullptr || d->medium == nullptr || d->medium->read_only()) st3 |= fdc::ST3_WP;
    if (d != nullptr && state_.tracks[place(unit())] == 0) st3 |= fdc::ST3_T0;
    respond({static_cast<u8>(st3)});
}

/// After a reset the drives are polled, and each is told of.
void Fdc82078::sense_interrupt() {
    State& s = state_;
    if (s.reset_senses > 0) {
        const unsigned polled = kUnits - s.reset_senses--;
        s.sense_irq = false;
        return respond({static_cast<u8>(fdc::ST0_POLLED | polled), s.tracks[place(polled)]});
    }
    for (unsigned n = 0; n < kUnits; ++n) {
        const auto bit = static_cast<u8>(1U << n);
        if ((s.seek_ended & bit) == 0) continue;
        const bool failed = (s.seek_failed & bit) != 0;
        s.seek_ended = static_cast<u8>(s.seek_ended & ~bit);
        s.seek_failed = static_cast<u8>(s.seek_failed & ~bit);
        s.sense_irq = s.seek_ended != 0;
        const unsigned st0 = fdc::ST0_SE | (failed ? fdc::ST0_ABNORMAL | fdc::ST0_EC : 0U) | n;
        return respond({static_cast<u8>(st0), s.tracks[place(n)]});
    }
    respond({fdc::ST0_INVALID});
}

/// The heads are there at once. A step with a disk in the drive ends DSKCHG.
void Fdc82078::seek(unsigned unit, unsigned track) {
    State& s = state_;
    const unsigned at = place(unit);
    const Drive* d = drive(unit);
    if (s.tracks[at] != track && d != nullptr && d->medium != nullptr) s.disks[at].changed = false;
    s.tracks[at] = static_cast<u8>(track);
    s.seek_ended = static_cast<u8>(s.seek_ended | 1U << unit);
    s.reset_senses = 0;
    s.sense_irq = true;
    command_over();
}

void Fdc82078::recalibrate() {
    const unsigned which = unit();
    seek(which, 0);
    if (drive(which) == nullptr) state_.seek_failed = static_cast<u8>(state_.seek_failed | 1U << which);
}

void Fdc82078::relative_seek() {
    const unsigned now = state_.tracks[place(unit())];
    const unsigned steps = parameter(2);
    const bool in = (parameter(0) & kTowardsCentre) != 0;
    seek(unit(), in ? std::min(now + steps, 0xffU) : now - std::min(now, steps));
}

/// Up to five bytes, each for the drive that it names, and the last with DN.
void Fdc82078::drive_specification() {
    State& s = state_;
    const u8 last = s.command[s.have - 1U];
    if ((last & kSpecDone) == 0) return respond({fdc::ST0_INVALID});
    for (unsigned n = 1; n + 1U < s.have; ++n)
        s.drive_spec[parameter(n) >> 5 & 3U] = parameter(n) & kSpecBits;
    if ((last & kSpecNoResult) != 0) return command_over();
    const auto& spec = s.drive_spec;
    respond({spec[0], spec[1], spec[2], spec[3]});
}

void Fdc82078::dump_registers() {
    const State& s = state_;
    respond({s.tracks[place(0)], s.tracks[place(1)], s.tracks[2], s.tracks[3], s.srt_hut, s.hlt_nd,
             s.last_sector, static_cast<u8>((s.lock ? kLock : 0) | s.perpendicular), s.configure, s.pretrk});
}

void Fdc82078::save_registers() {
    const State& s = state_;
    respond({0, 0, s.tracks[place(0)], s.tracks[place(1)], s.tracks[2], s.tracks[3], s.srt_hut, s.hlt_nd,
             s.last_sector, static_cast<u8>((s.lock ? kLock : 0) | s.perpendicular), s.configure, s.pretrk,
             s.powerdown, 0, 0});
}

/// Takes what SAVE gave, from the second parameter on.
void Fdc82078::restore_registers() {
    State& s = state_;
    s.tracks = {parameter(3), parameter(4), parameter(5), parameter(6)};
    if (place(0) != 0) std::swap(s.tracks[0], s.tracks[1]);
    s.srt_hut = parameter(7);
    s.hlt_nd = parameter(8);
    s.last_sector = parameter(9);
    s.lock = (parameter(10) & kLock) != 0;
    s.perpendicular = parameter(10) & 0x3f;
    s.configure = parameter(11);
    s.pretrk = parameter(12);
    s.powerdown = parameter(13);
    command_over();
}

} // namespace dm
