// USB hub with eight ports (Universal Serial Bus Specification 2.0, chapter 11), of full or of high speed as
// the port above it is.  Notes: docs/devices/usb_hid.md
//
// Missing: over-current, indicators, transaction translators: behind a high-speed hub all devices are of
// high speed, too.
#pragma once

#include "dm/core/bits.hpp"
#include "dm/devices/usb/usb_device.hpp"

#include <memory>

namespace dm {

class UsbHub final : public UsbDevice, private UsbUpstream {
public:
    static constexpr unsigned kPorts = 8;

    /// wPortStatus (table 11-21).
    enum class PortStatus : u16 {
        CONNECTION = 0x0001,
        ENABLE = 0x0002,
        SUSPEND = 0x0004,
        RESET = 0x0010,
        POWER = 0x0100,
        HIGH_SPEED = 0x0400,
    };
    /// wPortChange (table 11-22).
    enum class PortChange : u16 {
        CONNECTION = 0x01,
        ENABLE = 0x02,
        SUSPEND = 0x04,
        OVER_CURRENT = 0x08,
        RESET = 0x10
    };

    struct Port {
        Bits<PortStatus> status; ///< but CONNECTION and HIGH_SPEED, which are whether and what is there
        Bits<PortChange> change;
        static constexpr void fields(auto&& v, auto& s) {
            v("status", s.status);
            v("change", s.change);
        }
    };
    struct State {
        std::array<Port, kPorts> ports{};
        static constexpr void fields(auto&& v, auto& s) { v("ports", s.ports); }
    };

    UsbHub(std::string_view name, std::string serial);
    ~UsbHub() override;

    /// Plugs a device in; the port is free.
    void attach(unsigned port, std::unique_ptr<UsbDevice> device);
    /// Takes it out; null where there is none.
    std::unique_ptr<UsbDevice> detach(unsigned port);
    UsbDevice* device(unsigned port) const { return devices_[port].get(); }

    UsbDevice* find(u8 address) override;
    void link_changed() override;
    void quiesce() override;
    void reset() override;
    void save(StateWriter& out) const override;
    Status prepare(StateReader& in) override;
    void commit() override;

private:
    std::optional<std::size_t> control_in(const usb::Setup& setup, std::span<u8> reply) override;
    bool control_out(const usb::Setup& setup, std::span<const u8> data) override;
    usb::Answer data_in(unsigned endpoint, std::span<u8> bytes) override;
    void deconfigured() override;

    void device_ready(UsbDevice& device) override;
    bool listens_to(const UsbDevice& device) const override;
    usb::Speed speed() const override { return UsbDevice::speed(); }

    Bits<PortStatus> status(unsigned port) const;
    bool set_port_feature(unsigned port, u16 feature);
    bool clear_port_feature(unsigned port, u16 feature);
    bool hears(unsigned port) const;
    void changed(unsigned port, PortChange what);
    unsigned port_of(const UsbDevice& device) const;

    std::array<std::unique_ptr<UsbDevice>, kPorts> devices_;
    State s_;
    State loaded_;
};
static_assert(covers_every_field<UsbHub::State> && covers_every_field<UsbHub::Port>);

} // namespace dm
