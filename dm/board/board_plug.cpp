// USB controllers that are plugged in and out as PCI devices while the machine exists. A saved machine's are
// built before its devices are loaded, and wait there until the toolstack asks for them anew.
#include "dm/board/board.hpp"

#include <algorithm>

namespace dm {
namespace {

using Controller = BoardParts::Usb::Controller;

constexpr std::string_view kSection = "plugged";
constexpr unsigned kSlots = 32;
/// Sections are named after the slot, so that they do not depend on what came and went; those of the command
/// line's controllers count from 0.
constexpr unsigned number_of(u8 slot) {
    return kSlots + slot;
}

bool is_xhci(Controller::Model model) {
    return model == Controller::Model::NecXhci || model == Controller::Model::QemuXhci;
}

/// The same again, as far as a guest can tell.
bool alike(const Controller& a, const Controller& b) {
    const bool ports = a.usb2_ports == b.usb2_ports && a.usb3_ports == b.usb3_ports;
    return a.id == b.id && a.model == b.model && (ports || !is_xhci(a.model));
}

} // namespace

/// Where nothing was when the machine was built: a slot that PV drivers emptied is not one of them, for a
/// restored machine's card is there again.
u32 Board::empty_slots() const {
    u32 slots = 0;
    for (u8 slot = kFirstFreeDevice; slot < kSlots; ++slot)
        if (pci_.free_device(slot) == slot) slots |= u32{1} << slot;
    return slots;
}

Status Board::put_usb_controller(const Controller& parts, u8 slot) {
    if (parts.id.size() > UsbPorts::kLongestId)
        return fail("the id {} is longer than {} characters", parts.id, UsbPorts::kLongestId);
    const Bdf place{0, slot, 0};
    DM_TRY_ASSIGN(Usb usb, make_usb(parts, place, number_of(slot)));
    usb.plugged = parts;
    usb.function->reset();
    add_usb_ports(usb, number_of(slot));
    devices_.push_back(usb.function.get());
    usb_.push_back(std::move(usb));
    return attach(place, *usb_.back().function); // the place is free
}

Status Board::plug_usb_controller(const Controller& parts) {
    for (Usb& usb : usb_)
        if (usb.awaited && alike(*usb.plugged, parts)) {
            usb.awaited = false;
            return {};
        }
    if (gpe_->removable_slots() == 0)
        return fail("no USB controller can be plugged into a machine that is recorded");
    for (u8 slot = kFirstFreeDevice; slot < kSlots; ++slot) {
        if ((gpe_->removable_slots() >> slot & 1) == 0 || pci_.free_device(slot) != slot) continue;
        DM_TRY(put_usb_controller(parts, slot));
        log_.info("{} is plugged in at PCI slot {}", usb_.back().function->name(), slot);
        return gpe_->pci_inserted(slot);
    }
    return fail("no PCI place is free for a USB controller");
}

Status Board::unplug_usb_controller(std::string_view id) {
    for (const Usb& usb : usb_) {
        if (usb.id != id) continue;
        if (!usb.plugged) return fail("{} is a part of the machine and cannot be unplugged", id);
        return gpe_->pci_request_eject(usb.place.dev);
    }
    return fail("there is no USB controller {}", id);
}

bool Board::has_usb_controller(std::string_view id) const {
    return !id.empty() && std::ranges::any_of(usb_, [&](const Usb& usb) { return usb.id == id; });
}

bool Board::awaits_usb_controller(const Controller& controller) const {
    return std::ranges::any_of(
        usb_, [&](const Usb& usb) { return usb.awaited && alike(*usb.plugged, controller); });
}

/// The guest lets the slot go, whether it was asked to or not.
void Board::ejected(unsigned slot) {
    const auto found =
        std::ranges::find_if(usb_, [&](const Usb& usb) { return usb.plugged && usb.place.dev == slot; });
    if (found == usb_.end()) return log_.guest("ejected PCI slot {}, which is empty", slot);
    log_.info("the guest lets go of {}", found->function->name());
    remove_usb(static_cast<std::size_t>(found - usb_.begin()));
}

/// Its devices go first, then its interrupt and windows, then itself.
void Board::remove_usb(std::size_t index) {
    const Usb gone = std::move(usb_[index]);
    usb_.erase(usb_.begin() + static_cast<std::ptrdiff_t>(index));
    gone.controller->quiesce();
    const std::vector<std::string> ids = gone.ports->ids();
    for (const std::string& id : ids)
        static_cast<void>(gone.ports->unplug(id)); // may have gone with its hub
    gone.function->reset();
    pci_.detach(gone.place);
    std::erase(devices_, static_cast<Device*>(gone.ports.get()));
    std::erase(devices_, static_cast<Device*>(gone.function.get()));
    for (const std::string& id : ids)
        told_gone(id);
    if (!gone.id.empty()) told_gone(gone.id);
}

/// A guest that starts anew will not answer what its predecessor was asked.
void Board::finish_ejects() {
    const u32 leaving = gpe_->leaving();
    for (u8 slot = 0; slot < kSlots; ++slot)
        if ((leaving >> slot & 1) != 0) ejected(slot);
}

void Board::save_plugged(StateWriter& out) const {
    Plugged plugged;
    std::size_t count = 0;
    for (const Usb& usb : usb_) {
        if (!usb.plugged || count == plugged.usb.size()) continue;
        PluggedUsb& entry = plugged.usb[count++];
        entry.slot = usb.place.dev;
        entry.model = usb.plugged->model;
        entry.usb2_ports = static_cast<u8>(usb.plugged->usb2_ports);
        entry.usb3_ports = static_cast<u8>(usb.plugged->usb3_ports);
        for (const char c : usb.id)
            entry.id.push(c);
    }
    if (count > 0) out.section(kSection, plugged);
}

/// The same controllers as the saved machine had, before anything of them is loaded.
Status Board::load_plugged(StateReader& in) {
    Plugged saved;
    if (in.has(kSection)) DM_TRY(in.section(kSection, saved));
    u32 slots = 0;
    for (const PluggedUsb& entry : saved.usb) {
        if (entry.slot == 0) continue;
        const bool good = entry.slot < kSlots && (gpe_->removable_slots() >> entry.slot & 1) != 0 &&
                          (slots >> entry.slot & 1) == 0 && entry.model <= Controller::Model::Piix4Uhci &&
                          entry.usb2_ports >= 1 && entry.usb2_ports <= xhci::kMostPortsOfKind &&
                          entry.usb3_ports <= xhci::kMostPortsOfKind;
        if (!good) return fail("saved state: a USB controller is plugged in where it cannot be");
        slots |= u32{1} << entry.slot;
    }
    for (std::size_t i = usb_.size(); i-- > 0;)
        if (usb_[i].plugged) remove_usb(i);
    for (const PluggedUsb& entry : saved.usb) {
        if (entry.slot == 0) continue;
        Controller parts{.model = entry.model};
        for (std::size_t i = 0; i < entry.id.size(); ++i)
            parts.id += entry.id.at(i);
        parts.usb2_ports = entry.usb2_ports;
        parts.usb3_ports = entry.usb3_ports;
        DM_TRY(put_usb_controller(parts, entry.slot));
        usb_.back().awaited = true;
    }
    return {};
}

} // namespace dm
