// Ports, DSP commands and mixer registers of the Sound Blaster 16 (Creative, "Sound Blaster Series Hardware
// Programming Guide").
#pragma once

#include "dm/core/types.hpp"

namespace dm::sb16 {

/// From the base on; what is between them is nobody's.
enum Port : u8 {
    MIXER_INDEX = 0x4,
    MIXER_DATA = 0x5,
    DSP_RESET = 0x6,
    DSP_READ = 0xa,
    DSP_WRITE = 0xc,    ///< read: bit 7 while the DSP takes nothing
    TIMER_STATUS = 0xd, ///< nobody knows what for
    DSP_STATUS = 0xe,   ///< bit 7: there is a byte to read; acknowledges the 8-bit interrupt
    DSP_STATUS16 = 0xf, ///< acknowledges the 16-bit interrupt
};
inline constexpr u8 kReady = 0xaa; ///< the DSP's word after a reset
inline constexpr u8 kDataThere = 0x80;
inline constexpr u8 kVersionMajor = 4;
inline constexpr u8 kVersionMinor = 5;

enum class Command : u8 {
    AspSetMode = 0x04,
    AspSetCodec = 0x05,
    AspWriteRegister = 0x0e,
    AspReadRegister = 0x0f,
    DirectDac = 0x10,
    Dac8 = 0x14,
    Dac8Auto = 0x1c,
    DirectAdc = 0x20,
    Adc8 = 0x24,
    Adc8Auto = 0x2c,
    TimeConstant = 0x40,
    OutputRate = 0x41,
    InputRate = 0x42,
    BlockSize = 0x48,
    Adpcm4 = 0x74,
    Adpcm4Reference = 0x75,
    Adpcm26 = 0x76,
    Adpcm26Reference = 0x77,
    Silence = 0x80,
    FastDac8Auto = 0x90,
    FastDac8 = 0x91,
    FastAdc8Auto = 0x98,
    FastAdc8 = 0x99,
    Pause8 = 0xd0,
    SpeakerOn = 0xd1,
    SpeakerOff = 0xd3,
    Continue8 = 0xd4,
    Pause16 = 0xd5,
    Continue16 = 0xd6,
    SpeakerStatus = 0xd8,
    ExitAuto16 = 0xd9,
    ExitAuto8 = 0xda,
    Identify = 0xe0,
    Version = 0xe1,
    DmaIdentify = 0xe2,
    Copyright = 0xe3,
    WriteTest = 0xe4,
    ReadTest = 0xe8,
    Interrupt8 = 0xf2,
    Interrupt16 = 0xf3,
    Undocumented = 0xf8, ///< Creative's drivers wait for its 0
};
// b0 to bf with 16 bits, c0 to cf with 8: these bits of the command, and of the mode behind it
inline constexpr u8 kFirstGeneric = 0xb0;
inline constexpr u8 kFirst8Bit = 0xc0;
inline constexpr u8 kEndGeneric = 0xd0;
inline constexpr u8 kRecord = 0x08;
inline constexpr u8 kAutoInit = 0x04;
inline constexpr u8 kSigned = 0x10;
inline constexpr u8 kStereo = 0x20;

enum MixerReg : u8 {
    MIXER_RESET = 0x00,
    PRO_STEREO = 0x0e, ///< bit 1: 8-bit commands play two channels
    IRQ_SELECT = 0x80,
    DMA_SELECT = 0x81,
    IRQ_STATUS = 0x82,
};
inline constexpr u8 kProStereo = 0x02;
inline constexpr u8 kIrq8 = 0x01; ///< of IRQ_STATUS
inline constexpr u8 kIrq16 = 0x02;
inline constexpr u8 kDsp405 = 0x20;

inline constexpr u32 kSlowest = 4000;
inline constexpr u32 kFastest = 45454;

} // namespace dm::sb16
