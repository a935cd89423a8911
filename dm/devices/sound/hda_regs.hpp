// Registers and formats of a High Definition Audio controller (Intel, High Definition Audio Specification
// 1.0a, chapters 3 and 4; I/O Controller Hub 6 datasheet 301473, chapter 18).
#pragma once

#include "dm/core/audio_backend.hpp"

#include <optional>

namespace dm::hda {

inline constexpr unsigned kInputs = 4; ///< streams 0 to 3; those that play follow them
inline constexpr unsigned kStreams = 8;
inline constexpr unsigned kMostCodecs = 15; ///< addresses 0 to 14
inline constexpr u64 kBarSize = 0x4000;
inline constexpr u64 kStreamBase = 0x80;
inline constexpr u64 kStreamSize = 0x20;
inline constexpr u64 kStreamEnd = kStreamBase + kStreams * kStreamSize;
inline constexpr u64 kAlias = 0x2000; ///< WALCLK and LPIB again, for user space

/// Words of 32 bits; smaller registers share one.
enum Reg : u16 {
    GCAP = 0x00, ///< VMIN at 2, VMAJ at 3
    OUTPAY = 0x04,
    GCTL = 0x08,
    WAKEEN = 0x0c, ///< STATESTS at e
    GSTS = 0x10,
    INTCTL = 0x20,
    INTSTS = 0x24,
    WALCLK = 0x30,
    ICH_SSYNC = 0x34, ///< where the ICH6 to ICH10 have it
    SSYNC = 0x38,
    CORBLBASE = 0x40,
    CORBUBASE = 0x44,
    CORBWP = 0x48,  ///< CORBRP at 4a
    CORBCTL = 0x4c, ///< CORBSTS at 4d, CORBSIZE at 4e
    RIRBLBASE = 0x50,
    RIRBUBASE = 0x54,
    RIRBWP = 0x58,  ///< RINTCNT at 5a
    RIRBCTL = 0x5c, ///< RIRBSTS at 5d, RIRBSIZE at 5e
    ICOI = 0x60,
    ICII = 0x64,
    ICIS = 0x68,
    DPLBASE = 0x70,
    DPUBASE = 0x74,
};

/// Of a stream descriptor.
enum StreamReg : u8 {
    SDCTL = 0x00, ///< SDSTS at 3
    SDLPIB = 0x04,
    SDCBL = 0x08,
    SDLVI = 0x0c,
    SDFIFOS = 0x10, ///< SDFMT at 12
    SDBDPL = 0x18,
    SDBDPU = 0x1c,
};

inline constexpr u32 kGcap = 0x01004401;    ///< version 1.0; 4 in, 4 out, none that is both, 64-bit addresses
inline constexpr u32 kPayload = 0x001d003c; ///< words of a frame on the link, in and out
inline constexpr u32 kFifoIn = 0x77;
inline constexpr u32 kFifoOut = 0xbf;

enum Gctl : u32 { CRST = 1, FCNTRL = 2, UNSOL = 0x100 };
inline constexpr u32 FSTS = 2;                           ///< of GSTS
inline constexpr u32 GIE = 0x80000000, CIE = 0x40000000; ///< of INTCTL, and of INTSTS
inline constexpr u32 kStreamBits = (1U << kStreams) - 1;
inline constexpr u16 kWakeMask = 0x7fff;
enum Corb : u8 { CMEIE = 1, CORB_RUN = 2, CMEI = 1 };
enum Rirb : u8 { RINTCTL = 1, RIRB_DMA = 2, ROIC = 4, RINTFL = 1, ROIS = 4 };
inline constexpr u32 kPointerReset = 0x8000; ///< of CORBRP and RIRBWP
inline constexpr u32 kRingSize = 0x42;       ///< 256 entries, and nothing else can be had
inline constexpr u32 kRingEntries = 256;
enum Icis : u16 { ICB = 1, IRV = 2 };
inline constexpr u32 kPositions = 1; ///< of DPLBASE: the position buffer is written
inline constexpr u32 kBaseMask = ~u32{0x7f};

enum Sdctl : u32 { SRST = 1, RUN = 2, IOCE = 4, FEIE = 8, DEIE = 0x10 };
inline constexpr u32 kSdctlMask = 0x00f7001f;
enum Sdsts : u8 { BCIS = 4, FIFOE = 8, DESE = 0x10, FIFORDY = 0x20 };
inline constexpr u8 kSdstsMask = BCIS | FIFOE | DESE;
inline constexpr u16 kFmtMask = 0x7f7f;
inline constexpr u32 kIoc = 1; ///< of a buffer descriptor

/// SDFMT, and the format of a converter (3.7.1): nothing where it has a reserved value. Samples of 20, 24 and
/// 32 bits take 32.
constexpr std::optional<PcmFormat> decode_format(u16 raw) {
    const u32 multiple = (raw >> 11 & 7) + 1U;
    const u32 divisor = (raw >> 8 & 7) + 1U;
    const u32 bits = raw >> 4 & 7;
    if (multiple > 4 || bits > 4) return std::nullopt;
    const u32 base = (raw & 0x4000) != 0 ? 44100 : 48000;
    return PcmFormat{.rate = base * multiple / divisor,
                     .channels = static_cast<u8>((raw & 15) + 1),
                     .sample = bits == 0   ? PcmFormat::Sample::U8
                               : bits == 1 ? PcmFormat::Sample::S16
                                           : PcmFormat::Sample::S32};
}

} // namespace dm::hda
