#include "dm/board/usb_ports.hpp"

#include "dm/devices/usb/usb_keyboard.hpp"
#include "dm/devices/usb/usb_pointer.hpp"

#include <algorithm>
#include <charconv>

namespace dm {
namespace {

constexpr std::string_view kHubSerial = "314159";

std::optional<unsigned> number(std::string_view text) {
    unsigned value = 0;
    const char* const end = text.data() + text.size();
    const auto [stop, error] = std::from_chars(text.data(), end, value);
    if (error != std::errc{} || stop != end || value == 0) return std::nullopt;
    return value;
}

} // namespace

UsbPorts::~UsbPorts() {
    for (const Plugged& device : plugged_)
        if (device.input != nullptr) input_.remove(*device.input);
}

UsbHub* UsbPorts::hub_at(unsigned root) const {
    for (const Plugged& device : plugged_)
        if (device.hub != nullptr && device.place == Place{root, std::nullopt}) return device.hub;
    return nullptr;
}

bool UsbPorts::taken(const Place& place) const {
    return std::ranges::any_of(plugged_, [&](const Plugged& device) { return device.place == place; });
}

bool UsbPorts::has(std::string_view id) const {
    return !id.empty() && std::ranges::any_of(plugged_, [&](const Plugged& d) { return d.id == id; });
}

Result<UsbPorts::Place> UsbPorts::parse(std::string_view port) const {
    const std::size_t dot = port.find('.');
    const auto root = number(port.substr(0, dot));
    const auto behind = dot == std::string_view::npos ? std::nullopt : number(port.substr(dot + 1));
    const bool good = root && *root <= Uhci::kPorts &&
                      (dot == std::string_view::npos || (behind && *behind <= UsbHub::kPorts));
    if (!good) return fail("there is no USB port {}", port);
    Place place{*root - 1, std::nullopt};
    if (behind) place.behind = *behind - 1;
    if (place.behind && hub_at(place.root) == nullptr) return fail("there is no hub at USB port {}", *root);
    if (taken(place)) return fail("USB port {} is taken", port);
    return place;
}

/// Root ports first, but the last one is for a hub.
Result<UsbPorts::Place> UsbPorts::free_place(bool for_hub) {
    for (unsigned root = 0; root < Uhci::kPorts; ++root) {
        const bool last = root + 1 == Uhci::kPorts;
        if (taken({root, std::nullopt})) continue;
        if (!last || for_hub) return Place{root, std::nullopt};
        put(UsbModel::Hub, {}, {root, std::nullopt});
    }
    for (unsigned root = 0; root < Uhci::kPorts; ++root)
        for (unsigned port = 0; port < UsbHub::kPorts && hub_at(root) != nullptr; ++port)
            if (!taken({root, port}) && !for_hub) return Place{root, port};
    return fail("all USB ports are taken");
}

Status UsbPorts::plug(UsbModel model, std::string_view id, std::string_view port) {
    const bool hub = model == UsbModel::Hub;
    DM_TRY_ASSIGN(const Place place, port.empty() ? free_place(hub) : parse(port));
    if (hub && place.behind) return fail("a USB hub behind another one is not supported; use port=1 or 2");
    put(model, id, place);
    return {};
}

void UsbPorts::put(UsbModel model, std::string_view id, const Place& place) {
    const std::string port = place.behind ? fmt::format("{}.{}", place.root + 1, *place.behind + 1)
                                          : fmt::to_string(place.root + 1);
    Plugged plugged{.id = std::string(id), .place = place};
    std::unique_ptr<UsbDevice> device;
    const auto make = [&]<class D>(std::string_view kind, std::string_view serial, std::type_identity<D>) {
        auto made = std::make_unique<D>(fmt::format("usb-{}/{}", kind, port),
                                        fmt::format("{}-{}-{}", serial, controller_, port), timers_);
        plugged.input = made.get();
        device = std::move(made);
    };
    switch (model) {
    case UsbModel::Tablet: make("tablet", "28754", std::type_identity<UsbTablet>{}); break;
    case UsbModel::Mouse: make("mouse", "89126", std::type_identity<UsbMouse>{}); break;
    case UsbModel::Keyboard: make("keyboard", "68284", std::type_identity<UsbKeyboard>{}); break;
    case UsbModel::Hub: {
        auto hub = std::make_unique<UsbHub>(fmt::format("usb-hub/{}", port),
                                            fmt::format("{}-{}-{}", kHubSerial, controller_, port));
        plugged.hub = hub.get();
        device = std::move(hub);
        break;
    }
    }
    if (place.behind)
        hub_at(place.root)->attach(*place.behind, std::move(device));
    else
        uhci_.attach(place.root, std::move(device));
    if (plugged.input != nullptr) input_.add(*plugged.input);
    plugged_.push_back(std::move(plugged));
}

Status UsbPorts::unplug(std::string_view id) {
    const auto found = std::ranges::find_if(plugged_, [&](const Plugged& d) { return d.id == id; });
    if (id.empty() || found == plugged_.end()) return fail("there is no USB device {}", id);
    const Place place = found->place;
    std::erase_if(plugged_, [&](const Plugged& device) { // with all that hangs on it
        if (device.place.root != place.root || (place.behind && device.place.behind != place.behind))
            return false;
        if (device.input != nullptr) input_.remove(*device.input);
        return true;
    });
    take_out(place);
    return {};
}

std::unique_ptr<UsbDevice> UsbPorts::take_out(const Place& place) {
    if (!place.behind) return uhci_.detach(place.root);
    UsbHub* const hub = hub_at(place.root);
    return hub != nullptr ? hub->detach(*place.behind) : nullptr;
}

} // namespace dm
