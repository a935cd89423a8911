// Which USB device is plugged in where: on a root port, or on a hub that is put there when a device comes
// that would take the last one.
#pragma once

#include "dm/devices/input/input_switch.hpp"
#include "dm/devices/usb/uhci.hpp"
#include "dm/devices/usb/usb_hub.hpp"

#include <optional>
#include <string>
#include <vector>

namespace dm {

enum class UsbModel : u8 { Tablet, Mouse, Keyboard, Hub };

class UsbPorts {
public:
    /// `controller`: its place as guests read it in serial numbers, "0000:00:01.2".
    UsbPorts(Uhci& uhci, InputSwitch& input, TimerQueue& timers, std::string controller)
        : uhci_(uhci), input_(input), timers_(timers), controller_(std::move(controller)) {}
    ~UsbPorts();

    /// `port`: "2", "2.1"; empty: the first free one. `id`: its name for unplug(), may be empty.
    Status plug(UsbModel model, std::string_view id = {}, std::string_view port = {});
    Status unplug(std::string_view id);
    bool has(std::string_view id) const;

private:
    struct Place {
        unsigned root = 0;
        std::optional<unsigned> behind; ///< port of the hub there
        bool operator==(const Place&) const = default;
    };
    struct Plugged {
        std::string id;
        Place place;
        UsbHub* hub = nullptr;        ///< if it is one
        InputTarget* input = nullptr; ///< if it is one
    };

    Result<Place> parse(std::string_view port) const;
    Result<Place> free_place(bool for_hub);
    UsbHub* hub_at(unsigned root) const;
    bool taken(const Place& place) const;
    void put(UsbModel model, std::string_view id, const Place& place);
    std::unique_ptr<UsbDevice> take_out(const Place& place);

    Uhci& uhci_;
    InputSwitch& input_;
    TimerQueue& timers_;
    std::string controller_;
    std::vector<Plugged> plugged_;
};

} // namespace dm
