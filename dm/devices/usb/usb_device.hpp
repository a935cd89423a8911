// Base of every USB device: its address, its control endpoint and the requests that all devices understand
// (Universal Serial Bus Specification 2.0, 8.5.3 and chapter 9).  Notes: docs/devices/uhci.md
#pragma once

#include "dm/core/device.hpp"
#include "dm/core/log.hpp"
#include "dm/devices/usb/usb.hpp"

#include <optional>
#include <vector>

namespace dm {

class UsbDevice;

/// The port that a device is plugged into: a controller's or a hub's.
class UsbUpstream {
public:
    virtual ~UsbUpstream() = default;
    /// The device has something for an endpoint where it said NAK before. Where its bus sleeps, it wakes it
    /// up if the guest let it.
    virtual void device_ready(UsbDevice& device) = 0;
    /// Whether the guest keeps the device where it can hear of it.
    virtual bool listens_to(const UsbDevice& device) const = 0;
    /// The fastest that goes here.
    virtual usb::Speed speed() const { return usb::Speed::Full; }
};

class UsbDevice : public Device {
public:
    /// Longest data stage of a control transfer, in either direction.
    static constexpr std::size_t kControlBytes = 256;

    enum class Stage : u8 {
        Idle,
        DataIn,   ///< the device's data, then the host's status
        DataOut,  ///< the host's data
        StatusIn, ///< the device's status
        Refused,  ///< STALL until the next SETUP
    };
    struct Control {
        u8 address = 0;
        u8 next_address = 0; ///< after the status stage of SET_ADDRESS
        u8 configuration = 0;
        bool remote_wakeup = false;
        u16 halted_in = 0; ///< a bit for each endpoint
        u16 halted_out = 0;
        Stage stage = Stage::Idle;
        std::array<u8, 8> setup{};
        u16 length = 0; ///< of the data stage
        u16 done = 0;
        std::array<u8, kControlBytes> data{};

        static constexpr void fields(auto&& v, auto& s) {
            v("address", s.address);
            v("next_address", s.next_address);
            v("configuration", s.configuration);
            v("remote_wakeup", s.remote_wakeup);
            v("halted_in", s.halted_in);
            v("halted_out", s.halted_out);
            v("stage", s.stage);
            v("setup", s.setup);
            v("length", s.length);
            v("done", s.done);
            v("data", s.data);
        }
    };

    /// `serial`: what the string with the serial number says.
    UsbDevice(std::string_view name, const usb::Description& description, std::string serial)
        : Device(name), log_(name), description_(description), serial_(std::move(serial)) {}

    // What a controller or hub does.

    /// At most one; null: unplugged.
    void plug_into(UsbUpstream* upstream) { upstream_ = upstream; }
    /// What device and port agree on; its descriptors and packets are those of this speed.
    usb::Speed speed() const;
    /// Reset signalling: the device is in its default state, at address 0.
    virtual void bus_reset();
    /// One transaction. `bytes`: room for an IN's data, or the data of an OUT or SETUP. `wanted`: bytes that
    /// the host moves in one go from here on, these included, as far as the controller knows; a device that
    /// works ahead needs it.
    virtual usb::Answer transact(usb::Pid pid, unsigned endpoint, std::span<u8> bytes, u32 wanted = 0);
    /// Whether it is worth finding out `wanted` for the next transaction.
    virtual bool works_ahead(usb::Pid pid, unsigned endpoint) const {
        static_cast<void>(pid);
        static_cast<void>(endpoint);
        return false;
    }
    /// The device with this address: itself, or one that is plugged into it.
    virtual UsbDevice* find(u8 address) { return address == control_.address ? this : nullptr; }
    /// listens_to() may have changed.
    virtual void link_changed() {}
    bool may_wake() const { return control_.remote_wakeup; }
    /// Waits until nothing is in flight.
    virtual void quiesce() {}

    void reset() override { bus_reset(); }
    void save(StateWriter& out) const override { out.section(name() + "/control", control_); }
    Status load(StateReader& in) final;
    /// A load in two steps, so that several devices are loaded together or not at all.
    virtual Status prepare(StateReader& in);
    virtual void commit();

protected:
    /// What is left of a control request when chapter 9 does not know it. `reply`: kControlBytes. Nothing: no
    /// such request.
    virtual std::optional<std::size_t> control_in(const usb::Setup& setup, std::span<u8> reply);
    /// False: no such request.
    virtual bool control_out(const usb::Setup& setup, std::span<const u8> data);
    /// Endpoints that the description names; the device is configured and the endpoint not halted.
    virtual usb::Answer data_in(unsigned endpoint, std::span<u8> bytes) = 0;
    virtual usb::Answer data_out(unsigned endpoint, std::span<const u8> bytes);
    /// To the state after a bus reset or another SET_CONFIGURATION.
    virtual void deconfigured() = 0;
    virtual void halt_cleared(unsigned endpoint, bool in) {
        static_cast<void>(endpoint);
        static_cast<void>(in);
    }

    bool configured() const { return control_.configuration != 0; }
    u8 address() const { return control_.address; }
    void set_address(u8 address) { control_.address = address; }
    void set_remote_wakeup(bool on) {
        control_.remote_wakeup = on;
        link_changed();
    }
    bool heard() const { return upstream_ != nullptr && upstream_->listens_to(*this); }
    /// Something waits for the host.
    void ready() {
        if (upstream_ != nullptr) upstream_->device_ready(*this);
    }
    void halt(unsigned endpoint, bool in);
    const usb::Description& description() const { return description_; }

    Log log_;

private:
    usb::Answer control(usb::Pid pid, std::span<u8> bytes);
    usb::Answer setup_packet(std::span<const u8> bytes);
    usb::Answer control_data_in(std::span<u8> bytes);
    usb::Answer control_data_out(std::span<const u8> bytes);
    usb::Setup setup() const;
    std::optional<std::size_t> answer(const usb::Setup& setup, std::span<u8> reply);
    bool obey(const usb::Setup& setup, std::span<const u8> data);
    std::optional<std::size_t> descriptor(const usb::Setup& setup, std::span<u8> reply) const;
    std::string_view text(u8 index) const;
    u8 max_packet0() const { return description_.device_at(speed())[7]; }
    bool set_feature(const usb::Setup& setup, bool on);
    bool set_configuration(u8 value);
    u16* halted(u16 endpoint_address);
    Status check(const Control& loaded) const;

    const usb::Description& description_;
    std::string serial_;
    UsbUpstream* upstream_ = nullptr;
    Control control_;
    Control loaded_; ///< between prepare() and commit()
};
static_assert(covers_every_field<UsbDevice::Control>);

} // namespace dm
