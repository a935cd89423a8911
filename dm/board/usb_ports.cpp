#include "dm/board/usb_ports.hpp"

#include "dm/devices/usb/usb_keyboard.hpp"
#include "dm/devices/usb/usb_pointer.hpp"

#include <algorithm>
#include <charconv>

namespace dm {
namespace {

constexpr std::string_view kHubSerial = "314159";

/// A number from 1 on; 0: it is none.
unsigned number(std::string_view text) {
    unsigned value = 0;
    const char* const end = text.data() + text.size();
    const auto [stop, error] = std::from_chars(text.data(), end, value);
    return error == std::errc{} && stop == end ? value : 0;
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

const UsbPorts::Plugged* UsbPorts::at(const Place& place) const {
    const auto found = std::ranges::find(plugged_, place, &Plugged::place);
    return found == plugged_.end() ? nullptr : &*found;
}

bool UsbPorts::taken(const Place& place) const {
    return at(place) != nullptr;
}

bool UsbPorts::has(std::string_view id) const {
    return !id.empty() && std::ranges::any_of(plugged_, [&](const Plugged& d) { return d.id == id; });
}

Result<UsbPorts::Place> UsbPorts::parse(std::string_view port) const {
    const std::size_t dot = port.find('.');
    const bool behind_hub = dot != std::string_view::npos;
    const unsigned root = number(port.substr(0, dot));
    const unsigned behind = behind_hub ? number(port.substr(dot + 1)) : 1;
    if (root == 0 || root > Uhci::kPorts || behind == 0 || behind > UsbHub::kPorts)
        return fail("there is no USB port {}", port);
    Place place{root - 1, std::nullopt};
    if (behind_hub) place.behind = behind - 1;
    if (place.behind && hub_at(place.root) == nullptr) return fail("there is no hub at USB port {}", root);
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
    if (id.size() > kLongestId) return fail("the id {} is longer than {} characters", id, kLongestId);
    DM_TRY_ASSIGN(const Place place, port.empty() ? free_place(hub) : parse(port));
    if (hub && place.behind) return fail("a USB hub behind another one is not supported; use port=1 or 2");
    put(model, id, place);
    return {};
}

void UsbPorts::put(UsbModel model, std::string_view id, const Place& place) {
    const std::string port = place.behind ? fmt::format("{}.{}", place.root + 1, *place.behind + 1)
                                          : fmt::to_string(place.root + 1);
    Plugged plugged{.model = model, .id = std::string(id), .place = place};
    std::unique_ptr<UsbDevice> device;
    const auto make = [&]<class D>(std::string_view kind, std::string_view serial, std::type_identity<D>) {
        auto made = std::make_unique<D>(fmt::format("usb-{}/{}", kind, port),
                                        fmt::format("{}-{}-{}", serial, controller_, port), timers_);
        plugged.input = made.get();
        device = std::move(made);
    };
    switch (model) {
    case UsbModel::None: return;
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
    const auto found = std::ranges::find(plugged_, id, &Plugged::id);
    if (id.empty() || found == plugged_.end()) return fail("there is no USB device {}", id);
    remove(found->place);
    return {};
}

/// With all that hangs on it.
void UsbPorts::remove(const Place& place) {
    std::unique_ptr<UsbDevice> gone;
    UsbHub* const hub = place.behind ? hub_at(place.root) : nullptr;
    std::erase_if(plugged_, [&](const Plugged& device) {
        const bool here =
            device.place.root == place.root && (!place.behind || device.place.behind == place.behind);
        if (here && device.input != nullptr) input_.remove(*device.input);
        return here;
    });
    if (!place.behind)
        gone = uhci_.detach(place.root);
    else if (hub != nullptr)
        gone = hub->detach(*place.behind);
}

std::size_t UsbPorts::slot_of(const Place& place) {
    return place.behind ? Uhci::kPorts + place.root * UsbHub::kPorts + *place.behind : place.root;
}

UsbPorts::Place UsbPorts::place_of(std::size_t slot) {
    if (slot < Uhci::kPorts) return {static_cast<unsigned>(slot), std::nullopt};
    const auto behind = static_cast<unsigned>(slot - Uhci::kPorts);
    return {behind / UsbHub::kPorts, behind % UsbHub::kPorts};
}

void UsbPorts::save(StateWriter& out) const {
    State state;
    for (const Plugged& device : plugged_) {
        Slot& slot = state.slots[slot_of(device.place)];
        slot.model = device.model;
        for (const char c : device.id)
            slot.id.push(c);
    }
    out.section(name(), state);
}

Status UsbPorts::check(const State& state) {
    for (std::size_t i = 0; i < kPlaces; ++i) {
        const Place place = place_of(i);
        const UsbModel model = state.slots[i].model;
        const bool hub_there = !place.behind || state.slots[place.root].model == UsbModel::Hub;
        if (model > UsbModel::Hub || (model == UsbModel::Hub && place.behind) ||
            (model != UsbModel::None && !hub_there))
            return fail("saved state: USB devices are plugged in where they cannot be");
    }
    return {};
}

Status UsbPorts::load(StateReader& in) {
    State loaded;
    DM_TRY(load_section(in, name(), loaded, check));
    for (std::size_t i = 0; i < kPlaces; ++i) { // hubs come before what is behind them
        const Place place = place_of(i);
        const Slot& slot = loaded.slots[i];
        const Plugged* const now = at(place);
        const UsbModel have = now != nullptr ? now->model : UsbModel::None;
        std::string id;
        for (std::size_t c = 0; c < slot.id.size(); ++c)
            id += slot.id.at(c);
        if (have == slot.model && (now == nullptr || now->id == id)) continue;
        if (have != UsbModel::None) remove(place);
        put(slot.model, id, place);
    }
    return {};
}

} // namespace dm
