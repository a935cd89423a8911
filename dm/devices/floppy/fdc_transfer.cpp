// The 82078's commands that move data: sector by sector between the medium, the buffer and the host.
#include "dm/core/check.hpp"
#include "dm/devices/floppy/fdc_82078.hpp"

#include <algorithm>
#include <utility>

namespace dm {
namespace {

constexpr u64 kSpinNs = 20 * kMillisecond; ///< until READ ID has found an ID: about a tenth of a turn
constexpr u8 kAnyByte = 0xff;              ///< of the host, in a scan: equal to all

// Parameters
enum : u8 { CYLINDER = 2, HEAD = 3, SECTOR = 4, SIZE = 5, EOT = 6, COUNT = 8 };
enum : u8 { FORMAT_SIZE = 2, FORMAT_SECTORS = 3, FORMAT_FILLER = 5 };

} // namespace

/// The result of a command that had to do with sectors.
void Fdc82078::terminate(u8 st0, u8 st1, u8 st2) {
    State& s = state_;
    const unsigned which = st0 | (s.sought ? fdc::ST0_SE : 0U) | (s.head & 1U) << 2 | unit();
    s.due_ns.reset();
    s.result_irq = true;
    respond({static_cast<u8>(which), st1, st2, s.cylinder, s.head, s.sector, floppy::kSizeCode});
}

/// The drive that the command names, with a disk that turns at the rate that is set; null: none.
const Fdc82078::Drive* Fdc82078::ready_drive() const {
    const Drive* d = drive(unit());
    const bool ready =
        d != nullptr && d->medium != nullptr && static_cast<u8>(d->geometry.rate) == state_.rate;
    return ready ? d : nullptr;
}

// ----------------------------------------------------------------------------------------------------
// beginning

void Fdc82078::begin_read_id() {
    State& s = state_;
    s.phase = Phase::Execution;
    s.step = Step::Spin;
    s.sought = false;
    s.head = (parameter(1) & fdc::kHeadSelect) != 0 ? 1 : 0;
    s.cylinder = s.tracks[place(unit())];
    s.due_ns = timers_.now_ns() + kSpinNs;
    sync();
}

void Fdc82078::read_id_over() {
    State& s = state_;
    const Drive* d = ready_drive();
    const bool found = d != nullptr && d->geometry.has(s.cylinder, s.head, 1);
    if (found) s.sector = s.passed = static_cast<u8>(s.passed % d->geometry.sectors + 1);
    if (found)
        terminate(fdc::ST0_NORMAL);
    else
        terminate(fdc::ST0_ABNORMAL, fdc::ST1_MA);
    sync();
}

void Fdc82078::begin_transfer() {
    State& s = state_;
    s.phase = Phase::Execution;
    s.cylinder = parameter(CYLINDER);
    s.head = parameter(HEAD);
    s.sector = code() == fdc::Code::ReadTrack ? u8{1} : parameter(SECTOR);
    s.last_sector = parameter(EOT);
    s.left =
        code() == fdc::Code::Verify && (parameter(1) & fdc::kEnableCount) != 0 ? parameter(COUNT) : u8{0};
    s.tc = s.sought = false;
    const Drive* d = drive(unit());
    if (d == nullptr || d->medium == nullptr) return terminate(fdc::ST0_ABNORMAL, fdc::ST1_MA);
    const unsigned at = place(unit());
    if (s.tracks[at] != s.cylinder && s.cylinder < d->geometry.cylinders) {
        s.tracks[at] = s.cylinder;
        s.disks[at].changed = false;
        s.sought = true;
    }
    if (ready_drive() == nullptr) return terminate(fdc::ST0_ABNORMAL, fdc::ST1_MA);
    if (parameter(SIZE) != floppy::kSizeCode || !d->geometry.has(s.cylinder, s.head, s.sector))
        return terminate(fdc::ST0_ABNORMAL, fdc::ST1_ND);
    if (fdc::writes(code()) && d->medium->read_only()) return terminate(fdc::ST0_ABNORMAL, fdc::ST1_NW);
    const bool skips_all = code() == fdc::Code::ReadDeletedData && (parameter(0) & fdc::kSkip) != 0;
    if (skips_all) return terminate(fdc::ST0_ABNORMAL, fdc::ST1_EN, fdc::ST2_CM);
    wait_for_next();
}

void Fdc82078::begin_format() {
    State& s = state_;
    s.phase = Phase::Execution;
    s.cylinder = s.tracks[place(unit())];
    s.head = (parameter(1) & fdc::kHeadSelect) != 0 ? 1 : 0;
    s.sector = 1;
    s.left = s.last_sector = parameter(FORMAT_SECTORS);
    s.tc = s.sought = false;
    const Drive* d = ready_drive();
    if (d == nullptr) return terminate(fdc::ST0_ABNORMAL, fdc::ST1_MA);
    if (d->medium->read_only()) return terminate(fdc::ST0_ABNORMAL, fdc::ST1_NW);
    if (s.left == 0) return terminate(fdc::ST0_NORMAL);
    wait_for_next();
}

/// The next sector: the medium is first where its bytes are wanted, the host where its own are.
void Fdc82078::wait_for_next() {
    state_.at = 0;
    state_.order = Order::Equal;
    state_.step = fdc::writes(code()) ? Step::Host : Step::Medium;
}

// ------------------------------------------------------------------------------------------------- going on

/// As far as it goes without waiting.
void Fdc82078::advance() {
    if (std::exchange(advancing_, true)) return;
    while (advance_once()) {
    }
    advancing_ = false;
    sync();
}

bool Fdc82078::advance_once() {
    if (state_.phase != Phase::Execution) return false;
    switch (state_.step) {
    case Step::None:
    case Step::Spin: return false;
    case Step::Medium:
        if (io_.busy()) return false;
        access_medium();
        return !io_.busy();
    case Step::Host: return !by_fifo() && move_by_dma();
    }
    return false;
}

/// Reads the next sector, or writes it. What the image is too short for is empty.
void Fdc82078::access_medium() {
    State& s = state_;
    const Drive* d = drive(unit());
    const bool there = d != nullptr && d->medium != nullptr && d->geometry.has(s.cylinder, s.head, s.sector);
    if (!there) return terminate(fdc::ST0_ABNORMAL, fdc::ST1_ND);
    const u64 offset = d->geometry.offset(s.cylinder, s.head, s.sector);
    const u64 size = d->medium->size_bytes();
    const u64 length = std::min<u64>(kSector, size > offset ? size - offset : 0);
    const bool writes = fdc::writes(code());
    if (writes && length < kSector) return terminate(fdc::ST0_ABNORMAL, fdc::ST1_ND);
    if (!writes) s.buffer = {};
    if (length == 0) return io_done(0);
    iov_ = {s.buffer.data(), length};
    io_.submit(*d->medium, writes ? BlockIo::Op::Write : BlockIo::Op::Read, offset, {&iov_, 1}, *this);
}

void Fdc82078::io_done(int error) {
    const bool writes = fdc::writes(code());
    if (error != 0) {
        DriveEvents* events = drives_[place(unit())].events;
        if (events != nullptr)
            events->medium_failed(writes ? BlockIo::Op::Write : BlockIo::Op::Read, error, OnError::Report);
        terminate(fdc::ST0_ABNORMAL, fdc::ST1_DE, fdc::ST2_DD);
    } else if (writes || code() == fdc::Code::Verify) {
        sector_over();
    } else {
        state_.step = Step::Host;
    }
    advance();
}

/// False: the channel does not move anything now.
bool Fdc82078::move_by_dma() {
    State& s = state_;
    if (!dma_.open()) return false;
    DmaChannel::Moved moved;
    if (fdc::writes(code()) || fdc::scans(code())) {
        std::array<u8, kSector> bytes;
        const std::span<u8> room = std::span(bytes).first(host_bytes() - s.at);
        moved = dma_.read_memory(room);
        take_from_host(room.first(moved.bytes));
    } else {
        moved = dma_.write_memory(std::span(s.buffer).subspan(s.at));
        s.at = static_cast<u16>(s.at + moved.bytes);
    }
    s.tc = s.tc || moved.terminal_count;
    if (s.at < host_bytes() && !s.tc) return moved.bytes > 0;
    host_over();
    return true;
}

/// Bytes to be written go into the buffer, those of a scan are held against it. Never more than it has room
/// for.
void Fdc82078::take_from_host(std::span<const u8> bytes) {
    State& s = state_;
    for (const u8 host : bytes) {
        DM_CHECK(s.at < kSector);
        u8& place = s.buffer[s.at++];
        if (!fdc::scans(code()))
            place = host;
        else if (s.order == Order::Equal && host != place && host != kAnyByte)
            s.order = place < host ? Order::DiskLower : Order::DiskHigher;
    }
}

/// The host has done its part of a sector, or has no more.
void Fdc82078::host_over() {
    State& s = state_;
    if (code() == fdc::Code::FormatTrack) return take_format_id();
    if (!fdc::writes(code())) return sector_over();
    std::fill(s.buffer.begin() + s.at, s.buffer.end(), u8{0});
    s.step = Step::Medium;
}

/// A sector that no read could find on this track is not laid down: the image has no place for it.
void Fdc82078::take_format_id() {
    State& s = state_;
    const Drive* d = drive(unit());
    if (s.at < fdc::kFormatId || d == nullptr) return terminate(fdc::ST0_NORMAL);
    const u8 cylinder = s.buffer[0];
    const u8 head = s.buffer[1];
    s.sector = s.buffer[2];
    const bool here = cylinder == s.tracks[place(unit())] && head == s.head &&
                      s.buffer[3] == floppy::kSizeCode && parameter(FORMAT_SIZE) == floppy::kSizeCode;
    if (!here || !d->geometry.has(cylinder, head, s.sector)) return sector_over();
    s.cylinder = cylinder;
    s.buffer.fill(parameter(FORMAT_FILLER));
    s.step = Step::Medium;
}

/// A sector is done with: is it the last?
void Fdc82078::sector_over() {
    State& s = state_;
    const fdc::Code what = code();
    if (what == fdc::Code::FormatTrack) {
        if (--s.left == 0 || s.tc) return terminate(fdc::ST0_NORMAL);
        return wait_for_next();
    }
    if (fdc::scans(what)) {
        if (s.order == Order::Equal) return terminate(fdc::ST0_NORMAL, 0, fdc::ST2_SH);
        const Order wanted = what == fdc::Code::ScanLowOrEqual ? Order::DiskLower : Order::DiskHigher;
        if (what != fdc::Code::ScanEqual && s.order == wanted) return terminate(fdc::ST0_NORMAL);
    }
    const bool more = next_sector();
    if (what == fdc::Code::ReadDeletedData) return terminate(fdc::ST0_NORMAL, 0, fdc::ST2_CM);
    const u8 st2 = fdc::scans(what) ? fdc::ST2_SN : u8{0};
    const bool counted = s.left > 0 && --s.left == 0;
    if (s.tc || counted) return terminate(fdc::ST0_NORMAL, 0, st2);
    if (more) return wait_for_next();
    const bool ends_well = by_fifo() || what == fdc::Code::Verify || fdc::scans(what);
    if (ends_well) return terminate(fdc::ST0_NORMAL, 0, st2);
    terminate(fdc::ST0_ABNORMAL, fdc::ST1_EN, st2);
}

/// False: that was the end of the cylinder, or of the track. The ID is the next one's either way.
bool Fdc82078::next_sector() {
    State& s = state_;
    const bool alternate = fdc::scans(code()) && parameter(COUNT) == 2;
    const unsigned next = s.sector + (alternate ? 2U : 1U);
    if (s.sector != s.last_sector && next <= 0xff && !(alternate && next > s.last_sector)) {
        s.sector = static_cast<u8>(next);
        return true;
    }
    s.sector = 1;
    if ((parameter(0) & fdc::kMultiTrack) != 0 && code() != fdc::Code::ReadTrack) {
        s.head = s.head == 0 ? 1 : 0;
        const Drive* d = drive(unit());
        if (s.head == 1 && d != nullptr && d->geometry.heads == 2) return true;
        s.head = 0;
    }
    ++s.cylinder;
    return false;
}

} // namespace dm
