// USB disk: its medium, and its state.
#include "dm/devices/usb/usb_storage.hpp"

#include <cerrno>

namespace dm {

using Kind = ScsiAction::Kind;

/// The next piece. A medium that is done at once calls back from within submit(), as often as it likes.
void UsbStorage::request() {
    again_ = true;
    if (submitting_) return;
    submitting_ = true;
    while (again_) {
        again_ = false;
        submit();
    }
    submitting_ = false;
}

void UsbStorage::submit() {
    BlockBackend* const medium = target_->medium();
    if (medium == nullptr) return progress(ENODEV);
    const u64 all = s_.kind == Kind::Verify ? s_.length : wanted();
    const u64 here = s_.kind == Kind::Write ? s_.chunk_end : std::min<u64>(kChunk, all - s_.done);
    piece_ = {s_.chunk.data(), static_cast<std::size_t>(here)};
    io_ = {};
    io_.op = medium_operation(s_.kind);
    io_.offset = s_.offset + s_.done;
    if (has_data(io_.op)) {
        io_.iov = {&piece_, 1};
    } else {
        io_.length = s_.length;
        io_.unmap = s_.unmap;
    }
    io_.owner = this;
    io_.done = [](BlockIo& io, int error) { static_cast<UsbStorage*>(io.owner)->medium_done(error); };
    in_flight_ = true;
    medium->submit(io_);
}

void UsbStorage::medium_done(int error) {
    in_flight_ = false;
    if (std::exchange(dropped_, false)) return;
    progress(error);
    ready();
}

void UsbStorage::progress(int error) {
    const bool data = has_data(medium_operation(s_.kind));
    if (error != 0 || !data) return apply(target_->finished(s_.cdb, s_.kind, error));
    s_.done += piece_.iov_len;
    switch (s_.kind) {
    case Kind::Read:
        s_.chunk_at = 0;
        s_.chunk_end = static_cast<u32>(piece_.iov_len);
        return;
    case Kind::Write:
        s_.chunk_end = 0;
        if (s_.done == wanted()) apply(target_->finished(s_.cdb, Kind::Write, 0));
        return;
    case Kind::Verify:
        if (s_.done < s_.length) return request();
        return apply(target_->finished(s_.cdb, Kind::Verify, 0));
    case Kind::Done:
    case Kind::Reply:
    case Kind::Parameters:
    case Kind::Flush:
    case Kind::Discard:
    case Kind::Zero: return;
    }
}

void UsbStorage::cancel() {
    again_ = false;
    if (!in_flight_) return;
    dropped_ = true;
    target_->medium()->drain();
}

void UsbStorage::quiesce() {
    while (in_flight_)
        target_->medium()->drain();
}

void UsbStorage::deconfigured() {
    cancel();
    s_ = {};
    target_->reset(ScsiReset::Bus);
}

void UsbStorage::reset() {
    UsbDevice::reset();
    target_->reset(ScsiReset::PowerOn);
}

void UsbStorage::save(StateWriter& out) const {
    UsbDevice::save(out);
    out.section(name(), s_);
    target_->save(out, name() + "/disk");
}

Status UsbStorage::check(const State& s) const {
    const u64 most = std::min<u64>(s.length, s.expected);
    bool good = s.stage <= Stage::Broken && s.result <= Result::PhaseError && s.chunk_at <= s.chunk_end &&
                s.chunk_end <= kChunk && s.moved <= s.expected;
    switch (s.stage) {
    case Stage::Command:
    case Stage::Csw:
    case Stage::Broken: break;
    case Stage::DataIn:
        good = good && s.to_host && s.length != 0 && s.moved < most &&
               s.chunk_end - s.chunk_at <= most - s.moved && s.done <= most &&
               (s.kind == Kind::Read ? s.done == s.moved + (s.chunk_end - s.chunk_at)
                                     : s.kind == Kind::Reply && s.chunk_end == most && s.chunk_at == s.moved);
        break;
    case Stage::DataOut:
        good = good && !s.to_host && s.length <= s.expected && s.moved < most && s.chunk_at == 0 &&
               kChunk - s.chunk_end >= kFullPacket && s.moved == s.done + s.chunk_end &&
               (s.kind == Kind::Write ||
                (s.kind == Kind::Parameters && s.done == 0 && s.length <= ScsiTarget::kBufferSize));
        break;
    case Stage::Working: good = false; break; // it has come to an end before a save
    default: good = false;                    // a number that is no stage
    }
    if (!good) return fail("saved state: {}: impossible transfer", name());
    return {};
}

Status UsbStorage::prepare(StateReader& in) {
    DM_TRY(UsbDevice::prepare(in));
    DM_TRY(load_section(in, name(), loaded_, [this](const State& s) { return check(s); }));
    return target_->load(in, name() + "/disk");
}

void UsbStorage::commit() {
    cancel();
    UsbDevice::commit();
    s_ = loaded_;
    target_->commit();
}

} // namespace dm
