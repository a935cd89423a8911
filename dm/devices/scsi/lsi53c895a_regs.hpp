// Registers of the LSI53C895A (technical manual DB14-000164, chapter 4) by their names and bits there.
#pragma once

#include "dm/core/fields.hpp"
#include "dm/core/reg_spec.hpp"

#include <array>

namespace dm::lsi {

enum Reg : u8 {
    SCNTL0 = 0x00,
    SCNTL1 = 0x01,
    SCNTL2 = 0x02,
    SCNTL3 = 0x03,
    SCID = 0x04,
    SXFER = 0x05,
    SDID = 0x06,
    GPREG0 = 0x07,
    SFBR = 0x08,
    SOCL = 0x09,
    SSID = 0x0a,
    SBCL = 0x0b,
    DSTAT = 0x0c,
    SSTAT0 = 0x0d,
    SSTAT1 = 0x0e,
    SSTAT2 = 0x0f,
    DSA = 0x10,
    ISTAT0 = 0x14,
    ISTAT1 = 0x15,
    MBOX0 = 0x16,
    MBOX1 = 0x17,
    CTEST0 = 0x18,
    CTEST1 = 0x19,
    CTEST2 = 0x1a,
    CTEST3 = 0x1b,
    TEMP = 0x1c,
    DFIFO = 0x20,
    CTEST4 = 0x21,
    CTEST5 = 0x22,
    CTEST6 = 0x23,
    DBC = 0x24, ///< 24 bits
    DCMD = 0x27,
    DNAD = 0x28,
    DSP = 0x2c,
    DSPS = 0x30,
    SCRATCHA = 0x34,
    DMODE = 0x38,
    DIEN = 0x39,
    SBR = 0x3a,
    DCNTL = 0x3b,
    ADDER = 0x3c,
    SIEN0 = 0x40,
    SIEN1 = 0x41,
    SIST0 = 0x42,
    SIST1 = 0x43,
    SLPAR = 0x44,
    SWIDE = 0x45,
    MACNTL = 0x46,
    GPCNTL0 = 0x47,
    STIME0 = 0x48,
    STIME1 = 0x49,
    RESPID0 = 0x4a,
    RESPID1 = 0x4b,
    STEST0 = 0x4c,
    STEST1 = 0x4d,
    STEST2 = 0x4e,
    STEST3 = 0x4f,
    SIDL = 0x50,
    STEST4 = 0x52,
    SODL = 0x54,
    CCNTL0 = 0x56,
    CCNTL1 = 0x57,
    SBDL = 0x58,
    SCRATCHB = 0x5c, ///< and SCRATCHC to SCRATCHR behind it
    SCRATCHC = 0x60,
    MMRS = 0xa0,
    MMWS = 0xa4,
    SFS = 0xa8,
    DRS = 0xac,
    SBMS = 0xb0,
    DBMS = 0xb4,
    DNAD64 = 0xb8,
    PMJAD1 = 0xc0,
    PMJAD2 = 0xc4,
    RBC = 0xc8,
    UA = 0xcc,
    ESA = 0xd0,
    IA = 0xd4,
    SBC = 0xd8,
    CSBC = 0xdc,
};

inline constexpr unsigned kRegisters = 0x100;

namespace scntl1 {
inline constexpr u8 IARB = 0x02, RST = 0x08, CON = 0x10;
}
namespace scntl2 {
inline constexpr u8 WSR = 0x01, WSS = 0x08;
}
namespace scid {
inline constexpr u8 RRE = 0x40;
}
namespace ssid {
inline constexpr u8 VAL = 0x80;
}
/// SOCL and SBCL.
namespace lines {
inline constexpr u8 PHASE = 0x07, ATN = 0x08, BSY = 0x20, ACK = 0x40, REQ = 0x80;
}
namespace dstat {
inline constexpr u8 IID = 0x01, SIR = 0x04, SSI = 0x08, ABRT = 0x10, BF = 0x20, DFE = 0x80;
}
namespace sstat0 {
inline constexpr u8 RST = 0x02, WOA = 0x04;
}
namespace sstat2 {
inline constexpr u8 LDSC = 0x02;
}
namespace istat0 {
inline constexpr u8 DIP = 0x01, SIP = 0x02, INTF = 0x04, CON = 0x08, SEM = 0x10, SIGP = 0x20, SRST = 0x40,
                    ABRT = 0x80;
}
namespace istat1 {
inline constexpr u8 SI = 0x01, SRUN = 0x02;
}
namespace ctest2 {
inline constexpr u8 DACK = 0x01, PCICIE = 0x08, CM = 0x10, SIGP = 0x40;
}
namespace dmode {
inline constexpr u8 MAN = 0x01, DIOM = 0x10, SIOM = 0x20;
}
namespace dcntl {
inline constexpr u8 COM = 0x01, IRQD = 0x02, STD = 0x04, SSM = 0x10;
}
namespace sist0 {
inline constexpr u8 PAR = 0x01, RST = 0x02, UDC = 0x04, SGE = 0x08, RSL = 0x10, SEL = 0x20, CMP = 0x40,
                    MA = 0x80;
inline constexpr u8 FATAL = PAR | RST | UDC | SGE | MA; ///< whether enabled or not
} // namespace sist0
namespace sist1 {
inline constexpr u8 HTH = 0x01, GEN = 0x02, STO = 0x04, SBMC = 0x10;
inline constexpr u8 FATAL = STO | SBMC;
} // namespace sist1
namespace ccntl0 {
inline constexpr u8 ENNDJ = 0x20, PMJCTL = 0x40, ENPMJ = 0x80;
}
namespace ccntl1 {
inline constexpr u8 EN64DBMV = 0x01, EN64TIBMV = 0x02, TIMOD64 = 0x04;
}

/// What is stored as written; bits that are not writable are made up on reading, or are always the same.
inline constexpr std::array kRegisterTable{
    RegSpec{"SCNTL0", SCNTL0, 1, 0xc0, 0xdb},
    RegSpec{"SCNTL1", SCNTL1, 1, 0x00, 0xee},
    RegSpec{"SCNTL2", SCNTL2, 1, 0x00, 0xf6},
    RegSpec{"SCNTL3", SCNTL3, 1, 0x00, 0xff},
    RegSpec{"SCID", SCID, 1, 0x07, 0x6f}, // firmware's choice; SeaBIOS leaves it to the chip
    RegSpec{"SXFER", SXFER, 1, 0x00, 0xff},
    RegSpec{"SDID", SDID, 1, 0x00, 0x0f},
    RegSpec{"GPREG0", GPREG0, 1, 0x1f, 0x1f},
    RegSpec{"SFBR", SFBR, 1, 0x00, 0xff},
    RegSpec{"SOCL", SOCL, 1, 0x00, 0xff},
    RegSpec{"SSID", SSID, 1, 0x00, 0x00},
    RegSpec{"DSA", DSA, 4, 0, 0xffff'ffff},
    RegSpec{"ISTAT0", ISTAT0, 1, 0x00, 0xb0},
    RegSpec{"ISTAT1", ISTAT1, 1, 0x00, 0x01},
    RegSpec{"MBOX0", MBOX0, 1, 0x00, 0xff},
    RegSpec{"MBOX1", MBOX1, 1, 0x00, 0xff},
    RegSpec{"CTEST0", CTEST0, 1, 0x00, 0xff},
    RegSpec{"CTEST1", CTEST1, 1, 0xf0, 0x00}, // the FIFO is always empty
    RegSpec{"CTEST2", CTEST2, 1, 0x00, 0x08},
    RegSpec{"CTEST3", CTEST3, 1, 0x00, 0x0b},
    RegSpec{"TEMP", TEMP, 4, 0, 0xffff'ffff},
    RegSpec{"DFIFO", DFIFO, 1, 0x00, 0x00},
    RegSpec{"CTEST4", CTEST4, 1, 0x00, 0xff},
    RegSpec{"CTEST5", CTEST5, 1, 0x00, 0x3c},
    RegSpec{"CTEST6", CTEST6, 1, 0x00, 0xff},
    RegSpec{"DBC and DCMD", DBC, 4, 0x4000'0000, 0x00ff'ffff},
    RegSpec{"DNAD", DNAD, 4, 0, 0xffff'ffff},
    RegSpec{"DSP", DSP, 4, 0, 0xffff'ffff},
    RegSpec{"DSPS", DSPS, 4, 0, 0xffff'ffff},
    RegSpec{"SCRATCHA", SCRATCHA, 4, 0, 0xffff'ffff},
    RegSpec{"DMODE", DMODE, 1, 0x00, 0xff},
    RegSpec{"DIEN", DIEN, 1, 0x00, 0x7d},
    RegSpec{"SBR", SBR, 1, 0x00, 0xff},
    RegSpec{"DCNTL", DCNTL, 1, 0x00, 0xbb},
    RegSpec{"ADDER", ADDER, 4, 0, 0},
    RegSpec{"SIEN0", SIEN0, 1, 0x00, 0xff},
    RegSpec{"SIEN1", SIEN1, 1, 0x00, 0x17},
    RegSpec{"SLPAR", SLPAR, 1, 0x00, 0xff},
    RegSpec{"SWIDE", SWIDE, 1, 0x00, 0xff},
    RegSpec{"MACNTL", MACNTL, 1, 0x00, 0x0f},
    RegSpec{"GPCNTL0", GPCNTL0, 1, 0x0f, 0xdf},
    RegSpec{"STIME0", STIME0, 1, 0x00, 0xff},
    RegSpec{"STIME1", STIME1, 1, 0x00, 0x7f},
    RegSpec{"RESPID0", RESPID0, 1, 0x80, 0xff},
    RegSpec{"RESPID1", RESPID1, 1, 0x00, 0xff},
    RegSpec{"STEST1", STEST1, 1, 0x00, 0xff},
    RegSpec{"STEST2", STEST2, 1, 0x00, 0xbf},
    RegSpec{"STEST3", STEST3, 1, 0x00, 0xfd},
    RegSpec{"SIDL", SIDL, 2, 0x0000, 0x0000},
    RegSpec{"STEST4", STEST4, 1, 0xe0, 0x00}, // low voltage differential, the clock's frequency is locked
    RegSpec{"SODL", SODL, 2, 0x0000, 0xffff},
    RegSpec{"CCNTL0", CCNTL0, 1, 0x00, 0xff},
    RegSpec{"CCNTL1", CCNTL1, 1, 0x00, 0xff},
    RegSpec{"MMRS", MMRS, 4, 0, 0xffff'ffff},
    RegSpec{"MMWS", MMWS, 4, 0, 0xffff'ffff},
    RegSpec{"SFS", SFS, 4, 0, 0xffff'ffff},
    RegSpec{"DRS", DRS, 4, 0, 0xffff'ffff},
    RegSpec{"SBMS", SBMS, 4, 0, 0xffff'ffff},
    RegSpec{"DBMS", DBMS, 4, 0, 0xffff'ffff},
    RegSpec{"DNAD64", DNAD64, 4, 0, 0xffff'ffff},
    RegSpec{"PMJAD1", PMJAD1, 4, 0, 0xffff'ffff},
    RegSpec{"PMJAD2", PMJAD2, 4, 0, 0xffff'ffff},
    RegSpec{"RBC", RBC, 4, 0, 0xffff'ffff},
    RegSpec{"UA", UA, 4, 0, 0xffff'ffff},
    RegSpec{"ESA", ESA, 4, 0, 0xffff'ffff},
    RegSpec{"IA", IA, 4, 0, 0xffff'ffff},
    RegSpec{"SBC", SBC, 4, 0, 0x00ff'ffff},
    RegSpec{"CSBC", CSBC, 4, 0, 0xffff'ffff},
};
static_assert(well_formed(kRegisterTable, kRegisters));

struct RegisterFile {
    std::array<u8, kRegisters> bytes{};

    constexpr u8 get8(unsigned reg) const { return bytes[reg]; }
    constexpr u32 get32(unsigned reg) const {
        return bytes[reg] | u32{bytes[reg + 1]} << 8 | u32{bytes[reg + 2]} << 16 | u32{bytes[reg + 3]} << 24;
    }
    constexpr bool has(unsigned reg, u8 bits) const { return (bytes[reg] & bits) != 0; }
    constexpr void set8(unsigned reg, u8 value) { bytes[reg] = value; }
    constexpr void set(unsigned reg, u8 bits, bool on) {
        bytes[reg] = static_cast<u8>(on ? bytes[reg] | bits : bytes[reg] & ~bits);
    }
    constexpr void set32(unsigned reg, u32 value) {
        for (unsigned i = 0; i < 4; ++i)
            bytes[reg + i] = static_cast<u8>(value >> (8 * i));
    }
    constexpr void set24(unsigned reg, u32 value) {
        for (unsigned i = 0; i < 3; ++i)
            bytes[reg + i] = static_cast<u8>(value >> (8 * i));
    }

    bool operator==(const RegisterFile&) const = default;
    static constexpr void fields(auto&& v, auto& s) { v("bytes", s.bytes); }
};
static_assert(covers_every_field<RegisterFile>);

namespace detail {
enum class Column : u8 { Reset, Writable };
constexpr RegisterFile column(Column which) {
    RegisterFile file;
    // SCRATCHB to SCRATCHR
    for (unsigned reg = SCRATCHB; which == Column::Writable && reg < MMRS; ++reg)
        file.bytes[reg] = 0xff;
    for (const RegSpec& spec : kRegisterTable)
        for (unsigned i = 0; i < spec.width; ++i)
            file.bytes[spec.offset + i] =
                static_cast<u8>((which == Column::Reset ? spec.reset : spec.writable) >> (8 * i));
    return file;
}
} // namespace detail

inline constexpr RegisterFile kResetValues = detail::column(detail::Column::Reset);
inline constexpr RegisterFile kWritableBits = detail::column(detail::Column::Writable);

} // namespace dm::lsi
