// What the command line asks for, as plain data. libxl writes it (contract: QEMU's options as Xen's libxl
// uses them); people add to it with device_model_args_hvm.
#pragma once

#include "dm/core/audio_options.hpp"
#include "dm/core/block_backend.hpp"
#include "dm/core/char_options.hpp"
#include "dm/core/disk_options.hpp"
#include "dm/core/result.hpp"
#include "dm/core/types.hpp"
#include "dm/core/vnc_options.hpp"

#include <array>
#include <map>
#include <optional>
#include <span>
#include <string>
#include <string_view>
#include <utility>
#include <vector>

namespace dm::toolstack {

inline constexpr unsigned kMostCpus = 256; ///< bits of the hot plug block, GpeHotplug::kMostCpus

enum class Accel : u8 { Xen, Qtest };

enum class VgaModel : u8 { None, Std, Cirrus, Qxl };

struct VgaOptions {
    VgaModel model = VgaModel::None;     ///< what to build
    VgaModel requested = VgaModel::None; ///< what was asked for; differs while that is not emulated
    unsigned memory_mib = 16;
    std::optional<unsigned> pci_slot; ///< always there unless model is None
};

enum class DiskBus : u8 { Ide, Scsi, Ahci, Usb, Floppy, Other };
enum class DiskMedia : u8 { Disk, Cdrom };
/// A floppy drive, by the largest disk that it takes. Auto: made for the one that is in it at first.
enum class FloppyType : u8 { Auto, None, F1200K, F1440K, F2880K };

/// A drive and the image in it; no medium without a file.
struct DiskOptions : ImageOptions {
    std::string id; ///< QMP's name of the drive: "ide0-hd0", "ide-5632"
    DiskBus bus = DiskBus::Ide;
    unsigned channel = 0; ///< Ide: 0, 1. Ahci: port, 0 to 5
    unsigned unit = 0;    ///< Ide: 0 master, 1 slave. Scsi: target. Floppy: 0, 1
    DiskMedia media = DiskMedia::Disk;
    ErrorPolicy errors{}; ///< rerror=, werror=
    // What the guest reads in IDENTIFY; empty: the machine chooses.
    std::string serial;
    std::string model;
    std::string firmware;
    FloppyType floppy_type = FloppyType::Auto;
    bool emulated = true; ///< false: nothing to build
};

struct NicOptions {
    std::string model;  ///< "rtl8139"
    std::string id;     ///< "nic0"
    std::string netdev; ///< "net0"; empty: no cable
    std::array<u8, 6> mac{};
    std::string tap;      ///< name of the tap to open before the guest may run; empty: none
    int tap_fd = -1;      ///< or a tap that is open already
    std::string bridge;   ///< informational: hotplug scripts attach the tap
    bool emulated = true; ///< false: open the tap, build no card
    std::optional<unsigned> pci_slot;
    /// Option ROM: a name or a path; nothing: the model's own; empty: none.
    std::optional<std::string> rom_file;
    bool enforce_mac = false; ///< frames with another source address do not leave the guest
};

/// A `-device` that is none of the above.
struct DeviceOptions {
    std::string driver; ///< by QEMU's name, aliases resolved: "intel-hda"
    std::string id;
    std::vector<std::pair<std::string, std::string>> properties;
    bool emulated = true;
    std::optional<unsigned> pci_slot;
    unsigned pci_function = 0;
    /// Of a High Definition Audio codec: the link that it is on, and its address there.
    struct HdaPlace {
        std::size_t controller = 0; ///< its place among the devices
        unsigned address = 0;
    };
    std::optional<HdaPlace> hda_place{};

    /// Empty: it was not given.
    std::string property(std::string_view name) const {
        for (const auto& [key, value] : properties)
            if (key == name) return value;
        return {};
    }
};

/// One QMP socket.
struct MonitorOptions {
    std::string id; ///< label in query-chardev: "libxl-cmd"
    std::string path;
    int fd = -1;        ///< inherited and listening already; then `path` is empty
    bool server = true; ///< false: connect to `path`
    bool events = true; ///< send events: not to libxenstat, which reads until 10 ms of silence
};

struct RunAs {
    std::string user; ///< or, empty, the numbers
    unsigned uid = 0;
    unsigned gid = 0;
};

struct InheritedFd {
    int fd = -1;
    unsigned set = 0;
    std::string opaque;
};

// Grouped by meaning; there is one of it.
struct MachineOptions { // NOLINT(clang-analyzer-optin.performance.Padding)
    // The domain
    std::optional<unsigned> domid; ///< always there unless probe or Accel::Qtest
    std::string name;
    bool probe = false; ///< `-machine none`: newer libxl asks over QMP what we can do; touch no Xen
    Accel accel = Accel::Xen;
    bool xen_platform = true;
    std::optional<u64> max_ram_below_4g;
    unsigned memory_mib = 128;
    unsigned cpus = 1;
    unsigned max_cpus = 1;
    std::string boot_order = "cda";
    bool acpi = true;

    // Its devices
    std::vector<std::optional<CharOptions>> serials; ///< by COM port; nothing: no UART there
    std::optional<CharOptions> parallel;             ///< nothing: no such port
    FloppyType floppy_fallback = FloppyType::F2880K; ///< of an empty drive; not Auto
    std::map<std::string, CharOptions> channels;     ///< `-chardev` that no monitor or serial port uses
    VncOptions vnc;
    VgaOptions vga;
    std::vector<DiskOptions> disks;
    std::vector<NicOptions> nics;
    bool usb = false;
    std::vector<std::string> usb_devices; ///< `-usbdevice`: "tablet"
    std::vector<DeviceOptions> devices;   ///< in the order given
    /// `-audiodev`; a sound card's property "audiodev" names one of them, and without it has the first.
    std::vector<AudioOptions> audio;

    // What it boots
    std::string kernel;
    std::string initrd;
    std::string append;
    std::vector<std::string> firmware_dirs; ///< `-L`, searched before our own

    // How it starts
    std::vector<MonitorOptions> monitors;
    int incoming_fd = -1; ///< saved state to load
    std::string incoming_file;
    bool incoming() const { return incoming_fd >= 0 || !incoming_file.empty(); }
    bool start_paused = false;    ///< -S: do not announce "running" before `cont`
    bool exit_on_shutdown = true; ///< false with -no-shutdown: the process outlives the guest
    std::vector<InheritedFd> inherited_fds;
    std::string qtest;       ///< test protocol: path of the unix socket where the test listens
    std::string qtest_log;   ///< file of its transcript; empty or "none": none
    std::string record_file; ///< -hvmdm-record: record the guest there; empty: do not
    bool debug = false;

    // How it is locked up
    bool restrict_to_domain = false;
    std::string chroot_dir;
    std::optional<RunAs> run_as;

    /// What was asked for and is not there: one sentence each, "-usb: ...", for the log.
    std::vector<std::string> unsupported;
};

struct CommandLine {
    MachineOptions machine;
    /// -help, -version, -device help: print this to stdout and exit with status 0.
    std::optional<std::string> print;
};

/// `arguments` without the program's name. An error is one line that names the option and the remedy.
Result<CommandLine> parse_command_line(std::span<const char* const> arguments);

} // namespace dm::toolstack
