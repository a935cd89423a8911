// Intel 82371SB (PIIX3), function 2: USB host controller, 8086:7020 at 00:01.2 (datasheet 290550; Universal
// Host Controller Interface Design Guide 1.1).
//
// Missing: legacy keyboard support (SMIs; LEGSUP is storage), over-current. SOFMOD is storage: a frame is a
// millisecond. Bits on the wire are never wrong, so no descriptor ever sees a CRC or bit stuff error.
// Quirks: BAR4, as BSD's drivers want it; registers behind PORTSC2 read as ports that are none, which is how
// Linux counts; LEGSUP.USBPIRQEN does not gate the interrupt (some firmware leaves it off).
//
// A guest puts work into memory without telling: the controller has to look. How often it does, and why a
// guest at rest costs next to nothing, is in docs/devices/uhci.md.
#pragma once

#include "dm/core/bits.hpp"
#include "dm/core/pci.hpp"
#include "dm/devices/usb/uhci_frame.hpp"
#include "dm/devices/usb/usb_controller.hpp"

#include <memory>
#include <vector>

namespace dm {

class Uhci final : public PciFunction,
                   public UsbController,
                   private IoHandler,
                   private UsbUpstream,
                   private UhciFrame::Bus {
public:
    static constexpr unsigned kPorts = uhci::kRootPorts;

    struct State {
        Bits<uhci::Cmd> usbcmd;
        Bits<uhci::Sts> usbsts{uhci::Sts::HCHALTED};
        Bits<uhci::Intr> usbintr;
        u16 frnum = 0; ///< the frame that began at frame_began_ns
        u32 flbaseadd = 0;
        u8 sofmod = 0x40;
        bool int_complete = false; ///< what USBINT stands for
        bool int_short = false;
        std::array<Bits<uhci::Portsc>, kPorts> portsc{};
        u64 frame_began_ns = 0; ///< while frames run
        u64 eventful_ns = 0;    ///< when the schedule was last worth looking at

        static constexpr void fields(auto&& v, auto& s) {
            v("usbcmd", s.usbcmd);
            v("usbsts", s.usbsts);
            v("usbintr", s.usbintr);
            v("frnum", s.frnum);
            v("flbaseadd", s.flbaseadd);
            v("sofmod", s.sofmod);
            v("int_complete", s.int_complete);
            v("int_short", s.int_short);
            v("portsc", s.portsc);
            v("frame_began_ns", s.frame_began_ns);
            v("eventful_ns", s.eventful_ns);
        }
    };

    Uhci(std::string_view name, GuestMemory& memory, TimerQueue& timers, PciWiring wiring,
         const PciIdentity& identity = kPiix3);

    static constexpr PciIdentity kPiix3{
        .vendor = 0x8086, .device = 0x7020, .class_code = 0x0c0300, .revision = 0x01, .interrupt_pin = 4};
    /// 82371AB (PIIX4), function 2 (datasheet 290562).
    static constexpr PciIdentity kPiix4{
        .vendor = 0x8086, .device = 0x7112, .class_code = 0x0c0300, .revision = 0x01, .interrupt_pin = 4};
    /// One of the three companions in an ICH9 (datasheet 316972), 0 to 2.
    static constexpr PciIdentity ich9(unsigned index) {
        return {.vendor = 0x8086,
                .device = static_cast<u16>(0x2934 + index),
                .class_code = 0x0c0300,
                .revision = 0x03,
                .interrupt_pin = static_cast<u8>(1 + index)};
    }
    ~Uhci() override;

    unsigned root_ports() const override { return kPorts; }
    bool serves(unsigned, usb::Speed speed) const override { return speed == usb::Speed::Full; }
    void attach(unsigned port, std::unique_ptr<UsbDevice> device) override;
    std::unique_ptr<UsbDevice> detach(unsigned port) override;
    UsbDevice* device(unsigned port) const override { return devices_[port].get(); }

    void reset() override;
    void save(StateWriter& out) const override;
    Status load(StateReader& in) override;
    void quiesce() override;

private:
    u64 read(u64 offset, unsigned size) override;
    void write(u64 offset, unsigned size, u64 value) override;
    u16 read_register(u64 offset) const;
    void write_register(u64 offset, u16 value, u16 mask);
    void write_command(Bits<uhci::Cmd> value);
    void write_status(u16 value);
    void write_port(unsigned port, u16 value, u16 mask);
    void config_written(unsigned reg, unsigned size) override;

    void reset_registers();
    u16 port_status(unsigned port) const;
    bool port_hears(unsigned port) const;
    unsigned port_of(const UsbDevice& device) const;
    void resume(unsigned port);
    void ports_changed();

    // uhci_clock.cpp: when frames happen
    bool running() const;
    void eventful();
    void run_frames();
    bool fetch_entries(u16 first, std::span<u32> entries);
    void take(const UhciFrame::Outcome& outcome);
    void halt();
    void broken(uhci::Sts why);
    std::optional<u64> next_look() const;
    void update();

    // UsbUpstream
    void device_ready(UsbDevice& device) override;
    bool listens_to(const UsbDevice& device) const override;
    // UhciFrame::Bus
    UsbDevice* device_at(u8 address) override;

    Log log_;
    GuestMemory& memory_;
    TimerQueue& timers_;
    Timer timer_;
    std::array<std::unique_ptr<UsbDevice>, kPorts> devices_;
    State s_;
};
static_assert(covers_every_field<Uhci::State>);

} // namespace dm
