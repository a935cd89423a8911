// A High Definition Audio codec as QEMU's machines have it (Intel, High Definition Audio Specification 1.0a,
// chapter 7): one converter to a line output or speaker, one from a line input or microphone, or the former
// alone.  Notes: docs/devices/hda.md
//
// Missing: digital converters, jack detection, GPIO, unsolicited responses: the codec says that it has none.
#pragma once

#include "dm/core/audio_backend.hpp"
#include "dm/core/fields.hpp"

#include <array>
#include <span>

namespace dm {

class HdaCodec {
public:
    enum class Model : u8 { Duplex, Output, Micro };

    static constexpr u8 kAmpSteps = 0x4a; ///< of 1 dB; the last one is 0 dB

    struct State {
        u8 power = 0; ///< of the function group: 0 D0 to 3 D3
        u32 subsystem = 0;
        u16 dac_format = 0x0011; ///< 48 kHz, 16 bits, two channels
        u16 adc_format = 0x0011;
        u8 dac_stream = 0; ///< number and first channel
        u8 adc_stream = 0;
        std::array<u8, 2> dac_amp{kAmpSteps, kAmpSteps}; ///< left, right: gain, and bit 7 mutes
        std::array<u8, 2> adc_amp{};
        u8 out_control = 0x40;
        u8 in_control = 0x20;
        u32 out_config = 0;
        u32 in_config = 0;

        static constexpr void fields(auto&& v, auto& s) {
            v("power", s.power);
            v("subsystem", s.subsystem);
            v("dac_format", s.dac_format);
            v("adc_format", s.adc_format);
            v("dac_stream", s.dac_stream);
            v("adc_stream", s.adc_stream);
            v("dac_amp", s.dac_amp);
            v("adc_amp", s.adc_amp);
            v("out_control", s.out_control);
            v("in_control", s.in_control);
            v("out_config", s.out_config);
            v("in_config", s.in_config);
        }
    };

    /// `audio`: null when the sound goes nowhere; outlives the codec.
    HdaCodec(Model model, AudioBackend* audio) : model_(model), audio_(audio) { power_on(); }

    void power_on();
    /// Of the link, or of the function group: what firmware says of pins and board stays (7.3.3.31).
    void reset();

    /// The response to a verb, the 20 bits behind the node's number. What no codec of this kind has is
    /// answered with 0.
    u32 answer(u8 node, u32 verb);

    /// Whole frames of the stream of that number, which may not be the converter's; at most kSoundChunk
    /// bytes.
    void play(u8 stream, const PcmFormat& format, std::span<const u8> frames);

    const State& state() const { return s_; }
    static bool possible(const State& state);
    void set_state(const State& state) { s_ = state; }

private:
    u32 parameter(u8 node, u8 id) const;
    u32 connection(u8 node, u8 first) const;
    u32 get(u8 node, u32 verb, u32 payload) const;
    void set(u8 node, u32 verb, u8 value);
    std::array<u8, 2>* amp(u8 node);
    void set_amp(u8 node, u32 payload);
    u32 get_amp(u8 node, u32 payload) const;
    bool has(u8 node) const;
    bool playing() const;

    Model model_;
    AudioBackend* audio_;
    State s_;
};
static_assert(covers_every_field<HdaCodec::State>);

} // namespace dm
