// USB keyboard with the boot protocol, six keys at once beside the modifiers (HID 1.11, appendices B.1 and
// C).  Notes: docs/devices/usb_hid.md
#pragma once

#include "dm/core/fifo.hpp"
#include "dm/devices/usb/usb_hid.hpp"

namespace dm {

class UsbKeyboard final : public UsbHid {
public:
    static constexpr std::size_t kEvents = 2048; ///< that wait for a slow guest
    static constexpr std::size_t kReserve = 128; ///< of them, as Ps2Keyboard::kReserve
    static constexpr std::size_t kKeys = 6;
    /// A bit for each usage.
    using Usages = std::array<u8, 32>;

    struct Event {
        u8 usage = 0;
        bool down = false;
        static constexpr void fields(auto&& v, auto& s) {
            v("usage", s.usage);
            v("down", s.down);
        }
    };
    struct State {
        Fifo<Event, kEvents> waiting;
        Usages down{};     ///< as the viewer has it, when all events are through
        Usages reported{}; ///< as the guest knows
        u8 leds = 0;       ///< as the guest lit them: Num Lock 1, Caps Lock 2, Scroll Lock 4
        static constexpr void fields(auto&& v, auto& s) {
            v("waiting", s.waiting);
            v("down", s.down);
            v("reported", s.reported);
            v("leds", s.leds);
        }
    };

    UsbKeyboard(std::string_view name, std::string serial, TimerQueue& timers);

    Kind kind() const override { return Kind::Keyboard; }
    void key(KeyCode code, bool down) override;
    bool key_room() const override { return !configured() || can_press(kReserve); }
    void pointer(unsigned, unsigned, unsigned, unsigned, u8) override {}
    void release_all() override;
    InputStatus status() const override;

    void save(StateWriter& out) const override;
    Status prepare(StateReader& in) override;
    void commit() override;

private:
    std::size_t report(std::span<u8> out) const override;
    std::size_t next_report(std::span<u8> out) override;
    bool reports_wait() const override { return !s_.waiting.empty(); }
    bool output_report(std::span<const u8> bytes) override;
    void forget() override { s_ = {}; }
    void drop_reports() override;
    bool can_press(std::size_t reserve) const;
    void note(u8 usage, bool down);
    std::size_t events_together() const;
    void catch_up();

    State s_;
    State loaded_;
};
static_assert(covers_every_field<UsbKeyboard::State> && covers_every_field<UsbKeyboard::Event>);

} // namespace dm
