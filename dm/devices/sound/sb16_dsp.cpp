// What the DSP does on command.
#include "dm/devices/sound/sb16.hpp"

#include <algorithm>

namespace dm {

using sb16::Command;

namespace {

constexpr std::string_view kCopyright = "COPYRIGHT (C) CREATIVE TECHNOLOGY LTD, 1992.";
constexpr u8 kNoAsp = 0xff;
constexpr u8 kSilence = 0x80;

constexpr bool is_generic(u8 command) {
    return command >= sb16::kFirstGeneric && command < sb16::kEndGeneric;
}

constexpr u8 parameters_of(u8 command) {
    if (is_generic(command)) return 3;
    switch (static_cast<Command>(command)) {
    case Command::AspSetMode:
    case Command::AspReadRegister:
    case Command::DirectDac:
    case Command::TimeConstant:
    case Command::Identify:
    case Command::DmaIdentify:
    case Command::WriteTest: return 1;
    case Command::AspSetCodec:
    case Command::AspWriteRegister:
    case Command::Dac8:
    case Command::Adc8:
    case Command::OutputRate:
    case Command::InputRate:
    case Command::BlockSize:
    case Command::Adpcm4:
    case Command::Adpcm4Reference:
    case Command::Adpcm26:
    case Command::Adpcm26Reference:
    case Command::Silence: return 2;
    default: return 0;
    }
}

} // namespace

void Sb16::write_dsp(u8 value) {
    if (s_.missing == 0) {
        s_.command = value;
        s_.parameters.clear();
        s_.missing = parameters_of(value);
    } else {
        s_.parameters.push(value);
        --s_.missing;
    }
    if (s_.missing > 0) return;
    if (is_generic(s_.command))
        execute_generic();
    else
        execute();
}

void Sb16::execute() {
    const u8 parameter = s_.parameters.at(0);
    Transfer& transfer = s_.transfer;
    switch (static_cast<Command>(s_.command)) {
    case Command::AspSetMode:
    case Command::AspSetCodec:
    case Command::AspWriteRegister: break; // there is none
    case Command::AspReadRegister: answer(kNoAsp); break;
    case Command::Dac8: begin_8bit(false, false, low_high() + 1U); break;
    case Command::Dac8Auto:
    case Command::FastDac8Auto: begin_8bit(false, true, {}); break;
    case Command::FastDac8: begin_8bit(false, false, {}); break;
    case Command::DirectAdc: answer(kSilence); break;
    case Command::Adc8: begin_8bit(true, false, low_high() + 1U); break;
    case Command::Adc8Auto:
    case Command::FastAdc8Auto: begin_8bit(true, true, {}); break;
    case Command::FastAdc8: begin_8bit(true, false, {}); break;
    case Command::TimeConstant: s_.rate = 1'000'000 / (256U - parameter); break;
    case Command::OutputRate:
    case Command::InputRate: s_.rate = u32{parameter} << 8 | s_.parameters.at(1); break;
    case Command::BlockSize: s_.block = low_high() + 1U; break;
    case Command::Silence: begin_silence(); break;
    case Command::Pause8:
    case Command::Pause16: transfer.paused = true; break;
    case Command::Continue8:
    case Command::Continue16:
        if (!transfer.paused) break;
        transfer.paused = false;
        transfer.pace.restart(timers_.now_ns(), transfer.pace.rate);
        s_.looked_ns = timers_.now_ns();
        break;
    case Command::SpeakerOn: s_.speaker = true; break;
    case Command::SpeakerOff: s_.speaker = false; break;
    case Command::SpeakerStatus: answer(s_.speaker ? 0xff : 0x00); break;
    case Command::ExitAuto16:
    case Command::ExitAuto8: transfer.repeats = false; break;
    case Command::Identify: answer(static_cast<u8>(~parameter)); break;
    case Command::Version:
        answer(sb16::kVersionMajor);
        answer(sb16::kVersionMinor);
        break;
    case Command::Copyright:
        for (const char c : kCopyright)
            answer(static_cast<u8>(c));
        answer(0);
        break;
    case Command::WriteTest: s_.test = parameter; break;
    case Command::ReadTest: answer(s_.test); break;
    case Command::Interrupt8: s_.irqs |= sb16::kIrq8; break;
    case Command::Interrupt16: s_.irqs |= sb16::kIrq16; break;
    case Command::Undocumented: answer(0); break;
    case Command::DirectDac:
    case Command::Adpcm4:
    case Command::Adpcm4Reference:
    case Command::Adpcm26:
    case Command::Adpcm26Reference:
    case Command::DmaIdentify: log_.unimplemented("DSP command {:02x}", s_.command); break;
    default: log_.guest("unknown DSP command {:02x}", s_.command); break;
    }
}

void Sb16::execute_generic() {
    const u8 mode = s_.parameters.at(0);
    Transfer transfer;
    transfer.wide = s_.command < sb16::kFirst8Bit;
    transfer.records = (s_.command & sb16::kRecord) != 0;
    transfer.repeats = (s_.command & sb16::kAutoInit) != 0;
    transfer.is_signed = (mode & sb16::kSigned) != 0;
    transfer.stereo = (mode & sb16::kStereo) != 0;
    begin(transfer, s_.rate, (s_.parameters.at(1) | u32{s_.parameters.at(2)} << 8) + 1);
}

/// As on the Sound Blaster Pro: a bit of the mixer says that the bytes are of two channels, which share the
/// rate.
void Sb16::begin_8bit(bool records, bool repeats, std::optional<u32> samples) {
    Transfer transfer;
    transfer.records = records;
    transfer.repeats = repeats;
    transfer.stereo = !records && (s_.mixer[sb16::PRO_STEREO] & sb16::kProStereo) != 0;
    begin(transfer, transfer.stereo ? s_.rate / 2 : s_.rate, samples.value_or(s_.block));
}

void Sb16::begin_silence() {
    const u64 samples = low_high() + u64{1};
    s_.silent_until = timers_.now_ns() + samples * kSecond / std::max<u32>(s_.rate, sb16::kSlowest);
}

} // namespace dm
