// The machine as the toolstack commands it. QMP knows no device, and no device knows QMP.
#pragma once

#include "dm/core/result.hpp"

#include <optional>
#include <string>
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
    std::string auth;    ///< "none", "vnc"
    struct Client {
        std::string host;
        std::string service;
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
};

/// QMP RunState words that we use.
enum class RunState : unsigned char { Prelaunch, Running, Paused, Shutdown, Suspended };

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
    virtual std::vector<PciDeviceInfo> pci_devices() const = 0;
    virtual std::vector<DriveInfo> drives() const = 0;
};

} // namespace dm
