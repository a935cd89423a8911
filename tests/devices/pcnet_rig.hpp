// An Am79C970A with its surroundings, and the moves of a driver.
#pragma once

#include "dm/devices/net/pcnet.hpp"
#include "tests/devices/net_rig.hpp"

namespace dm::test {

namespace pcn {
using namespace dm::pcnet;

inline constexpr Bdf kBdf{0, 4, 0};
inline constexpr Port kPorts = 0xc300;
inline constexpr u64 kMemory = 0xf3000000;
inline constexpr unsigned kIntx = 4 * 4;

// In guest memory.
inline constexpr u32 kInitBlock = 0x1000;
inline constexpr u32 kRxRing = 0x2000; ///< up to 512 descriptors
inline constexpr u32 kTxRing = 0x5000;
inline constexpr u32 kTxData = 0x8000;
inline constexpr u32 kRxData = 0x10000; ///< kRxSize for each descriptor
inline constexpr u32 kRxSize = 0x600;

inline constexpr u16 INIT = 1, STRT = 2, STOP = 4, TDMD = 8, TXON = 0x10, RXON = 0x20, IENA = 0x40,
                     INTR = 0x80, IDON = 0x100, TINT = 0x200, RINT = 0x400, MISS = 0x1000, CERR = 0x2000,
                     BABL = 0x4000, kError = 0x8000;
inline constexpr u16 kAllCauses = 0x7f00;
inline constexpr u16 kWhole = OWN | STP | ENP;
} // namespace pcn

struct PcnetRig : NetRig {
    explicit PcnetRig(std::vector<u8> rom = {})
        : dev("nic0", NetCardConfig{.mac = kMac, .cable = &net, .rom = std::move(rom)}, hypervisor.ram,
              timers, pci_wiring(pcn::kBdf.dev, 1)) {
        net.keep = 256;
        pci.attach(pcn::kBdf, dev);
        enable();
    }
    /// BARs and decoding, as firmware and a driver leave them.
    void enable(u16 command = 7) {
        pci.config_write(pcn::kBdf, pci::BAR0, 4, pcn::kPorts);
        pci.config_write(pcn::kBdf, pci::BAR0 + 4, 4, pcn::kMemory);
        pci.config_write(pcn::kBdf, pci::COMMAND, 2, command);
    }

    Device& device() override { return dev; }
    std::vector<Target> targets() const override {
        using Kind = Target::Kind;
        return {{Kind::Ports, pcn::kPorts, 32},
                {Kind::Ports, pcn::kPorts + 0x10, 8},
                {Kind::Memory, pcn::kMemory, 32},
                {Kind::Memory, pcn::kMemory + 0x10, 16},
                {Kind::Config, pcn::kBdf.devfn(), 256}};
    }
    bool resets_to_power_on() const override { return !dev.unplugged(); }
    /// Some of a driver's work, a frame from the host, or a cable that is pulled.
    void stimulate(Rng& rng) override {
        switch (rng.below(8)) {
        case 0: net.set_link(!rng.one_in(4)); break;
        case 1: net.set_later(rng.one_in(2)); break;
        case 2: enable(rng.one_in(4) ? 3 : 7); break;
        case 3:
        case 4: drive(rng); break;
        case 5: set_csr(static_cast<u8>(rng.below(128)), static_cast<u16>(rng.next())); break;
        default: offer_some_frame(rng, 4091); break;
        }
    }
    void drive(Rng& rng) {
        soft_reset();
        set_bcr(pcn::SWSTYLE, static_cast<u16>(rng.below(4)));
        set_csr(pcn::MASKS, rng.one_in(2) ? 0 : static_cast<u16>(rng.next()));
        set_csr(pcn::TEST, rng.one_in(2) ? 0x0915 : static_cast<u16>(rng.next()));
        set_csr(pcn::EXTENDED, rng.one_in(2) ? 0 : static_cast<u16>(rng.next() & ~1U));
        const bool loop = rng.one_in(3);
        start(static_cast<u16>(loop ? 0x8044 | (rng.next() & 8) : rng.next() & 0xe000), rng.below(4),
              rng.below(5));
        const u64 frames = rng.below(6);
        for (u16 i = 0; i < frames; ++i) {
            const Bytes frame = make_frame(rng.below(1500));
            put_bytes(pcn::kTxData, frame);
            const u16 flags = rng.one_in(4) ? static_cast<u16>(rng.next() & 0xb300) : pcn::kWhole;
            put_tx(i, flags, pcn::kTxData, rng.one_in(8) ? 4096 : frame.size());
        }
        if (rng.one_in(2)) demand();
    }

    // Registers, by words or by dwords as the card is set.
    u32 in_port(unsigned number) {
        return static_cast<u32>(dwio ? memory.read(pcn::kMemory + 0x10 + number * 4, 4)
                                     : ports.read(pcn::kPorts + 0x10 + number * 2, 2));
    }
    void out_port(unsigned number, u32 value) {
        if (dwio)
            memory.write(pcn::kMemory + 0x10 + number * 4, 4, value);
        else
            ports.write(pcn::kPorts + 0x10 + number * 2, 2, value);
    }
    u16 csr(u8 number) {
        out_port(1, number);
        return static_cast<u16>(in_port(0));
    }
    void set_csr(u8 number, u16 value) {
        out_port(1, number);
        out_port(0, value);
    }
    u16 bcr(u8 number) {
        out_port(1, number);
        return static_cast<u16>(in_port(3));
    }
    void set_bcr(u8 number, u16 value) {
        out_port(1, number);
        out_port(3, value);
    }
    void soft_reset() { // in whatever mode the card is
        ports.read(pcn::kPorts + 0x14, 2);
        ports.read(pcn::kPorts + 0x18, 4);
        dwio = false;
    }
    void use_dwords() {
        memory.write(pcn::kMemory + 0x10, 4, 0);
        dwio = true;
    }
    u16 status() { return csr(pcn::STATUS); }
    void demand() { set_csr(pcn::STATUS, pcn::IENA | pcn::TDMD); }
    void acknowledge(u16 causes = pcn::kAllCauses) { set_csr(pcn::STATUS, pcn::IENA | causes); }
    bool irq() const { return hypervisor.intx.level(pcn::kIntx); }
    pcn::Style style() { return static_cast<pcn::Style>(bcr(pcn::SWSTYLE) & 3); }

    // Guest memory.
    void put(u64 addr, u32 value, unsigned size) {
        const std::array<u8, 4> bytes{byte_of(value, 0), byte_of(value, 1), byte_of(value, 2),
                                      byte_of(value, 3)};
        put_bytes(addr, std::span(bytes).first(size));
    }
    u32 get(u64 addr, unsigned size) const {
        u32 value = 0;
        for (unsigned i = size; i-- > 0;)
            value = value << 8 | hypervisor.ram.ram[addr + i];
        return value;
    }

    // Rings. The receive ring's descriptors are the card's, with kRxSize bytes; the others the test's.
    void put_init_block(u16 mode, u8 rlen, u8 tlen) {
        const bool lance = style() == pcn::Style::Lance;
        put(pcn::kInitBlock, mode, 2);
        put_bytes(pcn::kInitBlock + (lance ? 2 : 4), kMac);
        put_bytes(pcn::kInitBlock + (lance ? 8 : 12), ladrf);
        if (lance) {
            put(pcn::kInitBlock + 16, pcn::kRxRing | u32{rlen} << 29, 4);
            put(pcn::kInitBlock + 20, pcn::kTxRing | u32{tlen} << 29, 4);
        } else {
            put(pcn::kInitBlock + 2, u32{rlen} << 4, 1);
            put(pcn::kInitBlock + 3, u32{tlen} << 4, 1);
            put(pcn::kInitBlock + 20, pcn::kRxRing, 4);
            put(pcn::kInitBlock + 24, pcn::kTxRing, 4);
        }
    }
    void start(u16 mode = 0, u64 rlen = 3, u64 tlen = 3) {
        put_init_block(mode, static_cast<u8>(rlen), static_cast<u8>(tlen));
        for (u16 i = 0; i < pcn::ring_length(static_cast<u8>(rlen)); ++i)
            put_rx(i);
        for (u16 i = 0; i < pcn::ring_length(static_cast<u8>(tlen)); ++i)
            put_tx(i, 0, 0, 64);
        set_csr(pcn::IADRL, static_cast<u16>(pcn::kInitBlock));
        set_csr(pcn::IADRH, 0);
        set_csr(pcn::STATUS, pcn::INIT);
        set_csr(pcn::STATUS, pcn::STRT | pcn::IENA | pcn::IDON);
    }
    void start32(u16 mode = 0, u64 rlen = 3, u64 tlen = 3) {
        set_bcr(pcn::SWSTYLE, 2);
        start(mode, rlen, tlen);
    }
    u32 at(u32 ring, u16 index) { return ring + index * pcn::descriptor_bytes(style()); }
    void put_descriptor(u32 place, u16 flags, u32 buffer, std::size_t size) {
        const u32 bcnt = 0xf000 | ((0x1000 - static_cast<u32>(size)) & 0xfff);
        if (style() == pcn::Style::Lance) {
            put(place + 4, bcnt, 2);
            put(place + 6, 0, 2);
            put(place, buffer | u32{flags} >> 8 << 24, 4);
            return;
        }
        const bool burst = style() == pcn::Style::PciBurst;
        put(place + (burst ? 8 : 0), buffer, 4);
        put(place + (burst ? 0 : 8), 0, 4);
        put(place + 4, bcnt | u32{flags} << 16, 4);
    }
    void put_rx(u16 index, u16 flags = pcn::OWN, std::size_t size = pcn::kRxSize) {
        put_descriptor(at(pcn::kRxRing, index), flags, pcn::kRxData + index % 64 * pcn::kRxSize, size);
    }
    void put_tx(u16 index, u16 flags, u32 buffer, std::size_t size) {
        put_descriptor(at(pcn::kTxRing, index), flags, buffer, size);
    }
    u16 flags(u32 ring, u16 index) {
        const u32 place = at(ring, index);
        return static_cast<u16>(style() == pcn::Style::Lance ? get(place + 3, 1) << 8 : get(place + 6, 2));
    }
    u16 rx(u16 index) { return flags(pcn::kRxRing, index); }
    u16 tx(u16 index) { return flags(pcn::kTxRing, index); }
    /// RMD2 or TMD2; in the LANCE's style the 16 bits of it that there are.
    u32 message(u32 ring, u16 index) {
        const u32 place = at(ring, index);
        if (style() == pcn::Style::Lance) return get(place + 6, 2);
        return get(place + (style() == pcn::Style::PciBurst ? 0 : 8), 4);
    }
    u32 rx_length(u16 index) { return message(pcn::kRxRing, index); }
    Bytes rx_data(u16 index, std::size_t length) const {
        return bytes_at(pcn::kRxData + index * pcn::kRxSize, length);
    }
    /// A whole frame in one descriptor, at `index`.
    void send(u16 index, std::span<const u8> frame, u16 more = 0) {
        put_bytes(pcn::kTxData, frame);
        put_tx(index, pcn::kWhole | more, pcn::kTxData, frame.size());
        demand();
    }

    std::array<u8, 8> ladrf{};
    bool dwio = false;
    Pcnet dev;
};

} // namespace dm::test
