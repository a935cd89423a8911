// Floppy drives: -fda, -fdb, -drive if=floppy, -device floppy, -global isa-fdc.*.
#include "dm/toolstack/command_line.hpp"

#include <algorithm>

namespace dm::toolstack {
namespace {

constexpr unsigned kDrives = 2;
constexpr std::string_view kController = "isa-fdc";
constexpr std::string_view kDrive = "floppy";

Result<FloppyType> floppy_type(std::string_view key, std::string_view word) {
    if (word == "auto") return FloppyType::Auto;
    if (word == "none") return FloppyType::None;
    if (word == "120") return FloppyType::F1200K;
    if (word == "144") return FloppyType::F1440K;
    if (word == "288") return FloppyType::F2880K;
    return fail("{}={}: expected 120, 144, 288, auto or none", key, word);
}

/// What `-global DRIVER.KEY` says, if anything.
Status take_global_type(const CommandLineDraft& draft, std::string_view driver, std::string_view key,
                        FloppyType& type) {
    const std::string word = global_of(draft, driver, key);
    if (word.empty()) return {};
    DM_TRY_ASSIGN(type, floppy_type(key, word));
    return {};
}

bool is_taken(const CommandLineDraft& draft, unsigned unit) {
    return std::ranges::any_of(draft.out.disks, [&](const DiskOptions& disk) {
        return disk.bus == DiskBus::Floppy && disk.unit == unit;
    });
}

Status put_on_controller(CommandLineDraft& draft, DiskOptions disk, std::optional<unsigned> unit) {
    if (!unit) unit = is_taken(draft, 0) ? 1 : 0;
    if (*unit >= kDrives) return fail("there are two floppy drives only, 0 and 1");
    if (is_taken(draft, *unit)) return fail("two floppy drives want the same place {}", *unit);
    disk.bus = DiskBus::Floppy;
    disk.unit = *unit;
    disk.media = DiskMedia::Disk;
    if (disk.id.empty()) disk.id = fmt::format("floppy{}", *unit);
    if (disk.floppy_type == FloppyType::Auto)
        DM_TRY(take_global_type(draft, kDrive, "drive-type", disk.floppy_type));
    if (disk.floppy_type == FloppyType::Auto)
        DM_TRY(take_global_type(draft, kController, *unit == 0 ? "fdtypeA" : "fdtypeB", disk.floppy_type));
    draft.out.disks.push_back(std::move(disk));
    return {};
}

Status take_short(CommandLineDraft& draft, const std::string& file, unsigned unit) {
    DriveDraft drive;
    drive.text = draft.text;
    drive.to_floppy = true;
    drive.position = unit;
    drive.disk.file = file;
    DM_TRY(check_file(drive.disk.file));
    draft.drives.push_back(std::move(drive));
    return {};
}

} // namespace

Status take_fda(CommandLineDraft& draft, const std::string& value) {
    return take_short(draft, value, 0);
}
Status take_fdb(CommandLineDraft& draft, const std::string& value) {
    return take_short(draft, value, 1);
}

Status place_floppies(CommandLineDraft& draft) {
    DM_TRY(take_global_type(draft, kController, "fallback", draft.out.floppy_fallback));
    if (draft.out.floppy_fallback == FloppyType::Auto)
        return fail("-global isa-fdc.fallback=auto: name a type");
    for (const bool placed : {true, false}) // those that chose their place come first
        for (DriveDraft& drive : draft.drives) {
            if (!drive.to_floppy || drive.position.has_value() != placed) continue;
            drive.attached = true;
            drive.disk.read_only = drive.read_only.value_or(false);
            if (const Status put = put_on_controller(draft, drive.disk, drive.position); !put.ok())
                return fail("{}: {}", drive.text, put.error().message);
        }
    return {};
}

Status finish_floppy(CommandLineDraft& draft, DeviceDraft& device) {
    DiskOptions disk;
    disk.id = device.id;
    if (const auto name = device.opts.take("drive")) {
        const auto drive =
            std::ranges::find_if(draft.drives, [&](const DriveDraft& d) { return d.disk.id == *name; });
        if (drive == draft.drives.end()) return fail("there is no -drive with id={}", *name);
        if (drive->attached) return fail("the drive {} is attached already", *name);
        drive->attached = true;
        disk = drive->disk;
        disk.read_only = drive->read_only.value_or(false);
    }
    DM_TRY_ASSIGN(const auto unit, device.opts.take_number("unit", INT32_MAX));
    const std::string word = device.opts.take_or("drive-type", "auto");
    DM_TRY_ASSIGN(disk.floppy_type, floppy_type("drive-type", word));
    device.opts.ignore({"id", "bus", "bootindex", "write-cache", "share-rw", "logical_block_size",
                        "physical_block_size", "rerror", "werror"});
    DM_TRY(device.opts.finish());
    return put_on_controller(draft, std::move(disk),
                             unit ? std::optional(static_cast<unsigned>(*unit)) : std::nullopt);
}

} // namespace dm::toolstack
