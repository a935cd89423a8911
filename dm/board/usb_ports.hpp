// Which USB device is plugged in where: on a root port, or on a hub that is put there when a device comes
// that would take the last one. What was plugged in while the guest ran is there again when it is restored.
#pragma once

#include "dm/devices/input/input_switch.hpp"
#include "dm/devices/usb/uhci.hpp"
#include "dm/devices/usb/usb_hub.hpp"

#include <optional>
#include <string>
#include <vector>

namespace dm {

enum class UsbModel : u8 { None, Tablet, Mouse, Keyboard, Hub };

class UsbPorts final : public Device {
public:
    static constexpr std::size_t kLongestId = 64;
    static constexpr std::size_t kPlaces = std::size_t{Uhci::kPorts} * (1 + UsbHub::kPorts);

    struct Slot {
        UsbModel model = UsbModel::None;
        Fifo<char, kLongestId> id;
        static constexpr void fields(auto&& v, auto& s) {
            v("model", s.model);
            v("id", s.id);
        }
    };
    struct State {
        std::array<Slot, kPlaces> slots{}; ///< the root ports, then those behind each
        static constexpr void fields(auto&& v, auto& s) { v("slots", s.slots); }
    };

    /// `controller`: its place as guests read it in serial numbers, "0000:00:01.2".
    UsbPorts(Uhci& uhci, InputSwitch& input, TimerQueue& timers, std::string controller)
        : Device("usb-ports"), uhci_(uhci), input_(input), timers_(timers),
          controller_(std::move(controller)) {}
    ~UsbPorts() override;

    /// `port`: "2", "2.1"; empty: the first free one. `id`: its name for unplug(), may be empty.
    Status plug(UsbModel model, std::string_view id = {}, std::string_view port = {});
    Status unplug(std::string_view id);
    bool has(std::string_view id) const;

    void reset() override {}
    void save(StateWriter& out) const override;
    /// Before the controller is loaded: plugs in and takes out what the saved machine had otherwise.
    Status load(StateReader& in) override;

private:
    struct Place {
        unsigned root = 0;
        std::optional<unsigned> behind; ///< port of the hub there
        bool operator==(const Place&) const = default;
    };
    struct Plugged {
        UsbModel model = UsbModel::None;
        std::string id;
        Place place;
        UsbHub* hub = nullptr;        ///< if it is one
        InputTarget* input = nullptr; ///< if it is one
    };

    Result<Place> parse(std::string_view port) const;
    Result<Place> free_place(bool for_hub);
    static std::size_t slot_of(const Place& place);
    static Place place_of(std::size_t slot);
    static Status check(const State& state);
    UsbHub* hub_at(unsigned root) const;
    const Plugged* at(const Place& place) const;
    bool taken(const Place& place) const;
    void put(UsbModel model, std::string_view id, const Place& place);
    void remove(const Place& place);

    Uhci& uhci_;
    InputSwitch& input_;
    TimerQueue& timers_;
    std::string controller_;
    std::vector<Plugged> plugged_;
};
static_assert(covers_every_field<UsbPorts::State> && covers_every_field<UsbPorts::Slot>);

} // namespace dm
