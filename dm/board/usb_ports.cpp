#include "dm/board/usb_ports.hpp"

#include "dm/devices/scsi/scsi_cdrom.hpp"
#include "dm/devices/scsi/scsi_disk.hpp"
#include "dm/devices/usb/usb_host_device.hpp"
#include "dm/devices/usb/usb_keyboard.hpp"
#include "dm/devices/usb/usb_pointer.hpp"
#include "dm/devices/usb/usb_storage.hpp"

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

std::string tag_of(unsigned bus) {
    return bus == 0 ? std::string() : fmt::format("@{}", bus);
}

std::string text_of(const Fifo<char, UsbPorts::kLongestId>& name) {
    std::string text;
    for (std::size_t i = 0; i < name.size(); ++i)
        text += name.at(i);
    return text;
}

Error mismatch(const UsbHostLink& link) {
    return fail("speed mismatch: the host's device {} cannot work at this controller; use one of version 3",
                link.identity().text);
}

} // namespace

UsbPorts::UsbPorts(UsbController& usb, InputSwitch& input, TimerQueue& timers, std::string controller,
                   UsbBus bus)
    : Device("usb-ports" + tag_of(bus.number)), usb_(usb), input_(input), timers_(timers),
      controller_(std::move(controller)), bus_(std::move(bus)), tag_(tag_of(bus_.number)) {}

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

bool UsbPorts::uses(std::string_view drive) const {
    return !drive.empty() &&
           std::ranges::any_of(plugged_, [&](const Plugged& d) { return d.drive == drive; });
}

bool UsbPorts::has_drive(std::string_view id) const {
    return bus_.drives != nullptr && bus_.drives->contains(id);
}

Result<UsbPorts::Place> UsbPorts::parse(std::string_view port) const {
    const std::size_t dot = port.find('.');
    const bool behind_hub = dot != std::string_view::npos;
    const unsigned root = number(port.substr(0, dot));
    const unsigned behind = behind_hub ? number(port.substr(dot + 1)) : 1;
    if (root == 0 || root > usb_.root_ports() || behind == 0 || behind > UsbHub::kPorts)
        return fail("there is no USB port {}", port);
    Place place{root - 1, std::nullopt};
    if (behind_hub) place.behind = behind - 1;
    if (place.behind && hub_at(place.root) == nullptr) return fail("there is no hub at USB port {}", root);
    if (taken(place)) return fail("USB port {} is taken", port);
    return place;
}

/// Root ports first, but the last one is for a hub, which put() plugs in. A device of the host has to be
/// served there; one that no hub serves may have the last root port for itself.
Result<UsbPorts::Place> UsbPorts::free_place(bool for_hub, UsbHostLink* link) const {
    const unsigned roots = usb_.root_ports();
    bool any = false;
    const auto suits = [&](const Place& place) {
        if (taken(place)) return false;
        any = true;
        return link == nullptr || serves(place, *link);
    };
    for (unsigned root = 0; root < roots; ++root)
        if ((root + 1 < roots || for_hub) && suits({root, std::nullopt})) return Place{root, std::nullopt};
    for (unsigned root = 0; root < roots && !for_hub; ++root)
        for (unsigned port = 0; port < UsbHub::kPorts; ++port)
            if ((hub_at(root) != nullptr || !taken({root, std::nullopt})) && suits({root, port}))
                return Place{root, port};
    if (link != nullptr && roots > 0 && suits({roots - 1, std::nullopt}))
        return Place{roots - 1, std::nullopt};
    if (any) return mismatch(*link);
    return fail("all USB ports are taken");
}

Status UsbPorts::plug(UsbModel model, std::string_view id, std::string_view port, std::string_view drive) {
    const bool hub = model == UsbModel::Hub;
    for (const std::string_view name : {id, drive})
        if (name.size() > kLongestId) return fail("the id {} is longer than {} characters", name, kLongestId);
    if (model == UsbModel::Storage && !has_drive(drive)) return fail("there is no drive {} for it", drive);
    DM_TRY_ASSIGN(const Place place, port.empty() ? free_place(hub) : parse(port));
    if (hub && place.behind) return fail("a USB hub behind another one is not supported; use port=1 or 2");
    put(model, id, place, drive);
    return {};
}

/// A hub is as fast as its port lets it be, and what is behind it no slower, where nobody translates.
bool UsbPorts::serves(const Place& place, usb::Speed speed) const {
    if (!usb_.serves(place.root, speed)) return false;
    const bool fastest = speed == usb::Speed::High || !usb_.serves(place.root, usb::Speed::High);
    return !place.behind || fastest || usb_.hubs_translate();
}

bool UsbPorts::serves(const Place& place, UsbHostLink& link) const {
    return std::ranges::any_of(std::array{usb::Speed::High, usb::Speed::Full}, [&](usb::Speed s) {
        return serves(place, s) && UsbHostDevice::speaks(link, s);
    });
}

Status UsbPorts::plug_host(std::unique_ptr<UsbHostLink>& link, std::string_view id, std::string_view port) {
    if (id.size() > kLongestId) return fail("the id {} is longer than {} characters", id, kLongestId);
    DM_TRY_ASSIGN(const Place place, port.empty() ? free_place(false, link.get()) : parse(port));
    if (!serves(place, *link)) return mismatch(*link);
    put(UsbModel::Host, id, place, {}, std::move(link));
    return {};
}

std::vector<std::string> UsbPorts::ids() const {
    std::vector<std::string> found;
    for (const Plugged& device : plugged_)
        if (!device.id.empty()) found.push_back(device.id);
    return found;
}

/// Called by the device that goes here.
void UsbPorts::lost(const Place place) {
    const Plugged* const device = at(place);
    if (device == nullptr || device->model != UsbModel::Host) return;
    const std::string id = device->id;
    remove(place);
    if (!id.empty() && bus_.lost) bus_.lost(id);
}

void UsbPorts::drop_absent_devices() {
    for (;;) {
        const auto found = std::ranges::find(plugged_, true, &Plugged::absent);
        if (found == plugged_.end()) return;
        remove(found->place);
    }
}

std::unique_ptr<UsbDevice> UsbPorts::make_disk(std::string_view drive, std::string_view port) {
    DriveConfig config = bus_.drives->find(drive)->second;
    std::string serial = config.serial;
    if (serial.empty()) serial = config.serial = fmt::format("1-{}-{}", controller_, port);
    const std::string device = fmt::format("usb-storage{}/{}", tag_, port);
    std::unique_ptr<ScsiTarget> target;
    if (config.kind == DriveKind::Cdrom)
        target = std::make_unique<ScsiCdrom>(device + "/scsi", config);
    else
        target = std::make_unique<ScsiDisk>(device + "/scsi", config);
    return std::make_unique<UsbStorage>(device, std::move(serial), std::move(target));
}

void UsbPorts::put(UsbModel model, std::string_view id, const Place& place, std::string_view drive,
                   std::unique_ptr<UsbHostLink> link) {
    if (place.behind && !taken({place.root, std::nullopt}))
        put(UsbModel::Hub, {}, {place.root, std::nullopt});
    const std::string port = place.behind ? fmt::format("{}.{}", place.root + 1, *place.behind + 1)
                                          : fmt::to_string(place.root + 1);
    Plugged plugged{.model = model, .id = std::string(id), .drive = std::string(drive), .place = place};
    std::unique_ptr<UsbDevice> device;
    const auto make = [&]<class D>(std::string_view kind, std::string_view serial, std::type_identity<D>) {
        auto made = std::make_unique<D>(fmt::format("usb-{}{}/{}", kind, tag_, port),
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
        auto hub = std::make_unique<UsbHub>(fmt::format("usb-hub{}/{}", tag_, port),
                                            fmt::format("{}-{}-{}", kHubSerial, controller_, port));
        plugged.hub = hub.get();
        device = std::move(hub);
        break;
    }
    case UsbModel::Storage: device = make_disk(drive, port); break;
    case UsbModel::Host:
        plugged.absent = link == nullptr;
        device = std::make_unique<UsbHostDevice>(fmt::format("usb-host{}/{}", tag_, port), std::move(link),
                                                 timers_, [this, place] { lost(place); });
        break;
    }
    if (place.behind)
        hub_at(place.root)->attach(*place.behind, std::move(device));
    else
        usb_.attach(place.root, std::move(device));
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
void UsbPorts::remove(const Place place) { // of its own: what was given may be among those that go
    std::unique_ptr<UsbDevice> gone;
    UsbHub* const hub = place.behind ? hub_at(place.root) : nullptr;
    std::erase_if(plugged_, [&](const Plugged& device) {
        const bool here =
            device.place.root == place.root && (!place.behind || device.place.behind == place.behind);
        if (here && device.input != nullptr) input_.remove(*device.input);
        return here;
    });
    if (!place.behind)
        gone = usb_.detach(place.root);
    else if (hub != nullptr)
        gone = hub->detach(*place.behind);
}

// ----------------------------------------------------------------------------------------------------- state

std::size_t UsbPorts::slot_of(const Place& place) {
    const unsigned root = place.root % kRoots;
    return place.behind ? kRoots + root * UsbHub::kPorts + *place.behind : root;
}

UsbPorts::Place UsbPorts::place_of(std::size_t section, std::size_t slot) {
    const auto first = static_cast<unsigned>(section * kRoots);
    if (slot < kRoots) return {first + static_cast<unsigned>(slot), std::nullopt};
    const auto behind = static_cast<unsigned>(slot - kRoots);
    return {first + behind / UsbHub::kPorts, behind % UsbHub::kPorts};
}

std::string UsbPorts::section_name(std::size_t section) const {
    return section == 0 ? name() : fmt::format("{}/{}", name(), section + 1);
}

void UsbPorts::save(StateWriter& out) const {
    std::vector<State> states(sections());
    for (const Plugged& device : plugged_) {
        Slot& slot = states[device.place.root / kRoots].slots[slot_of(device.place)];
        slot.model = device.model;
        for (const char c : device.id)
            slot.id.push(c);
        for (const char c : device.drive)
            slot.drive.push(c);
    }
    for (std::size_t i = 0; i < states.size(); ++i)
        out.section(section_name(i), states[i]);
}

Status UsbPorts::check(std::size_t section, const State& state) const {
    for (std::size_t i = 0; i < kPlaces; ++i) {
        const Place place = place_of(section, i);
        const Slot& slot = state.slots[i];
        const bool hub_there = !place.behind || state.slots[place.root % kRoots].model == UsbModel::Hub;
        if (slot.model == UsbModel::None) continue;
        if (slot.model > UsbModel::Host || (slot.model == UsbModel::Hub && place.behind) || !hub_there ||
            place.root >= usb_.root_ports())
            return fail("saved state: USB devices are plugged in where they cannot be");
        if (slot.model == UsbModel::Storage && !has_drive(text_of(slot.drive)))
            return fail("saved state: there is no drive {} for the USB disk", text_of(slot.drive));
    }
    return {};
}

Status UsbPorts::load(StateReader& in) {
    std::vector<State> states(sections());
    for (std::size_t i = 0; i < states.size(); ++i)
        DM_TRY(load_section(in, section_name(i), states[i], [&](const State& s) { return check(i, s); }));
    for (std::size_t section = 0; section < states.size(); ++section)
        for (std::size_t i = 0; i < kPlaces; ++i) // hubs come before what is behind them
            apply(states[section].slots[i], place_of(section, i));
    return {};
}

void UsbPorts::apply(const Slot& slot, const Place& place) {
    const Plugged* const now = at(place);
    const UsbModel have = now != nullptr ? now->model : UsbModel::None;
    const std::string id = text_of(slot.id);
    const std::string drive = slot.model == UsbModel::Storage ? text_of(slot.drive) : std::string();
    if (have == slot.model && (now == nullptr || (now->id == id && now->drive == drive))) return;
    if (have != UsbModel::None) remove(place);
    put(slot.model, id, place, drive);
}

} // namespace dm
