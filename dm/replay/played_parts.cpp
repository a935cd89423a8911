#include "dm/replay/played_parts.hpp"

#include "dm/replay/recorder_parts.hpp"
#include "dm/replay/segments.hpp"

#include <algorithm>
#include <cerrno>
#include <cstring>

namespace dm::replay {
namespace {

Record with_bytes(Record record, std::span<const u8> bytes) {
    set_content(record, bytes);
    return record;
}

} // namespace

u64 PlayedClock::now_ns() const {
    if (const auto look = stage_.input(Kind::Look, 0)) stage_.set_time(look->value);
    return stage_.time_ns();
}

void PlayedLines::set_level(unsigned line, bool level) {
    stage_.effect({.kind = Kind::Line, .where = first_ + line, .value = level ? 1U : 0U});
}

void PlayedRanges::add_range(u64 first, u64 last) {
    const RangeChange change = memory_ ? RangeChange::AddMemory : RangeChange::AddPorts;
    stage_.effect(
        {.kind = Kind::Range, .size = static_cast<u8>(change), .where = first, .value = last - first});
}

void PlayedRanges::remove_range(u64 first, u64 last) {
    const RangeChange change = memory_ ? RangeChange::RemoveMemory : RangeChange::RemovePorts;
    stage_.effect(
        {.kind = Kind::Range, .size = static_cast<u8>(change), .where = first, .value = last - first});
}

void PlayedFunctions::add_function(Bdf bdf) {
    stage_.effect({.kind = Kind::Function, .where = bdf.devfn(), .value = 1});
}

void PlayedFunctions::remove_function(Bdf bdf) {
    stage_.effect({.kind = Kind::Function, .where = bdf.devfn(), .value = 0});
}

// --- Guest memory ------------------------------------------------------------------------------------------

/// What was recorded there; false when nothing was.
bool PlayedMemory::get(GuestPhys addr, std::vector<u8>& bytes) {
    const std::optional<Record> recorded = stage_.input(Kind::GuestRead, addr);
    if (!recorded) return false;
    bytes = stage_.content(*recorded);
    stage_.shadow.write(addr, bytes);
    return true;
}

void PlayedMemory::read(GuestPhys addr, std::span<u8> out) {
    std::ranges::fill(out, u8{0xff});
    std::vector<u8> bytes;
    if (!get(addr, bytes)) return;
    if (bytes.size() != out.size())
        return stage_.differ(fmt::format("the board reads {} bytes of guest memory at {:x}; recorded were {}",
                                         out.size(), addr, bytes.size()));
    std::copy(bytes.begin(), bytes.end(), out.begin());
}

void PlayedMemory::write(GuestPhys addr, std::span<const u8> in) {
    stage_.effect(with_bytes({.kind = Kind::GuestWrite, .where = addr}, in));
    stage_.shadow.write(addr, in);
}

std::span<u8> PlayedMemory::view(GuestPhys addr, u64 length) {
    std::vector<u8> bytes;
    if (!get(addr, bytes) || bytes.size() > length) return {};
    return views_.emplace_back(Part{addr, std::move(bytes)}).bytes;
}

void PlayedMemory::wrote(GuestPhys addr, u64 length) {
    const auto holds = [&](const Part& p) { return addr >= p.addr && addr - p.addr < p.bytes.size(); };
    if (std::any_of(pins_.begin(), pins_.end(), holds)) return;
    const auto view = std::find_if(views_.rbegin(), views_.rend(), holds);
    std::vector<u8> bytes(length, 0xff);
    if (view != views_.rend()) {
        const std::span<const u8> from = std::span<const u8>(view->bytes).subspan(addr - view->addr);
        std::copy_n(from.begin(), std::min<u64>(length, from.size()), bytes.begin());
    }
    write(addr, bytes);
}

std::span<u8> PlayedMemory::pin(GuestPhys addr, u64 length) {
    const std::optional<Record> recorded = stage_.input(Kind::Mapped, addr);
    if (!recorded) return {};
    if (recorded->value != length || recorded->extra > length) {
        stage_.differ(fmt::format("the board maps {} bytes of guest memory at {:x}; recorded were {}", length,
                                  addr, recorded->value));
        return {};
    }
    if (recorded->extra == 0) return {};
    return pins_.emplace_back(Part{addr, std::vector<u8>(recorded->extra, 0xa5)}).bytes;
}

void PlayedMemory::unpin(GuestPhys, std::span<u8> bytes) {
    pins_.remove_if([&](const Part& p) { return p.bytes.data() == bytes.data(); });
}

std::optional<GuestPhys> PlayedMemory::locate(const void* at, std::size_t length) const {
    const auto* host = static_cast<const u8*>(at);
    for (const Part& p : pins_)
        if (host >= p.bytes.data() && host + length <= p.bytes.data() + p.bytes.size())
            return p.addr + static_cast<u64>(host - p.bytes.data());
    return std::nullopt;
}

// --- Video memory ------------------------------------------------------------------------------------------

void PlayedVideo::place(std::optional<GuestPhys> addr) {
    stage_.effect({.kind = Kind::PlaceVideo, .value = addr ? *addr + 1 : 0});
}

void PlayedVideo::about_to_read(u64 offset, u64 length) {
    const std::optional<Record> change = stage_.optional_input(Kind::VideoChanged);
    if (!change) return;
    if (change->where != offset || change->length != length)
        return stage_.differ(fmt::format("the board reads {} bytes of video memory at {:x}; recorded were {} "
                                         "at {:x}",
                                         length, offset, change->length, change->where));
    const std::vector<u8> bytes = stage_.content(*change);
    std::copy(bytes.begin(), bytes.end(), memory_.begin() + static_cast<std::ptrdiff_t>(offset));
}

// --- Disks -------------------------------------------------------------------------------------------------

void PlayedDisk::submit(BlockIo& io) {
    const Segments segments =
        describe_segments(io, [this](const void* at, std::size_t n) { return memory_.locate(at, n); });
    flights_.push_back({&io, io.op == BlockIo::Op::Read && segments.all_own});
    stage_.effect(with_bytes({.kind = Kind::Submit,
                              .size = submit_code(shape_.place, io.op),
                              .where = io.offset,
                              .value = segments.bytes},
                             segments.text));
}

void PlayedDisk::complete(const Record& record) {
    if (record.extra >= flights_.size())
        return stage_.differ("the recording completes a request that the board never made");
    const Flight flight = flights_[record.extra];
    flights_.erase(flights_.begin() + static_cast<std::ptrdiff_t>(record.extra));
    BlockIo& io = *flight.io;
    if (flight.to_board && record.value == 0) {
        std::size_t total = 0;
        for (const iovec& v : io.iov)
            total += v.iov_len;
        std::vector<u8> content(total);
        if (!fill_units(record.bytes, shape_.place, io.offset, content))
            stage_.differ("the recording describes a read of another length");
        const u8* from = content.data();
        for (const iovec& v : io.iov) {
            std::memcpy(v.iov_base, from, v.iov_len);
            from += v.iov_len;
        }
        stage_.echo.delivered(shape_.place, std::move(content));
    }
    io.done(io, static_cast<int>(record.value & 0xffff));
}

/// After a difference, or when the board is taken down, everything that is still under way fails.
void PlayedDisk::drain() {
    stage_.effect({.kind = Kind::Drain, .where = shape_.place});
    if (stage_.inside() && !flights_.empty())
        stage_.differ("the board waits for requests that the recording never completes");
    while (!flights_.empty()) {
        BlockIo& io = *flights_.front().io;
        flights_.erase(flights_.begin());
        io.done(io, EIO);
    }
}

// --- Serial ports ------------------------------------------------------------------------------------------

std::size_t PlayedSerial::write(std::span<const u8> bytes) {
    stage_.effect(with_bytes({.kind = Kind::Sent, .where = port_}, bytes));
    const std::optional<Record> taken = stage_.optional_input(Kind::Taken);
    return taken ? std::min<u64>(taken->value, bytes.size()) : bytes.size();
}

void PlayedSerial::accept_input() {
    stage_.effect({.kind = Kind::AcceptInput, .where = port_});
}

void PlayedSerial::set_line(const LineSettings& line) {
    stage_.effect(with_bytes({.kind = Kind::LineSettings, .where = port_}, line_settings_content(line)));
}

void PlayedSerial::set_break(bool on) {
    stage_.effect({.kind = Kind::Break, .where = port_, .value = on ? 1U : 0U});
}

/// Where there were lines, these are what was recorded; where there were none, nothing was.
bool PlayedSerial::set_modem_outputs(u8 lines) {
    const std::optional<Record> recorded = stage_.optional_input(Kind::ModemOutputs);
    if (recorded && (recorded->where != port_ || recorded->value != lines))
        stage_.differ(
            fmt::format("the board drives modem lines {:02x} of serial{}; recorded were {:02x} of serial{}",
                        lines, port_, recorded->value, recorded->where));
    return recorded.has_value();
}

std::optional<u8> PlayedSerial::modem_inputs() {
    const std::optional<Record> recorded = stage_.optional_input(Kind::ModemInputs);
    if (!recorded) return std::nullopt;
    return static_cast<u8>(recorded->value);
}

} // namespace dm::replay
