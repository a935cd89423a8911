// A firmware configuration device at its ports, with a few items.
#pragma once

#include "dm/devices/fw_cfg/fw_cfg.hpp"
#include "tests/support/rig.hpp"

#include <numeric>

namespace dm::test {

struct FwCfgRig : Rig {
    static constexpr u16 kBig = 0x100;
    static constexpr u32 kBigBytes = 40'000; ///< more than the device moves at once

    FwCfg dev{"fw-cfg", contents(), hypervisor.memory()};
    IoWindow port_window =
        ports.map({.base = FwCfg::kBase, .length = FwCfg::kPorts, .max_width = 2}, dev.ports());
    IoWindow dma_window = ports.map({.base = FwCfg::kDmaBase, .length = FwCfg::kDmaPorts}, dev.dma());

    Device& device() override { return dev; }
    std::vector<Target> targets() const override {
        return {{Target::Kind::Ports, FwCfg::kBase, FwCfg::kPorts},
                {Target::Kind::Ports, FwCfg::kDmaBase, FwCfg::kDmaPorts}};
    }
    bool has_interrupt() const override { return false; }

    static u8 big_byte(u64 offset) { return static_cast<u8>(offset * 7 + (offset >> 8)); }
    static FwCfgContents contents() {
        FwCfgContents c;
        c.put_u16(FwCfgContents::NB_CPUS, 0x1234);
        c.put(kBig, {kBigBytes, [](u64 offset, std::span<u8> out) {
                         for (u8& byte : out)
                             byte = big_byte(offset++);
                     }});
        c.add_file("first", {1, 2, 3});
        c.add_file("genroms/second", {0x55, 0xaa});
        return c;
    }

    void select(u16 key) { out(FwCfg::kBase, key, 2); }
    std::vector<u8> fetch(std::size_t bytes) {
        std::vector<u8> data(bytes);
        ports.read_string(FwCfg::kBase + 1, 1, data);
        return data;
    }

    static constexpr GuestPhys kCommand = 0x100;
    static constexpr u32 kRead = 0x02;
    static constexpr u32 kSkip = 0x04;
    static constexpr u32 kSelect = 0x08;
    static constexpr u32 kWrite = 0x10;
    void put_be(GuestPhys at, u64 value, unsigned bytes) {
        for (unsigned i = 0; i < bytes; ++i)
            ram[at + i] = static_cast<u8>(value >> ((bytes - 1 - i) * 8));
    }
    u32 get_be32(GuestPhys at) const {
        return u32{hypervisor.ram.ram[at]} << 24 | u32{hypervisor.ram.ram[at + 1]} << 16 |
               u32{hypervisor.ram.ram[at + 2]} << 8 | hypervisor.ram.ram[at + 3];
    }
    /// Runs one access; the control field that the device leaves.
    u32 run(u32 control, u32 length, GuestPhys address, GuestPhys command = kCommand) {
        put_be(command, control, 4);
        put_be(command + 4, length, 4);
        put_be(command + 8, address, 8);
        out(FwCfg::kDmaBase, 0, 4);
        out(FwCfg::kDmaBase + 4, __builtin_bswap32(static_cast<u32>(command)), 4);
        return get_be32(command);
    }
};

} // namespace dm::test
