// Inside the command line parser: what has been read so far, before drives, devices, NICs, monitors and their
// character devices are joined by name. Used by command_line*.cpp and the tables only.
#pragma once

#include "dm/toolstack/options.hpp"
#include "dm/toolstack/qemu_opts.hpp"
#include "dm/toolstack/support.hpp"

#include <set>

namespace dm::toolstack {

struct ChardevDraft {
    std::string id;
    CharOptions options;
    int fd = -1; ///< socket,fd=
    bool used = false;
    std::string text;
};

struct DriveDraft {
    DiskOptions disk;
    bool attached = false;  ///< has its place: by if=ide, or by the -device that names it
    bool to_ide = false;    ///< if=ide
    bool to_floppy = false; ///< if=floppy
    bool interface_none = false;
    bool is_node = false;             ///< of -blockdev
    std::optional<unsigned> position; ///< 0..3
    std::optional<bool> read_only;
    std::string text;
};

struct NetdevDraft {
    std::string id;
    std::string type;
    std::string ifname;
    int fd = -1;
    std::string bridge;
    bool used = false;
    std::string text;
};

/// The controller that libxl asks for with hdtype="ahci".
inline constexpr std::string_view kAhciDriver = "ahci";
inline constexpr std::string_view kSb16Driver = "sb16";
/// A network card's property, also of -global.
inline constexpr std::string_view kEnforceMac = "enforce-mac";

struct DeviceDraft {
    const DeviceRow* row = nullptr;
    QemuOpts opts;
    std::string id;
    std::string text;
    std::optional<unsigned> pci_slot;
    unsigned pci_function = 0;
};

struct MonitorDraft {
    std::string chardev;
    std::string text;
};

struct SerialDraft {
    std::optional<CharOptions> options;
    std::string chardev; ///< "chardev:ID"
    std::string text;
};

/// -global: what all devices of a driver get unless their own options say something else.
struct GlobalDraft {
    std::string driver;
    std::string property;
    std::string value;
};

/// -object tls-creds-...
struct TlsDraft {
    VncTlsOptions options;
    bool server = false; ///< endpoint=
};

struct CommandLineDraft {
    MachineOptions out;
    std::optional<std::string> print;
    bool accept_refused = false;

    bool machine_given = false;
    bool machine_is_xenfv = false;
    std::set<std::string> accels;
    std::string keymap;
    std::vector<TlsDraft> tls;
    std::string vnc_tls;               ///< id of one of them
    std::optional<VncDoorOptions> web; ///< -hvmdm-web

    std::vector<ChardevDraft> chardevs;
    std::vector<MonitorDraft> monitors;
    std::vector<SerialDraft> serials;
    std::vector<SerialDraft> parallels;
    std::vector<DriveDraft> drives;
    std::vector<NetdevDraft> netdevs;
    std::vector<DeviceDraft> devices;
    std::size_t first_devices = 0; ///< of -soundhw: QEMU made them before those of -device
    std::vector<GlobalDraft> globals;
    std::vector<std::string> missing; ///< devices asked for that the machine will not have

    std::string text; ///< the option that is being read: "-m 248"

    /// Something asked for by `text` is not there.
    void note(std::string_view what) { note_for(text, what); }
    void note_for(std::string_view option, std::string_view what) {
        out.unsupported.push_back(fmt::format("{}: {}", without_secrets(std::string(option)), what));
    }
    /// As above, of a device: a guest does without, a test that names it must not.
    void note_missing(std::string_view option, std::string_view what) {
        note_for(option, what);
        missing.push_back(out.unsupported.back());
    }
};

using Handler = Status(CommandLineDraft& draft, const std::string& value);

// command_line_machine.cpp
Handler take_accel, take_boot, take_machine, take_memory, take_name, take_no_acpi, take_smp;
Status finish_machine(CommandLineDraft& draft);

// command_line_char.cpp
Handler take_chardev, take_mon, take_monitor, take_parallel, take_qmp, take_serial;
Status finish_monitors(CommandLineDraft& draft);
Status finish_serials(CommandLineDraft& draft);
Status finish_parallels(CommandLineDraft& draft); ///< before finish_serials

// command_line_display.cpp
Handler take_display, take_keymap, take_vga;
Status finish_vga(CommandLineDraft& draft, DeviceDraft& device);

// command_line_vnc.cpp
Handler take_object, take_vnc, take_web;
Status finish_vnc(CommandLineDraft& draft);

// command_line_image.cpp
Handler take_blockdev;
/// file=, format=, cache= and what else an image has; the rest of `opts` is left.
Status take_image(QemuOpts& opts, ImageOptions& image);
/// Whether this is something that can be opened; takes "file:" off.
Status check_file(std::string& file);

// command_line_disk.cpp
Handler take_cdrom, take_drive, take_hda, take_hdb, take_hdc, take_hdd;
Status place_ide_drives(CommandLineDraft& draft);
Status finish_disk(CommandLineDraft& draft, DeviceDraft& device);
/// Whether a USB device has a controller to be plugged into.
bool has_usb_bus(const CommandLineDraft& draft);
Status finish_drives(CommandLineDraft& draft);

// command_line_floppy.cpp
Handler take_fda, take_fdb;
Status place_floppies(CommandLineDraft& draft);
Status finish_floppy(CommandLineDraft& draft, DeviceDraft& device);

// command_line_net.cpp
Handler take_net, take_netdev;
Status finish_nic(CommandLineDraft& draft, DeviceDraft& device);
Status finish_netdevs(CommandLineDraft& draft);

// command_line_device.cpp
Handler take_device, take_global, take_usb, take_usbdevice;
/// The last -global for one of `driver`'s properties; empty: none.
std::string global_of(const CommandLineDraft& draft, std::string_view driver, std::string_view property);
Status finish_devices(CommandLineDraft& draft);

// command_line_sound.cpp
Handler take_audio, take_audiodev, take_soundhw;
/// What there can be one of, and what cannot be chosen.
Status check_sb16(CommandLineDraft& draft, DeviceDraft& device);
bool has_audiodev(const CommandLineDraft& draft, std::string_view id);
/// Nothing for any other device. The controller was finished before.
Status place_hda_codec(const CommandLineDraft& draft, DeviceOptions& device);

// command_line_process.cpp
Handler take_add_fd, take_append, take_chroot, take_debug, take_domid, take_firmware_dir, take_incoming,
    take_initrd, take_kernel, take_no_shutdown, take_qtest, take_qtest_log, take_record, take_restrict,
    take_run_with, take_runas, take_start_paused;

// command_line_help.cpp
Handler take_help, take_version;
std::string list_of_devices();
std::string list_of_machines();
std::string list_of_accels();
std::string list_of_chardevs();
std::string list_of_netdevs();
std::string list_of_audiodevs();
std::string list_of_sound_cards();

/// For the tests: `accept_refused` fills in what refused options ask for instead of stopping there.
Result<CommandLine> parse_command_line(std::span<const char* const> arguments, bool accept_refused);

} // namespace dm::toolstack
