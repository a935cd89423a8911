// Registers of the Ensoniq AudioPCI ES1370 (its "AudioPCI Specification", revision 1.02).
#pragma once

#include "dm/core/types.hpp"

#include <array>

namespace dm::es1370 {

inline constexpr u64 kRegisterBytes = 256;

/// Converters, in the order of their sample count registers.
enum Converter : u8 { DAC1, DAC2, ADC };
inline constexpr unsigned kConverters = 3;

enum Reg : u8 {
    CONTROL = 0x00,
    STATUS = 0x04,
    UART = 0x08, ///< data; status and control at 09, test mode at 0a
    MEMPAGE = 0x0c,
    CODEC = 0x10,
    SERIAL = 0x20,
    SAMPLE_COUNT = 0x24, ///< of DAC1; then DAC2 and ADC
    PAGED = 0x30,        ///< 16 bytes of the page that MEMPAGE chooses
};
inline constexpr u64 kPagedBytes = 16;
inline constexpr u8 kPageDacs = 0x0c; ///< FRAME_ADDR and FRAME_COUNT of DAC1, then of DAC2
inline constexpr u8 kPageAdc = 0x0d;  ///< of the ADC, then "phantom" ones
inline constexpr u64 kFrameCount = 4; ///< behind FRAME_ADDR

// CONTROL
inline constexpr u32 kControlAtReset = 0x00000001; ///< SERR_DIS
inline constexpr u32 kDac1En = 0x40;
inline constexpr u32 kDac2En = 0x20;
inline constexpr u32 kAdcEn = 0x10;
inline constexpr u32 kUartEn = 0x08;
inline constexpr u32 kDacSync = 0x800; ///< DAC2 runs with DAC1's clock
inline constexpr unsigned kWtsrselShift = 12;
inline constexpr unsigned kPclkdivShift = 16;
inline constexpr u32 kPclkdivMask = 0x1fff;

// STATUS
inline constexpr u32 kIntr = 0x80000000;
inline constexpr u32 kVcNone = 0x60; ///< no voice of the CCB interrupts
inline constexpr u32 kUartInt = 0x08;
inline constexpr u8 kDac1Int = 0x04;
inline constexpr u8 kDac2Int = 0x02;
inline constexpr u8 kAdcInt = 0x01;
inline constexpr u8 kConverterInts = 0x07;

// SERIAL
inline constexpr u32 kP1Sctrld = 0x80; ///< reload DAC1's sample count
inline constexpr u32 kP1Pause = 0x0800;
inline constexpr u32 kP2Pause = 0x1000;
inline constexpr u32 kStereo = 1; ///< of a converter's two bits of format
inline constexpr u32 k16Bit = 2;

// UART
inline constexpr u8 kTxRdy = 0x02;
inline constexpr u8 kTxInt = 0x04;
inline constexpr u8 kTxIntMask = 0x60;
inline constexpr u8 kTxIntEn = 0x20;

/// Where each converter's bits are.
struct ConverterBits {
    u32 enable;            ///< CONTROL
    u32 pause;             ///< SERIAL; 0: cannot pause
    unsigned format_shift; ///< SERIAL
    u32 stop;              ///< SERIAL: stop at the end of the buffer instead of beginning again
    u32 interrupt_enable;  ///< SERIAL; cleared, it clears the interrupt
    u8 interrupt;          ///< STATUS
};
inline constexpr std::array<ConverterBits, kConverters> kBits{{
    {kDac1En, kP1Pause, 0, 0x2000, 0x100, kDac1Int},
    {kDac2En, kP2Pause, 2, 0x4000, 0x200, kDac2Int},
    {kAdcEn, 0, 4, 0x8000, 0x400, kAdcInt},
}};

} // namespace dm::es1370
