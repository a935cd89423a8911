// A USB device of the host in a port of the guest (Universal Serial Bus Specification 2.0, chapters 5, 8 and
// 9).  Notes: docs/devices/usb_host.md
//
// The guest's transactions are put together to transfers, which the host carries out while the guest hears
// NAK: one for each endpoint and direction at a time, of at most kMostBytes. Of the requests of chapter 9 the
// address is the guest's affair and never reaches the device; those that change configuration, interface or a
// halted endpoint go through the host's kernel; all others go to the device as they are.
//
// Missing: isochronous endpoints (the guest sees that nobody answers), SuperSpeed (such a device is of high
// speed here), streams. Nothing of a transfer is saved: a restored guest finds that the device was pulled
// out.
#pragma once

#include "dm/core/clock.hpp"
#include "dm/core/usb_host.hpp"
#include "dm/devices/usb/usb_device.hpp"

#include <functional>
#include <memory>

namespace dm {

class UsbHostDevice final : public UsbDevice, private UsbHostUser {
public:
    static constexpr u32 kMostBytes = 16384;    ///< of one transfer
    static constexpr u16 kMostControl = 4096;   ///< of a data stage
    static constexpr u64 kResetPause = kSecond; ///< between two resets that reach the device

    /// `link` null: the device that a saved machine had, which answers nothing. `lost`: the device was pulled
    /// out of the host; may destroy this one.
    UsbHostDevice(std::string_view name, std::unique_ptr<UsbHostLink> link, TimerQueue& timers,
                  std::function<void()> lost);
    ~UsbHostDevice() override;

    /// Whether the device can be used on a bus of this speed.
    static bool speaks(UsbHostLink& link, usb::Speed speed);

    void bus_reset() override;
    usb::Answer transact(usb::Pid pid, unsigned endpoint, std::span<u8> bytes, u32 wanted) override;
    bool works_ahead(usb::Pid pid, unsigned endpoint) const override;
    void commit() override;

private:
    enum class Flow : u8 {
        Idle,
        Flying, ///< the host is at it
        Ready,  ///< the guest has not fetched all of the outcome
    };
    struct Pipe {
        Flow flow = Flow::Idle;
        bool there = false; ///< the active configuration has the endpoint
        UsbHostKind kind = UsbHostKind::Bulk;
        u16 packet = 0;         ///< the device's, bytes
        u32 wanted = 0;         ///< by the guest; an OUT's data is complete with these
        std::size_t at = 0;     ///< of an IN's data, fetched so far
        bool short_end = false; ///< an empty packet says that there is no more
        UsbHostResult result = UsbHostResult::Done;
        std::vector<u8> data{};
    };
    enum class Step : u8 { Idle, DataOut, Flying, DataIn, Acknowledge, Refused };

    // UsbHostUser
    void transferred(u8 tag, UsbHostResult result, std::span<const u8> data) override;
    void gone() override;

    // usb_host_control.cpp: endpoint 0
    usb::Answer control(usb::Pid pid, std::span<u8> bytes);
    usb::Answer setup_packet(std::span<const u8> bytes);
    usb::Answer control_in_token(std::span<u8> bytes);
    usb::Answer control_out_token(std::span<const u8> bytes);
    std::optional<bool> obey_here(const usb::Setup& setup);
    void start_control();
    void control_done(UsbHostResult result, std::span<const u8> data);
    void adapt(std::vector<u8>& descriptor) const;
    u8 control_packet() const { return description().device_at(speed())[7]; }

    usb::Answer in_token(unsigned endpoint, Pipe& pipe, std::span<u8> bytes, u32 wanted);
    usb::Answer out_token(unsigned endpoint, Pipe& pipe, std::span<const u8> bytes, u32 wanted);
    usb::Answer fetch(Pipe& pipe, std::span<u8> bytes);
    bool fly(unsigned endpoint, bool in, Pipe& pipe, u32 room);
    u16 guest_packet(const Pipe& pipe) const;
    void land(u8 tag);
    void land_all();
    void refresh_endpoints();

    usb::Answer data_in(unsigned, std::span<u8>) override { return {}; }
    void deconfigured() override { land_all(); }

    static constexpr unsigned kIn = 16; ///< tag of an endpoint to the host
    static constexpr unsigned tag_of(unsigned endpoint, bool in) { return (endpoint & 15) + (in ? kIn : 0); }

    struct Facts { ///< what the description points to
        std::array<u8, 18> full{};
        std::array<u8, 18> high{};
        bool is_high = false;
    };
    static Facts facts_of(const UsbHostLink* link);

    Facts facts_;
    usb::Description description_;
    std::unique_ptr<UsbHostLink> link_;
    TimerQueue& timers_;
    std::function<void()> lost_;
    std::optional<u64> last_reset_ns_;
    bool isochronous_told_ = false;
    std::array<Pipe, kUsbHostTags> pipes_;

    Step stage_ = Step::Idle;
    std::array<u8, 8> setup_{};
    u8 next_address_ = 0;
    std::size_t done_ = 0; ///< of control_, by the guest
    std::vector<u8> control_;
};

} // namespace dm
