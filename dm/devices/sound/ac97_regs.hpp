// Registers of the 82801AA's AC'97 audio controller (Intel 290655, "AC '97 Audio Controller Registers").
#pragma once

#include "dm/core/types.hpp"

namespace dm::ac97 {

inline constexpr u64 kNamBytes = 1024; ///< as QEMU's guests know it; the datasheet has 256
inline constexpr u64 kNabmBytes = 256; ///< and 64

/// Bus masters, in the order of their register blocks.
enum Box : u8 { PI, PO, MC };
inline constexpr unsigned kBoxes = 3;
inline constexpr u64 kBoxBytes = 16;

/// In a bus master's block; all but BDBAR share dwords.
enum BoxReg : u8 { BDBAR = 0x0, CIV = 0x4, LVI = 0x5, SR = 0x6, PICB = 0x8, PIV = 0xa, CR = 0xb };
enum Reg : u8 { GLOB_CNT = 0x2c, GLOB_STA = 0x30, CAS = 0x34 };

enum class Sr : u8 { DCH = 0x01, CELV = 0x02, LVBCI = 0x04, BCIS = 0x08, FIFOE = 0x10 };
inline constexpr u8 kSrBits = 0x1f;
inline constexpr u8 kSrClearable = 0x1c;

enum class Cr : u8 { RPBM = 0x01, RR = 0x02, LVBIE = 0x04, FEIE = 0x08, IOCE = 0x10 };
inline constexpr u8 kCrStored = 0x1d;
inline constexpr u8 kCrEnables = 0x1c; ///< survive RR

inline constexpr u32 kColdReset = 0x02;     ///< of GLOB_CNT: 0 holds link and codec in reset
inline constexpr u32 kGlobCntStored = 0x3b; ///< without the warm reset, which is over at once

// GLOB_STA
inline constexpr u32 kPiInt = 0x20;
inline constexpr u32 kPoInt = 0x40;
inline constexpr u32 kMInt = 0x80;
inline constexpr u32 kPrimaryReady = 0x100;
inline constexpr u32 kGlobStaClearable = 0x8c01; ///< RCS, SRI, PRI, GSCI
inline constexpr u32 kGlobStaWritable = 0x30000; ///< MD3, AD3

inline constexpr u8 kDescriptors = 32;
inline constexpr u32 kDescriptorBytes = 8;
/// Of a descriptor's second dword, from bit 30 on.
enum class Bd : u8 { BUP = 1, IOC = 2 };

} // namespace dm::ac97
