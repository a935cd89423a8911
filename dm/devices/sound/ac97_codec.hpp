// AC'97 codec as SigmaTel's STAC9700 ("Audio Codec '97", rev. 2.2; STAC9700 data sheet), with the registers
// that QEMU's guests find: master, PCM and record volume, record select, powerdown, variable rates.
//
// Missing: inputs, tone, 3D, headphone and mono outputs (their registers are 0, so that drivers offer no
// knobs that turn nothing); power-down has no effect, all parts are always ready.
// Notes: docs/devices/ac97.md
#pragma once

#include "dm/core/fields.hpp"
#include "dm/core/types.hpp"

namespace dm {

/// Part of the controller's State. Registers are words at even offsets below 0x80.
struct Ac97Codec {
    enum Reg : u8 {
        RESET = 0x00,
        MASTER_VOLUME = 0x02,
        PCM_OUT_VOLUME = 0x18,
        RECORD_SELECT = 0x1a,
        RECORD_GAIN = 0x1c,
        POWERDOWN = 0x26,
        EXTENDED_AUDIO_ID = 0x28,
        EXTENDED_AUDIO_CTRL = 0x2a,
        PCM_FRONT_DAC_RATE = 0x2c,
        PCM_SURR_DAC_RATE = 0x2e,
        PCM_LFE_DAC_RATE = 0x30,
        PCM_LR_ADC_RATE = 0x32,
        MIC_ADC_RATE = 0x34,
        VENDOR_ID1 = 0x7c,
        VENDOR_ID2 = 0x7e,
    };
    static constexpr u64 kRegisters = 0x80; ///< bytes
    static constexpr u16 kRate = 48000;
    static constexpr u16 kSlowest = 4000; ///< what is written beyond becomes the nearest

    u16 master_volume = 0x8000; ///< muted
    u16 pcm_out_volume = 0x8808;
    u16 record_select = 0;
    u16 record_gain = 0x8808;
    u16 powerdown = 0; ///< PR bits and EAPD
    u16 extended = 0x0009;
    u16 front_dac_rate = kRate;
    u16 lr_adc_rate = kRate;
    u16 mic_adc_rate = kRate;

    bool operator==(const Ac97Codec&) const = default;
    static constexpr void fields(auto&& v, auto& s) {
        v("master_volume", s.master_volume);
        v("pcm_out_volume", s.pcm_out_volume);
        v("record_select", s.record_select);
        v("record_gain", s.record_gain);
        v("powerdown", s.powerdown);
        v("extended", s.extended);
        v("front_dac_rate", s.front_dac_rate);
        v("lr_adc_rate", s.lr_adc_rate);
        v("mic_adc_rate", s.mic_adc_rate);
    }

    u16 read(u64 reg) const;
    void write(u64 reg, u16 value);
    /// Of a loaded state: no register holds what no guest can write.
    bool valid() const;
};
static_assert(covers_every_field<Ac97Codec>);

} // namespace dm
