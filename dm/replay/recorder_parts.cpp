#include "dm/replay/recorder_parts.hpp"

#include "dm/replay/segments.hpp"

#include <algorithm>
#include <cstring>

namespace dm::replay {
namespace {

Record with_content(Record record, std::span<const u8> bytes) {
    set_content(record, bytes);
    return record;
}

} // namespace

u64 RecordedClock::now_ns() const {
    const u64 now = clock_.now_ns();
    journal_.note({.kind = Kind::Look, .value = now});
    return now;
}

void RecordedLines::set_level(unsigned line, bool level) {
    journal_.note({.kind = Kind::Line, .where = first_ + line, .value = level ? 1U : 0U});
    sink_.set_level(line, level);
}

// --- Guest memory ------------------------------------------------------------------------------------------

void RecordedMemory::note_read(GuestPhys addr, std::span<const u8> bytes) {
    if (!journal_.inside()) return;
    Record record{.kind = Kind::GuestRead, .where = addr};
    if (journal_.shadow.equals(addr, bytes))
        record.pieces.push_back({.source = Source::Unchanged, .length = static_cast<u32>(bytes.size())});
    else
        journal_.shadow.write(addr, bytes);
    journal_.note(with_content(std::move(record), bytes));
}

void RecordedMemory::note_write(GuestPhys addr, std::span<const u8> bytes) {
    if (!journal_.inside()) return;
    Record record{.kind = Kind::GuestWrite, .where = addr};
    record.pieces = journal_.echo.split(bytes, kLeastMediumPiece, bytes.size() >= kLeastMediumPiece);
    journal_.shadow.write(addr, bytes);
    journal_.note(with_content(std::move(record), bytes));
}

void RecordedMemory::read(GuestPhys addr, std::span<u8> out) {
    memory_.read(addr, out);
    note_read(addr, out);
}

void RecordedMemory::write(GuestPhys addr, std::span<const u8> in) {
    note_write(addr, in);
    memory_.write(addr, in);
}

std::span<u8> RecordedMemory::view(GuestPhys addr, u64 length) {
    const std::span<u8> bytes = memory_.view(addr, length);
    note_read(addr, bytes);
    return bytes;
}

/// What is pinned is a disk's or a card's to fill: its content is no part of the recording.
void RecordedMemory::wrote(GuestPhys addr, u64 length) {
    const bool pinned = std::any_of(pins_.begin(), pins_.end(), [&](const Pinned& p) {
        return addr >= p.addr && addr - p.addr < p.pin.bytes().size();
    });
    if (!pinned) {
        std::vector<u8> bytes(length);
        memory_.read(addr, bytes);
        note_write(addr, bytes);
    }
    memory_.wrote(addr, length);
}

std::span<u8> RecordedMemory::pin(GuestPhys addr, u64 length) {
    Pin pin(memory_, addr, length, DmaDirection::FromGuest); // its owner reports what it writes
    const std::span<u8> bytes = pin.bytes();
    journal_.note({.kind = Kind::Mapped, .where = addr, .value = length, .extra = bytes.size()});
    if (!bytes.empty()) pins_.push_back({addr, std::move(pin)});
    return bytes;
}

void RecordedMemory::unpin(GuestPhys addr, std::span<u8> bytes) {
    const auto it = std::find_if(pins_.begin(), pins_.end(), [&](const Pinned& p) {
        return p.addr == addr && p.pin.bytes().data() == bytes.data() && p.pin.bytes().size() == bytes.size();
    });
    DM_CHECK(it != pins_.end());
    pins_.erase(it);
}

std::optional<GuestPhys> RecordedMemory::locate(const void* at, std::size_t length) const {
    const auto* host = static_cast<const u8*>(at);
    for (const Pinned& p : pins_) {
        const std::span<u8> bytes = p.pin.bytes();
        if (host >= bytes.data() && host + length <= bytes.data() + bytes.size())
            return p.addr + static_cast<u64>(host - bytes.data());
    }
    return std::nullopt;
}

// --- Video memory ------------------------------------------------------------------------------------------

RecordedVideo::RecordedVideo(Journal& journal, std::unique_ptr<VideoMemory> video)
    : journal_(journal), video_(std::move(video)), known_(video_->bytes().size()) {}

void RecordedVideo::place(std::optional<GuestPhys> addr) {
    journal_.note({.kind = Kind::PlaceVideo, .value = addr ? *addr + 1 : 0});
    video_->place(addr);
}

void RecordedVideo::about_to_read(u64 offset, u64 length) {
    if (!journal_.inside()) return;
    const std::span<const u8> now = std::span<const u8>(video_->bytes()).subspan(offset, length);
    const std::span<u8> then = known_.bytes().subspan(offset, length);
    if (std::memcmp(now.data(), then.data(), length) == 0) return;
    std::memcpy(then.data(), now.data(), length);
    journal_.note(with_content({.kind = Kind::VideoChanged, .where = offset}, then));
}

void RecordedVideo::wrote(u64 offset, u64 length) {
    std::memcpy(known_.bytes().data() + offset, video_->bytes().data() + offset, length);
    video_->wrote(offset, length);
}

// --- Disks -------------------------------------------------------------------------------------------------

void RecordedDisk::submit(BlockIo& io) {
    const Segments segments =
        describe_segments(io, [this](const void* at, std::size_t n) { return memory_.locate(at, n); });
    Record record{.kind = Kind::Submit,
                  .size = submit_code(place_, io.op),
                  .where = io.offset,
                  .value = segments.bytes};
    journal_.note(with_content(std::move(record), segments.text));
    Flight& flight = flights_.emplace_back();
    flight.ours = {.op = io.op,
                   .offset = io.offset,
                   .iov = io.iov,
                   .done =
                       [](BlockIo& ours, int error) {
                           auto* owner = static_cast<Flight*>(ours.owner);
                           owner->disk->completed(*owner, error);
                       },
                   .owner = &flight,
                   .length = io.length,
                   .unmap = io.unmap};
    flight.theirs = &io;
    flight.disk = this;
    flight.to_board = io.op == BlockIo::Op::Read && segments.all_own;
    medium_.submit(flight.ours);
}

void RecordedDisk::completed(Flight& flight, int error) {
    const auto it = std::find_if(flights_.begin(), flights_.end(),
                                 [&](const Flight& other) { return &other == &flight; });
    Record record{.kind = Kind::Completed,
                  .where = place_,
                  .value = static_cast<u64>(error),
                  .extra = static_cast<u64>(std::distance(flights_.begin(), it))};
    std::vector<u8> content;
    if (flight.to_board && error == 0 && journal_.recording())
        for (const iovec& v : flight.ours.iov) {
            const auto* bytes = static_cast<const u8*>(v.iov_base);
            content.insert(content.end(), bytes, bytes + v.iov_len);
        }
    BlockIo& theirs = *flight.theirs;
    flights_.erase(it);
    const Journal::Entrance entrance(journal_, with_content(std::move(record), describe_units(content)));
    journal_.echo.delivered(place_, std::move(content));
    theirs.done(theirs, error);
}

void RecordedDisk::drain() {
    journal_.note({.kind = Kind::Drain, .where = place_});
    medium_.drain();
}

// --- Serial ports ------------------------------------------------------------------------------------------

std::size_t RecordedSerial::write(std::span<const u8> bytes) {
    journal_.note(with_content({.kind = Kind::Sent, .where = port_}, bytes));
    const std::size_t taken = far_end_.write(bytes);
    if (taken != bytes.size()) journal_.note({.kind = Kind::Taken, .where = port_, .value = taken});
    return taken;
}

void RecordedSerial::accept_input() {
    journal_.note({.kind = Kind::AcceptInput, .where = port_});
    far_end_.accept_input();
}

void RecordedSerial::set_line(const LineSettings& line) {
    journal_.note(with_content({.kind = Kind::LineSettings, .where = port_}, line_settings_content(line)));
    far_end_.set_line(line);
}

void RecordedSerial::set_break(bool on) {
    journal_.note({.kind = Kind::Break, .where = port_, .value = on ? 1U : 0U});
    far_end_.set_break(on);
}

bool RecordedSerial::set_modem_outputs(u8 lines) {
    const bool there = far_end_.set_modem_outputs(lines);
    if (there) journal_.note({.kind = Kind::ModemOutputs, .where = port_, .value = lines});
    return there;
}

std::optional<u8> RecordedSerial::modem_inputs() {
    const std::optional<u8> lines = far_end_.modem_inputs();
    if (lines) journal_.note({.kind = Kind::ModemInputs, .where = port_, .value = *lines});
    return lines;
}

void RecordedSerial::set_frontend(CharFrontend* frontend) {
    frontend_ = frontend;
    far_end_.set_frontend(frontend != nullptr ? this : nullptr);
}

std::size_t RecordedSerial::can_receive() const {
    return frontend_ != nullptr ? frontend_->can_receive() : 0;
}

void RecordedSerial::receive(std::span<const u8> bytes) {
    const Journal::Entrance entrance(journal_, with_content({.kind = Kind::Received, .where = port_}, bytes));
    frontend_->receive(bytes);
}

void RecordedSerial::writable() {
    const Journal::Entrance entrance(journal_, {.kind = Kind::Writable, .where = port_});
    frontend_->writable();
}

void RecordedSerial::break_received() {
    const Journal::Entrance entrance(journal_, {.kind = Kind::BreakReceived, .where = port_});
    frontend_->break_received();
}

// --- Keyboard and pointer ----------------------------------------------------------------------------------

void RecordedInput::key(KeyCode code, bool down) {
    const Journal::Entrance entrance(journal_, {.kind = Kind::Key, .where = code, .value = down ? 1U : 0U});
    devices_.key(code, down);
}

void RecordedInput::pointer(unsigned x, unsigned y, unsigned width, unsigned height, u8 buttons) {
    const Journal::Entrance entrance(
        journal_, with_content({.kind = Kind::Pointer}, pointer_content(x, y, width, height, buttons)));
    devices_.pointer(x, y, width, height, buttons);
}

void RecordedInput::motion(s32 dx, s32 dy, u8 buttons) {
    const Journal::Entrance entrance(
        journal_, with_content({.kind = Kind::Pointer},
                               pointer_content(static_cast<u32>(dx), static_cast<u32>(dy), 0, 0, buttons)));
    devices_.motion(dx, dy, buttons);
}

std::vector<u8> line_settings_content(const LineSettings& line) {
    std::vector<u8> content;
    for (const u64 number :
         {u64{line.baud}, u64{line.data_bits}, u64{line.stop_bits}, static_cast<u64>(line.parity)})
        put_number(content, number);
    return content;
}

std::vector<u8> pointer_content(unsigned x, unsigned y, unsigned width, unsigned height, u8 buttons) {
    std::vector<u8> content;
    for (const u64 number : {u64{x}, u64{y}, u64{width}, u64{height}, u64{buttons}})
        put_number(content, number);
    return content;
}

} // namespace dm::replay
