// The CL-GD5446 without its bus: registers, blitter, the window at A0000, the linear memory and the picture.
// How it is attached is the adapter's business.
#pragma once

#include "dm/core/clock.hpp"
#include "dm/core/io_part.hpp"
#include "dm/devices/vga/cirrus_blitter.hpp"
#include "dm/devices/vga/cirrus_memory.hpp"
#include "dm/devices/vga/cirrus_regs.hpp"
#include "dm/devices/vga/cirrus_screen.hpp"
#include "dm/devices/vga/vga_memory.hpp"
#include "dm/devices/vga/vga_render.hpp"

#include <functional>

namespace dm {

class CirrusCore {
public:
    struct State {
        VgaRegs::State vga;
        CirrusRegs::State regs;
        CirrusBlitter::State blitter;
        static constexpr void fields(auto&& v, auto& s) {
            v("vga", s.vga);
            v("regs", s.regs);
            v("blitter", s.blitter);
        }
    };

    /// `video`: a power of two, outlives the core like `clock`. `linear_changed` is told when linear_plain()
    /// becomes another.
    CirrusCore(std::string_view name, VideoMemory& video, const Clock& clock,
               std::function<void(bool plain)> linear_changed);

    /// Ports 3b0..3df, offset 0 at 3b0. Takes bytes and words.
    IoHandler& ports() { return ports_; }
    /// A0000-BFFFF. Takes accesses of any size.
    IoHandler& window() { return window_; }
    /// BAR1: ports 3c0..3df, and from 100 on the blitter's registers.
    IoHandler& mapped() { return mapped_; }
    DisplaySource& display() { return render_; }

    /// The linear memory: accesses of `size` bytes, one after the other. `address` wraps.
    void read_linear(u64 address, std::span<u8> bytes);
    void write_linear(u64 address, unsigned size, std::span<const u8> bytes);
    /// The guest may reach the linear memory without us: it is RAM just now.
    bool linear_plain() const { return plain_; }
    /// Data for a blit that waits for it; none waits: nothing happens.
    void write_blit_data(unsigned size, std::span<const u8> bytes) { feed(size, bytes); }

    void reset();
    const State& state() const { return s_; }
    /// An error when no sequence of accesses leads to `state`.
    Status valid(const State& state) const;
    void load(const State& state);

private:
    struct Window final : IoHandler {
        explicit Window(CirrusCore& c) : core(c) {}
        u64 read(u64 offset, unsigned size) override;
        void write(u64 offset, unsigned size, u64 value) override;
        void read_span(u64 offset, unsigned size, std::span<u8> bytes) override;
        void write_span(u64 offset, unsigned size, std::span<const u8> bytes) override;
        CirrusCore& core;
    };

    u8 read_port(unsigned port) { return regs_.read(port, blitter_.active()); }
    void write_port(unsigned port, u8 value);
    u64 read_ports(u64 offset, unsigned size);
    void write_ports(u64 offset, unsigned size, u64 value);
    u64 read_mapped(u64 offset, unsigned size);
    void write_mapped(u64 offset, unsigned size, u64 value);
    void write_mapped_byte(unsigned offset, u8 value);
    void apply(CirrusRegs::Effect effect);
    std::size_t feed(unsigned size, std::span<const u8> bytes);
    void update();

    State s_;
    std::function<void(bool)> linear_changed_;
    u64 registers_at_; ///< where the linear memory shows the blitter's registers, if it does
    VgaDirty dirty_;
    CirrusRegs regs_{s_.regs, s_.vga};
    CirrusBlitter blitter_;
    VgaMemory planes_;
    CirrusMemory memory_;
    CirrusScreen screen_;
    VgaRender render_;
    bool plain_ = true;

    IoPart<CirrusCore, &CirrusCore::read_ports, &CirrusCore::write_ports> ports_{*this};
    IoPart<CirrusCore, &CirrusCore::read_mapped, &CirrusCore::write_mapped> mapped_{*this};
    Window window_{*this};
};
static_assert(covers_every_field<CirrusCore::State>);

} // namespace dm
