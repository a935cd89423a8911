// The tables of all options and devices: which are implemented, which are accepted with a line in the log,
// and which are refused. To add a device to the machine, flip its entry.
#pragma once

#include "dm/core/result.hpp"
#include "dm/core/types.hpp"

#include <span>
#include <string>
#include <string_view>

namespace dm::toolstack {

enum class Support : u8 {
    Implemented,
    Logged,  ///< accepted; the log says what the guest does without
    Refused, ///< going on would be wrong: hvmdm does not start
};

std::string_view word_of(Support support);

struct CommandLineDraft;

struct OptionRow {
    std::string_view name; ///< without the dash
    bool has_value = false;
    Support support = Support::Implemented;
    /// Takes the value over; may be null.
    Status (*handle)(CommandLineDraft& draft, const std::string& value) = nullptr;
    /// Logged, Refused: what that means for the user, and the remedy.
    std::string_view consequence = {};
    std::string_view help = {};       ///< for -help; empty: not shown
    std::string_view xl_key = {};     ///< the keys of xl.cfg(5) that lead to it
    std::string_view parameters = {}; ///< for query-command-line-options, separated by blanks
};

std::span<const OptionRow> option_rows();
const OptionRow* find_option(std::string_view name);

enum class DeviceKind : u8 {
    Vga,
    IdeDisk,
    IdeCdrom,
    ScsiDisk,
    UsbDisk,
    Floppy,
    Nic,
    XenPlatform,
    PciDevice,   ///< any other that has a slot of its own
    OtherDevice, ///< sits on a bus of another device
};

struct DeviceRow {
    std::string_view driver;
    std::string_view alias; ///< other spelling, may be empty
    DeviceKind kind = DeviceKind::PciDevice;
    Support support = Support::Implemented;
    std::string_view consequence = {}; ///< as above; "{id}" becomes the device's id
};

std::span<const DeviceRow> device_rows();
const DeviceRow* find_device(std::string_view driver);

} // namespace dm::toolstack
