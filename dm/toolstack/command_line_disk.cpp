// -drive, its short forms, and the disk devices that name a drive.
#include "dm/toolstack/command_line.hpp"

#include <algorithm>

namespace dm::toolstack {
namespace {

constexpr unsigned kIdePositions = 4; // hda to hdd
constexpr unsigned kAhciPorts = 6;
constexpr unsigned kScsiIds = 16;
constexpr unsigned kScsiHostId = 7; // the adapter's own

Status take_interface(CommandLineDraft& draft, QemuOpts& opts, DriveDraft& drive) {
    const std::string interface = opts.take_or("if", "ide");
    drive.to_ide = interface == "ide";
    drive.interface_none = interface == "none";
    drive.to_floppy = interface == "floppy";
    if (drive.to_ide || drive.to_floppy || drive.interface_none) return {};
    if (interface != "scsi" && interface != "virtio" && interface != "xen")
        return fail("there is no if={}: use ide, or none with -device", interface);
    drive.disk.bus = interface == "scsi" ? DiskBus::Scsi : DiskBus::Other;
    drive.disk.emulated = interface == "scsi";
    if (drive.disk.emulated) return {}; // finish_drives() looks for an adapter
    draft.note_missing(
        draft.text,
        fmt::format("if={} is not emulated yet, the guest sees it as a PV disk at most", interface));
    return {};
}

Status take_place(QemuOpts& opts, DriveDraft& drive) {
    DM_TRY_ASSIGN(const auto index, opts.take_number("index", INT32_MAX));
    DM_TRY_ASSIGN(const auto bus, opts.take_number("bus", INT32_MAX));
    DM_TRY_ASSIGN(const auto unit, opts.take_number("unit", INT32_MAX));
    if (index && (bus || unit)) return fail("index= says the same as bus= and unit=, leave one out");
    if ((drive.to_floppy || drive.disk.bus == DiskBus::Scsi) && (index || unit))
        drive.position = static_cast<unsigned>(index ? *index : *unit);
    if (!drive.to_ide) return {};
    if ((index && *index >= kIdePositions) || (bus && *bus > 1) || (unit && *unit > 1))
        return fail("IDE has four places only, index 0 (hda) to 3 (hdd)");
    if (index) drive.position = static_cast<unsigned>(*index);
    if (bus || unit) drive.position = static_cast<unsigned>(bus.value_or(0) * 2 + unit.value_or(0));
    return {};
}

bool is_taken(const CommandLineDraft& draft, unsigned position) {
    return std::any_of(draft.out.disks.begin(), draft.out.disks.end(), [&](const DiskOptions& disk) {
        return disk.bus == DiskBus::Ide && disk.channel * 2 + disk.unit == position;
    });
}

Status put_on_ide(CommandLineDraft& draft, DiskOptions& disk, std::optional<unsigned> position) {
    if (!position) {
        unsigned free = 0;
        while (free < kIdePositions && is_taken(draft, free))
            ++free;
        position = free;
    }
    if (*position >= kIdePositions) return fail("all four IDE places are taken");
    if (is_taken(draft, *position))
        return fail("two disks want the same IDE place {} (xvd{} counts as hd{})", *position,
                    static_cast<char>('a' + *position), static_cast<char>('a' + *position));
    disk.bus = DiskBus::Ide;
    disk.channel = *position / 2;
    disk.unit = *position % 2;
    return {};
}

/// The first free place of a channel.
Status put_on_channel(CommandLineDraft& draft, DiskOptions& disk, unsigned channel) {
    const unsigned master = channel * 2;
    return put_on_ide(draft, disk, is_taken(draft, master) ? master + 1 : master);
}

/// One disk on each port; the first free one when none is named.
Status put_on_ahci(CommandLineDraft& draft, DiskOptions& disk, std::optional<unsigned> port, u64 unit) {
    const auto taken = [&](unsigned candidate) {
        return std::any_of(draft.out.disks.begin(), draft.out.disks.end(), [&](const DiskOptions& other) {
            return other.bus == DiskBus::Ahci && other.channel == candidate;
        });
    };
    if (!port) {
        port = 0;
        while (*port < kAhciPorts && taken(*port))
            ++*port;
    }
    if (*port >= kAhciPorts) return fail("the AHCI controller has ports 0 to 5, each for one disk");
    if (unit != 0) return fail("unit={}: an AHCI port has unit 0 only", unit);
    if (taken(*port)) return fail("two disks want the same AHCI port {}", *port);
    disk.bus = DiskBus::Ahci;
    disk.channel = *port;
    return {};
}

/// By this name `-global` sets what holds for all drives of its kind; there is none for USB disks.
std::string_view global_driver(const DiskOptions& disk) {
    if (disk.bus == DiskBus::Usb) return {};
    const bool disc = disk.media == DiskMedia::Cdrom;
    if (disk.bus == DiskBus::Scsi) return disc ? "scsi-cd" : "scsi-hd";
    return disc ? "ide-cd" : "ide-hd";
}

void take_names(const CommandLineDraft& draft, DiskOptions& disk) {
    const std::string_view driver = global_driver(disk);
    if (disk.serial.empty()) disk.serial = global_of(draft, driver, "serial");
    if (disk.model.empty()) disk.model = global_of(draft, driver, "model");
    if (disk.firmware.empty()) disk.firmware = global_of(draft, driver, "ver");
}

/// `auto` is what holds without the option.
Result<OnError> error_action(std::string_view key, const std::string& word) {
    const bool writing = key == "werror";
    if (word == "report") return OnError::Report;
    if (word == "ignore") return OnError::Ignore;
    if (word == "stop") return OnError::Stop;
    if (word == "enospc" && writing) return OnError::StopIfNoSpace;
    if (word == "auto") return writing ? ErrorPolicy{}.on_write : ErrorPolicy{}.on_read;
    return fail("{}={}: expected report, ignore{} or stop", key, word, writing ? ", enospc" : "");
}

Status take_error_policy(QemuOpts& opts, ErrorPolicy& policy) {
    if (const auto word = opts.take("rerror")) {
        DM_TRY_ASSIGN(policy.on_read, error_action("rerror", *word));
    }
    if (const auto word = opts.take("werror")) {
        DM_TRY_ASSIGN(policy.on_write, error_action("werror", *word));
    }
    return {};
}

/// `-global ide-hd.werror=stop`: the way through xl's device_model_args. What a drive says itself counts
/// more.
Status take_global_policy(const CommandLineDraft& draft, DiskOptions& disk) {
    const std::string_view driver = global_driver(disk);
    const std::string on_read = global_of(draft, driver, "rerror");
    const std::string on_write = global_of(draft, driver, "werror");
    constexpr ErrorPolicy usual{};
    if (!on_read.empty() && disk.errors.on_read == usual.on_read) {
        DM_TRY_ASSIGN(disk.errors.on_read, error_action("rerror", on_read));
    }
    if (!on_write.empty() && disk.errors.on_write == usual.on_write) {
        DM_TRY_ASSIGN(disk.errors.on_write, error_action("werror", on_write));
    }
    return {};
}

Status check_disk(const DiskOptions& disk) {
    if (disk.media == DiskMedia::Cdrom) return {};
    if (disk.file.empty()) return fail("a disk needs file=");
    if ((disk.bus == DiskBus::Ide || disk.bus == DiskBus::Ahci) && disk.read_only)
        return fail("an IDE disk cannot be read-only: give it mode w, or make it a cdrom");
    return {};
}

/// "ide.1" and "ahci0.3": where the device hangs.
struct BusName {
    std::string controller;
    std::optional<unsigned> number;
};
Result<BusName> split_bus(const std::string& text) {
    BusName out;
    const std::size_t dot = text.rfind('.');
    out.controller = text.substr(0, dot);
    if (dot != std::string::npos) {
        const auto number = parse_number(text.substr(dot + 1), INT32_MAX);
        if (!number) return fail("there is no bus '{}'", text);
        out.number = static_cast<unsigned>(number.value());
    }
    return out;
}

Status place_ide_device(CommandLineDraft& draft, DeviceDraft& device, DiskOptions& disk) {
    DM_TRY_ASSIGN(const auto unit, device.opts.take_number("unit", INT32_MAX));
    const auto bus_text = device.opts.take("bus");
    if (!bus_text) {
        if (unit) return fail("unit= needs bus=ide.0 or bus=ide.1");
        return put_on_ide(draft, disk, std::nullopt);
    }
    DM_TRY_ASSIGN(const BusName bus, split_bus(*bus_text));
    if (bus.controller == "ide") {
        if (bus.number.value_or(0) > 1 || unit.value_or(0) > 1)
            return fail("there is no bus '{}' unit {}: IDE has four places only, hda to hdd", *bus_text,
                        unit.value_or(0));
        if (bus.number && !unit) return put_on_channel(draft, disk, *bus.number);
        return put_on_ide(draft, disk, bus.number.value_or(0) * 2 + static_cast<unsigned>(unit.value_or(0)));
    }
    const auto controller =
        std::find_if(draft.devices.begin(), draft.devices.end(), [&](const DeviceDraft& candidate) {
            return candidate.id == bus.controller && candidate.row->kind == DeviceKind::PciDevice;
        });
    if (controller == draft.devices.end()) return fail("there is no bus '{}'", *bus_text);
    if (controller->row->driver == kAhciDriver) return put_on_ahci(draft, disk, bus.number, unit.value_or(0));
    disk.bus = DiskBus::Other;
    disk.emulated = controller->row->support == Support::Implemented;
    if (!disk.emulated)
        draft.note_for(device.text,
                       fmt::format("{} is not emulated yet, the guest sees it as a PV disk at most",
                                   controller->row->driver));
    return {};
}

/// Where no SCSI disk is yet.
unsigned free_scsi_id(const CommandLineDraft& draft) {
    for (unsigned id = 0; id < kScsiIds; ++id)
        if (id != kScsiHostId && std::ranges::none_of(draft.out.disks, [&](const DiskOptions& disk) {
                return disk.bus == DiskBus::Scsi && disk.unit == id;
            }))
            return id;
    return kScsiIds;
}

/// A disk that cannot be on an emulated bus is one for PV drivers, as others are.
Status put_on_scsi(CommandLineDraft& draft, DiskOptions& disk, unsigned id, std::string_view text) {
    disk.bus = DiskBus::Scsi;
    disk.unit = id;
    for (const DiskOptions& other : draft.out.disks)
        if (other.bus == DiskBus::Scsi && other.unit == disk.unit)
            return fail("two disks want the same SCSI ID {}", disk.unit);
    const bool adapter = std::ranges::any_of(
        draft.devices, [](const DeviceDraft& device) { return device.row->driver == "lsi53c895a"; });
    disk.emulated = adapter && disk.unit < kScsiIds && disk.unit != kScsiHostId;
    if (!disk.emulated)
        draft.note_for(text, fmt::format("{}, the guest sees it as a PV disk at most",
                                         adapter ? fmt::format("no disk can have SCSI ID {}", disk.unit)
                                                 : std::string("there is no -device lsi53c895a")));
    return {};
}

Status place_scsi_device(CommandLineDraft& draft, DeviceDraft& device, DiskOptions& disk) {
    DM_TRY_ASSIGN(const auto target, device.opts.take_number("scsi-id", 255));
    disk.media = device.row->driver == "scsi-cd" ? DiskMedia::Cdrom : DiskMedia::Disk;
    device.opts.ignore({"bus", "lun", "channel", "vendor", "product", "removable", "dpofua", "device_id",
                        "port_wwn", "port_index", "scsi_version", "max_io_size", "max_unmap_size"});
    const unsigned id = target ? static_cast<unsigned>(*target) : free_scsi_id(draft);
    return put_on_scsi(draft, disk, id, device.text);
}

/// Where there is USB, such a drive may become a disk by device_add at any time.
bool waits_for_device_add(const CommandLineDraft& draft, const DriveDraft& drive) {
    return drive.interface_none && !drive.is_node && !drive.disk.file.empty() && has_usb_bus(draft);
}

/// What the device is to show: the drive that it names, or an empty tray.
Result<DiskOptions> disk_for(CommandLineDraft& draft, DeviceDraft& device) {
    const bool cdrom = device.row->kind == DeviceKind::IdeCdrom || device.row->driver == "scsi-cd";
    const auto name = device.opts.take("drive");
    if (!name && !cdrom) return fail("drive= is missing: give the id of a -drive");
    DiskOptions disk;
    disk.id = device.id;
    std::optional<bool> read_only;
    if (name) {
        const auto drive = std::find_if(draft.drives.begin(), draft.drives.end(),
                                        [&](const DriveDraft& d) { return d.disk.id == *name; });
        if (drive == draft.drives.end()) return fail("there is no -drive with id={}", *name);
        if (drive->attached) return fail("the drive {} is attached already", *name);
        drive->attached = true;
        disk = drive->disk;
        read_only = drive->read_only;
    }
    if (cdrom) disk.media = DiskMedia::Cdrom;
    if (device.row->kind == DeviceKind::IdeDisk) disk.media = DiskMedia::Disk;
    disk.read_only = read_only.value_or(disk.media == DiskMedia::Cdrom);
    return disk;
}

Status take_short(CommandLineDraft& draft, const std::string& file, unsigned position, DiskMedia media) {
    DriveDraft drive;
    drive.text = draft.text;
    drive.to_ide = true;
    drive.position = position;
    drive.disk.file = file;
    drive.disk.media = media;
    DM_TRY(check_file(drive.disk.file));
    draft.drives.push_back(std::move(drive));
    return {};
}

} // namespace

Status take_hda(CommandLineDraft& draft, const std::string& value) {
    return take_short(draft, value, 0, DiskMedia::Disk);
}
Status take_hdb(CommandLineDraft& draft, const std::string& value) {
    return take_short(draft, value, 1, DiskMedia::Disk);
}
Status take_hdc(CommandLineDraft& draft, const std::string& value) {
    return take_short(draft, value, 2, DiskMedia::Disk);
}
Status take_hdd(CommandLineDraft& draft, const std::string& value) {
    return take_short(draft, value, 3, DiskMedia::Disk);
}
Status take_cdrom(CommandLineDraft& draft, const std::string& value) {
    return take_short(draft, value, 2, DiskMedia::Cdrom);
}

Status take_drive(CommandLineDraft& draft, const std::string& value) {
    DM_TRY_ASSIGN(QemuOpts opts, QemuOpts::parse(value, ""));
    DriveDraft drive;
    DiskOptions& disk = drive.disk;
    drive.text = draft.text;
    disk.id = opts.take_or("id", "");
    for (const DriveDraft& other : draft.drives)
        if (!disk.id.empty() && other.disk.id == disk.id) return fail("id={} is in use already", disk.id);
    disk.serial = opts.take_or("serial", "");
    DM_TRY(take_image(opts, disk));
    DM_TRY(take_interface(draft, opts, drive));
    DM_TRY(take_place(opts, drive));
    const std::string media = opts.take_or("media", "disk");
    if (media != "disk" && media != "cdrom") return fail("media={}: expected disk or cdrom", media);
    disk.media = media == "cdrom" ? DiskMedia::Cdrom : DiskMedia::Disk;
    for (const std::string_view key : {"readonly", "read-only"})
        if (opts.has(key)) {
            DM_TRY_ASSIGN(drive.read_only, opts.take_bool(key, false));
        }
    DM_TRY_ASSIGN(const bool snapshot, opts.take_bool("snapshot", false));
    if (snapshot) return fail("snapshot=on is not supported: the guest's writes would reach the image");
    DM_TRY(take_error_policy(opts, disk.errors));
    DM_TRY(opts.finish());
    draft.drives.push_back(std::move(drive));
    return {};
}

Status place_ide_drives(CommandLineDraft& draft) {
    for (const bool placed : {true, false}) // those that chose their place come first
        for (DriveDraft& drive : draft.drives) {
            if (!drive.to_ide || drive.position.has_value() != placed) continue;
            DiskOptions& disk = drive.disk;
            const auto in_place = [&](const Status& status) -> Status {
                return status.ok() ? status : fail("{}: {}", drive.text, status.error().message);
            };
            DM_TRY(in_place(put_on_ide(draft, disk, drive.position)));
            const bool cdrom = disk.media == DiskMedia::Cdrom;
            disk.read_only = drive.read_only.value_or(cdrom);
            DM_TRY(in_place(check_disk(disk)));
            if (disk.id.empty())
                disk.id = fmt::format("ide{}-{}{}", disk.channel, cdrom ? "cd" : "hd", disk.unit);
            take_names(draft, disk);
            DM_TRY(in_place(take_global_policy(draft, disk)));
            drive.attached = true;
            draft.out.disks.push_back(disk);
        }
    return {};
}

Status finish_disk(CommandLineDraft& draft, DeviceDraft& device) {
    DM_TRY_ASSIGN(DiskOptions disk, disk_for(draft, device));
    if (device.row->kind == DeviceKind::ScsiDisk) {
        DM_TRY(place_scsi_device(draft, device, disk));
    } else if (device.row->kind == DeviceKind::UsbDisk) {
        disk.bus = DiskBus::Usb;
        device.opts.ignore({"bus", "port", "removable"});
    } else {
        DM_TRY(place_ide_device(draft, device, disk));
    }
    DM_TRY(check_disk(disk));
    disk.serial = device.opts.take_or("serial", disk.serial);
    disk.model = device.opts.take_or("model", "");
    disk.firmware = device.opts.take_or("ver", "");
    if (disk.bus == DiskBus::Usb && (device.opts.has("rerror") || device.opts.has("werror")))
        draft.note_for(device.text, "rerror and werror have no effect here, the guest is told of errors");
    DM_TRY(take_error_policy(device.opts, disk.errors));
    take_names(draft, disk);
    DM_TRY(take_global_policy(draft, disk));
    DM_TRY_ASSIGN(disk.share_writers, device.opts.take_bool("share-rw", disk.share_writers));
    device.opts.ignore({"id", "bootindex", "wwn", "logical_block_size", "physical_block_size", "write-cache",
                        "rotation_rate"});
    DM_TRY(device.opts.finish());
    draft.out.disks.push_back(std::move(disk));
    return {};
}

Status finish_drives(CommandLineDraft& draft) {
    for (DriveDraft& drive : draft.drives) {
        if (drive.attached) continue;
        if (drive.interface_none && !waits_for_device_add(draft, drive)) {
            draft.note_for(drive.text, "no -device uses this drive");
            continue;
        }
        DiskOptions& disk = drive.disk;
        disk.read_only = drive.read_only.value_or(disk.media == DiskMedia::Cdrom);
        if (drive.interface_none) disk.bus = DiskBus::Usb;
        if (disk.bus == DiskBus::Scsi) {
            const unsigned id = drive.position ? *drive.position : free_scsi_id(draft);
            const Status placed = put_on_scsi(draft, disk, id, drive.text);
            if (!placed.ok()) return fail("{}: {}", drive.text, placed.error().message);
            if (disk.id.empty())
                disk.id = fmt::format("scsi0-{}{}", disk.media == DiskMedia::Cdrom ? "cd" : "hd", disk.unit);
        }
        draft.out.disks.push_back(disk);
    }
    return {};
}

} // namespace dm::toolstack
