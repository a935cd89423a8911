#include "dm/devices/sound/sb16.hpp"

#include "dm/devices/sound/look.hpp"

#include <algorithm>

namespace dm {
namespace {

constexpr u8 kSilence8Bit = 0x80;
constexpr u32 kFastestLoaded = SamplePace{}.rate; // of one that never ran
constexpr u64 kLatest = u64{1} << 62;             // no deadline is that far away

/// The older cards' registers are the high halves of two of the CT1745's, left and right.
constexpr std::optional<u8> pair_of(u8 reg) {
    switch (reg) {
    case 0x04: return 0x32; // voice
    case 0x22: return 0x30; // master
    case 0x26: return 0x34; // MIDI
    case 0x28: return 0x36; // CD
    case 0x2e: return 0x38; // line
    default: return std::nullopt;
    }
}

} // namespace

Sb16::Sb16(std::string_view device_name, AudioBackend* audio, IrqLine irq, TimerQueue& timers,
           DmaChannel& dma8, DmaChannel& dma16, Jumpers jumpers)
    : Device(device_name), audio_(audio), irq_(std::move(irq)), timers_(timers), dma8_(dma8), dma16_(dma16),
      jumpers_(jumpers), log_(device_name), timer_(timers, [this] {
          s_.looked_ns = timers_.now_ns();
          run();
          derive();
      }) {
    dma8_.connect(this);
    dma16_.connect(this);
    reset_mixer();
}

Sb16::~Sb16() {
    dma8_.connect(nullptr);
    dma16_.connect(nullptr);
}

// --------------------------------------------------------------------------------------------------- ports

u64 Sb16::read(u64 offset, unsigned) {
    run();
    u64 value = 0xff;
    switch (offset) {
    case sb16::MIXER_DATA: value = read_mixer(); break;
    case sb16::DSP_READ: value = read_dsp(); break;
    case sb16::DSP_WRITE:
    case sb16::TIMER_STATUS: value = 0; break;
    case sb16::DSP_STATUS:
        value = s_.answers.empty() ? 0 : sb16::kDataThere;
        s_.irqs = static_cast<u8>(s_.irqs & ~sb16::kIrq8);
        break;
    case sb16::DSP_STATUS16: s_.irqs = static_cast<u8>(s_.irqs & ~sb16::kIrq16); break;
    default: break;
    }
    derive();
    return value;
}

void Sb16::write(u64 offset, unsigned, u64 value) {
    const auto byte = static_cast<u8>(value);
    run();
    switch (offset) {
    case sb16::MIXER_INDEX: s_.mixer_index = byte; break;
    case sb16::MIXER_DATA: write_mixer(byte); break;
    case sb16::DSP_RESET: write_reset(byte); break;
    case sb16::DSP_WRITE: write_dsp(byte); break;
    default: break;
    }
    derive();
}

/// A one and then a zero.
void Sb16::write_reset(u8 value) {
    if ((s_.reset_port & 1) != 0 && (value & 1) == 0) reset_dsp();
    s_.reset_port = value;
}

void Sb16::reset_dsp() {
    State fresh;
    fresh.mixer_index = s_.mixer_index;
    fresh.mixer = s_.mixer;
    fresh.test = s_.test;
    s_ = fresh;
    answer(sb16::kReady);
}

u8 Sb16::read_dsp() {
    if (!s_.answers.empty()) s_.last_answer = s_.answers.pop();
    return s_.last_answer;
}

u8 Sb16::read_mixer() const {
    switch (s_.mixer_index) {
    case sb16::IRQ_SELECT: return jumpers_.irq_select;
    case sb16::DMA_SELECT: return jumpers_.dma_select;
    case sb16::IRQ_STATUS: return sb16::kDsp405 | s_.irqs;
    default: break;
    }
    if (s_.mixer_index >= s_.mixer.size()) return 0xff;
    if (const auto left = pair_of(s_.mixer_index))
        return static_cast<u8>((s_.mixer[*left] & 0xf0) | s_.mixer[*left + 1U] >> 4);
    return s_.mixer[s_.mixer_index];
}

void Sb16::write_mixer(u8 value) {
    constexpr u8 kHalfStep = 0x08; // of the five bits, which the older registers do not have
    if (s_.mixer_index == sb16::MIXER_RESET) return reset_mixer();
    if (s_.mixer_index == sb16::IRQ_SELECT || s_.mixer_index == sb16::DMA_SELECT) {
        if (value != read_mixer()) log_.guest("its interrupt and DMA channels cannot be moved");
        return;
    }
    if (s_.mixer_index >= s_.mixer.size()) return;
    if (const auto left = pair_of(s_.mixer_index)) {
        s_.mixer[*left] = (value & 0xf0) | kHalfStep;
        s_.mixer[*left + 1U] = static_cast<u8>(value << 4 | kHalfStep);
    } else {
        s_.mixer[s_.mixer_index] = value;
    }
}

void Sb16::reset_mixer() {
    s_.mixer = {};
    for (unsigned reg = 0x30; reg < 0x36; ++reg) // master, voice, MIDI
        s_.mixer[reg] = 0xc0;
    s_.mixer[0x3c] = 0x1f; // output switches
    s_.mixer[0x3d] = 0x15; // input switches
    s_.mixer[0x3e] = 0x0b;
    for (unsigned reg = 0x44; reg < 0x48; ++reg) // tone
        s_.mixer[reg] = 0x80;
}

// ----------------------------------------------------------------------------------------------- transfers

void Sb16::begin(Transfer transfer, u32 rate, u32 samples) {
    const u64 now = timers_.now_ns();
    transfer.on = true;
    transfer.block = transfer.left = samples;
    transfer.pace.restart(now, std::clamp(rate, sb16::kSlowest, sb16::kFastest));
    s_.transfer = transfer;
    s_.looked_ns = now;
}

/// The guest has unmasked the channel: time counts from now on.
void Sb16::dma_acknowledged() {
    if (!moves() || !s_.transfer.held_up) return;
    s_.transfer.held_up = false;
    s_.transfer.pace.restart(timers_.now_ns(), s_.transfer.pace.rate);
    s_.looked_ns = timers_.now_ns();
    arm();
}

u32 Sb16::frames_left() const {
    return s_.transfer.stereo ? (s_.transfer.left + 1) / 2 : s_.transfer.left;
}

void Sb16::run() {
    const u64 now = timers_.now_ns();
    if (s_.silent_until && now >= *s_.silent_until) {
        s_.silent_until.reset();
        s_.irqs |= sb16::kIrq8;
    }
    if (!moves() || s_.transfer.held_up) return;
    u32 due = s_.transfer.pace.take(now, UINT32_MAX);
    while (due > 0 && moves() && !s_.transfer.held_up) {
        const u32 moved = move(due);
        s_.transfer.held_up = moved == 0;
        due -= moved;
    }
}

/// As many as `due` frames of the block. The last one of an odd number of samples is not whole.
u32 Sb16::move(u32 due) {
    Transfer& t = s_.transfer;
    const u32 sample = t.wide ? 2 : 1;
    const u32 channels = t.stereo ? 2 : 1;
    const u32 frame = sample * channels;
    const u32 samples = std::min({t.left, due * channels, kSoundChunk / sample});
    std::array<u8, kSoundChunk> chunk;
    const auto bytes = std::span(chunk).first(std::size_t{samples} * sample);
    DmaChannel::Moved moved;
    if (t.records) {
        std::ranges::fill(bytes, t.wide || t.is_signed ? u8{0} : kSilence8Bit);
        moved = channel().write_memory(bytes);
    } else {
        moved = channel().read_memory(bytes);
        const auto whole = bytes.first(moved.bytes / frame * frame);
        using Sample = PcmFormat::Sample;
        const Sample narrow = t.is_signed ? Sample::S8 : Sample::U8;
        const Sample wide = t.is_signed ? Sample::S16 : Sample::U16;
        if (audio_ != nullptr && !whole.empty())
            audio_->play({t.pace.rate, static_cast<u8>(channels), t.wide ? wide : narrow}, whole);
    }
    const auto done = static_cast<u32>(moved.bytes / sample);
    t.left -= done;
    if (t.left == 0) block_done();
    return (done + channels - 1) / channels;
}

void Sb16::block_done() {
    Transfer& t = s_.transfer;
    s_.irqs |= t.wide ? sb16::kIrq16 : sb16::kIrq8;
    t.left = t.block;
    t.on = t.repeats;
}

void Sb16::derive() {
    const bool wide = s_.transfer.wide;
    dma8_.set_request(moves() && !wide);
    dma16_.set_request(moves() && wide);
    irq_.set((s_.irqs & (sb16::kIrq8 | sb16::kIrq16)) != 0);
    arm();
}

void Sb16::arm() {
    std::optional<u64> next = s_.silent_until;
    if (moves() && !s_.transfer.held_up) {
        const u64 at = look_at(s_.looked_ns, s_.transfer.pace.when(frames_left()));
        next = std::min(next.value_or(at), at);
    }
    timer_.arm(next);
}

// --------------------------------------------------------------------------------------------------- state

void Sb16::reset() {
    s_ = {};
    reset_mixer();
    derive();
}

void Sb16::save(StateWriter& out) const {
    out.section(name(), s_);
}

Status Sb16::valid(const State& state) const {
    const Transfer& t = state.transfer;
    const bool good = state.missing <= 3 && state.missing + state.parameters.size() <= 3 &&
                      (state.irqs & ~(sb16::kIrq8 | sb16::kIrq16)) == 0 && t.block <= 0x10000 &&
                      t.left <= t.block && (!t.on || t.left > 0) && state.block >= 1 &&
                      state.block <= 0x10000 && state.rate <= 1'000'000 && t.pace.rate <= kFastestLoaded &&
                      state.silent_until.value_or(0) <= kLatest;
    if (!good) return fail("saved state: {}: a register holds what it cannot", name());
    return {};
}

Status Sb16::load(StateReader& in) {
    DM_TRY(load_section(in, name(), s_, [this](const State& state) { return valid(state); }));
    const u64 now = timers_.now_ns();
    s_.looked_ns = std::min(s_.looked_ns, now);
    s_.transfer.pace.mend(now);
    derive();
    return {};
}

} // namespace dm
