// An 82540EM with its surroundings, and the moves of a driver.
#pragma once

#include "dm/devices/net/e1000.hpp"
#include "tests/devices/net_rig.hpp"

namespace dm::test {

namespace e1000 {

inline constexpr Bdf kBdf{0, 5, 0};
inline constexpr u64 kBar = 0xf3000000;
inline constexpr Port kPorts = 0xc300;
inline constexpr unsigned kIntx = 5 * 4;
inline constexpr u64 kRamSize = u64{1024} * 1024;
inline constexpr u64 kTxRing = 0x1000;
inline constexpr u64 kRxRing = 0x2000;
inline constexpr u64 kTxData = 0x10000;
inline constexpr u64 kRxData = 0x40000; ///< a page for each descriptor
inline constexpr u64 kRxSpacing = 0x4000;
inline constexpr u32 kRing = 16; ///< descriptors

enum Offset : u32 {
    CTRL = 0x0000,
    STATUS = 0x0008,
    EECD = 0x0010,
    EERD = 0x0014,
    MDIC = 0x0020,
    VET = 0x0038,
    ICR = 0x00c0,
    ITR = 0x00c4,
    ICS = 0x00c8,
    IMS = 0x00d0,
    IMC = 0x00d8,
    RCTL = 0x0100,
    TCTL = 0x0400,
    RDBAL = 0x2800,
    RDBAH = 0x2804,
    RDLEN = 0x2808,
    RDH = 0x2810,
    RDT = 0x2818,
    RDTR = 0x2820,
    RADV = 0x282c,
    RSRPD = 0x2c00,
    TDBAL = 0x3800,
    TDBAH = 0x3804,
    TDLEN = 0x3808,
    TDH = 0x3810,
    TDT = 0x3818,
    TIDV = 0x3820,
    TXDCTL = 0x3828,
    TADV = 0x382c,
    STATS = 0x4000,
    MPC = 0x4010,
    GPRC = 0x4074,
    BPRC = 0x4078,
    GPTC = 0x4080,
    GORCL = 0x4088,
    GORCH = 0x408c,
    GOTCL = 0x4090,
    TPR = 0x40d0,
    TPT = 0x40d4,
    ROC = 0x40ac,
    TSCTC = 0x40f8,
    RXCSUM = 0x5000,
    MTA = 0x5200,
    RA = 0x5400,
    VFTA = 0x5600,
};
inline constexpr u32 TXDW = 1, TXQE = 2, LSC = 4, RXDMT0 = 0x10, RXO = 0x40, RXT0 = 0x80, MDAC = 0x200;
inline constexpr u32 EN = 2, UPE = 8, MPE = 0x10, LPE = 0x20, BAM = 0x8000, VFE = 0x40000, SECRC = 0x4000000;
inline constexpr u32 PSP = 8;
inline constexpr u32 VME = 0x40000000, RST = 0x04000000, PHY_RST = 0x80000000;
/// In a transmit descriptor's first word.
inline constexpr u32 EOP = 0x01000000, IFCS = 0x02000000, IC = 0x04000000, TSE = 0x04000000, RS = 0x08000000,
                     DEXT = 0x20000000, DATA = 0x20100000, VLE = 0x40000000, IDE = 0x80000000;
inline constexpr u32 IXSM = 0x100, TXSM = 0x200; ///< in the second

} // namespace e1000

struct E1000Rig : NetRig {
    explicit E1000Rig(std::vector<u8> rom = {}, dm::e1000::Chip chip = dm::e1000::k82540em)
        : NetRig(e1000::kRamSize), dev("e1000", {.mac = kMac, .cable = &net, .rom = std::move(rom)},
                                       hypervisor.ram, timers, pci_wiring(e1000::kBdf.dev, 1), chip) {
        pci.attach(e1000::kBdf, dev);
        enable();
    }
    void enable(u16 command = 7) {
        pci.config_write(e1000::kBdf, pci::BAR0, 4, e1000::kBar);
        pci.config_write(e1000::kBdf, pci::BAR0 + 4, 4, e1000::kPorts);
        pci.config_write(e1000::kBdf, pci::COMMAND, 2, command);
    }

    Device& device() override { return dev; }
    std::vector<Target> targets() const override {
        using Kind = Target::Kind;
        return {{Kind::Memory, e1000::kBar, 0x200},          {Kind::Memory, e1000::kBar + 0x2800, 0x40},
                {Kind::Memory, e1000::kBar + 0x3800, 0x40},  {Kind::Memory, e1000::kBar + 0x400, 0x10},
                {Kind::Memory, e1000::kBar + 0x5000, 0x800}, {Kind::Memory, e1000::kBar, 0x20000},
                {Kind::Memory, e1000::kBar + 0x4000, 0x100}, {Kind::Ports, e1000::kPorts, 64},
                {Kind::Config, e1000::kBdf.devfn(), 256}};
    }

    /// What a driver, a peer or a person who pulls the cable does.
    void stimulate(Rng& rng) override {
        net.keep = 4;
        switch (rng.below(8)) {
        case 0: net.set_link(!rng.one_in(4)); break;
        case 1: net.later = true; break;
        case 2: net.set_later(false); break;
        case 3:
        case 4: deliver_some(rng); break;
        case 5:
            reg(e1000::IMS, 0xffffffff);
            start(rng.one_in(2) ? e1000::EN | e1000::UPE | e1000::LPE : e1000::EN | e1000::BAM);
            break;
        default: send_some(rng); break;
        }
    }
    void deliver_some(Rng& rng) {
        net.set_link(true);
        for (u64 i = rng.below(4); i < 4; ++i) {
            Bytes frame = make_frame(rng.below(rng.one_in(8) ? 17000 : 1500),
                                     {.six = rng.one_in(3), .tagged = rng.one_in(3), .udp = rng.one_in(3)});
            if (rng.one_in(4)) frame[rng.below(frame.size())] ^= 1;
            if (rng.one_in(8)) frame.resize(rng.below(frame.size()));
            if (net.waiting.size() < 16) net.offer(std::move(frame));
        }
    }
    void send_some(Rng& rng) {
        start_sending();
        const auto word = [&rng](u32 mask) { return static_cast<u32>(rng.next()) & mask; };
        u32 at = reg(e1000::TDT) % e1000::kRing;
        for (u64 i = rng.below(6); i < 6; ++i, at = (at + 1) % e1000::kRing) {
            const u32 kind = rng.one_in(3) ? 0 : rng.one_in(2) ? e1000::DEXT : e1000::DATA;
            put_tx(at, e1000::kTxData + rng.below(0x1000),
                   kind | word(0xed000000) | (rng.one_in(8) ? word(0xfffff) : word(0x7ff)), word(~0U));
        }
        reg(e1000::TDT, at);
    }

    u32 reg(u32 offset) { return static_cast<u32>(peek(e1000::kBar + offset)); }
    void reg(u32 offset, u32 value) { poke(e1000::kBar + offset, value); }
    bool irq() const { return hypervisor.intx.level(e1000::kIntx); }

    void put(u64 addr, u64 value, unsigned bytes) {
        hypervisor.ram.view(addr, bytes); // a fuzzer's memory is filled when it is first looked at
        for (unsigned i = 0; i < bytes; ++i)
            ram[addr + i] = byte_of(value, i);
    }
    u64 get(u64 addr, unsigned bytes) const {
        u64 value = 0;
        for (unsigned i = 0; i < bytes; ++i)
            value |= u64{hypervisor.ram.ram[addr + i]} << (8 * i);
        return value;
    }

    // Sending.
    void start_sending(u32 tctl = e1000::EN | e1000::PSP) {
        if ((reg(e1000::TCTL) & e1000::EN) != 0) return;
        reg(e1000::TDBAL, e1000::kTxRing);
        reg(e1000::TDBAH, 0);
        reg(e1000::TDLEN, e1000::kRing * 16);
        reg(e1000::TDH, 0);
        reg(e1000::TDT, 0);
        reg(e1000::TCTL, tctl);
    }
    void put_tx(u32 index, u64 addr, u32 lower, u32 upper = 0) {
        put(e1000::kTxRing + index * u64{16}, addr, 8);
        put(e1000::kTxRing + index * u64{16} + 8, lower, 4);
        put(e1000::kTxRing + index * u64{16} + 12, upper, 4);
    }
    u32 tx_status(u32 index) const { return static_cast<u32>(get(e1000::kTxRing + index * u64{16} + 12, 4)); }
    /// Adds a descriptor at the tail, which the card does not hear of yet.
    void add_tx(u64 addr, u32 lower, u32 upper = 0) {
        put_tx(tail, addr, lower, upper);
        tail = (tail + 1) % e1000::kRing;
    }
    void kick() { reg(e1000::TDT, tail); }
    /// One frame in one descriptor.
    void send(const Bytes& frame, u32 flags = e1000::EOP | e1000::IFCS | e1000::RS, u32 upper = 0) {
        start_sending();
        put_bytes(e1000::kTxData, frame);
        add_tx(e1000::kTxData, static_cast<u32>(frame.size()) | flags, upper);
        kick();
    }
    /// A context descriptor for frames of that shape.
    void add_context(const FrameShape& shape, u16 mss = 0, u32 flags = 0, u32 length = 0) {
        const u64 ip = shape.ip();
        const u64 l4 = shape.l4();
        const u64 low = shape.six ? ip : ip | (ip + 10) << 8 | (l4 - 1) << 16;
        const u64 high = l4 | shape.field() << 8;
        const u32 kind = (shape.udp ? 0U : 0x01000000U) | (shape.six ? 0U : 0x02000000U);
        add_tx(low | high << 32, e1000::DEXT | kind | flags | length,
               static_cast<u32>(shape.data()) << 8 | u32{mss} << 16);
    }
    const Bytes& last_sent() const { return net.sent.back().bytes; }

    // Receiving.
    void start(u32 rctl = e1000::EN | e1000::BAM, u32 buffers = e1000::kRing - 1) {
        reg(e1000::RDBAL, e1000::kRxRing);
        reg(e1000::RDBAH, 0);
        reg(e1000::RDLEN, e1000::kRing * 16);
        reg(e1000::RDH, 0);
        for (u32 i = 0; i < e1000::kRing; ++i) {
            put(e1000::kRxRing + i * u64{16}, rx_buffer(i), 8);
            put(e1000::kRxRing + i * u64{16} + 8, 0, 8);
        }
        reg(e1000::RDT, buffers);
        reg(e1000::RCTL, rctl);
        advance(E1000::kSettle);
    }
    static u64 rx_buffer(u32 index) { return e1000::kRxData + index * e1000::kRxSpacing; }
    struct Received {
        u16 length, checksum;
        u8 status, errors;
        u16 special;
    };
    Received received(u32 index) const {
        const u64 d = get(e1000::kRxRing + index * u64{16} + 8, 8);
        return {static_cast<u16>(d), static_cast<u16>(d >> 16), static_cast<u8>(d >> 32),
                static_cast<u8>(d >> 40), static_cast<u16>(d >> 48)};
    }

    // The PHY.
    u16 phy(u32 which) {
        reg(e1000::MDIC, 2U << 26 | 1U << 21 | which << 16);
        return static_cast<u16>(reg(e1000::MDIC));
    }
    void phy(u32 which, u16 value) { reg(e1000::MDIC, 1U << 26 | 1U << 21 | which << 16 | value); }

    u32 tail = 0;
    E1000 dev;
};

} // namespace dm::test
