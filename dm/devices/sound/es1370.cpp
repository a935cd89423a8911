#include "dm/devices/sound/es1370.hpp"

#include "dm/core/dword_access.hpp"
#include "dm/devices/sound/look.hpp"

#include <algorithm>

namespace dm {

using es1370::kBits;
using es1370::kConverters;

namespace {

constexpr PciIdentity kIdentity{.vendor = 0x1274,
                                .device = 0x5000,
                                .class_code = 0x040100,
                                .revision = 0x00,
                                .subsystem_vendor = 0x4942,
                                .subsystem = 0x4c4c,
                                .interrupt_pin = 1};
constexpr std::array kConfig{
    RegSpec{"STATUS", pci::STATUS, 2, 0x0400, 0x0000, 0xf900}, // slow DEVSEL
    RegSpec{"MIN_GNT", 0x3e, 1, 0x0c, 0x00, 0x00},
    RegSpec{"MAX_LAT", 0x3f, 1, 0x80, 0x00, 0x00},
};
static_assert(well_formed(kConfig, 256));

constexpr std::array<u32, 4> kDac1Rates{5512, 11025, 22050, 44100};
constexpr u32 kClock = 1411200; // of DAC2 and ADC, divided by PCLKDIV and two
constexpr u32 kDword = 4;
constexpr u8 kSilence8Bit = 0x80;

constexpr u32 merged(u32 old, u32 value, u32 mask) {
    return (old & ~mask) | (value & mask);
}

/// A frame begins where one can: bytes of the dword at hand that are another format's are skipped.
constexpr void align(Es1370::Converter& c, u32 frame) {
    c.byte = static_cast<u8>(c.byte & ~(frame - 1));
}

} // namespace

Es1370::Es1370(std::string_view device_name, AudioBackend* audio, GuestMemory& memory, TimerQueue& timers,
               PciWiring wiring)
    : PciFunction(device_name, kIdentity, std::move(wiring)), audio_(audio), memory_(memory), timers_(timers),
      log_(device_name), timer_(timers, [this] {
          s_.looked_ns = timers_.now_ns();
          run();
          derive();
      }) {
    set_registers(kConfig);
    add_bar(0, {BarKind::Io, es1370::kRegisterBytes, &registers_});
    finish_config();
}

// ----------------------------------------------------------------------------------------------- registers

u64 Es1370::read(u64 offset, unsigned size) {
    run();
    derive();
    return read_dwords(offset, size, [this](u64 at) { return register_at(at); });
}

void Es1370::write(u64 offset, unsigned size, u64 value) {
    run();
    const Flags ran = running();
    write_dwords(offset, size, value, [this](u64 at, u32 part, u32 mask) { write_register(at, part, mask); });
    follow(ran);
    derive();
}

u32 Es1370::register_at(u64 offset) const {
    switch (offset) {
    case es1370::CONTROL: return s_.control;
    case es1370::STATUS: return status();
    case es1370::UART: return u32{es1370::kTxRdy} << 8 | (uart_interrupts() ? u32{es1370::kTxInt} << 8 : 0);
    case es1370::MEMPAGE: return s_.mempage;
    case es1370::CODEC: return 0; // can only be written
    case es1370::SERIAL: return s_.serial;
    default: break;
    }
    if (offset >= es1370::PAGED && offset - es1370::PAGED < es1370::kPagedBytes)
        return paged(offset - es1370::PAGED);
    const u64 n = (offset - es1370::SAMPLE_COUNT) / 4;
    if (offset < es1370::SAMPLE_COUNT || n >= kConverters) return 0xffffffff;
    return s_.converters[n].samples | u32{s_.converters[n].samples_left} << 16;
}

void Es1370::write_register(u64 offset, u32 value, u32 mask) {
    switch (offset) {
    case es1370::CONTROL: s_.control = merged(s_.control, value, mask); return;
    case es1370::UART: return write_uart(value, mask);
    case es1370::MEMPAGE: s_.mempage = merged(s_.mempage, value, mask) & 0xf; return;
    case es1370::SERIAL: return write_serial(merged(s_.serial, value, mask));
    default: break;
    }
    if (offset >= es1370::PAGED && offset - es1370::PAGED < es1370::kPagedBytes)
        return write_paged(offset - es1370::PAGED, value, mask);
    const u64 n = (offset - es1370::SAMPLE_COUNT) / 4;
    if (offset < es1370::SAMPLE_COUNT || n >= kConverters) return;
    Converter& c = s_.converters[n];
    c.samples = c.samples_left = static_cast<u16>(merged(c.samples, value, mask));
}

void Es1370::write_serial(u32 value) {
    s_.serial = value;
    for (unsigned n = 0; n < kConverters; ++n) {
        if ((value & kBits[n].interrupt_enable) == 0)
            s_.interrupts = static_cast<u8>(s_.interrupts & ~kBits[n].interrupt);
        if ((value & kBits[n].stop) == 0) s_.converters[n].stopped = false;
        align(s_.converters[n], frame_bytes(n));
    }
    Converter& dac1 = s_.converters[es1370::DAC1];
    if ((value & es1370::kP1Sctrld) != 0) dac1.samples_left = dac1.samples;
}

/// A port whose cable is not plugged in: all that is sent is gone at once, nothing comes.
void Es1370::write_uart(u32 value, u32 mask) {
    if ((mask & 0xff) != 0 && (s_.control & es1370::kUartEn) != 0) log_.unimplemented("MIDI output");
    if ((mask & 0xff00) != 0) s_.uart_control = byte_of(value, 1);
}

/// Whose registers are at this offset of the page: kConverters when nobody's.
unsigned Es1370::paged_converter(u64 offset) const {
    const auto second = static_cast<unsigned>(offset / 8);
    if (s_.mempage == es1370::kPageDacs) return es1370::DAC1 + second;
    return s_.mempage == es1370::kPageAdc ? es1370::ADC + second : kConverters;
}

u32 Es1370::paged(u64 offset) const {
    const unsigned n = paged_converter(offset);
    if (n >= kConverters) return 0xffffffff;
    const Converter& c = s_.converters[n];
    return offset % 8 == es1370::kFrameCount ? c.frame_size | u32{c.frame_at} << 16 : c.frame_addr;
}

void Es1370::write_paged(u64 offset, u32 value, u32 mask) {
    const unsigned n = paged_converter(offset);
    if (n >= kConverters) return;
    Converter& c = s_.converters[n];
    if (offset % 8 != es1370::kFrameCount) {
        c.frame_addr = merged(c.frame_addr, value, mask);
        return;
    }
    value = merged(c.frame_size | u32{c.frame_at} << 16, value, mask);
    c.frame_size = static_cast<u16>(value);
    c.frame_at = static_cast<u16>(value >> 16);
    c.byte = 0;
    c.stopped = false;
}

u32 Es1370::status() const {
    u32 status = es1370::kVcNone | s_.interrupts;
    if (uart_interrupts()) status |= es1370::kUartInt;
    if ((status & (es1370::kConverterInts | es1370::kUartInt)) != 0) status |= es1370::kIntr;
    return status;
}

bool Es1370::uart_interrupts() const {
    return (s_.control & es1370::kUartEn) != 0 && (s_.uart_control & es1370::kTxIntMask) == es1370::kTxIntEn;
}

/// Bus mastering may have come.
void Es1370::config_written(unsigned reg, unsigned) {
    if (reg > pci::COMMAND + 1U) return;
    run();
    derive();
}

// ---------------------------------------------------------------------------------------------- converters

bool Es1370::runs(unsigned n) const {
    const Converter& c = s_.converters[n];
    return (s_.control & kBits[n].enable) != 0 && (s_.serial & kBits[n].pause) == 0 && !c.stopped &&
           c.frame_at <= c.frame_size;
}

Es1370::Flags Es1370::running() const {
    Flags flags{};
    for (unsigned n = 0; n < kConverters; ++n)
        flags[n] = runs(n);
    return flags;
}

u32 Es1370::format(unsigned n) const {
    return s_.serial >> kBits[n].format_shift & 3;
}

u32 Es1370::frame_bytes(unsigned n) const {
    return ((format(n) & es1370::kStereo) != 0 ? 2U : 1U) * ((format(n) & es1370::k16Bit) != 0 ? 2U : 1U);
}

u32 Es1370::rate(unsigned n) const {
    if (n == es1370::DAC1 || (n == es1370::DAC2 && (s_.control & es1370::kDacSync) != 0))
        return kDac1Rates[s_.control >> es1370::kWtsrselShift & 3];
    const u32 divider = (s_.control >> es1370::kPclkdivShift & es1370::kPclkdivMask) + 2;
    return std::min(kClock / divider, kFastest);
}

/// After a write: those that begin, or have another rate, count from now on. One that was disabled leaves the
/// end of its buffer.
void Es1370::follow(const Flags& ran) {
    const u64 now = timers_.now_ns();
    for (unsigned n = 0; n < kConverters; ++n) {
        Converter& c = s_.converters[n];
        if ((s_.control & kBits[n].enable) == 0) c.stopped = false;
        if (!runs(n) || (ran[n] && c.pace.rate == rate(n))) continue;
        c.pace.restart(now, rate(n));
        s_.looked_ns = now;
    }
}

void Es1370::run() {
    for (unsigned n = 0; n < kConverters; ++n)
        run(n);
}

void Es1370::run(unsigned n) {
    if (!runs(n) || !command(pci::Command::MASTER)) return;
    u32 due = s_.converters[n].pace.take(timers_.now_ns(), UINT32_MAX);
    while (due > 0 && runs(n))
        due -= move(n, due);
}

/// As many as `due` frames, up to the end of the buffer; a dword holds at least one.
u32 Es1370::move(unsigned n, u32 due) {
    Converter& c = s_.converters[n];
    const u32 frame = frame_bytes(n);
    const u32 left = (c.frame_size - c.frame_at + 1U) * kDword - c.byte;
    const u32 frames = std::min({due, left / frame, kSoundChunk / frame});
    transfer(n, frames * frame);
    const u32 at = c.frame_at * kDword + c.byte + frames * frame;
    c.byte = static_cast<u8>(at % kDword);
    c.frame_at = static_cast<u16>(at / kDword);
    if (at / kDword > c.frame_size) {
        c.frame_at = 0;
        c.stopped = (s_.serial & kBits[n].stop) != 0;
    }
    count(n, frames);
    return frames;
}

void Es1370::transfer(unsigned n, u32 bytes) {
    const Converter& c = s_.converters[n];
    const u64 addr = u64{c.frame_addr} + u64{c.frame_at} * kDword + c.byte;
    const bool wide = (format(n) & es1370::k16Bit) != 0;
    std::array<u8, kSoundChunk> chunk;
    const auto frames = std::span(chunk).first(bytes);
    if (n == es1370::ADC) {
        std::ranges::fill(frames, wide ? u8{0} : kSilence8Bit);
        memory_.write(addr, frames);
    } else if (audio_ != nullptr) {
        memory_.read(addr, frames);
        audio_->play({.rate = c.pace.rate,
                      .channels = static_cast<u8>((format(n) & es1370::kStereo) != 0 ? 2 : 1),
                      .sample = wide ? PcmFormat::Sample::S16 : PcmFormat::Sample::U8},
                     frames);
    }
}

/// The counter interrupts when it is to go below 0, and begins anew.
void Es1370::count(unsigned n, u32 frames) {
    Converter& c = s_.converters[n];
    if (frames <= c.samples_left) {
        c.samples_left = static_cast<u16>(c.samples_left - frames);
        return;
    }
    const u32 beyond = (frames - c.samples_left - 1) % (c.samples + 1U);
    c.samples_left = static_cast<u16>(c.samples - beyond);
    if ((s_.serial & kBits[n].interrupt_enable) != 0)
        s_.interrupts = static_cast<u8>(s_.interrupts | kBits[n].interrupt);
}

std::optional<u64> Es1370::next_look() const {
    if (!command(pci::Command::MASTER)) return std::nullopt;
    std::optional<u64> next;
    for (unsigned n = 0; n < kConverters; ++n) {
        if (!runs(n)) continue;
        const Converter& c = s_.converters[n];
        const u64 at = look_at(s_.looked_ns, c.pace.when(c.samples_left + 1U));
        next = std::min(next.value_or(at), at);
    }
    return next;
}

void Es1370::derive() {
    set_intx((status() & es1370::kIntr) != 0);
    timer_.arm(next_look());
}

// --------------------------------------------------------------------------------------------------- state

void Es1370::reset() {
    s_ = {};
    reset_config();
    derive();
}

void Es1370::save(StateWriter& out) const {
    save_config(out);
    out.section(name(), s_);
}

Status Es1370::valid(const State& state) const {
    bool good = state.mempage <= 0xf && (state.interrupts & ~es1370::kConverterInts) == 0;
    for (const Converter& c : state.converters)
        good = good && c.byte < kDword && c.pace.rate <= kFastest;
    if (!good) return fail("saved state: {}: a register holds what it cannot", name());
    return {};
}

Status Es1370::load(StateReader& in) {
    State loaded;
    DM_TRY(load_section(in, name(), loaded, [this](const State& state) { return valid(state); }));
    DM_TRY(load_config(in)); // commits on success: last
    s_ = loaded;
    const u64 now = timers_.now_ns();
    s_.looked_ns = std::min(s_.looked_ns, now);
    for (unsigned n = 0; n < kConverters; ++n) {
        s_.converters[n].pace.mend(now);
        align(s_.converters[n], frame_bytes(n));
    }
    derive();
    return {};
}

} // namespace dm
