// Intel 82801I (ICH9), USB 2.0 host controller #1: 8086:293a (datasheet 316972; Enhanced Host Controller
// Interface Specification 1.0), or as an 82801DB (ICH4) has it: 8086:24cd.
//
// Missing: split transactions (who is behind a hub of ours is of high speed, too), isochronous transfers (no
// device has such an endpoint: descriptors end as where nobody answers), 64-bit addresses, frame lists of
// other sizes, asynchronous park mode, port power and test modes, debug port, SMIs (USBLEGSUP is storage).
// Bits on the wire are never wrong. Interrupts do not wait for the threshold in USBCMD.
//
// A port whose companion owns it is that controller's: the device itself goes there. When the schedules are
// looked at is told in docs/devices/ehci.md.
#pragma once

#include "dm/core/bits.hpp"
#include "dm/core/pci.hpp"
#include "dm/devices/usb/ehci_schedule.hpp"
#include "dm/devices/usb/usb_controller.hpp"

#include <memory>

namespace dm {

class Ehci final : public PciFunction,
                   public UsbController,
                   private IoHandler,
                   private UsbUpstream,
                   private EhciSchedule::Bus {
public:
    static constexpr unsigned kPorts = ehci::kRootPorts;

    static constexpr PciIdentity kIch9{
        .vendor = 0x8086, .device = 0x293a, .class_code = 0x0c0320, .revision = 0x03, .interrupt_pin = 4};
    static constexpr PciIdentity kIch4{
        .vendor = 0x8086, .device = 0x24cd, .class_code = 0x0c0320, .revision = 0x10, .interrupt_pin = 4};

    struct State {
        Bits<ehci::Cmd> usbcmd{ehci::kCmdReset};
        Bits<ehci::Sts> usbsts; ///< what is cleared by writing ones
        u32 usbintr = 0;
        u16 frindex = 0; ///< of the microframe that began at began_ns
        u32 periodiclistbase = 0;
        u32 asynclistaddr = 0;
        bool configured = false; ///< CONFIGFLAG
        std::array<Bits<ehci::Portsc>, kPorts> portsc{};
        u64 began_ns = 0;    ///< while the controller runs
        u64 eventful_ns = 0; ///< when the schedules were last worth looking at

        static constexpr void fields(auto&& v, auto& s) {
            v("usbcmd", s.usbcmd);
            v("usbsts", s.usbsts);
            v("usbintr", s.usbintr);
            v("frindex", s.frindex);
            v("periodiclistbase", s.periodiclistbase);
            v("asynclistaddr", s.asynclistaddr);
            v("configured", s.configured);
            v("portsc", s.portsc);
            v("began_ns", s.began_ns);
            v("eventful_ns", s.eventful_ns);
        }
    };

    Ehci(std::string_view name, GuestMemory& memory, TimerQueue& timers, PciWiring wiring,
         const PciIdentity& identity = kIch9);
    ~Ehci() override;

    /// `companion` serves the ports from `first_port` on while this controller does not. False: there are no
    /// such ports, or another one does already.
    bool add_companion(UsbController& companion, unsigned first_port);

    unsigned root_ports() const override { return kPorts; }
    bool serves(unsigned port, usb::Speed speed) const override {
        return speed == usb::Speed::High || companions_[port].controller != nullptr;
    }
    void attach(unsigned port, std::unique_ptr<UsbDevice> device) override;
    std::unique_ptr<UsbDevice> detach(unsigned port) override;
    /// Whoever owns the port.
    UsbDevice* device(unsigned port) const override;

    void reset() override;
    void save(StateWriter& out) const override;
    /// Before the companions are loaded: they hold then what they held.
    Status load(StateReader& in) override;
    void quiesce() override;

private:
    struct Companion {
        UsbController* controller = nullptr;
        unsigned port = 0; ///< there
    };

    u64 read(u64 offset, unsigned size) override;
    void write(u64 offset, unsigned size, u64 value) override;
    u32 read_register(u64 offset) const;
    void write_register(u64 offset, u32 value, u32 mask);
    void write_command(u32 value);
    void doorbell();
    void config_written(unsigned reg, unsigned size) override;
    void reset_registers();
    Status check(const State& state) const;

    // ehci_ports.cpp
    bool owns(unsigned port) const { return !s_.portsc[port].has(ehci::Portsc::PO); }
    bool hears(unsigned port) const;
    bool somebody_hears() const;
    u32 port_status(unsigned port) const;
    void write_port(unsigned port, u32 value, u32 mask);
    void set_owner(unsigned port, bool companion);
    void configure(bool on);
    std::unique_ptr<UsbDevice> take(unsigned port);
    void give(unsigned port, std::unique_ptr<UsbDevice> device);
    void put_where_owned();
    void connection_changed(unsigned port);
    void resume(unsigned port);
    void ports_changed();
    unsigned port_of(const UsbDevice& device) const;

    // ehci_clock.cpp
    bool running() const { return s_.usbcmd.has(ehci::Cmd::RS); }
    bool looks() const;
    void eventful();
    void run();
    void look(u64 first_frame, u64 frames);
    bool fetch_entries(u64 first, std::span<u32> entries);
    void broken();
    std::optional<u64> next_look() const;
    std::optional<u64> next_rollover() const;
    void update();

    // UsbUpstream
    void device_ready(UsbDevice& device) override;
    bool listens_to(const UsbDevice& device) const override;
    usb::Speed speed() const override { return usb::Speed::High; }
    // EhciSchedule::Bus
    UsbDevice* device_at(u8 address) override;

    Log log_;
    GuestMemory& memory_;
    TimerQueue& timers_;
    Timer timer_;
    std::array<std::unique_ptr<UsbDevice>, kPorts> devices_; ///< on ports that are ours
    std::array<Companion, kPorts> companions_{};
    State s_;
};
static_assert(covers_every_field<Ehci::State>);

} // namespace dm
