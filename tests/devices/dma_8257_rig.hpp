// Both DMA controllers with a client on each channel.
#pragma once

#include "dm/devices/isa/dma_8257.hpp"
#include "tests/support/rig.hpp"

namespace dm::test {

/// Counts how often its channel opened; may do something then.
struct FakeDmaClient final : DmaClient {
    void dma_acknowledged() override {
        ++acknowledged;
        if (then) then();
    }
    unsigned acknowledged = 0;
    std::function<void()> then;
};

struct DmaRig : Rig {
    Dma8257 dev{"dma", hypervisor.ram};
    IoWindow first = ports.map({.base = 0x00, .length = 16, .max_width = 1}, dev.first_controller());
    IoWindow second = ports.map({.base = 0xc0, .length = 32, .max_width = 1}, dev.second_controller());
    IoWindow pages =
        ports.map({.base = 0x81, .length = 15, .max_width = 1, .first_offset = 1}, dev.page_registers());
    IoWindow high = ports.map({.base = 0x480, .length = 16, .max_width = 1}, dev.high_page_registers());
    std::array<FakeDmaClient, Dma8257::kChannels> clients;

    DmaRig() {
        for (unsigned n = 0; n < Dma8257::kChannels; ++n)
            dev.channel(n).connect(&clients[n]);
    }
    Device& device() override { return dev; }
    std::vector<Target> targets() const override {
        return {{Target::Kind::Ports, 0x00, 16},
                {Target::Kind::Ports, 0xc0, 32},
                {Target::Kind::Ports, 0x81, 15},
                {Target::Kind::Ports, 0x480, 16}};
    }
    bool has_interrupt() const override { return false; }
    void stimulate(Rng& rng) override {
        DmaChannel& channel = dev.channel(static_cast<unsigned>(rng.below(Dma8257::kChannels)));
        channel.set_request(!rng.one_in(4));
        std::vector<u8> bytes(rng.below(rng.one_in(8) ? 200'000 : 64), static_cast<u8>(rng.next()));
        if (rng.one_in(2))
            channel.read_memory(bytes);
        else
            channel.write_memory(bytes);
    }

    /// Programs a channel as a driver does; `count` is the value of the register.
    void program(unsigned channel, u8 mode, GuestPhys address, u16 count) {
        constexpr std::array<Port, 8> kPage{0x87, 0x83, 0x81, 0x82, 0x8f, 0x8b, 0x89, 0x8a};
        const bool words = channel >= 4;
        const unsigned n = channel % 4;
        const auto reg = [&](unsigned r) { return static_cast<Port>(words ? 0xc0 + 2 * r : r); };
        out(reg(Dma8257::SINGLE_MASK), 4 | n);
        out(reg(Dma8257::CLEAR_BYTE_POINTER), 0);
        out(reg(Dma8257::MODE), mode | n);
        const u64 units = words ? address / 2 : address;
        out(reg(2 * n), units & 0xff);
        out(reg(2 * n), units >> 8 & 0xff);
        out(reg(2 * n + 1), count & 0xff);
        out(reg(2 * n + 1), count >> 8);
        out(kPage[channel], address >> 16 & 0xff);
        out(static_cast<Port>(kPage[channel] + 0x400), address >> 24 & 0xff);
        out(reg(Dma8257::SINGLE_MASK), n);
    }
    u8 status() { return static_cast<u8>(in(0x08)); }
    unsigned current_address(unsigned channel) {
        out(0x0c, 0);
        const auto port = static_cast<Port>(2 * channel);
        const u64 low = in(port);
        return static_cast<unsigned>(low | in(port) << 8);
    }
    unsigned current_count(unsigned channel) {
        out(0x0c, 0);
        const auto port = static_cast<Port>(2 * channel + 1);
        const u64 low = in(port);
        return static_cast<unsigned>(low | in(port) << 8);
    }
};

} // namespace dm::test
