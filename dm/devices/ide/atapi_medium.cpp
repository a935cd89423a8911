// ATAPI CD-ROM: medium and tray, and the life of the drive.
#include "dm/devices/ide/atapi_cdrom.hpp"

#include <utility>

namespace dm {

void AtapiCdrom::power_on() {
    move_tray(false);
    lock_tray(false);
    s_ = {};
    s_.medium_sectors = sectors();
    dma_open_ = false;
}

/// False: it was there already.
bool AtapiCdrom::move_tray(bool open) {
    if (std::exchange(s_.tray_open, open) == open) return false;
    if (events_ != nullptr) events_->tray_moved(open);
    return true;
}

void AtapiCdrom::lock_tray(bool locked) {
    if (std::exchange(s_.tray_locked, locked) != locked && events_ != nullptr) events_->tray_locked(locked);
}

/// A read that the change of medium interrupts ends with an error; the host asks again and learns why.
void AtapiCdrom::abort_read() {
    if (s_.op != Op::Read) return;
    const Bits<ata::StatusBit> now = task().status;
    if (!now.has(ata::StatusBit::BSY) && !now.has(ata::StatusBit::DRQ))
        return forget_packet(); // made-up state
    channel_.cancel_transfer();
    check_condition(mmc::kNoMediumTrayOpen);
}

void AtapiCdrom::medium_gone() {
    medium_ = nullptr;
    s_.medium_sectors = 0;
    s_.change = Change::None;
    s_.event = mmc::MediaEvent::MediaRemoval;
}

void AtapiCdrom::insert(BlockBackend* medium) {
    abort_read();
    medium_gone();
    move_tray(false);
    if (medium == nullptr) return;
    medium_ = medium;
    s_.medium_sectors = sectors();
    s_.change = Change::ReportNoMedium;
    s_.event = mmc::MediaEvent::NewMedia;
}

Status AtapiCdrom::eject(bool force) {
    if (s_.tray_locked && !s_.tray_open && medium_ != nullptr && !force) {
        s_.event = mmc::MediaEvent::EjectRequest;
        return fail("the guest has locked the tray and was asked to open it; try again when it has");
    }
    abort_read();
    medium_gone();
    move_tray(true);
    return {};
}

void AtapiCdrom::save(StateWriter& out, std::string_view name) const {
    if (!absent_) out.section(name, s_);
}

Status AtapiCdrom::load(StateReader& in, std::string_view name) {
    loaded_absent_ = !in.has(name);
    if (loaded_absent_) {
        log_.info("attached since the machine began: the guest does not see it");
        return {};
    }
    return load_section(in, name, loaded_, [&](const State& state) -> Status {
        const bool size_known =
            state.sector_size == mmc::kSectorSize || state.sector_size == mmc::kRawSectorSize;
        if (state.op > Op::Identify || !state.mode.valid() || state.change > Change::ReportChanged ||
            state.event > mmc::MediaEvent::MediaRemoval || !size_known || state.sense.key > 0x0f)
            return fail("saved state: {}: a value that no drive has", name);
        // An answer of odd length ends there; it is sent as whole words.
        const bool between_words = state.begin % 2 != 0 && state.begin != state.end;
        if (state.begin > state.end || state.end > AtaLink::kBufferSize || between_words)
            return fail("saved state: {}: the buffer is used past its end", name);
        if (state.sectors_left > state.sectors_total)
            return fail("saved state: {}: more to fetch than was asked for", name);
        if (state.bytes_left > u64{state.sectors_left} * state.sector_size + (state.end - state.begin))
            return fail("saved state: {}: more to send than there is", name);
        return {};
    });
}

void AtapiCdrom::commit() {
    absent_ = loaded_absent_;
    if (absent_) return;
    s_ = loaded_;
    dma_open_ = false;
    if (s_.tray_locked && events_ != nullptr) events_->tray_locked(true);
    if (s_.medium_sectors == sectors()) return;
    // Another medium than the guest knows, or none: it hears of it as of any other change, and a read that
    // was going on does not go on with the other disc.
    abort_read();
    s_.medium_sectors = sectors();
    s_.change = medium_ != nullptr ? Change::ReportNoMedium : Change::None;
    s_.event = medium_ != nullptr ? mmc::MediaEvent::NewMedia : mmc::MediaEvent::MediaRemoval;
}

} // namespace dm
