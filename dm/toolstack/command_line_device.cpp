// -device, -usb, -usbdevice, and the PCI slots.
//
// Slots are given as QEMU gives them, first free one in the order of the options, also to devices that are
// not emulated: guests name network interfaces after slots, and a card must not move when another one
// appears.
#include "dm/toolstack/command_line.hpp"

#include <algorithm>
#include <array>
#include <charconv>

namespace dm::toolstack {
namespace {

constexpr unsigned kSlots = 32;
constexpr unsigned kFirstFreeSlot = 2; // 0 is the host bridge, 1 the PIIX3 with its functions

bool wants_slot(DeviceKind kind) {
    switch (kind) {
    case DeviceKind::Vga:
    case DeviceKind::Nic:
    case DeviceKind::XenPlatform:
    case DeviceKind::PciDevice: return true;
    case DeviceKind::IdeDisk:
    case DeviceKind::IdeCdrom:
    case DeviceKind::ScsiDisk:
    case DeviceKind::UsbDisk:
    case DeviceKind::Floppy:
    case DeviceKind::OtherDevice: return false;
    }
    return false;
}

/// "3", "0x1d.0x7": slot and function, in hexadecimal with or without 0x.
struct PciPlace {
    unsigned slot = 0;
    unsigned function = 0;
};
Result<PciPlace> parse_place(std::string_view text) {
    const auto hex = [](std::string_view part) -> std::optional<unsigned> {
        if (part.starts_with("0x") || part.starts_with("0X")) part.remove_prefix(2);
        unsigned value = 0;
        const char* const end = part.data() + part.size();
        const auto [stop, error] = std::from_chars(part.data(), end, value, 16);
        if (part.empty() || stop != end || error != std::errc{}) return std::nullopt;
        return value;
    };
    const std::size_t dot = text.find('.');
    const auto slot = hex(text.substr(0, dot));
    const auto function = dot == std::string_view::npos ? std::optional(0U) : hex(text.substr(dot + 1));
    if (!slot || !function || *slot >= kSlots || *function > 7)
        return fail("addr={}: expected SLOT or SLOT.FUNCTION in hexadecimal", text);
    return PciPlace{*slot, *function};
}

class Slots {
public:
    explicit Slots(bool xen_platform) {
        used_[0] = used_[1] = kWhole;
        if (xen_platform) used_[kFirstFreeSlot] = kWhole;
    }
    Status claim(const PciPlace& place) {
        const u8 bit = static_cast<u8>(1U << place.function);
        u8& used = used_[place.slot];
        if ((used & bit) != 0) return fail("addr={:x}.{} is taken", place.slot, place.function);
        used = static_cast<u8>(used | bit);
        return {};
    }
    Result<unsigned> claim_free() {
        for (unsigned slot = kFirstFreeSlot; slot < kSlots; ++slot)
            if (used_[slot] == 0) {
                used_[slot] = kWhole;
                return slot;
            }
        return fail("there is no free PCI slot");
    }

private:
    static constexpr u8 kWhole = 0xff;
    std::array<u8, kSlots> used_{}; // a bit for each function
};

Status assign_slots(CommandLineDraft& draft) {
    Slots slots(draft.out.xen_platform);
    for (DeviceDraft& device : draft.devices) {
        if (!wants_slot(device.row->kind)) continue;
        if (device.row->kind == DeviceKind::XenPlatform && draft.out.xen_platform)
            return fail("{}: -machine xenfv has this device already", device.text);
        const auto where = [&](const Error& error) { return fail("{}: {}", device.text, error.message); };
        if (const auto addr = device.opts.take("addr")) {
            auto place = parse_place(*addr);
            if (!place) return where(place.error());
            if (const Status claimed = slots.claim(*place); !claimed.ok()) return where(claimed.error());
            device.pci_slot = place->slot;
            device.pci_function = place->function;
        } else {
            auto slot = slots.claim_free();
            if (!slot) return where(slot.error());
            device.pci_slot = *slot;
        }
    }
    return {};
}

std::string with_id(std::string_view sentence, const DeviceDraft& device) {
    std::string out(sentence);
    if (const std::size_t at = out.find("{id}"); at != std::string::npos)
        out.replace(at, 4, device.id.empty() ? std::string(device.row->driver) : device.id);
    return out;
}

Status finish_other(CommandLineDraft& draft, DeviceDraft& device) {
    const bool second =
        std::ranges::any_of(draft.out.devices, [&](const auto& d) { return d.driver == device.row->driver; });
    if (second && device.row->driver == kAhciDriver) return fail("there can be one AHCI controller only");
    if (device.row->driver == kSb16Driver) DM_TRY(check_sb16(draft, device));
    if (const auto audio = device.opts.take("audiodev"); audio && !has_audiodev(draft, *audio))
        return fail("there is no -audiodev with id={}", *audio);
    DeviceOptions out;
    out.driver = device.row->driver;
    out.id = device.id;
    out.properties = device.opts.pairs();
    std::erase_if(out.properties, [](const auto& p) { return p.first == "driver" || p.first == "id"; });
    out.emulated = device.row->support == Support::Implemented;
    out.pci_slot = device.pci_slot;
    out.pci_function = device.pci_function;
    DM_TRY(place_hda_codec(draft, out));
    draft.out.devices.push_back(std::move(out));
    return {};
}

Status finish_one(CommandLineDraft& draft, DeviceDraft& device) {
    switch (device.row->kind) {
    case DeviceKind::Vga: return finish_vga(draft, device);
    case DeviceKind::IdeDisk:
    case DeviceKind::IdeCdrom:
    case DeviceKind::ScsiDisk: return finish_disk(draft, device);
    case DeviceKind::UsbDisk: {
        const auto properties = device.opts.pairs();
        DM_TRY(finish_disk(draft, device));
        device.opts = {};
        DM_TRY(finish_other(draft, device));
        draft.out.devices.back().properties = properties;
        return {};
    }
    case DeviceKind::Floppy: return finish_floppy(draft, device);
    case DeviceKind::Nic: return finish_nic(draft, device);
    case DeviceKind::XenPlatform: draft.out.xen_platform = true; return {};
    case DeviceKind::PciDevice:
    case DeviceKind::OtherDevice: return finish_other(draft, device);
    }
    return {};
}

bool is_usb_controller(const DeviceDraft& device) {
    const std::string_view driver = device.row->driver;
    return device.row->support == Support::Implemented &&
           (driver.find("-uhci") != driver.npos || driver.find("-ehci") != driver.npos ||
            driver.find("-xhci") != driver.npos);
}

/// QEMU's words, with what to do about it.
Status check_usb_bus(const CommandLineDraft& draft, const DeviceDraft& device) {
    const bool usb_device = device.row->support == Support::Implemented &&
                            device.row->driver.starts_with("usb-") && !is_usb_controller(device);
    if (!usb_device || has_usb_bus(draft)) return {};
    return fail("No 'usb-bus' bus found for device '{}'; add -usb (usb=1, usbversion= or usbctrl= in xl.cfg)",
                device.row->driver);
}

/// "rtl8139, e1000"
std::string emulated_nics() {
    std::string names;
    for (const DeviceRow& row : device_rows())
        if (row.kind == DeviceKind::Nic && row.support == Support::Implemented)
            names += (names.empty() ? "" : ", ") + std::string(row.driver);
    return names;
}

} // namespace

Status take_device(CommandLineDraft& draft, const std::string& value) {
    DM_TRY_ASSIGN(QemuOpts opts, QemuOpts::parse(value, "driver"));
    const std::string driver = opts.take_or("driver", "");
    if (driver == "help" || driver == "?") {
        draft.print = list_of_devices();
        return {};
    }
    DeviceDraft device;
    device.row = find_device(driver);
    if (device.row == nullptr && opts.has("netdev"))
        return fail("there is no network card '{}'; model= can be one of {}", driver, emulated_nics());
    if (device.row == nullptr) return fail("there is no device '{}'; see -device help", driver);
    if (device.row->support == Support::Refused && !draft.accept_refused)
        return fail("{}", device.row->consequence);
    device.id = opts.take_or("id", "");
    for (const DeviceDraft& other : draft.devices)
        if (!device.id.empty() && other.id == device.id) return fail("id={} is in use already", device.id);
    device.text = draft.text;
    device.opts = std::move(opts);
    draft.devices.push_back(std::move(device));
    return {};
}

/// "DRIVER.PROPERTY=VALUE", or the three as keys.
Status take_global(CommandLineDraft& draft, const std::string& value) {
    GlobalDraft global;
    const std::size_t equals = value.find('=');
    const std::size_t dot = value.rfind('.', equals);
    if (equals != std::string::npos && dot != std::string::npos && value.find(',') == std::string::npos) {
        global = {value.substr(0, dot), value.substr(dot + 1, equals - dot - 1), value.substr(equals + 1)};
    } else {
        DM_TRY_ASSIGN(QemuOpts opts, QemuOpts::parse(value, ""));
        global.driver = opts.take_or("driver", "");
        global.property = opts.take_or("property", "");
        global.value = opts.take_or("value", "");
        DM_TRY(opts.finish());
    }
    if (global.driver.empty() || global.property.empty()) return fail("expected DRIVER.PROPERTY=VALUE");
    const DeviceRow* row = find_device(global.driver);
    if (row != nullptr) global.driver = row->driver; // its other name is no other driver
    constexpr std::array<std::string_view, 4> kDrives{"ide-hd", "ide-cd", "scsi-hd", "scsi-cd"};
    const bool drive = std::ranges::find(kDrives, global.driver) != kDrives.end();
    constexpr std::array<std::string_view, 5> kKnown{"serial", "ver", "model", "rerror", "werror"};
    const bool nic = row != nullptr && row->kind == DeviceKind::Nic && global.property == kEnforceMac;
    if (global.property == kEnforceMac) {
        if (!nic) return fail("there is no network card {}: it would go unwatched", global.driver);
        DM_TRY(parse_bool(global.value));
    }
    const bool floppy = global.driver == "isa-fdc" || global.driver == "floppy";
    constexpr std::array<std::string_view, 4> kFloppy{"fdtypeA", "fdtypeB", "fallback", "drive-type"};
    if (floppy && std::ranges::find(kFloppy, global.property) != kFloppy.end()) {
        draft.globals.push_back(std::move(global));
        return {};
    }
    if (nic ? row->support != Support::Implemented
            : !drive || std::ranges::find(kKnown, global.property) == kKnown.end())
        draft.note("not supported, has no effect");
    draft.globals.push_back(std::move(global));
    return {};
}

std::string global_of(const CommandLineDraft& draft, std::string_view driver, std::string_view property) {
    std::string value;
    for (const GlobalDraft& global : draft.globals)
        if (global.driver == driver && global.property == property) value = global.value;
    return value;
}

Status take_usb(CommandLineDraft& draft, const std::string&) {
    draft.out.usb = true;
    return {};
}

Status take_usbdevice(CommandLineDraft& draft, const std::string& value) {
    const auto one_of = [&](std::initializer_list<std::string_view> words) {
        return std::ranges::find(words, value) != words.end();
    };
    if (value.starts_with("host:")) { // QEMU 7.2 refuses it
        draft.note("not supported, nothing is plugged in; use usbdev= in xl.cfg, or -device usb-host");
        draft.out.usb = true;
        return {};
    }
    const bool missing = one_of({"wacom-tablet", "braille"});
    if (!missing && !one_of({"tablet", "mouse", "keyboard"}))
        return fail("there is no such USB device: use tablet, mouse or keyboard");
    if (missing) draft.note("not emulated yet, nothing is plugged in");
    draft.out.usb = true;
    draft.out.usb_devices.push_back(value);
    return {};
}

bool has_usb_bus(const CommandLineDraft& draft) {
    return draft.out.usb || std::ranges::any_of(draft.devices, is_usb_controller);
}

Status finish_devices(CommandLineDraft& draft) {
    DM_TRY(assign_slots(draft));
    for (DeviceDraft& device : draft.devices) {
        if (const Status bus = check_usb_bus(draft, device); !bus.ok())
            return fail("{}: {}", device.text, bus.error().message);
        if (const Status done = finish_one(draft, device); !done.ok())
            return fail("{}: {}", device.text, done.error().message);
        if (device.row->support == Support::Logged)
            draft.note_missing(device.text, with_id(device.row->consequence, device));
    }
    return {};
}

} // namespace dm::toolstack
