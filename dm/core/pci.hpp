// PCI functions and the bus that finds them (PCI Local Bus Specification 2.1, type 0 headers).
#pragma once

#include "dm/core/device.hpp"
#include "dm/core/io_space.hpp"
#include "dm/core/irq.hpp"
#include "dm/core/reg_spec.hpp"

#include <array>
#include <optional>

namespace dm {

/// Offsets and bits of the type 0 header.
namespace pci {
enum Reg : u8 {
    VENDOR_ID = 0x00,
    DEVICE_ID = 0x02,
    COMMAND = 0x04,
    STATUS = 0x06,
    REVISION_ID = 0x08,
    CLASS_PROG = 0x09,
    CLASS_DEVICE = 0x0a,
    CACHE_LINE_SIZE = 0x0c,
    LATENCY_TIMER = 0x0d,
    HEADER_TYPE = 0x0e,
    BAR0 = 0x10,
    SUBSYSTEM_VENDOR_ID = 0x2c,
    SUBSYSTEM_ID = 0x2e,
    ROM_ADDRESS = 0x30,
    CAPABILITY_LIST = 0x34,
    INTERRUPT_LINE = 0x3c,
    INTERRUPT_PIN = 0x3d,
};
enum class Command : u16 {
    IO = 0x0001,
    MEMORY = 0x0002,
    MASTER = 0x0004,
    SERR = 0x0100,
    INTX_DISABLE = 0x0400
};
inline constexpr u8 kMsiCapability = 0x05; ///< capability ID
inline constexpr unsigned kRomBar = 6;     ///< index of the expansion ROM among a function's BARs
} // namespace pci

struct PciIdentity {
    u16 vendor = 0;
    u16 device = 0;
    u32 class_code = 0; ///< base class, subclass, programming interface: 0xccsspp
    u8 revision = 0;
    u16 subsystem_vendor = 0x1af4; ///< as the machine that guests know has it
    u16 subsystem = 0x1100;
    u8 interrupt_pin = 0; ///< 0 none, 1 INTA .. 4 INTD
    bool multifunction = false;
};

/// What a function is wired to. The INTx line ends at (device, pin); a function without a pin leaves it
/// unconnected.
struct PciWiring {
    IoSpace& ports;
    IoSpace& memory;
    IrqLine intx;
    MsiSink* msi = nullptr; ///< null: there are no messages, and no function offers them
};

struct PciConfig {
    std::array<u8, 256> bytes{};
    static constexpr void fields(auto&& v, auto& s) { v("bytes", s.bytes); }
};
static_assert(covers_every_field<PciConfig>);

/// Base of every PCI device: the header, BAR decoding, INTx gating. A device adds its registers with
/// add_bar() and set_writable() in its constructor and ends that with finish_config().
class PciFunction : public Device {
public:
    PciFunction(std::string_view name, const PciIdentity& identity, PciWiring wiring);

    /// The header stays as firmware and system left it, so that firmware finds the device where it was.
    void wake_reset() override;

    /// `size` 1, 2 or 4; bytes beyond the config space read as ones.
    u32 config_read(unsigned reg, unsigned size) const;
    void config_write(unsigned reg, unsigned size, u32 value);

    /// Where BAR `index` is decoded now, if it is.
    std::optional<u64> bar_address(unsigned index) const;
    u64 bar_size(unsigned index) const { return bars_[index].size; }

protected:
    enum class BarKind : u8 { None, Io, Memory, PrefetchableMemory, Rom };

    struct Bar {
        BarKind kind = BarKind::None;
        u64 size = 0;                 ///< bytes, power of two
        IoHandler* handler = nullptr; ///< none: the device places something else there in bar_moved()
        unsigned max_width = 4;
    };
    void add_bar(unsigned index, const Bar& bar);
    /// Makes bits of a register writable by the guest; `w1c` bits are cleared by writing ones.
    void set_register(unsigned reg, unsigned size, u32 reset_value, u32 writable, u32 w1c = 0);
    void set_registers(std::span<const RegSpec> table);
    /// The MSI capability (6.8.1): one message, 64-bit address. False, and nothing there, when the machine
    /// has no messages; `next` is the capability behind it.
    bool add_msi(unsigned offset, u8 next);
    void finish_config() { reset_config(); }

    /// For registers at places that config space names other than in a BAR (PMBASE).
    IoSpace& ports() { return wiring_.ports; }

    /// Called after the guest wrote config bytes [reg, reg + size).
    virtual void config_written(unsigned reg, unsigned size);
    /// Called when BAR `index` starts, stops or moves being decoded.
    virtual void bar_moved(unsigned index, std::optional<u64> address);

    /// The interrupt, by line or as a message when it rises.
    void set_intx(bool level);
    /// After loading: the message of an interrupt that is pending was sent before the machine was saved.
    void resume_intx(bool level);
    /// The cause is still there although the guest has just dealt with one: a message has to tell.
    void repeat_interrupt() {
        if (intx_level_) send_msi();
    }
    bool command(pci::Command bit) const { return (config16(pci::COMMAND) & static_cast<u16>(bit)) != 0; }
    u8 config8(unsigned reg) const { return config_.bytes[reg]; }
    u16 config16(unsigned reg) const {
        return static_cast<u16>(config_.bytes[reg] | config_.bytes[reg + 1] << 8);
    }
    u32 config32(unsigned reg) const { return config16(reg) | u32{config16(reg + 2)} << 16; }
    /// For bytes that the device itself changes; name each in its constructor with own_byte().
    void set_config8(unsigned reg, u8 value) { config_.bytes[reg] = value; }
    void own_byte(unsigned reg) { device_owned_[reg] = true; }

    void reset_config();
    void save_config(StateWriter& out) const { out.section(name() + "/pci", config_); }
    Status load_config(StateReader& in);

private:
    static unsigned bar_reg(unsigned index) {
        if (index == pci::kRomBar) return pci::ROM_ADDRESS;
        return pci::BAR0 + 4 * index;
    }
    std::optional<u64> decode(unsigned index) const;
    void update_windows();
    void update_intx();
    bool msi_enabled() const;
    void send_msi();

    PciWiring wiring_;
    PciConfig config_;
    std::array<u8, 256> reset_{};
    std::array<u8, 256> writable_{};
    std::array<u8, 256> w1c_{};
    std::array<bool, 256> device_owned_{};
    std::array<Bar, 7> bars_{};
    std::array<std::optional<u64>, 7> decoded_{};
    std::array<IoWindow, 7> windows_;
    unsigned msi_ = 0; ///< offset of the capability; 0: none
    bool intx_level_ = false;
};

/// Told which functions exist: under Xen only config cycles of registered functions reach us.
class PciFunctionSink {
public:
    virtual ~PciFunctionSink() = default;
    virtual void add_function(Bdf bdf) = 0;
    virtual void remove_function(Bdf bdf) = 0;
};

/// Bus 0: devfn to function. What an accelerator calls is virtual: something may stand before the real bus.
class PciBus {
public:
    virtual ~PciBus() = default;
    /// False when the place is taken. The function outlives its attachment.
    bool attach(Bdf bdf, PciFunction& function);
    void detach(Bdf bdf);
    PciFunction* at(Bdf bdf) const { return bdf.bus == 0 ? functions_[bdf.devfn()] : nullptr; }
    /// Lowest device number >= `from` with no function; nothing when the bus is full.
    std::optional<u8> free_device(u8 from = 0) const;

    virtual u32 config_read(Bdf bdf, unsigned reg, unsigned size) const;
    virtual void config_write(Bdf bdf, unsigned reg, unsigned size, u32 value);

    /// The listener hears at once of all functions there are. At most one.
    virtual void set_function_sink(PciFunctionSink* sink);

private:
    std::array<PciFunction*, 256> functions_{};
    PciFunctionSink* sink_ = nullptr;
};

} // namespace dm
