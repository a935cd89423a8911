// The VGA as adapters contain it: registers, dispi, the window at A0000 and the picture. How it is attached
// is the adapter's business: it gets one IoHandler per block of addresses.
#pragma once

#include "dm/core/clock.hpp"
#include "dm/core/hypervisor.hpp"
#include "dm/core/io_space.hpp"
#include "dm/devices/vga/vbe_dispi.hpp"
#include "dm/devices/vga/vga_memory.hpp"
#include "dm/devices/vga/vga_regs.hpp"
#include "dm/devices/vga/vga_render.hpp"

namespace dm {

/// The VGA's modes, and dispi's while they are enabled.
class DispiScreen final : public VgaScreen {
public:
    DispiScreen(const VgaRegs::State& regs, const VbeDispi& dispi, const bool& big_endian)
        : regs_(regs), dispi_(dispi), big_endian_(big_endian) {}
    VgaFrame frame() const override { return describe_frame(regs_, dispi_, big_endian_); }

private:
    const VgaRegs::State& regs_;
    const VbeDispi& dispi_;
    const bool& big_endian_; ///< of packed pixels
};

class VgaCore {
public:
    struct State {
        VgaRegs::State vga;
        VbeDispi::State dispi;
        bool big_endian = false; ///< of packed pixels
        static constexpr void fields(auto&& v, auto& s) {
            v("vga", s.vga);
            v("dispi", s.dispi);
            v("big_endian", s.big_endian);
        }
    };

    /// Both outlive the core. `clock` tells the phases of blinking.
    VgaCore(VideoMemory& video, const Clock& clock);

    /// One byte of ports 3b0..3df.
    u8 read_port(unsigned port) { return regs_.read(port, dispi_.dac_8bit()); }
    void write_port(unsigned port, u8 value);
    u16 read_dispi(unsigned reg) const { return dispi_.read(reg); }
    void write_dispi(unsigned reg, u16 value);
    void set_big_endian(bool on) { s_.big_endian = on; }

    /// Ports 3b0..3df, offset 0 at 3b0. Takes bytes and words.
    IoHandler& ports() { return ports_; }
    /// Ports 1ce..1d1, offset 0 at 1ce: index, data at 1cf and again at 1d0. Words only.
    IoHandler& dispi_ports() { return dispi_ports_; }
    /// A0000-BFFFF. Takes accesses of any size.
    IoHandler& window() { return memory_; }
    DisplaySource& display() { return render_; }

    void reset();
    const State& state() const { return s_; }
    /// An error when no sequence of accesses leads to `state`.
    Status valid(const State& state) const;
    void load(const State& state);

private:
    struct Ports final : IoHandler {
        explicit Ports(VgaCore& c) : core(c) {}
        u64 read(u64 offset, unsigned size) override;
        void write(u64 offset, unsigned size, u64 value) override;
        VgaCore& core;
    };
    struct DispiPorts final : IoHandler {
        explicit DispiPorts(VgaCore& c) : core(c) {}
        u64 read(u64 offset, unsigned size) override;
        void write(u64 offset, unsigned size, u64 value) override;
        VgaCore& core;
    };
    void preset_for_dispi();

    State s_;
    VbeDispi dispi_;
    VgaRegs regs_{s_.vga};
    VgaDirty dirty_;
    VgaMemory memory_;
    DispiScreen screen_{s_.vga, dispi_, s_.big_endian};
    VgaRender render_;
    Ports ports_{*this};
    DispiPorts dispi_ports_{*this};
};
static_assert(covers_every_field<VgaCore::State>);

} // namespace dm
