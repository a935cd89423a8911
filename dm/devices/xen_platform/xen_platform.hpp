// The Xen platform device, PCI 5853:0001: how PV drivers find out that they run under Xen, make emulated
// disks and NICs go away, lock the ROM area and write to the host's log. No part and no datasheet: Xen's
// docs/misc/hvm-emulated-unplug.pandoc, and the ports of the older interface in BAR0.
//
// BAR1 is a place in guest memory for grant tables and shared pages and holds nothing of ours. INTA is
// the guest's event channel interrupt, which Xen drives: never asserted here. See
// docs/devices/xen_platform.md.
//
// Quirks: old SUSE kernels unplug through BAR0 (offsets 4 and 8) instead of port 0x10.
#pragma once

#include "dm/core/io_part.hpp"
#include "dm/core/pci.hpp"

#include <functional>

namespace dm {

enum class UnplugDisks : u8 {
    All,       ///< every emulated hard disk; CD-ROM drives stay
    Auxiliary, ///< every emulated IDE hard disk but the primary master
};

/// Takes emulated devices out of the machine for good. When a call returns their back ends are flushed and
/// closed: the PV back end opens the same disk at once. Requests in flight are finished or dropped, devices
/// passed through are left alone, and a call for what is not there does nothing.
class UnplugHandler {
public:
    virtual ~UnplugHandler() = default;
    virtual void unplug_disks(UnplugDisks which) = 0;
    virtual void unplug_nics() = 0;
    virtual void unplug_nvme() = 0;
    /// Whether the host has black-listed PV drivers of that product and build. They are told so and keep away
    /// by themselves; unplugging works all the same.
    virtual bool drivers_refused(u16 product, u32 build) = 0;
};

class XenPlatform final : public PciFunction {
public:
    static constexpr u64 kPortBase = 0x10;
    static constexpr u64 kPortLength = 0x10;
    /// Offsets at kPortBase; what they mean depends on the width of the access.
    enum PortReg : u8 { UNPLUG = 0, PROTOCOL = 2 };
    enum Bar0Reg : u8 { FLAGS = 0, UNPLUG_ALL = 4, UNPLUG_SOME = 8 };
    enum class Flag : u8 { ROM_LOCK = 0x01 };
    enum class Unplug : u16 { Disks = 0x0001, Nics = 0x0002, AuxiliaryDisks = 0x0004, Nvme = 0x0008 };

    static constexpr u16 kMagic = 0x49d2;
    static constexpr u16 kMagicRefused = 0xd249;
    static constexpr u8 kProtocolVersion = 1;
    static constexpr u64 kMemorySize = 16 << 20;
    static constexpr std::size_t kLogLine = 256;

    struct State {
        Bits<Flag> flags;
        Bits<Unplug> unplugged; ///< all that is gone, until the domain ends
        u16 product = 0;        ///< of the PV drivers: 3 Linux
        u32 build = 0;
        bool refused = false;    ///< these drivers: what the host said when they told their build
        Fifo<u8, kLogLine> line; ///< written to the log port so far, without its end
        bool operator==(const State&) const = default;
        static constexpr void fields(auto&& v, auto& s) {
            v("flags", s.flags);
            v("unplugged", s.unplugged);
            v("product", s.product);
            v("build", s.build);
            v("line", s.line);
            v("refused", s.refused, kAddedLater);
        }
    };

    /// `lock_roms`: makes 0xc0000-0xfffff read-only for the guest, or writable. Called on changes.
    XenPlatform(std::string_view name, PciWiring wiring, UnplugHandler& unplug,
                std::function<void(bool locked)> lock_roms);

    /// kPortLength bytes at kPortBase, any width.
    IoHandler& fixed_ports() { return fixed_; }

    void reset() override;
    /// What is unplugged stays so: the PV drivers own those disks.
    void wake_reset() override;
    void save(StateWriter& out) const override;
    /// Unplugs again what the saved machine had unplugged: so load it after the devices that may go.
    Status load(StateReader& in) override;

private:
    u64 read_fixed(u64 offset, unsigned size);
    void write_fixed(u64 offset, unsigned size, u64 value);
    u64 read_bar0(u64 offset, unsigned size);
    void write_bar0(u64 offset, unsigned size, u64 value);

    void drivers_come(u32 build);
    void set_flags(u8 value);
    void update_rom_lock();
    void unplug_requested(Bits<Unplug> mask);
    void unplug(Bits<Unplug> mask);
    void log_byte(u8 byte);
    void end_line();

    /// BAR1: memory that is not there.
    struct EmptyMemory final : IoHandler {
        u64 read(u64, unsigned) override { return 0; }
        void write(u64, unsigned, u64) override {}
        void read_span(u64, unsigned, std::span<u8> bytes) override;
        void write_span(u64, unsigned, std::span<const u8>) override {}
    };

    Log log_;
    UnplugHandler& unplug_;
    std::function<void(bool)> lock_roms_;
    IoPart<XenPlatform, &XenPlatform::read_fixed, &XenPlatform::write_fixed> fixed_{*this};
    IoPart<XenPlatform, &XenPlatform::read_bar0, &XenPlatform::write_bar0> bar0_{*this};
    EmptyMemory bar1_;
    State state_;
    bool roms_locked_ = false; ///< what lock_roms_ was last told; the guest starts with writable ROMs
};
static_assert(covers_every_field<XenPlatform::State>);

} // namespace dm
