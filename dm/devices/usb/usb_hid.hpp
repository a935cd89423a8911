// What all USB keyboards and pointers have in common: the requests of the class, idle rate, boot protocol,
// one interrupt endpoint (Device Class Definition for Human Interface Devices 1.11).
// Notes: docs/devices/usb_hid.md
//
// A guest uses such a device from its first IN on until it lets the device go, or does not come any more for
// what waits for it: drivers that close a device just stop, and a controller may be left standing still.
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
        bool polled = false;         ///< the guest comes for reports
        u64 reported_ns = 0;         ///< when the last one was sent
        std::optional<u64> waits_ns; ///< machine time since when the guest has not come for what waits
        bool came_back = false;      ///< the guest has asked again since it got the last one

        static constexpr void fields(auto&& v, auto& s) {
            v("idle", s.idle);
            v("protocol", s.protocol);
            v("polled", s.polled);
            v("reported_ns", s.reported_ns);
            v("waits_ns", s.waits_ns, kAddedLater);
            v("came_back", s.came_back, kAddedLater);
        }
    };

    static constexpr std::size_t kMostReport = 8;
    /// A report that waits for so long is nobody's: the guest has closed the device, or its controller stands
    /// still.
    static constexpr u64 kPatience = 1500 * kMillisecond;
    /// For a guest that has not come back since the last report. Most likely the whole of it stands still.
    static constexpr u64 kLongPatience = 10 * kSecond;

    /// `report_descriptor`: what the reports mean. `boot`: there is a boot protocol.
    UsbHid(std::string_view name, const usb::Description& description, std::string serial,
           std::span<const u8> report_descriptor, bool boot, TimerQueue& timers);

    bool in_use() const override { return hid_.polled && heard(); }
    void observe(InputObserver* observer) override { observer_ = observer; }
    void link_changed() override;

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
    /// The guest does not come for what waits: of that only what is released now is left to be told.
    virtual void drop_reports() = 0;

    Protocol protocol() const { return hid_.protocol; }
    /// reports_wait() has become true, or is so still.
    void reported();
    /// The observer hears of status() and in_use().
    void tell() {
        if (observer_ != nullptr) observer_->input_status(status());
    }
    void unread(KeyCode code, bool down) {
        if (observer_ != nullptr) observer_->key_unread(code, down);
    }

private:
    std::optional<std::size_t> control_in(const usb::Setup& setup, std::span<u8> reply) override;
    bool control_out(const usb::Setup& setup, std::span<const u8> data) override;
    usb::Answer data_in(unsigned endpoint, std::span<u8> bytes) override;
    void deconfigured() override;
    std::optional<u64> repeat_at() const;
    void update_timer();
    void waits_from_now();
    void update_patience();
    void left();

    TimerQueue& timers_;
    std::span<const u8> report_descriptor_;
    bool boot_;
    InputObserver* observer_ = nullptr;
    bool asked_ = false; ///< the guest asks at this moment: what comes is in the answer
    Hid hid_;
    Hid loaded_;
    Timer repeat_timer_;
    Timer patience_timer_;
};
static_assert(covers_every_field<UsbHid::Hid>);

} // namespace dm
