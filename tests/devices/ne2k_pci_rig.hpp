// An RTL8029AS with its surroundings, and the moves of a driver.
#pragma once

#include "dm/devices/net/ne2k_pci.hpp"
#include "tests/devices/net_rig.hpp"

namespace dm::test {

namespace ne2k {
inline constexpr Bdf kBdf{0, 4, 0};
inline constexpr Port kPorts = 0xc300;
inline constexpr unsigned kIntx = 4 * 4;

inline constexpr Port kCr = 0x00, kData = 0x10, kReset = 0x1f;
// Page 0. Those behind a comma share their place with the one before.
inline constexpr Port PSTART = 1, PSTOP = 2, BNRY = 3, TPSR = 4, TSR = 4, TBCR0 = 5, TBCR1 = 6, FIFO = 6,
                      ISR = 7, RSAR0 = 8, RSAR1 = 9, RBCR0 = 10, RBCR1 = 11, RCR = 12, RSR = 12, TCR = 13,
                      DCR = 14, IMR = 15, CNTR2 = 15;
inline constexpr Port PAR0 = 1, CURR = 7, MAR0 = 8; // page 1

inline constexpr u8 STP = 0x01, STA = 0x02, TXP = 0x04, RREAD = 0x08, RWRITE = 0x10, NODMA = 0x20;
inline constexpr u8 PRX = 0x01, PTX = 0x02, OVW = 0x10, CNT = 0x20, RDC = 0x40, RST = 0x80;
inline constexpr u8 AB = 0x04, AM = 0x08, PRO = 0x10, MON = 0x20;

// As Linux divides the memory: two frames to be sent, then the ring.
inline constexpr u8 kTxPage = 0x40, kRxFirst = 0x4c, kRxEnd = 0x80;
} // namespace ne2k

struct Ne2kPciRig : NetRig {
    explicit Ne2kPciRig(std::vector<u8> rom = {})
        : dev("nic0", NetCardConfig{.mac = kMac, .cable = &net, .rom = std::move(rom)}, timers,
              pci_wiring(ne2k::kBdf.dev, 1)) {
        net.keep = 256;
        pci.attach(ne2k::kBdf, dev);
        enable();
    }
    void enable(u16 command = 7) {
        pci.config_write(ne2k::kBdf, pci::BAR0, 4, ne2k::kPorts);
        pci.config_write(ne2k::kBdf, pci::COMMAND, 2, command);
    }

    Device& device() override { return dev; }
    std::vector<Target> targets() const override {
        using Kind = Target::Kind;
        return {{Kind::Ports, ne2k::kPorts, 256},       {Kind::Ports, ne2k::kPorts, 32},
                {Kind::Ports, ne2k::kPorts, 16},        {Kind::Ports, ne2k::kPorts, 1},
                {Kind::Ports, ne2k::kPorts, 16},        {Kind::Ports, ne2k::kPorts + 16, 1},
                {Kind::Config, ne2k::kBdf.devfn(), 256}};
    }
    bool resets_to_power_on() const override { return !dev.unplugged(); }
    /// Some of a driver's work, a frame from the host, or a cable that is pulled.
    void stimulate(Rng& rng) override {
        switch (rng.below(8)) {
        case 0: net.set_link(!rng.one_in(4)); break;
        case 1: net.set_later(rng.one_in(2)); break;
        case 2: enable(rng.one_in(4) ? 6 : 7); break;
        case 3:
        case 4: drive(rng); break;
        default: offer_some_frame(rng, 1519); break;
        }
    }
    void drive(Rng& rng) {
        start(static_cast<u8>(rng.below(0x20)));
        if (rng.one_in(4)) reg(0, ne2k::PSTOP, static_cast<u8>(rng.next()));
        if (rng.one_in(4)) reg(0, ne2k::TCR, static_cast<u8>(rng.below(8)));
        send(make_frame(rng.below(1460)));
        if (rng.one_in(2)) reg(0, ne2k::BNRY, static_cast<u8>(rng.next()));
        const Bytes bytes(rng.below(600) * 4, 0x77);
        put_bytes(static_cast<u16>(rng.next()), bytes);
        get_bytes(static_cast<u16>(rng.next()), rng.below(600) * 4);
    }

    // Registers.
    u8 in8(Port at) { return static_cast<u8>(in(static_cast<Port>(ne2k::kPorts + at))); }
    void out8(Port at, u8 value) { out(static_cast<Port>(ne2k::kPorts + at), value); }
    /// With the page selected as drivers do; a card that is stopped stays so.
    void select(u8 page) {
        const u8 running = (in8(ne2k::kCr) & ne2k::STP) != 0 ? ne2k::STP : ne2k::STA;
        out8(ne2k::kCr, static_cast<u8>(page << 6 | ne2k::NODMA | running));
    }
    void reg(u8 page, Port at, u8 value) {
        select(page);
        out8(at, value);
        select(0);
    }
    u8 reg(u8 page, Port at) {
        select(page);
        const u8 value = in8(at);
        select(0);
        return value;
    }
    u8 isr() { return in8(ne2k::ISR); }
    void acknowledge(u8 causes = 0xff) { out8(ne2k::ISR, causes); }
    bool irq() const { return hypervisor.intx.level(ne2k::kIntx); }

    // The remote DMA.
    void start_dma(u8 command, u16 at, std::size_t count) {
        out8(ne2k::kCr, ne2k::NODMA | ne2k::STA);
        out8(ne2k::RBCR0, static_cast<u8>(count));
        out8(ne2k::RBCR1, static_cast<u8>(count >> 8));
        out8(ne2k::RSAR0, static_cast<u8>(at));
        out8(ne2k::RSAR1, static_cast<u8>(at >> 8));
        out8(ne2k::kCr, command | ne2k::STA);
    }
    /// By words, as many as the bytes need.
    void put_bytes(u16 at, Bytes bytes) {
        start_dma(ne2k::RWRITE, at, bytes.size());
        bytes.resize((bytes.size() + 1) / 2 * 2);
        ports.write_string(ne2k::kPorts + ne2k::kData, 2, bytes);
    }
    Bytes get_bytes(u16 at, std::size_t count) {
        start_dma(ne2k::RREAD, at, count);
        Bytes bytes((count + 1) / 2 * 2);
        ports.read_string(ne2k::kPorts + ne2k::kData, 2, bytes);
        bytes.resize(count);
        return bytes;
    }

    /// From the reset to running, in the order of the data sheet (11.0) and with Linux' values.
    void start(u8 rcr = ne2k::AB, u8 first = ne2k::kRxFirst, u8 end = ne2k::kRxEnd) {
        out8(ne2k::kCr, ne2k::NODMA | ne2k::STP);
        out8(ne2k::DCR, 0x49);
        out8(ne2k::RBCR0, 0);
        out8(ne2k::RBCR1, 0);
        out8(ne2k::RCR, ne2k::MON);
        out8(ne2k::TCR, 2);
        out8(ne2k::TPSR, ne2k::kTxPage);
        out8(ne2k::PSTART, first);
        out8(ne2k::BNRY, static_cast<u8>(end - 1));
        out8(ne2k::PSTOP, end);
        out8(ne2k::ISR, 0xff);
        out8(ne2k::IMR, 0x3f);
        out8(ne2k::kCr, 0x40 | ne2k::NODMA | ne2k::STP);
        for (u8 i = 0; i < 6; ++i)
            out8(static_cast<Port>(ne2k::PAR0 + i), kMac[i]);
        for (u8 i = 0; i < 8; ++i)
            out8(static_cast<Port>(ne2k::MAR0 + i), 0);
        out8(ne2k::CURR, first);
        out8(ne2k::kCr, ne2k::NODMA | ne2k::STA);
        out8(ne2k::TCR, 0);
        out8(ne2k::RCR, rcr);
    }
    void upload(const Bytes& frame, u8 page = ne2k::kTxPage) {
        acknowledge(ne2k::RDC);
        put_bytes(static_cast<u16>(page << 8), frame);
        acknowledge(ne2k::RDC);
    }
    void trigger(std::size_t length, u8 page = ne2k::kTxPage) {
        out8(ne2k::kCr, ne2k::NODMA | ne2k::STA);
        out8(ne2k::TBCR0, static_cast<u8>(length));
        out8(ne2k::TBCR1, static_cast<u8>(length >> 8));
        out8(ne2k::TPSR, page);
        out8(ne2k::kCr, ne2k::NODMA | ne2k::TXP | ne2k::STA);
    }
    void send(const Bytes& frame, u8 page = ne2k::kTxPage) {
        upload(frame, page);
        trigger(frame.size(), page);
    }
    u8 curr() { return reg(1, ne2k::CURR); }

    struct Received {
        u8 status = 0;
        u8 next = 0;
        u16 length = 0; ///< with FCS
        Bytes frame;    ///< without
        Bytes fcs;
    };
    /// The next frame in the ring, left there.
    Received peek_frame(u8 page) {
        const auto at = static_cast<u16>(page << 8);
        const Bytes header = get_bytes(at, 4);
        Received r{header[0], header[1], static_cast<u16>(header[2] | header[3] << 8), {}, {}};
        r.frame = get_bytes(static_cast<u16>(at + 4), r.length);
        r.fcs.assign(r.frame.end() - 4, r.frame.end());
        r.frame.resize(r.frame.size() - 4U);
        acknowledge(ne2k::RDC);
        return r;
    }
    /// And taken off: BNRY stays one page behind.
    Received take_frame() {
        const u8 first = reg(2, 1);
        const u8 end = reg(2, 2);
        u8 page = static_cast<u8>(in8(ne2k::BNRY) + 1);
        if (page >= end) page = first;
        Received r = peek_frame(page);
        out8(ne2k::BNRY, r.next == first ? static_cast<u8>(end - 1) : static_cast<u8>(r.next - 1));
        return r;
    }

    Ne2kPci dev;
};

} // namespace dm::test
