// The PHY of an 82540EM, inside it, as the Marvell 88E1011 that drivers take it for (SDM chapter 11, IEEE
// 802.3 clauses 22, 28 and 40).
#pragma once

#include "dm/core/clock.hpp"
#include "dm/core/fields.hpp"
#include "dm/devices/net/e1000_chip.hpp"

#include <optional>

namespace dm::e1000 {

/// Registers of the PHY by their addresses in MDIC.
enum class PhyReg : u8 {
    PCTRL = 0,
    PSTATUS = 1,
    PHYID = 2,
    EPHYID = 3,
    ANA = 4,
    ANLPA = 5,
    ANE = 6,
    NPT = 7,
    LPN = 8,
    GCON = 9,
    GSTATUS = 10,
    EPSTATUS = 15,
    PSCON = 16,
    PSSTAT = 17,
    PINTE = 18,
    PINTS = 19,
    EPSCON1 = 20,
    PREC = 21,
    EPSCON2 = 26,
    R30PS = 29,
    R30AW = 30
};

struct Phy {
    static constexpr u64 kNegotiation = 500 * kMillisecond;

    u16 pctrl = 0x1140; ///< 1000 Mb/s, full duplex, negotiating
    u16 ana = 0x0de1;
    u16 npt = 0x2001;
    u16 gcon = 0x0e00;
    u16 pscon = 0x0360;
    u16 pinte = 0;
    u16 epscon1 = 0x0d60;
    u16 epscon2 = 0;
    u16 r30ps = 0;
    std::optional<u64> negotiated_at; ///< while it is at it

    bool operator==(const Phy&) const = default;
    static constexpr void fields(auto&& v, auto& s) {
        v("pctrl", s.pctrl);
        v("ana", s.ana);
        v("npt", s.npt);
        v("gcon", s.gcon);
        v("pscon", s.pscon);
        v("pinte", s.pinte);
        v("epscon1", s.epscon1);
        v("epscon2", s.epscon2);
        v("r30ps", s.r30ps);
        v("negotiated_at", s.negotiated_at);
    }

    u16 read(PhyReg reg, bool cable, Chip chip) const;
    void write(PhyReg reg, u16 value, u64 now_ns);
    /// Back to the values of power-on, negotiating anew.
    void restart(u64 now_ns);

    /// `cable`: there is somebody at its far end.
    bool link(bool cable) const;
    bool loopback() const;
};
static_assert(covers_every_field<Phy>);

} // namespace dm::e1000
