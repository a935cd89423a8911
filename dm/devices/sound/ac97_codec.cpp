#include "dm/devices/sound/ac97_codec.hpp"

#include <algorithm>

namespace dm {
namespace {

constexpr u16 kVendor1 = 0x8384;    // SigmaTel
constexpr u16 kVendor2 = 0x7600;    // STAC9700
constexpr u16 kExtendedId = 0x0809; // rev. 2.2, VRM, VRA
constexpr u16 kVra = 0x0001;        // of the extended control register
constexpr u16 kVrm = 0x0008;
constexpr u16 kReady = 0x000f; // REF, ANL, DAC, ADC
constexpr u16 kPowerdownWritable = 0x7ff0;
constexpr u16 kMasterWritable = 0xbf3f;
constexpr u16 kPcmOutWritable = 0x9f1f;
constexpr u16 kGainWritable = 0x8f0f;
constexpr u16 kSelectWritable = 0x0707;

constexpr u16 nearest_rate(u16 wanted) {
    return std::clamp(wanted, Ac97Codec::kSlowest, Ac97Codec::kRate);
}

constexpr bool within(u16 value, u16 mask) {
    return (value & ~mask) == 0;
}

} // namespace

u16 Ac97Codec::read(u64 reg) const {
    switch (reg) {
    case MASTER_VOLUME: return master_volume;
    case PCM_OUT_VOLUME: return pcm_out_volume;
    case RECORD_SELECT: return record_select;
    case RECORD_GAIN: return record_gain;
    case POWERDOWN: return powerdown | kReady;
    case EXTENDED_AUDIO_ID: return kExtendedId;
    case EXTENDED_AUDIO_CTRL: return extended;
    case PCM_FRONT_DAC_RATE: return front_dac_rate;
    case PCM_SURR_DAC_RATE:
    case PCM_LFE_DAC_RATE: return kRate;
    case PCM_LR_ADC_RATE: return lr_adc_rate;
    case MIC_ADC_RATE: return mic_adc_rate;
    case VENDOR_ID1: return kVendor1;
    case VENDOR_ID2: return kVendor2;
    default: return 0;
    }
}

void Ac97Codec::write(u64 reg, u16 value) {
    switch (reg) {
    case RESET: *this = {}; break;
    case MASTER_VOLUME: master_volume = value & kMasterWritable; break;
    case PCM_OUT_VOLUME: pcm_out_volume = value & kPcmOutWritable; break;
    case RECORD_SELECT: record_select = value & kSelectWritable; break;
    case RECORD_GAIN: record_gain = value & kGainWritable; break;
    case POWERDOWN: powerdown = value & kPowerdownWritable; break;
    case EXTENDED_AUDIO_CTRL:
        extended = value & (kVra | kVrm);
        if ((extended & kVra) == 0) front_dac_rate = lr_adc_rate = kRate;
        if ((extended & kVrm) == 0) mic_adc_rate = kRate;
        break;
    case PCM_FRONT_DAC_RATE:
        if ((extended & kVra) != 0) front_dac_rate = nearest_rate(value);
        break;
    case PCM_LR_ADC_RATE:
        if ((extended & kVra) != 0) lr_adc_rate = nearest_rate(value);
        break;
    case MIC_ADC_RATE:
        if ((extended & kVrm) != 0) mic_adc_rate = nearest_rate(value);
        break;
    default: break;
    }
}

bool Ac97Codec::valid() const {
    const auto possible = [](u16 rate) { return nearest_rate(rate) == rate; };
    return within(master_volume, kMasterWritable) && within(pcm_out_volume, kPcmOutWritable) &&
           within(record_select, kSelectWritable) && within(record_gain, kGainWritable) &&
           within(powerdown, kPowerdownWritable) && within(extended, kVra | kVrm) &&
           possible(front_dac_rate) && possible(lr_adc_rate) && possible(mic_adc_rate);
}

} // namespace dm
