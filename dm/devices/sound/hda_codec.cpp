#include "dm/devices/sound/hda_codec.hpp"

#include "dm/devices/sound/look.hpp"

#include <algorithm>

namespace dm {
namespace {

/// Numbers of the nodes; a codec without input ends before the ADC.
enum Node : u8 { ROOT, AFG, DAC, LINE_OUT, ADC, LINE_IN, kNodes };

enum Verb : u32 {
    // with a payload of 16 bits
    SET_FORMAT = 0x2,
    SET_AMP = 0x3,
    GET_FORMAT = 0xa,
    GET_AMP = 0xb,
    // of 8 bits
    SET_POWER = 0x705,
    SET_STREAM = 0x706,
    SET_PIN = 0x707,
    SET_CONFIG = 0x71c, ///< and the three behind it, a byte each
    SET_SUBSYSTEM = 0x720,
    RESET = 0x7ff,
    GET_PARAMETER = 0xf00,
    GET_CONNECTIONS = 0xf02,
    GET_POWER = 0xf05,
    GET_STREAM = 0xf06,
    GET_PIN = 0xf07,
    GET_CONFIG = 0xf1c,
    GET_SUBSYSTEM = 0xf20,
};

/// Parameters that differ between codecs, and their places in the tables.
enum Parameter : u8 { VENDOR_ID = 0x00, SUBSYSTEM_ID = 0x01, NODE_COUNT = 0x04 };

constexpr u32 kRates = 0x000201fc;                                          ///< 16 to 96 kHz, 16 bits
constexpr u32 kAmp = 0x80000000 | 3U << 16 | HdaCodec::kAmpSteps * 0x0101U; ///< mutes; steps of 1 dB

struct Value {
    u8 node;
    u8 id;
    u32 value;
};
/// What is not here is 0.
constexpr std::array kParameters{
    Value{ROOT, 0x02, 0x00100101}, // revision
    Value{ROOT, NODE_COUNT, AFG << 16 | 1},
    Value{AFG, 0x05, 0x01},   // an audio function group
    Value{AFG, 0x08, 0x0808}, // delays
    Value{AFG, 0x0a, kRates},
    Value{AFG, 0x0b, 0x01}, // PCM
    Value{AFG, 0x0f, 0x0f}, // D0 to D3
    Value{DAC, 0x09, 0x0000001d},
    Value{DAC, 0x0a, kRates},
    Value{DAC, 0x0b, 0x01},
    Value{DAC, 0x12, kAmp},
    Value{LINE_OUT, 0x09, 0x00400101},
    Value{LINE_OUT, 0x0c, 0x10}, // can put out
    Value{LINE_OUT, 0x0e, 1},    // connections
    Value{ADC, 0x09, 0x0010011b},
    Value{ADC, 0x0a, kRates},
    Value{ADC, 0x0b, 0x01},
    Value{ADC, 0x0d, kAmp},
    Value{ADC, 0x0e, 1},
    Value{LINE_IN, 0x09, 0x00400001},
    Value{LINE_IN, 0x0c, 0x20}, // can take in
};

struct Identity {
    u32 id; ///< of vendor and device, and of the subsystem
    u32 out_config;
    u32 in_config;
    u32 widgets; ///< their count; they begin behind the function group
};
/// By model. Jacks: green line out or speaker, red line in or microphone.
constexpr std::array kIdentities{
    Identity{0x1af40022, 0x00004010, 0x00805020, LINE_IN - AFG},
    Identity{0x1af40012, 0x00004010, 0, LINE_OUT - AFG},
    Identity{0x1af40032, 0x00104010, 0x00a05020, LINE_IN - AFG},
};
constexpr const Identity& identity(HdaCodec::Model model) {
    return kIdentities[static_cast<std::size_t>(model)];
}

using State = HdaCodec::State;

/// Registers of a byte, of two and of four; the latter are set a byte at a time.
struct ByteVerb {
    u8 node;
    u32 get;
    u32 set;
    u8 State::*value;
    u8 mask;
};
constexpr std::array kBytes{
    ByteVerb{AFG, GET_POWER, SET_POWER, &State::power, 0x03},
    ByteVerb{DAC, GET_STREAM, SET_STREAM, &State::dac_stream, 0xff},
    ByteVerb{LINE_OUT, GET_PIN, SET_PIN, &State::out_control, 0x40},
    ByteVerb{ADC, GET_STREAM, SET_STREAM, &State::adc_stream, 0xff},
    ByteVerb{LINE_IN, GET_PIN, SET_PIN, &State::in_control, 0x20},
};
struct FormatVerb {
    u8 node;
    u16 State::*value;
};
constexpr std::array kFormats{FormatVerb{DAC, &State::dac_format}, FormatVerb{ADC, &State::adc_format}};
struct WideVerb {
    u8 node;
    u32 get;
    u32 set;
    u32 State::*value;
};
constexpr std::array kWide{
    WideVerb{AFG, GET_SUBSYSTEM, SET_SUBSYSTEM, &State::subsystem},
    WideVerb{LINE_OUT, GET_CONFIG, SET_CONFIG, &State::out_config},
    WideVerb{LINE_IN, GET_CONFIG, SET_CONFIG, &State::in_config},
};

constexpr u8 kD3 = 3;
constexpr u8 kOutEnable = 0x40;
constexpr u8 kMute = 0x80;

/// Of an amplifier's value, in 65536ths.
constexpr u32 factor(u8 amp) {
    constexpr u32 kDecibel = 58409; // 10 ^ (-1/20)
    if ((amp & kMute) != 0) return 0;
    u32 value = 0x10000;
    for (unsigned gain = amp; gain < HdaCodec::kAmpSteps; ++gain)
        value = value * kDecibel >> 16;
    return value;
}

} // namespace

void HdaCodec::power_on() {
    const Identity& id = identity(model_);
    s_ = {};
    s_.subsystem = id.id;
    s_.out_config = id.out_config;
    s_.in_config = id.in_config;
}

void HdaCodec::reset() {
    const State before = s_;
    s_ = {};
    s_.subsystem = before.subsystem;
    s_.out_config = before.out_config;
    s_.in_config = before.in_config;
}

bool HdaCodec::has(u8 node) const {
    return node <= AFG + identity(model_).widgets;
}

u32 HdaCodec::answer(u8 node, u32 verb) {
    if (!has(node)) return 0;
    const u32 payload = verb & 0xffff;
    switch (verb >> 16) {
    case SET_FORMAT:
        for (const FormatVerb& f : kFormats)
            if (f.node == node) s_.*f.value = static_cast<u16>(payload);
        return 0;
    case GET_FORMAT:
        for (const FormatVerb& f : kFormats)
            if (f.node == node) return s_.*f.value;
        return 0;
    case SET_AMP: set_amp(node, payload); return 0;
    case GET_AMP: return get_amp(node, payload);
    case 0x7: set(node, verb >> 8 & 0xfff, static_cast<u8>(payload)); return 0;
    case 0xf: return get(node, verb >> 8 & 0xfff, payload & 0xff);
    default: return 0;
    }
}

u32 HdaCodec::get(u8 node, u32 verb, u32 payload) const {
    if (verb == GET_PARAMETER) return parameter(node, static_cast<u8>(payload));
    if (verb == GET_CONNECTIONS) return connection(node, static_cast<u8>(payload));
    if (node == AFG && verb == GET_POWER) return s_.power * 0x11U; // it is where it was set to
    for (const ByteVerb& b : kBytes)
        if (b.node == node && b.get == verb) return s_.*b.value;
    for (const WideVerb& w : kWide)
        if (w.node == node && w.get == verb) return s_.*w.value;
    return 0;
}

void HdaCodec::set(u8 node, u32 verb, u8 value) {
    if (node == AFG && verb == RESET) return reset();
    for (const ByteVerb& b : kBytes)
        if (b.node == node && b.set == verb) s_.*b.value = value & b.mask;
    for (const WideVerb& w : kWide) {
        if (w.node != node || verb < w.set || verb > w.set + 3) continue;
        const unsigned shift = 8 * (verb - w.set);
        s_.*w.value = (s_.*w.value & ~(u32{0xff} << shift)) | u32{value} << shift;
    }
}

u32 HdaCodec::parameter(u8 node, u8 id) const {
    if (node == ROOT && id == VENDOR_ID) return identity(model_).id;
    if (node <= AFG && id == SUBSYSTEM_ID) return identity(model_).id;
    if (node == AFG && id == NODE_COUNT) return DAC << 16 | identity(model_).widgets;
    for (const Value& v : kParameters)
        if (v.node == node && v.id == id) return v.value;
    return 0;
}

/// Each list has one entry, which is the node behind or before.
u32 HdaCodec::connection(u8 node, u8 first) const {
    if (first != 0) return 0;
    return node == LINE_OUT ? u32{DAC} : node == ADC ? u32{LINE_IN} : 0;
}

std::array<u8, 2>* HdaCodec::amp(u8 node) {
    return node == DAC ? &s_.dac_amp : node == ADC ? &s_.adc_amp : nullptr;
}

/// The amplifier of the DAC is behind it, that of the ADC before it, at the one connection.
void HdaCodec::set_amp(u8 node, u32 payload) {
    std::array<u8, 2>* const which = amp(node);
    const bool meant = node == DAC ? (payload & 0x8000) != 0 : (payload & 0x4f00) == 0x4000;
    if (which == nullptr || !meant) return;
    const auto value = static_cast<u8>((payload & kMute) | std::min<u32>(payload & 0x7f, kAmpSteps));
    if ((payload & 0x2000) != 0) (*which)[0] = value;
    if ((payload & 0x1000) != 0) (*which)[1] = value;
}

u32 HdaCodec::get_amp(u8 node, u32 payload) const {
    const std::size_t side = (payload & 0x2000) != 0 ? 0 : 1;
    const bool output = (payload & 0x8000) != 0;
    if (node == DAC && output) return s_.dac_amp[side];
    if (node == ADC && !output && (payload & 15) == 0) return s_.adc_amp[side];
    return 0;
}

bool HdaCodec::playing() const {
    return s_.power != kD3 && (s_.out_control & kOutEnable) != 0;
}

/// A stream may have more channels than the converter, which has two of them, or one.
void HdaCodec::play(u8 stream, const PcmFormat& format, std::span<const u8> frames) {
    const unsigned first = s_.dac_stream & 15;
    if (audio_ == nullptr || stream == 0 || s_.dac_stream >> 4 != stream || !playing()) return;
    if (format.sample != PcmFormat::Sample::S16 || first >= format.channels) return;
    PcmFormat out = format;
    out.channels = static_cast<u8>(std::min(2U, format.channels - first));
    const std::array<u32, 2> factors{factor(s_.dac_amp[0]), factor(s_.dac_amp[1])};
    if (out == format && factors[0] == 0x10000 && factors[1] == 0x10000) return audio_->play(out, frames);
    std::array<u8, kSoundChunk> mixed;
    std::size_t length = 0;
    const std::size_t step = format.frame_bytes();
    for (std::size_t frame = 0; frame + step <= frames.size() && length + 4 <= mixed.size(); frame += step)
        for (unsigned channel = 0; channel < out.channels; ++channel) {
            const std::size_t at = frame + 2 * std::size_t{first + channel};
            const auto sample = static_cast<s16>(frames[at] | frames[at + 1] << 8);
            const auto scaled = static_cast<u32>(sample * static_cast<s64>(factors[channel]) >> 16);
            mixed[length++] = static_cast<u8>(scaled);
            mixed[length++] = static_cast<u8>(scaled >> 8);
        }
    audio_->play(out, std::span(mixed).first(length));
}

bool HdaCodec::possible(const State& s) {
    bool good = true;
    for (const ByteVerb& b : kBytes)
        good = good && (s.*b.value & ~b.mask) == 0;
    for (const auto& amp : {s.dac_amp, s.adc_amp})
        for (const u8 side : amp)
            good = good && (side & ~kMute) <= kAmpSteps;
    return good;
}

} // namespace dm
