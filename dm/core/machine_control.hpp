// The machine as the toolstack commands it. QMP knows no device, and no device knows QMP.
#pragma once

#include "dm/core/input.hpp"
#include "dm/core/result.hpp"
#include "dm/core/unique_fd.hpp"

#include <algorithm>
#include <map>
#include <optional>
#include <string>
#include <string_view>
#include <vector>

namespace dm {

struct CharDeviceInfo {
    std::string label;    ///< "serial0", "libxl-cmd"
    std::string filename; ///< "pty:/dev/pts/3"
    bool frontend_open = true;
};

struct VncInfo {
    std::string host;
    std::string service; ///< port as text
    std::string family;  ///< "ipv4", "ipv6", "unix"
    std::string auth;    ///< in QEMU's words: "none", "vnc", "vencrypt+x509+vnc"
    struct Client {
        std::string host;
        std::string service;
        bool websocket = false;
    };
    std::vector<Client> clients;
};

struct PciDeviceInfo {
    unsigned bus = 0;
    unsigned slot = 0;
    unsigned function = 0;
    std::string qdev_id; ///< "" where libxl gave none
    unsigned class_code = 0;
    unsigned vendor = 0;
    unsigned device = 0;
};

struct DriveInfo {
    std::string device; ///< "ide0-hd0", "ide-5632"
    std::string file;   ///< empty: no medium
    bool removable = false;
    bool read_only = false;
    unsigned long long read_bytes = 0;
    unsigned long long written_bytes = 0;
    unsigned long long read_operations = 0;
    unsigned long long write_operations = 0;
    bool tray_open = false;
    bool locked = false; ///< the guest does not let the medium go
};

/// A medium to put into a removable drive.
struct MediumChange {
    std::string drive;    ///< DriveInfo::device
    std::string filename; ///< the image as people know it: "/i.iso"
    UniqueFd fd;          ///< the image itself; empty: open `filename`
    std::string format;   ///< "raw"; empty: not said
    bool read_only = true;
    bool force = false; ///< also when the guest locked the tray
};

/// A picture of the screen to be written to a file.
struct ScreenDump {
    std::string filename; ///< as people know it
    UniqueFd fd;          ///< where it goes; empty: create `filename`
    bool png = false;     ///< otherwise PPM
    std::string device;   ///< id of the display adapter; empty: the first
    long long head = 0;
};

/// A device to plug in while the machine exists: `-device` over QMP.
struct DeviceRequest {
    std::string driver; ///< "xen-pci-passthrough", "usb-host"
    std::string id;
    std::map<std::string, std::string> properties; ///< numbers and truth values as text: "3", "on"
};

/// QMP RunState words that we use.
enum class RunState : unsigned char {
    Prelaunch,
    Running,
    Paused,
    Shutdown,
    Suspended,
    IoError ///< a drive keeps a request that the host failed, until resume()
};

/// Not stopped: the guest's requests are served, which one that sleeps has just now none of.
constexpr bool is_served(RunState state) {
    return state == RunState::Running || state == RunState::Suspended;
}

/// Device thread only.
class MachineControl {
public:
    virtual ~MachineControl() = default;

    virtual RunState run_state() const = 0;
    /// Idempotent. Serves the guest's requests.
    virtual Status resume() = 0;
    /// Idempotent. No request is in flight, no timer fires and nothing is written to guest RAM after it
    /// returns.
    virtual Status stop() = 0;
    virtual void quit() = 0;

    virtual std::string name() const = 0;
    virtual unsigned vcpus() const = 0;
    virtual std::vector<CharDeviceInfo> char_devices() const = 0;
    virtual std::optional<VncInfo> vnc() const = 0; ///< nothing: VNC is off
    virtual Status set_vnc_password(const std::string& password) = 0;
    /// From then on, in seconds since 1970, nobody enters; nothing: never.
    virtual Status expire_vnc_password(std::optional<long long> when) = 0;
    virtual std::vector<PciDeviceInfo> pci_devices() const = 0;
    virtual std::vector<DriveInfo> drives() const = 0;

    // What a machine may leave out: the toolstack is told so.

    /// vCPUs the domain may ever have; those from vcpus() on are not plugged in yet.
    virtual unsigned max_vcpus() const { return vcpus(); }
    /// Plugs in vCPU `index`, vcpus() <= index < max_vcpus().
    virtual Status plug_cpu(unsigned index) { return unsupported(fmt::format("plugging in CPU {}", index)); }

    virtual Status reset() { return unsupported("resetting the machine"); }
    /// Presses the power button.
    virtual Status power_down() { return unsupported("the power button"); }
    /// Leaves ACPI S3; an error when the guest does not sleep.
    virtual Status wake_up() { return unsupported("waking up the guest"); }

    /// Opens the tray of `drive` and takes the medium out; an error when the guest locked it, unless
    /// `force`.
    virtual Status eject(const std::string& drive, bool force) {
        static_cast<void>(force);
        return unsupported("ejecting " + drive);
    }
    virtual Status change_medium(MediumChange change) {
        return unsupported("changing the medium of " + change.drive);
    }

    /// Pulls the cable out of the network card `name` (its id, or its netdev's), or plugs it in.
    virtual Status set_link(const std::string& name, bool up) {
        static_cast<void>(up);
        return unsupported("the cable of " + name);
    }

    /// Presses the keys together, one after the other, and releases them after so long in the opposite order;
    /// after those of earlier calls.
    virtual Status press_keys(const std::vector<KeyCode>& keys, unsigned hold_ms) {
        static_cast<void>(hold_ms);
        return unsupported(fmt::format("pressing {} keys", keys.size()));
    }

    virtual Status dump_screen(ScreenDump dump) {
        return unsupported("writing the screen to " + dump.filename);
    }

    /// Makes the image of `drive` larger; the guest is told as far as the drive can.
    virtual Status resize_drive(const std::string& drive, unsigned long long bytes) {
        static_cast<void>(bytes);
        return unsupported("resizing " + drive);
    }

    /// Writes the whole state of the devices to `fd`, which stays the caller's. The machine is stopped.
    /// `live`: another host continues, so release the images.
    virtual Status save_devices(int fd, bool live) {
        static_cast<void>(fd);
        static_cast<void>(live);
        return unsupported("saving the devices");
    }
    /// Reports every page of guest RAM that devices write from now on, or stops doing so.
    virtual Status log_dirty_pages(bool enable) {
        static_cast<void>(enable);
        return unsupported("logging dirty pages");
    }

    virtual Status add_device(const DeviceRequest& request) {
        return unsupported("adding " + request.driver);
    }
    virtual Status remove_device(const std::string& id) { return unsupported("removing " + id); }
    /// The machine was restored with this very device, and the toolstack has not asked for it yet:
    /// add_device() succeeds although it is there.
    virtual bool awaits_device(const DeviceRequest& request) const {
        static_cast<void>(request);
        return false;
    }
    /// True for the id of any device or drive.
    virtual bool has_device(const std::string& id) const {
        const auto pci = pci_devices();
        const auto all_drives = drives();
        return std::any_of(pci.begin(), pci.end(), [&](const auto& d) { return d.qdev_id == id; }) ||
               std::any_of(all_drives.begin(), all_drives.end(),
                           [&](const auto& d) { return d.device == id; });
    }

protected:
    static Error unsupported(std::string_view what) {
        return fail("{} is not supported by this version of hvmdm yet", what);
    }
};

} // namespace dm
