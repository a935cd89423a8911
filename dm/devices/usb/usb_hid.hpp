// What all USB keyboards and pointers have in common: the requests of the class, idle rate, boot protocol,
// one interrupt endpoint (Device Class Definition for Human Interface Devices 1.11).
// Notes: docs/devices/usb_hid.md
//
// They say of themselves what QEMU's devices say, name for name: Windows would take anything else for new
// hardware when a guest changes over.
#pragma once

#include "dm/core/clock.hpp"
#include "dm/devices/input/input_switch.hpp"
#include "dm/devices/usb/usb_device.hpp"

namespace dm {

class UsbHid : public UsbDevice, public InputTarget {
public:
    enum class Protocol : u8 { Boot = 0, Report = 1 };

    struct Hid {
        u8 idle = 0; ///< in 4 ms: a report is repeated after that time; 0: never
        Protocol protocol = Protocol::Report;
        bool polled = false; ///< the guest has asked for a report since it configured the device
        u64 reported_ns = 0; ///< when the last one was sent

        static constexpr void fields(auto&& v, auto& s) {
            v("idle", s.idle);
            v("protocol", s.protocol);
            v("polled", s.polled);
            v("reported_ns", s.reported_ns);
        }
    };

    static constexpr std::size_t kMostReport = 8;

    /// `report_descriptor`: what the reports mean. `boot`: there is a boot protocol.
    UsbHid(std::string_view name, const usb::Description& description, std::string serial,
           std::span<const u8> report_descriptor, bool boot, TimerQueue& timers);

    bool in_use() const override { return hid_.polled && heard(); }
    void observe(InputObserver* observer) override { observer_ = observer; }
    void link_changed() override { tell(); }

    void save(StateWriter& out) const override;
    Status prepare(StateReader& in) override;
    void commit() override;

protected:
    /// How things are now.
    virtual std::size_t report(std::span<u8> out) const = 0;
    /// The oldest that the guest has not heard of yet.
    virtual std::size_t next_report(std::span<u8> out) = 0;
    virtual bool reports_wait() const = 0;
    /// The host's report: false when there is none.
    virtual bool output_report(std::span<const u8> bytes) {
        static_cast<void>(bytes);
        return false;
    }
    virtual void forget() = 0; ///< to the state after power-on

    Protocol protocol() const { return hid_.protocol; }
    /// reports_wait() has become true, or is so still.
    void reported() {
        if (!asked_ && configured() && reports_wait()) ready();
    }
    /// The observer hears of status() and in_use().
    void tell() {
        if (observer_ != nullptr) observer_->input_status(status());
    }

private:
    std::optional<std::size_t> control_in(const usb::Setup& setup, std::span<u8> reply) override;
    bool control_out(const usb::Setup& setup, std::span<const u8> data) override;
    usb::Answer data_in(unsigned endpoint, std::span<u8> bytes) override;
    void deconfigured() override;
    std::optional<u64> repeat_at() const;
    void update_timer();

    TimerQueue& timers_;
    std::span<const u8> report_descriptor_;
    bool boot_;
    InputObserver* observer_ = nullptr;
    bool asked_ = false; ///< the guest asks at this moment: what comes is in the answer
    Hid hid_;
    Hid loaded_;
    Timer repeat_timer_;
};
static_assert(covers_every_field<UsbHid::Hid>);

} // namespace dm
