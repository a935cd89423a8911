// USB controllers, and what is plugged into them.
#include "dm/board/board.hpp"

#include <algorithm>
#include <charconv>

namespace dm {
namespace {

using Controller = BoardParts::Usb::Controller;

constexpr Bdf kUhci{0, 1, 2}; // of the PIIX3
constexpr std::string_view kBusPrefix = "usb-bus.";

PciIdentity identity_of(const Controller& parts) {
    PciIdentity identity = Uhci::kPiix3;
    switch (parts.model) {
    case Controller::Model::Piix3Uhci: break;
    case Controller::Model::Piix4Uhci: identity = Uhci::kPiix4; break;
    case Controller::Model::Ich9Uhci1: identity = Uhci::ich9(0); break;
    case Controller::Model::Ich9Uhci2: identity = Uhci::ich9(1); break;
    case Controller::Model::Ich9Uhci3: identity = Uhci::ich9(2); break;
    case Controller::Model::Ehci: identity = Ehci::kIch4; break;
    case Controller::Model::Ich9Ehci: identity = Ehci::kIch9; break;
    case Controller::Model::NecXhci:
    case Controller::Model::QemuXhci: break; // knows itself
    }
    identity.multifunction = parts.multifunction;
    return identity;
}

bool is_ehci(Controller::Model model) {
    return model == Controller::Model::Ehci || model == Controller::Model::Ich9Ehci;
}

bool is_xhci(Controller::Model model) {
    return model == Controller::Model::NecXhci || model == Controller::Model::QemuXhci;
}

} // namespace

/// `number` tells it from others in the names of its sections.
Result<Board::Usb> Board::make_usb(const Controller& parts, Bdf place, unsigned number) {
    const PciIdentity identity = identity_of(parts);
    const auto name_of = [&](std::string_view kind) {
        return number == 0 ? std::string(kind) : fmt::format("{}@{}", kind, number);
    };
    const auto make = [&]<class C>(std::string_view kind, std::type_identity<C>) {
        return std::make_unique<C>(name_of(kind), hypervisor_.memory(), timers_,
                                   wiring(place.dev, identity.interrupt_pin), identity);
    };
    Usb usb{
        .id = parts.id, .function = {}, .controller = nullptr, .ehci = nullptr, .ports = {}, .place = place};
    const auto take = [&](auto made) {
        usb.controller = made.get();
        usb.function = std::move(made);
    };
    if (is_ehci(parts.model)) {
        auto made = make("ehci", std::type_identity<Ehci>{});
        usb.ehci = made.get();
        take(std::move(made));
    } else if (is_xhci(parts.model)) {
        const bool nec = parts.model == Controller::Model::NecXhci;
        PciWiring lines = wiring(place.dev, kIntA);
        lines.msi = nullptr; // Linux does not bind messages again in a restore, docs/devices/xhci.md
        take(std::make_unique<Xhci>(name_of("xhci"),
                                    Xhci::Config{.model = nec ? Xhci::Model::Nec : Xhci::Model::Qemu,
                                                 .usb2_ports = parts.usb2_ports,
                                                 .usb3_ports = parts.usb3_ports},
                                    hypervisor_.memory(), timers_, std::move(lines)));
    } else {
        take(make("uhci", std::type_identity<Uhci>{}));
    }
    return usb;
}

/// What hangs on a controller is loaded with it, and what hangs there is known before.
Status Board::add_usb_controller(const Controller& parts) {
    const Bdf place = parts.place.value_or(kUhci);
    DM_TRY_ASSIGN(Usb usb, make_usb(parts, place, static_cast<unsigned>(usb_.size())));
    DM_TRY(attach(place, *usb.function));
    if (!parts.master.empty()) {
        const Usb* const master = usb_bus(parts.master);
        if (master == nullptr || master->ehci == nullptr || usb.ehci != nullptr ||
            !master->ehci->add_companion(*usb.controller, parts.first_port))
            return fail("{}: masterbus={}, firstport={}: there are no such ports of an EHCI controller",
                        usb.function->name(), parts.master, parts.first_port);
    } else {
        const auto number = static_cast<unsigned>(
            std::ranges::count_if(usb_, [](const Usb& other) { return other.ports != nullptr; }));
        add_usb_ports(usb, number);
    }
    devices_.push_back(usb.function.get());
    usb_.push_back(std::move(usb));
    return {};
}

void Board::add_usb_ports(Usb& usb, unsigned number) {
    usb.ports = std::make_unique<UsbPorts>(
        *usb.controller, *input_, timers_, fmt::format("0000:00:{:02x}.{}", usb.place.dev, usb.place.fn),
        UsbBus{.number = number, .drives = &usb_drives_, .lost = [this](const std::string& id) {
                   told_gone(id);
               }});
    devices_.push_back(usb.ports.get());
}

Status Board::add_usb(const BoardParts::Usb& parts) {
    usb_drives_ = parts.drives;
    if (parts.controllers.empty()) DM_TRY(add_usb_controller({}));
    for (const Controller& controller : parts.controllers)
        DM_TRY(add_usb_controller(controller));
    for (const BoardParts::Usb::Device& device : parts.devices)
        DM_TRY(plug_usb(device));
    return {};
}

/// "usb.0" is that of the controller `usb`, "usb-bus.1" the second one; null: there is none.
Board::Usb* Board::usb_bus(std::string_view name) {
    unsigned number = 0;
    const bool numbered = name.starts_with(kBusPrefix);
    if (numbered) {
        const char* const end = name.data() + name.size();
        const auto [stop, error] = std::from_chars(name.data() + kBusPrefix.size(), end, number);
        if (error != std::errc{} || stop != end) return nullptr;
    }
    for (Usb& usb : usb_) {
        if (usb.ports == nullptr) continue;
        if (numbered ? number-- == 0 : usb.id == name || usb.id + ".0" == name) return &usb;
    }
    return nullptr;
}

Status Board::plug_usb(const BoardParts::Usb::Device& device) {
    for (const Usb& usb : usb_)
        if (usb.ports != nullptr && usb.ports->uses(device.drive))
            return fail("the drive {} is attached already", device.drive);
    if (!device.bus.empty()) {
        const Usb* const usb = usb_bus(device.bus);
        if (usb == nullptr) return fail("there is no USB bus {}", device.bus);
        return usb->ports->plug(device.model, device.id, device.port, device.drive);
    }
    Status plugged = fail("there is no USB controller");
    for (const Usb& usb : usb_) {
        if (usb.ports == nullptr) continue;
        plugged = usb.ports->plug(device.model, device.id, device.port, device.drive);
        if (plugged.ok()) break;
    }
    return plugged;
}

Status Board::plug_usb_host(std::unique_ptr<UsbHostLink> link, const BoardParts::Usb::Device& device) {
    Status plugged =
        device.bus.empty() ? fail("there is no USB controller") : fail("there is no USB bus {}", device.bus);
    if (!device.bus.empty()) {
        if (const Usb* const usb = usb_bus(device.bus))
            plugged = usb->ports->plug_host(link, device.id, device.port);
        return plugged;
    }
    for (const Usb& usb : usb_) // the first that is fast enough and has a free port
        if (usb.ports != nullptr && !plugged.ok())
            plugged = usb.ports->plug_host(link, device.id, device.port);
    return plugged;
}

Status Board::unplug_usb(std::string_view id) {
    for (const Usb& usb : usb_)
        if (usb.ports != nullptr && usb.ports->has(id)) return usb.ports->unplug(id);
    return fail("there is no USB device {}", id);
}

bool Board::has_usb_device(std::string_view id) const {
    return std::ranges::any_of(usb_,
                               [&](const Usb& usb) { return usb.ports != nullptr && usb.ports->has(id); });
}

} // namespace dm
