#include "dm/devices/net/e1000_phy.hpp"

namespace dm::e1000 {
namespace {

// PCTRL.
constexpr unsigned kReset = 0x8000; // clears itself
constexpr unsigned kLoopback = 0x4000;
constexpr unsigned kNegotiate = 0x1000;
constexpr unsigned kPowerDown = 0x0800;
constexpr unsigned kRestart = 0x0200; // clears itself
constexpr unsigned kPctrlWritable = 0x7dc0;

constexpr u16 kStatus = 0x7949; // all of 10 and 100 Mb/s, more in EPSTATUS, negotiation
constexpr u16 kStatusLink = 0x0004;
constexpr u16 kStatusNegotiated = 0x0020;
constexpr u16 kPhyId = 0x0141;
constexpr u16 kPartner = 0x41e1;         // acknowledged; 10 and 100 Mb/s, no PAUSE
constexpr u16 kPartnerGigabit = 0x3c00;  // both receivers fine, the partner does 1000 Mb/s
constexpr u16 kPartnerNegotiates = 0x0d; // and knows next pages, as we do
constexpr u16 kExtendedStatus = 0x3000;  // 1000BASE-T
constexpr u16 kLinkStatus = 0xac00;      // 1000 Mb/s, full duplex, resolved, up
constexpr u16 kNoLinkStatus = 0x8000;

} // namespace

bool Phy::link(bool cable) const {
    return cable && !negotiated_at && (pctrl & kPowerDown) == 0;
}

bool Phy::loopback() const {
    return (pctrl & kLoopback) != 0;
}

void Phy::restart(u64 now_ns) {
    *this = {};
    negotiated_at = now_ns + kNegotiation;
}

u16 Phy::read(PhyReg reg, bool cable, Chip chip) const {
    const bool up = link(cable);
    const bool negotiated = up && (pctrl & kNegotiate) != 0;
    switch (reg) {
    case PhyReg::PCTRL: return pctrl;
    case PhyReg::PSTATUS:
        return static_cast<u16>(kStatus | (up ? kStatusLink : 0) | (negotiated ? kStatusNegotiated : 0));
    case PhyReg::PHYID: return kPhyId;
    case PhyReg::EPHYID: return chip.phy_id;
    case PhyReg::ANA: return ana;
    case PhyReg::ANLPA: return negotiated ? kPartner : 0;
    case PhyReg::ANE: return negotiated ? kPartnerNegotiates : 0x04;
    case PhyReg::NPT: return npt;
    case PhyReg::LPN: return 0;
    case PhyReg::GCON: return gcon;
    case PhyReg::GSTATUS: return negotiated ? kPartnerGigabit : 0;
    case PhyReg::EPSTATUS: return kExtendedStatus;
    case PhyReg::PSCON: return pscon;
    case PhyReg::PSSTAT: return up ? kLinkStatus : kNoLinkStatus;
    case PhyReg::PINTE: return pinte;
    case PhyReg::PINTS: return 0;
    case PhyReg::EPSCON1: return epscon1;
    case PhyReg::PREC: return 0;
    case PhyReg::EPSCON2: return epscon2;
    case PhyReg::R30PS: return r30ps;
    case PhyReg::R30AW: return 0;
    }
    return 0;
}

void Phy::write(PhyReg reg, u16 value, u64 now_ns) {
    switch (reg) {
    case PhyReg::PCTRL:
        if ((value & kReset) != 0) return restart(now_ns);
        pctrl = static_cast<u16>(value & kPctrlWritable);
        if ((value & kNegotiate) == 0)
            negotiated_at.reset(); // the speed is forced
        else if ((value & kRestart) != 0)
            negotiated_at = now_ns + kNegotiation;
        return;
    case PhyReg::ANA: ana = value; return;
    case PhyReg::NPT: npt = value; return;
    case PhyReg::GCON: gcon = value; return;
    case PhyReg::PSCON: pscon = value; return;
    case PhyReg::PINTE: pinte = value; return;
    case PhyReg::EPSCON1: epscon1 = value; return;
    case PhyReg::EPSCON2: epscon2 = value; return;
    case PhyReg::R30PS: r30ps = value; return;
    case PhyReg::PSTATUS:
    case PhyReg::PHYID:
    case PhyReg::EPHYID:
    case PhyReg::ANLPA:
    case PhyReg::ANE:
    case PhyReg::LPN:
    case PhyReg::GSTATUS:
    case PhyReg::EPSTATUS:
    case PhyReg::PSSTAT:
    case PhyReg::PINTS:
    case PhyReg::PREC:
    case PhyReg::R30AW: return;
    }
}

} // namespace dm::e1000
