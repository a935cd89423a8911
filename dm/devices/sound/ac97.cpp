#include "dm/devices/sound/ac97.hpp"

#include "dm/core/dword_access.hpp"
#include "dm/devices/sound/look.hpp"

#include <algorithm>

namespace dm {

using ac97::Bd;
using ac97::Cr;
using ac97::Sr;

namespace {

constexpr PciIdentity kIdentity{
    .vendor = 0x8086, .device = 0x2415, .class_code = 0x040100, .revision = 0x01, .interrupt_pin = 1};
constexpr u16 kPciStatus = 0x0280; // fast back-to-back, medium DEVSEL

constexpr u32 kSampleBytes = 2;
constexpr std::array<u32, ac97::kBoxes> kSamplesPerFrame{2, 2, 1}; // the microphone is mono
constexpr std::array<u32, ac97::kBoxes> kInterruptBit{ac97::kPiInt, ac97::kPoInt, ac97::kMInt};

constexpr u32 frames_left(const Ac97::Box& box, unsigned n) {
    return (box.picb + kSamplesPerFrame[n] - 1) / kSamplesPerFrame[n];
}

} // namespace

Ac97::Ac97(std::string_view device_name, AudioBackend* audio, GuestMemory& memory, TimerQueue& timers,
           PciWiring wiring)
    : PciFunction(device_name, kIdentity, std::move(wiring)), audio_(audio), memory_(memory), timers_(timers),
      timer_(timers, [this] {
          s_.looked_ns = timers_.now_ns();
          run();
          derive();
      }) {
    set_register(pci::STATUS, 2, kPciStatus, 0, 0xf900);
    add_bar(0, {BarKind::Io, ac97::kNamBytes, &nam_, 2});
    add_bar(1, {BarKind::Io, ac97::kNabmBytes, &nabm_});
    finish_config();
}

// ----------------------------------------------------------------------------------------------- registers

/// The link carries words.
u64 Ac97::read_nam(u64 offset, unsigned size) {
    s_.cas = 0;
    if (size != 2 || offset % 2 != 0 || offset >= Ac97Codec::kRegisters) return ones(size);
    return s_.codec.read(offset);
}

void Ac97::write_nam(u64 offset, unsigned size, u64 value) {
    s_.cas = 0;
    if (size != 2 || offset % 2 != 0 || offset >= Ac97Codec::kRegisters) return;
    run();
    s_.codec.write(offset, static_cast<u16>(value));
    for (unsigned n = 0; n < ac97::kBoxes; ++n)
        if (runs(s_.boxes[n]) && s_.boxes[n].pace.rate != rate(n))
            s_.boxes[n].pace.restart(timers_.now_ns(), rate(n));
    derive();
}

u64 Ac97::read_nabm(u64 offset, unsigned size) {
    run();
    derive();
    const u64 value = read_dwords(offset, size, [this](u64 at) { return register_at(at); });
    if (offset <= ac97::CAS && ac97::CAS - offset < size) s_.cas = 1;
    return value;
}

void Ac97::write_nabm(u64 offset, unsigned size, u64 value) {
    run();
    write_dwords(offset, size, value, [this](u64 at, u32 part, u32 mask) { write_register(at, part, mask); });
    derive();
}

u32 Ac97::register_at(u64 offset) const {
    switch (offset) {
    case ac97::GLOB_CNT: return s_.glob_cnt;
    case ac97::GLOB_STA: return glob_sta();
    case ac97::CAS: return 0xffffff00 | s_.cas;
    default: break;
    }
    if (offset >= ac97::kBoxes * ac97::kBoxBytes) return 0xffffffff;
    const Box& box = s_.boxes[offset / ac97::kBoxBytes];
    switch (offset % ac97::kBoxBytes) {
    case ac97::BDBAR: return box.bdbar;
    case ac97::CIV: return box.civ | u32{box.lvi} << 8 | u32{box.sr.raw()} << 16;
    case ac97::PICB: return box.picb | u32{box.piv} << 16 | u32{box.cr.raw()} << 24;
    default: return 0xffffffff;
    }
}

void Ac97::write_register(u64 offset, u32 value, u32 mask) {
    switch (offset) {
    case ac97::GLOB_CNT: return write_glob_cnt((s_.glob_cnt & ~mask) | (value & mask));
    case ac97::GLOB_STA:
        s_.glob_sta &= ~(value & mask & ac97::kGlobStaClearable);
        mask &= ac97::kGlobStaWritable;
        s_.glob_sta = (s_.glob_sta & ~mask) | (value & mask);
        return;
    default: break;
    }
    if (offset >= ac97::kBoxes * ac97::kBoxBytes) return;
    const auto n = static_cast<unsigned>(offset / ac97::kBoxBytes);
    Box& box = s_.boxes[n];
    const auto written = [&](unsigned byte) { return byte_of(mask, byte) != 0; };
    switch (offset % ac97::kBoxBytes) {
    case ac97::BDBAR: box.bdbar = ((box.bdbar & ~mask) | (value & mask)) & ~u32{7}; break;
    case ac97::CIV:
        box.sr = Bits<Sr>{static_cast<u8>(box.sr.raw() & ~(byte_of(value & mask, 2) & ac97::kSrClearable))};
        if (written(1)) write_lvi(n, byte_of(value, 1));
        break;
    case ac97::PICB:
        if (written(3)) write_cr(n, byte_of(value, 3));
        break;
    default: break;
    }
}

u32 Ac97::glob_sta() const {
    u32 status = s_.glob_sta | ac97::kPrimaryReady;
    for (unsigned n = 0; n < ac97::kBoxes; ++n)
        if (interrupts(s_.boxes[n])) status |= kInterruptBit[n];
    return status;
}

void Ac97::write_glob_cnt(u32 value) {
    const bool was_up = (s_.glob_cnt & ac97::kColdReset) != 0;
    s_.glob_cnt = value & ac97::kGlobCntStored;
    if (!was_up || (value & ac97::kColdReset) != 0) return;
    const u32 kept = s_.glob_cnt; // a cold reset: controller and codec forget all else
    s_ = {};
    s_.glob_cnt = kept;
}

/// A bus master that ran out of buffers goes on with the next one.
void Ac97::write_lvi(unsigned n, u8 value) {
    Box& box = s_.boxes[n];
    box.lvi = value % ac97::kDescriptors;
    if (!box.cr.has(Cr::RPBM) || !box.sr.has(Sr::DCH)) return;
    play_gap(box);
    box.sr.clear(Sr::DCH);
    box.sr.clear(Sr::CELV);
    box.fetched = false;
    s_.looked_ns = timers_.now_ns();
    run(n);
}

void Ac97::write_cr(unsigned n, u8 value) {
    Box& box = s_.boxes[n];
    const Bits<Cr> wanted{value};
    if (wanted.has(Cr::RR)) {
        const auto enables = static_cast<u8>(box.cr.raw() & ac97::kCrEnables);
        box = {};
        box.cr = Bits<Cr>{enables};
        return;
    }
    const bool ran = box.cr.has(Cr::RPBM);
    box.cr = Bits<Cr>{static_cast<u8>(value & ac97::kCrStored)};
    if (!box.cr.has(Cr::RPBM))
        box.sr.set(Sr::DCH);
    else if (!ran)
        start(n);
}

/// Bus mastering may have come.
void Ac97::config_written(unsigned reg, unsigned) {
    if (reg > pci::COMMAND + 1U) return;
    run();
    derive();
}

// --------------------------------------------------------------------------------------------- bus masters

bool Ac97::interrupts(const Box& box) {
    return (box.sr.has(Sr::BCIS) && box.cr.has(Cr::IOCE)) || (box.sr.has(Sr::LVBCI) && box.cr.has(Cr::LVBIE));
}

u16 Ac97::rate(unsigned n) const {
    if (n == ac97::PO) return s_.codec.front_dac_rate;
    return n == ac97::PI ? s_.codec.lr_adc_rate : s_.codec.mic_adc_rate;
}

/// From where it was paused, or with the next buffer where one was used up.
void Ac97::start(unsigned n) {
    Box& box = s_.boxes[n];
    box.sr.clear(Sr::DCH);
    box.sr.clear(Sr::CELV);
    if (box.picb == 0) box.fetched = false;
    const u64 now = timers_.now_ns();
    box.pace.restart(now, rate(n));
    s_.looked_ns = now;
    run(n);
}

void Ac97::run() {
    for (unsigned n = 0; n < ac97::kBoxes; ++n)
        run(n);
}

/// Fetches what is due. Each turn moves a sample, or leaves an empty buffer: of these there are at most as
/// many as descriptors before LVI ends it.
void Ac97::run(unsigned n) {
    Box& box = s_.boxes[n];
    if (!runs(box) || !command(pci::Command::MASTER)) return;
    if (!box.fetched) fetch_next(box);
    const u64 now = timers_.now_ns();
    if (now < box.pace.when(std::min(kBurst, frames_left(box, n)))) return;
    u32 due = box.pace.take(now, UINT32_MAX);
    do
        due -= move(n, due);
    while (due > 0 && runs(box));
}

/// As many as `due` frames of the buffer at hand. The last one of an odd number of samples is not whole.
u32 Ac97::move(unsigned n, u32 due) {
    Box& box = s_.boxes[n];
    const u32 channels = kSamplesPerFrame[n];
    const u32 most = kSoundChunk / (channels * kSampleBytes);
    const u32 frames = std::min({due, frames_left(box, n), most});
    const u32 samples = std::min<u32>(frames * channels, box.picb);
    if (samples > 0) {
        if (n == ac97::PO)
            play(box, samples * kSampleBytes);
        else
            record(box, samples * kSampleBytes);
        box.addr += samples * kSampleBytes;
        box.picb = static_cast<u16>(box.picb - samples);
    }
    if (box.picb == 0) buffer_done(box);
    return frames;
}

void Ac97::play(Box& box, u32 bytes) {
    constexpr u32 kFrame = 2 * kSampleBytes;
    bytes -= bytes % kFrame;
    if (audio_ == nullptr || bytes == 0) return;
    std::array<u8, kSoundChunk> chunk;
    const auto frames = std::span(chunk).first(bytes);
    memory_.read(box.addr, frames);
    box.last_frame = 0;
    for (unsigned i = 0; i < kFrame; ++i)
        box.last_frame |= u32{frames[bytes - kFrame + i]} << (8 * i);
    audio_->play({.rate = box.pace.rate}, frames);
}

/// What the converter played since the buffers ran out, now that there are some again: silence, or the last
/// frame if the descriptor said so.
void Ac97::play_gap(Box& box) {
    u32 frames = box.pace.take(timers_.now_ns(), UINT32_MAX);
    if (audio_ == nullptr || &box != &s_.boxes[ac97::PO]) return;
    constexpr u32 kFrame = 2 * kSampleBytes;
    std::array<u8, kSoundChunk> chunk{};
    if (box.bd.has(Bd::BUP))
        for (u32 i = 0; i < kSoundChunk; ++i)
            chunk[i] = byte_of(box.last_frame, i % kFrame);
    while (frames > 0) {
        const u32 part = std::min(frames, kSoundChunk / kFrame);
        audio_->play({.rate = box.pace.rate}, std::span(chunk).first(std::size_t{part} * kFrame));
        frames -= part;
    }
}

void Ac97::record(const Box& box, u32 bytes) {
    const std::array<u8, kSoundChunk> silence{};
    memory_.write(box.addr, std::span(silence).first(bytes));
}

void Ac97::fetch_next(Box& box) {
    box.civ = box.piv;
    box.piv = static_cast<u8>((box.piv + 1) % ac97::kDescriptors);
    std::array<u8, ac97::kDescriptorBytes> raw;
    memory_.read(box.bdbar + ac97::kDescriptorBytes * box.civ, raw);
    box.addr = (raw[0] | u32{raw[1]} << 8 | u32{raw[2]} << 16 | u32{raw[3]} << 24) & ~u32{1};
    box.picb = static_cast<u16>(raw[4] | raw[5] << 8);
    box.bd = Bits<Bd>{static_cast<u8>(raw[7] >> 6)};
    box.fetched = true;
}

void Ac97::buffer_done(Box& box) {
    if (box.bd.has(Bd::IOC)) box.sr.set(Sr::BCIS);
    if (box.civ != box.lvi) return fetch_next(box);
    box.sr.set(Sr::LVBCI);
    box.sr.set(Sr::CELV);
    box.sr.set(Sr::DCH);
}

std::optional<u64> Ac97::next_look() const {
    if (!command(pci::Command::MASTER)) return std::nullopt;
    std::optional<u64> next;
    for (unsigned n = 0; n < ac97::kBoxes; ++n) {
        const Box& box = s_.boxes[n];
        if (!runs(box)) continue;
        const u64 at = look_at(s_.looked_ns, box.pace.when(frames_left(box, n)));
        next = std::min(next.value_or(at), at);
    }
    return next;
}

void Ac97::derive() {
    set_intx(std::ranges::any_of(s_.boxes, interrupts));
    timer_.arm(next_look());
}

// --------------------------------------------------------------------------------------------------- state

void Ac97::reset() {
    s_ = {};
    reset_config();
    derive();
}

void Ac97::save(StateWriter& out) const {
    save_config(out);
    out.section(name(), s_);
}

Status Ac97::valid(const State& state) const {
    bool good = (state.glob_cnt & ~ac97::kGlobCntStored) == 0 && state.cas <= 1 && state.codec.valid() &&
                (state.glob_sta & ~(ac97::kGlobStaClearable | ac97::kGlobStaWritable)) == 0;
    for (const Box& box : state.boxes)
        good = good && box.civ < ac97::kDescriptors && box.lvi < ac97::kDescriptors &&
               box.piv < ac97::kDescriptors && (box.sr.raw() & ~ac97::kSrBits) == 0 &&
               (box.cr.raw() & ~ac97::kCrStored) == 0 && (box.bdbar & 7) == 0 && (box.addr & 1) == 0 &&
               box.bd.raw() <= 3 && box.pace.rate <= Ac97Codec::kRate;
    if (!good) return fail("saved state: {}: a register holds what it cannot", name());
    return {};
}

Status Ac97::load(StateReader& in) {
    State loaded;
    DM_TRY(load_section(in, name(), loaded, [this](const State& state) { return valid(state); }));
    DM_TRY(load_config(in)); // commits on success: last
    s_ = loaded;
    const u64 now = timers_.now_ns();
    s_.looked_ns = std::min(s_.looked_ns, now);
    for (Box& box : s_.boxes)
        box.pace.mend(now);
    derive();
    return {};
}

} // namespace dm
