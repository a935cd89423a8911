// Stream descriptors of a High Definition Audio controller: their registers, and what moves by time.
#include "dm/devices/sound/hda_controller.hpp"
#include "dm/devices/sound/look.hpp"

#include <algorithm>

namespace dm {

using namespace hda;

namespace {

/// Read at once for one stream. Buffers begin at multiples of 128 bytes: whoever needs more than this in 200
/// ms has lists of crumbs, and no hardware could follow them.
constexpr unsigned kMostDescriptors = 2048;

constexpr u8 tag(const HdaController::Stream& st) {
    return static_cast<u8>(st.ctl >> 20 & 15);
}

} // namespace

// ----------------------------------------------------------------------------------------------- registers

u8 HdaController::stream_status(const Stream& st) const {
    const bool ready = (st.ctl & RUN) != 0 && decode_format(st.fmt);
    return static_cast<u8>(st.sts | (ready ? FIFORDY : 0));
}

u32 HdaController::read_stream(unsigned n, u64 offset) const {
    const Stream& st = s_.streams[n];
    switch (static_cast<StreamReg>(offset)) {
    case SDCTL: return st.ctl | u32{stream_status(st)} << 24;
    case SDLPIB: return st.lpib;
    case SDCBL: return st.cbl;
    case SDLVI: return st.lvi;
    case SDFIFOS: return (n < kInputs ? kFifoIn : kFifoOut) | u32{st.fmt} << 16;
    case SDBDPL: return static_cast<u32>(st.bdl);
    case SDBDPU: return static_cast<u32>(st.bdl >> 32);
    }
    return 0;
}

/// A stream that runs is not reprogrammed (3.3.38 to 3.3.43), but for its last entry.
void HdaController::write_stream(unsigned n, u64 offset, u32 data, u32 mask) {
    Stream& st = s_.streams[n];
    const auto merge = [&](u32 old) { return (old & ~mask) | (data & mask); };
    if (offset == SDCTL) return write_stream_control(st, data, mask);
    if ((st.ctl & SRST) != 0) return;
    if (offset == SDLVI) st.lvi = static_cast<u8>(merge(st.lvi));
    if (offset == SDLVI || offset == SDLPIB) return;
    if ((st.ctl & RUN) != 0)
        return log_.guest("stream {}: register {:02x} is written while it runs; ignored", n, offset);
    switch (static_cast<StreamReg>(offset)) {
    case SDCTL:
    case SDLPIB:
    case SDLVI: return;
    case SDCBL: st.cbl = merge(st.cbl); return;
    case SDFIFOS: st.fmt = static_cast<u16>(merge(u32{st.fmt} << 16) >> 16 & kFmtMask); return;
    case SDBDPL: st.bdl = (st.bdl & ~u64{0xffffffff}) | (merge(static_cast<u32>(st.bdl)) & kBaseMask); return;
    case SDBDPU: st.bdl = (st.bdl & 0xffffffff) | u64{merge(static_cast<u32>(st.bdl >> 32))} << 32; return;
    }
}

void HdaController::write_stream_control(Stream& st, u32 data, u32 mask) {
    const u32 wanted = ((st.ctl & ~mask) | (data & mask)) & kSdctlMask;
    if ((wanted & SRST) != 0) {
        st = {};
        st.ctl = SRST;
        return;
    }
    const bool starts = (wanted & ~st.ctl & RUN) != 0;
    st.ctl = wanted;
    st.sts = static_cast<u8>(st.sts & ~((data & mask) >> 24));
    if (starts && (!decode_format(st.fmt) || st.cbl == 0))
        log_.guest("a stream of format {:04x} with {} bytes of buffer cannot run", st.fmt, st.cbl);
}

bool HdaController::wants_interrupt(const Stream& st) {
    return ((st.sts & BCIS) != 0 && (st.ctl & IOCE) != 0) || ((st.sts & DESE) != 0 && (st.ctl & DEIE) != 0);
}

// ---------------------------------------------------------------------------------------------------- time

bool HdaController::may_move(unsigned n) const {
    const Stream& st = s_.streams[n];
    return (st.ctl & RUN) != 0 && (s_.ssync >> n & 1) == 0 && st.cbl != 0 && decode_format(st.fmt) &&
           command(pci::Command::MASTER);
}

/// An entry that is begun is kept over a pause; one that is not may have been changed meanwhile.
void HdaController::start_and_stop() {
    for (unsigned n = 0; n < kStreams; ++n) {
        Stream& st = s_.streams[n];
        const bool may = may_move(n);
        if (may == st.moving) continue;
        st.moving = may;
        if (!may) continue;
        s_.looked_ns = timers_.now_ns();
        st.pace.restart(s_.looked_ns, decode_format(st.fmt)->rate);
        unsigned descriptors = kMostDescriptors;
        if (!st.loaded || st.offset == 0) load_entry(st, descriptors);
    }
}

/// Moves all streams to now.
void HdaController::catch_up() {
    const u64 now = timers_.now_ns();
    for (unsigned n = 0; n < kStreams; ++n)
        if (s_.streams[n].moving) run_stream(n, now);
}

/// Capture has nothing but silence to give.
void HdaController::run_stream(unsigned n, u64 now) {
    Stream& st = s_.streams[n];
    const std::optional<PcmFormat> format = decode_format(st.fmt);
    if (!format) return;
    const bool plays = n >= kInputs;
    const u32 step = format->frame_bytes();
    unsigned descriptors = kMostDescriptors;
    std::array<u8, kSoundChunk> buffer;
    if (!plays) buffer.fill(format->sample == PcmFormat::Sample::U8 ? 0x80 : 0);
    bool moved = false;
    while (st.moving) {
        const u32 frames = st.pace.take(now, kSoundChunk / step);
        if (frames == 0) break;
        const std::size_t bytes =
            move(st, plays, std::span(buffer).first(std::size_t{frames} * step), descriptors);
        moved = true;
        if (!plays) continue;
        for (auto& codec : codecs_)
            if (codec) codec->play(tag(st), *format, std::span(buffer).first(bytes - bytes % step));
    }
    if (!moved || (s_.positions & kPositions) == 0) return;
    std::array<u8, 8> position{};
    for (unsigned i = 0; i < 4; ++i)
        position[i] = byte_of(st.lpib, i);
    memory_.write((s_.positions & ~u64{0x7f}) + u64{n} * 8, position);
}

/// Between `bytes` and the guest's buffers. Fewer when the list is of no use any more.
std::size_t HdaController::move(Stream& st, bool plays, std::span<u8> bytes, unsigned& descriptors) {
    std::size_t done = 0;
    while (done < bytes.size()) {
        const auto part = static_cast<u32>(std::min<std::size_t>(bytes.size() - done, st.length - st.offset));
        const std::span<u8> piece = bytes.subspan(done, part);
        if (plays)
            memory_.read(st.address + st.offset, piece);
        else
            memory_.write(st.address + st.offset, piece);
        done += part;
        st.offset += part;
        st.lpib = static_cast<u32>((u64{st.lpib} + part) % st.cbl);
        if (st.offset < st.length) continue;
        if (st.ioc) st.sts |= BCIS;
        st.entry = st.entry >= st.lvi ? u8{0} : static_cast<u8>(st.entry + 1);
        if (!load_entry(st, descriptors)) break;
    }
    return done;
}

/// The next one with anything in it (3.6.2).
bool HdaController::load_entry(Stream& st, unsigned& descriptors) {
    const auto word = [](std::span<const u8> b) {
        return b[0] | u32{b[1]} << 8 | u32{b[2]} << 16 | u32{b[3]} << 24;
    };
    std::array<u8, 16> bytes{};
    st.loaded = false;
    st.offset = 0;
    for (unsigned looked = 0; looked < kRingEntries && descriptors > 0; ++looked) {
        --descriptors;
        if (!fetch(st.bdl + u64{st.entry} * 16, bytes))
            return descriptor_error(st, "the list of buffers is not in RAM"), false;
        st.length = word(std::span(bytes).subspan(8));
        if (st.length != 0) {
            st.address = word(bytes) | u64{word(std::span(bytes).subspan(4))} << 32;
            st.ioc = (bytes[12] & kIoc) != 0;
            st.loaded = true;
            return true;
        }
        st.entry = st.entry >= st.lvi ? u8{0} : static_cast<u8>(st.entry + 1);
    }
    descriptor_error(st, "the list of buffers has none, or only crumbs");
    return false;
}

void HdaController::descriptor_error(Stream& st, std::string_view what) {
    log_.guest("a stream is stopped: {}", what);
    st.sts |= DESE;
    st.ctl &= ~u32{RUN};
    st.moving = false;
    st.length = 0;
}

/// At the end of a buffer that the guest may want to hear of. Whether it wants that of the one behind it is
/// known when that is begun.
std::optional<u64> HdaController::next_look_ns() const {
    std::optional<u64> next;
    for (const Stream& st : s_.streams) {
        if (!st.moving) continue;
        const u32 step = decode_format(st.fmt).value_or(PcmFormat{}).frame_bytes();
        const u64 frames = (u64{st.length} - st.offset + step - 1) / step;
        const bool told = (st.ctl & IOCE) != 0 && frames < st.pace.rate; // a second is far beyond the latest
        const u64 when = told ? st.pace.when(static_cast<u32>(frames)) : ~u64{0};
        next = std::min(next.value_or(when), when);
    }
    return next ? std::optional(look_at(s_.looked_ns, *next)) : std::nullopt;
}

bool HdaController::possible(const Stream& st) {
    const bool running = (st.ctl & RUN) != 0;
    if ((st.ctl & ~kSdctlMask) != 0 || (st.sts & ~kSdstsMask) != 0 || (st.fmt & ~kFmtMask) != 0 ||
        st.bdl % 0x80 != 0 || ((st.ctl & SRST) != 0 && running))
        return false;
    if (st.loaded ? st.offset >= st.length : st.offset != 0) return false;
    const std::optional<PcmFormat> format = decode_format(st.fmt);
    return !st.moving || (running && st.loaded && st.cbl != 0 && format && st.pace.rate == format->rate);
}

} // namespace dm
