// An RTL8139C+ with its surroundings, and the moves of a driver.
#pragma once

#include "dm/devices/net/rtl8139.hpp"
#include "tests/devices/net_rig.hpp"

namespace dm::test {

namespace rtl {
using namespace dm::rtl8139;

inline constexpr Bdf kBdf{0, 4, 0};
inline constexpr Port kPorts = 0xc300;
inline constexpr u64 kMemory = 0xf3000000;
inline constexpr unsigned kIntx = 4 * 4;

// In guest memory.
inline constexpr u32 kRxBuffer = 0x10000; ///< C mode, up to 64 KiB and what WRAP needs
inline constexpr u32 kTxBuffers = 0x2000; ///< four of 8 KiB
inline constexpr u32 kTxRing = 0xa000;
inline constexpr u32 kHighRing = 0xa400;
inline constexpr u32 kRxRing = 0xa800;
inline constexpr u32 kTally = 0xac00;
inline constexpr u32 kTxData = 0x22000;
inline constexpr u32 kRxData = 0x30000; ///< 0x600 for each descriptor
inline constexpr u32 kRxSize = 0x600;

inline constexpr u32 TE = 0x04, RE = 0x08, RST = 0x10;
inline constexpr u16 ROK = 1, TOK = 4, TER = 8, RXOVW = 0x10, LINKCHG = 0x20, TDU = 0x80, SWINT = 0x100,
                     TIMEOUT = 0x4000, SERR = 0x8000;
inline constexpr u32 AAP = 1, APM = 2, AM = 4, AB = 8, WRAP = 0x80;
inline constexpr u16 CPTX = 1, CPRX = 2, RXCHKSUM = 0x20, RXVLAN = 0x40;
} // namespace rtl

struct Rtl8139Rig : NetRig {
    using Reg = rtl8139::Reg;

    explicit Rtl8139Rig(std::vector<u8> rom = {})
        : dev("nic0", NetCardConfig{.mac = kMac, .cable = &net, .rom = std::move(rom)}, hypervisor.ram,
              timers, pci_wiring(rtl::kBdf.dev, 1)) {
        net.keep = 256;
        pci.attach(rtl::kBdf, dev);
        enable();
    }
    /// BARs and decoding, as firmware and a driver leave them.
    void enable(u16 command = 7) {
        pci.config_write(rtl::kBdf, pci::BAR0, 4, rtl::kPorts);
        pci.config_write(rtl::kBdf, pci::BAR0 + 4, 4, rtl::kMemory);
        pci.config_write(rtl::kBdf, pci::COMMAND, 2, command);
    }

    Device& device() override { return dev; }
    std::vector<Target> targets() const override {
        using Kind = Target::Kind;
        return {{Kind::Ports, rtl::kPorts, 256},           {Kind::Memory, rtl::kMemory, 256},
                {Kind::Memory, rtl::kMemory, 256},         {Kind::Memory, rtl::kMemory + 0x10, 0x10},
                {Kind::Memory, rtl::kMemory + 0x30, 0x20}, {Kind::Memory, rtl::kMemory + 0xd8, 2},
                {Kind::Memory, rtl::kMemory + 0xe0, 12},   {Kind::Config, rtl::kBdf.devfn(), 256}};
    }
    bool resets_to_power_on() const override { return !dev.unplugged(); }
    /// Some of a driver's work, a frame from the host, or a cable that is pulled.
    void stimulate(Rng& rng) override {
        switch (rng.below(8)) {
        case 0: net.set_link(!rng.one_in(4)); break;
        case 1: net.set_later(rng.one_in(2)); break;
        case 2: enable(rng.one_in(4) ? 3 : 7); break;
        case 3: drive_c_mode(rng); break;
        case 4: drive_cplus(rng); break;
        default: offer_some_frame(rng, 4092); break;
        }
    }
    void drive_c_mode(Rng& rng) {
        start_c_mode(rtl::AAP | rtl::AB | rtl::AM | (rng.one_in(2) ? rtl::WRAP : 0) |
                     static_cast<u32>(rng.below(4)) << 11);
        for (u32 i = 0; i < 4; ++i)
            send_c_mode(i, make_frame(rng.below(1460)));
        if (rng.one_in(2)) out(Reg::CAPR, static_cast<u32>(rng.next() & 0xffff), 2);
    }
    void drive_cplus(Rng& rng) {
        start_cplus(static_cast<u16>(rng.next() & 0x7b) | rtl::CPTX | rtl::CPRX);
        const auto frames = static_cast<unsigned>(1 + rng.below(6));
        for (unsigned i = 0; i < frames; ++i) {
            const Bytes frame = make_frame(rng.below(6000), {.udp = rng.one_in(4)});
            put_bytes(rtl::kTxData, frame);
            const u32 flags = static_cast<u32>(rng.next()) & 0x0fff0000;
            put_tx(i, rtl::desc::OWN | rtl::desc::FS | rtl::desc::LS | flags | static_cast<u32>(frame.size()),
                   rtl::kTxData, rng.one_in(4) ? rtl::desc::TAGC | 0x6400 : 0);
        }
        put_tx(frames, rtl::desc::EOR, 0);
        out(Reg::TPPOLL, rng.one_in(4) ? 0xc1 : 0x40, 1);
    }

    // Registers.
    static u64 at(Reg reg, unsigned byte = 0) { return rtl::kMemory + static_cast<u8>(reg) + byte; }
    u32 in(Reg reg, unsigned size, unsigned byte = 0) {
        return static_cast<u32>(memory.read(at(reg, byte), size));
    }
    void out(Reg reg, u32 value, unsigned size, unsigned byte = 0) {
        memory.write(at(reg, byte), size, value);
    }
    u16 isr() { return static_cast<u16>(in(Reg::ISR, 2)); }
    bool irq() const { return hypervisor.intx.level(rtl::kIntx); }

    // Guest memory.
    void put32(u64 addr, u32 value) {
        hypervisor.ram.view(addr, 4); // a fuzzer's memory is filled when it is first looked at
        for (unsigned i = 0; i < 4; ++i)
            ram[addr + i] = byte_of(value, i);
    }
    u32 get32(u64 addr) const {
        const std::vector<u8>& m = hypervisor.ram.ram;
        return m[addr] | u32{m[addr + 1]} << 8 | u32{m[addr + 2]} << 16 | u32{m[addr + 3]} << 24;
    }

    // C mode.
    void start_c_mode(u32 rcr) {
        out(Reg::CR, rtl::RST, 1);
        out(Reg::RBSTART, rtl::kRxBuffer, 4);
        out(Reg::CR, rtl::TE | rtl::RE, 1);
        out(Reg::RCR, rcr, 4);
        out(Reg::IMR, 0xe1ff, 2);
        for (u32 i = 0; i < 4; ++i)
            out(Reg::TSAD0, rtl::kTxBuffers + i * 0x2000, 4, i * 4);
    }
    void send_c_mode(u32 descriptor, std::span<const u8> frame) {
        put_bytes(rtl::kTxBuffers + descriptor * 0x2000, frame);
        out(Reg::TSD0, static_cast<u32>(frame.size()), 4, descriptor * 4);
    }
    u32 tsd(u32 descriptor) { return in(Reg::TSD0, 4, descriptor * 4); }

    // C+ mode. The rings have what the test puts there; the receive ring eight buffers.
    void start_cplus(u16 cpcr = rtl::CPTX | rtl::CPRX, u32 rcr = rtl::APM | rtl::AB | rtl::AM) {
        out(Reg::CR, rtl::RST, 1);
        out(Reg::CPCR, cpcr, 2);
        out(Reg::TSAD0, rtl::kTxRing, 4);
        out(Reg::TSAD0, 0, 4, 4);
        out(Reg::TSAD0, rtl::kHighRing, 4, 8);
        out(Reg::TSAD0, 0, 4, 12);
        out(Reg::RDSAR, rtl::kRxRing, 4);
        out(Reg::RDSAR, 0, 4, 4);
        for (unsigned i = 0; i < 8; ++i)
            put_rx(i);
        out(Reg::CR, rtl::TE | rtl::RE, 1);
        out(Reg::RCR, rcr, 4);
        out(Reg::IMR, 0xe1ff, 2);
    }
    void put_descriptor(u64 addr, u32 control, u64 buffer, u32 vlan) {
        put32(addr + 4, vlan);
        put32(addr + 8, static_cast<u32>(buffer));
        put32(addr + 12, static_cast<u32>(buffer >> 32));
        put32(addr, control);
    }
    void put_tx(unsigned index, u32 control, u64 buffer, u32 vlan = 0, u64 ring = rtl::kTxRing) {
        put_descriptor(ring + index * 16, control, buffer, vlan);
    }
    u32 tx(unsigned index) const { return get32(rtl::kTxRing + index * 16); }
    void put_rx(unsigned index, u32 size = rtl::kRxSize) {
        put_descriptor(rtl::kRxRing + index * 16, rtl::desc::OWN | (index == 7 ? rtl::desc::EOR : 0) | size,
                       rtl::kRxData + index * rtl::kRxSize, 0);
    }
    u32 rx(unsigned index) const { return get32(rtl::kRxRing + index * 16); }
    u32 rx_vlan(unsigned index) const { return get32(rtl::kRxRing + index * 16 + 4); }
    Bytes rx_data(unsigned index, std::size_t length) const {
        return bytes_at(rtl::kRxData + index * rtl::kRxSize, length);
    }
    /// A whole frame in one descriptor, at `index`.
    void send_cplus(unsigned index, std::span<const u8> frame, u32 flags = 0, u32 vlan = 0) {
        put_bytes(rtl::kTxData, frame);
        put_tx(index, rtl::desc::OWN | rtl::desc::FS | rtl::desc::LS | flags | static_cast<u32>(frame.size()),
               rtl::kTxData, vlan);
        out(Reg::TPPOLL, 0x40, 1);
    }

    Rtl8139 dev;
};

} // namespace dm::test
