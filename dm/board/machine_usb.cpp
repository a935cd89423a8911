// USB controllers and devices as the toolstack names them: on the command line, and over QMP.
#include "dm/board/machine.hpp"

#include "dm/host/usb_host.hpp"
#include "dm/toolstack/qemu_opts.hpp"

#include <algorithm>

namespace dm {
namespace {

using ControllerParts = BoardParts::Usb::Controller;
using Properties = std::map<std::string, std::string>;

constexpr std::string_view kHostDevice = "usb-host";

/// By QEMU's names of drivers, or of `-usbdevice`.
std::optional<UsbModel> usb_model(std::string_view name) {
    if (name == "usb-tablet" || name == "tablet") return UsbModel::Tablet;
    if (name == "usb-mouse" || name == "mouse") return UsbModel::Mouse;
    if (name == "usb-kbd" || name == "keyboard") return UsbModel::Keyboard;
    if (name == "usb-hub") return UsbModel::Hub;
    if (name == "usb-storage") return UsbModel::Storage;
    return std::nullopt;
}

std::optional<ControllerParts::Model> usb_controller(std::string_view name) {
    using enum ControllerParts::Model;
    if (name == "piix3-usb-uhci") return Piix3Uhci;
    if (name == "piix4-usb-uhci") return Piix4Uhci;
    if (name == "ich9-usb-uhci1") return Ich9Uhci1;
    if (name == "ich9-usb-uhci2") return Ich9Uhci2;
    if (name == "ich9-usb-uhci3") return Ich9Uhci3;
    if (name == "usb-ehci") return ControllerParts::Model::Ehci;
    if (name == "ich9-usb-ehci1") return Ich9Ehci;
    if (name == "nec-usb-xhci") return NecXhci;
    if (name == "qemu-xhci") return QemuXhci;
    return std::nullopt;
}

std::string text(const Properties& properties, const std::string& name) {
    const auto found = properties.find(name);
    return found == properties.end() ? std::string() : found->second;
}

/// How many ports, where that is said.
void set_ports(ControllerParts& parts, const Properties& properties) {
    if (const auto ports = toolstack::parse_number(text(properties, "p2"), xhci::kMostPortsOfKind))
        parts.usb2_ports = std::max(static_cast<unsigned>(ports.value()), 1U);
    if (const auto ports = toolstack::parse_number(text(properties, "p3"), xhci::kMostPortsOfKind))
        parts.usb3_ports = static_cast<unsigned>(ports.value());
}

ControllerParts usb_controller_parts(ControllerParts::Model model, const toolstack::DeviceOptions& device) {
    const Properties properties(device.properties.begin(), device.properties.end());
    ControllerParts parts{.model = model, .id = device.id};
    if (device.pci_slot)
        parts.place = Bdf{0, static_cast<u8>(*device.pci_slot), static_cast<u8>(device.pci_function)};
    parts.master = text(properties, "masterbus");
    parts.multifunction = text(properties, "multifunction") == "on";
    if (const auto number = toolstack::parse_number(text(properties, "firstport"), UINT8_MAX))
        parts.first_port = static_cast<unsigned>(number.value());
    set_ports(parts, properties);
    return parts;
}

/// What the request has beyond these is told to the toolstack.
Status only(const DeviceRequest& request, std::initializer_list<std::string_view> known) {
    for (const auto& [name, value] : request.properties)
        if (std::ranges::find(known, name) == known.end())
            return fail("{}: property '{}' is not supported; take it out", request.driver, name);
    return {};
}

Status check_ports(const DeviceRequest& request) {
    for (const char* name : {"p2", "p3"}) {
        const std::string ports = text(request.properties, name);
        const auto number = toolstack::parse_number(ports.empty() ? "1" : ports, xhci::kMostPortsOfKind);
        if (!number || (name[1] == '2' && number.value() == 0))
            return fail("{}={}: a USB 3 controller has up to {} ports of each kind", name, ports,
                        xhci::kMostPortsOfKind);
    }
    return {};
}

Result<ControllerParts> hot_controller(const DeviceRequest& request, ControllerParts::Model model) {
    const bool ports = model == ControllerParts::Model::NecXhci || model == ControllerParts::Model::QemuXhci;
    DM_TRY(ports ? only(request, {"p2", "p3"}) : only(request, {}));
    if (ports) DM_TRY(check_ports(request));
    ControllerParts parts{.model = model, .id = request.id};
    set_ports(parts, request.properties);
    return parts;
}

template <class T> Status read_number(const DeviceRequest& request, const char* name, std::optional<T>& out) {
    const std::string given = text(request.properties, name);
    if (given.empty()) return {};
    const auto number = toolstack::parse_number(given, std::numeric_limits<T>::max());
    if (!number) return fail("{}: {}={}: {}", request.driver, name, given, number.error().message);
    if (number.value() != 0) out = static_cast<T>(number.value()); // 0: any, as in QEMU
    return {};
}

} // namespace

std::optional<BoardParts::Usb> Machine::usb_parts(const toolstack::MachineOptions& options) {
    BoardParts::Usb usb;
    if (options.usb) usb.controllers.emplace_back();
    for (const std::string& word : options.usb_devices)
        if (const auto model = usb_model(word)) usb.devices.push_back({*model, {}, {}});
    for (const toolstack::DeviceOptions& device : options.devices) {
        if (!device.emulated) continue;
        const Properties properties(device.properties.begin(), device.properties.end());
        if (const auto model = usb_model(device.driver))
            usb.devices.push_back({.model = *model,
                                   .id = device.id,
                                   .port = text(properties, "port"),
                                   .bus = text(properties, "bus"),
                                   .drive = text(properties, "drive")});
        else if (const auto controller = usb_controller(device.driver))
            usb.controllers.push_back(usb_controller_parts(*controller, device));
    }
    return usb.controllers.empty() ? std::nullopt : std::optional(std::move(usb));
}

/// A restored guest hears first that those it had are gone.
Status Machine::open_host_devices() {
    for (const toolstack::DeviceOptions& device : options_.devices) {
        if (!device.emulated || device.driver != kHostDevice) continue;
        DeviceRequest request{.driver = device.driver, .id = device.id, .properties = {}};
        request.properties.insert(device.properties.begin(), device.properties.end());
        if (const Status added = add_host_device(request); !added.ok())
            return fail("-device: {}", added.error().message);
    }
    return {};
}

Status Machine::add_host_device(const DeviceRequest& request) {
    DM_TRY(only(request, {"bus", "port", "hostbus", "hostaddr", "vendorid", "productid"}));
    UsbHostChoice choice;
    DM_TRY(read_number(request, "hostbus", choice.bus));
    DM_TRY(read_number(request, "hostaddr", choice.address));
    DM_TRY(read_number(request, "vendorid", choice.vendor));
    DM_TRY(read_number(request, "productid", choice.product));
    if (!(choice.bus && choice.address) && !(choice.vendor && choice.product))
        return fail("usb-host: which device? Give hostbus= and hostaddr=, or vendorid= and productid=");
    if (usb_host_ == nullptr) {
        DM_TRY_ASSIGN(usb_host_, host::make_usb_host(loop_));
        usb_host_->pause(state_ != RunState::Running);
    }
    DM_TRY_ASSIGN(std::unique_ptr<UsbHostLink> link, usb_host_->open(choice));
    const std::string what = link->identity().text;
    DM_TRY(board_->plug_usb_host(std::move(link), {.model = UsbModel::Host,
                                                   .id = request.id,
                                                   .port = text(request.properties, "port"),
                                                   .bus = text(request.properties, "bus")}));
    log_.info("the host's USB device {} is the guest's", what);
    return {};
}

Status Machine::add_usb_controller(const DeviceRequest& request, ControllerParts::Model model) {
    if (recorder_ != nullptr)
        return fail("{}: USB cannot be recorded yet; take -hvmdm-record out", request.driver);
    DM_TRY_ASSIGN(const ControllerParts parts, hot_controller(request, model));
    return board_->plug_usb_controller(parts);
}

/// USB controllers and devices are all that can be plugged in.
Status Machine::add_device(const DeviceRequest& request) {
    if (const auto controller = usb_controller(request.driver))
        return add_usb_controller(request, *controller);
    const auto model = usb_model(request.driver);
    if (!model && request.driver != kHostDevice) return MachineControl::add_device(request);
    if (!board_->has_usb())
        return fail("No 'usb-bus' bus found for device '{}'; set usb=1, usbversion or usbctrl in the guest's "
                    "configuration",
                    request.driver);
    if (!model) return add_host_device(request);
    return board_->plug_usb({.model = *model,
                             .id = request.id,
                             .port = text(request.properties, "port"),
                             .bus = text(request.properties, "bus"),
                             .drive = text(request.properties, "drive")});
}

Status Machine::remove_device(const std::string& id) {
    if (board_->has_usb_controller(id)) return board_->unplug_usb_controller(id);
    if (!board_->has_usb_device(id)) return MachineControl::remove_device(id);
    DM_TRY(board_->unplug_usb(id));
    qmp_->device_deleted(id);
    return {};
}

bool Machine::has_device(const std::string& id) const {
    return MachineControl::has_device(id) || board_->has_usb_device(id) || board_->has_usb_controller(id);
}

bool Machine::awaits_device(const DeviceRequest& request) const {
    const auto model = usb_controller(request.driver);
    if (!model) return false;
    const auto parts = hot_controller(request, *model);
    return parts.ok() && board_->awaits_usb_controller(parts.value());
}

} // namespace dm
