// The sixteen raster operations of the CL-GD5446, GR32 (Technical Reference Manual, "BLT Raster Operation").
// All of them are bitwise: how wide a pixel is does not matter to them.
#pragma once

#include "dm/core/types.hpp"

namespace dm {

enum class CirrusRop : u8 {
    ZERO = 0x00,
    SRC_AND_DST = 0x05,
    DST = 0x06,
    SRC_AND_NOTDST = 0x09,
    NOTDST = 0x0b,
    SRC = 0x0d,
    ONE = 0x0e,
    NOTSRC_AND_DST = 0x50,
    SRC_XOR_DST = 0x59,
    SRC_OR_DST = 0x6d,
    NOTSRC_OR_NOTDST = 0x90,
    SRC_XNOR_DST = 0x95,
    SRC_OR_NOTDST = 0xad,
    NOTSRC = 0xd0,
    NOTSRC_OR_DST = 0xd6,
    NOTSRC_AND_NOTDST = 0xda,
};

/// Calls `use` with the operation, a function of destination and source bytes. A code that is none of the
/// sixteen leaves the destination as it is.
template <class Use> void with_cirrus_rop(u8 code, Use use) {
    const auto byte = [](unsigned value) { return static_cast<u8>(value); };
    switch (static_cast<CirrusRop>(code)) {
    case CirrusRop::ZERO: return use([=](u8, u8) { return u8{0}; });
    case CirrusRop::SRC_AND_DST: return use([=](u8 d, u8 s) { return byte(s & d); });
    case CirrusRop::DST: break;
    case CirrusRop::SRC_AND_NOTDST: return use([=](u8 d, u8 s) { return byte(s & ~unsigned{d}); });
    case CirrusRop::NOTDST: return use([=](u8 d, u8) { return byte(~unsigned{d}); });
    case CirrusRop::SRC: return use([=](u8, u8 s) { return s; });
    case CirrusRop::ONE: return use([=](u8, u8) { return u8{0xff}; });
    case CirrusRop::NOTSRC_AND_DST: return use([=](u8 d, u8 s) { return byte(~unsigned{s} & d); });
    case CirrusRop::SRC_XOR_DST: return use([=](u8 d, u8 s) { return byte(s ^ unsigned{d}); });
    case CirrusRop::SRC_OR_DST: return use([=](u8 d, u8 s) { return byte(s | unsigned{d}); });
    case CirrusRop::NOTSRC_OR_NOTDST: return use([=](u8 d, u8 s) { return byte(~(unsigned{s} & d)); });
    case CirrusRop::SRC_XNOR_DST: return use([=](u8 d, u8 s) { return byte(~(unsigned{s} ^ d)); });
    case CirrusRop::SRC_OR_NOTDST: return use([=](u8 d, u8 s) { return byte(s | ~unsigned{d}); });
    case CirrusRop::NOTSRC: return use([=](u8, u8 s) { return byte(~unsigned{s}); });
    case CirrusRop::NOTSRC_OR_DST: return use([=](u8 d, u8 s) { return byte(~unsigned{s} | d); });
    case CirrusRop::NOTSRC_AND_NOTDST: return use([=](u8 d, u8 s) { return byte(~(unsigned{s} | d)); });
    }
    use([=](u8 d, u8) { return d; });
}

} // namespace dm
