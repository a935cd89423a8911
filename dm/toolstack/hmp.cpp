// The human monitor, as far as `xl qemu-monitor-command` is used for: looking at a machine. The answer is
// always a string; what is wrong stands in it.
#include "dm/core/version.hpp"
#include "dm/toolstack/qmp_commands.hpp"
#include "dm/toolstack/qmp_handlers.hpp"

#include <array>
#include <charconv>

namespace dm::toolstack {
namespace {

using Text = std::string (*)(QmpContext&, std::string_view argument);

struct HumanCommand {
    std::string_view name; ///< one or two words
    std::string_view help;
    Text run;
};

std::string said(const Status& status) {
    return status.ok() ? std::string() : fmt::format("Error: {}\r\n", status.error().message);
}

std::string said(const QmpReply& reply) {
    const auto* error = std::get_if<QmpError>(&reply);
    return error == nullptr ? std::string() : fmt::format("Error: {}\r\n", error->description);
}

std::string info_block(QmpContext& context, std::string_view) {
    std::string text;
    for (const DriveInfo& drive : context.machine().drives())
        text +=
            fmt::format("{}: {}{}{}\r\n", drive.device, drive.file.empty() ? "[not inserted]" : drive.file,
                        drive.file.empty() ? ""
                        : drive.read_only  ? " (raw, read-only)"
                                           : " (raw)",
                        drive.removable ? ", removable" : "");
    return text;
}

std::string info_blockstats(QmpContext& context, std::string_view) {
    std::string text;
    for (const DriveInfo& drive : context.machine().drives())
        text +=
            fmt::format("{}: rd_bytes={} wr_bytes={} rd_operations={} wr_operations={}\r\n", drive.device,
                        drive.read_bytes, drive.written_bytes, drive.read_operations, drive.write_operations);
    return text;
}

std::string info_chardev(QmpContext& context, std::string_view) {
    std::string text;
    for (const CharDeviceInfo& device : context.machine().char_devices())
        text += fmt::format("{}: filename={}\r\n", device.label, device.filename);
    for (const CharDeviceInfo& device : context.shared.monitors)
        text += fmt::format("{}: filename={}\r\n", device.label, device.filename);
    return text;
}

std::string info_cpus(QmpContext& context, std::string_view) {
    std::string text;
    for (unsigned i = 0; i < context.machine().vcpus(); ++i)
        text += fmt::format("* CPU #{}: run by Xen\r\n", i);
    return text;
}

std::string info_name(QmpContext& context, std::string_view) {
    return context.machine().name() + "\r\n";
}

std::string info_pci(QmpContext& context, std::string_view) {
    std::string text;
    for (const PciDeviceInfo& device : context.machine().pci_devices())
        text += fmt::format(
            "  Bus {:2}, device {:3}, function {}: class {:04x}, PCI device {:04x}:{:04x}, id \"{}\"\r\n",
            device.bus, device.slot, device.function, device.class_code, device.vendor, device.device,
            device.qdev_id);
    return text;
}

std::string info_status(QmpContext& context, std::string_view) {
    const RunState state = context.machine().run_state();
    if (state == RunState::Running) return "VM status: running\r\n";
    return fmt::format("VM status: paused{}\r\n",
                       state == RunState::Paused ? std::string() : fmt::format(" ({})", word_of(state)));
}

std::string info_version(QmpContext&, std::string_view) {
    return fmt::format("{}.{}.{} (hvmdm {})\r\n", kQemuMajor, kQemuMinor, kQemuMicro, kVersion);
}

std::string info_vnc(QmpContext& context, std::string_view) {
    const auto vnc = context.machine().vnc();
    if (!vnc) return "Server: disabled\r\n";
    std::string text =
        fmt::format("Server: {}:{} ({})\r\n  Auth: {}\r\n", vnc->host, vnc->service, vnc->family, vnc->auth);
    for (const VncInfo::Client& client : vnc->clients)
        text += fmt::format("Client: {}:{} ({})\r\n", client.host, client.service, vnc->family);
    return text;
}

std::string run_eject(QmpContext& context, std::string_view argument) {
    const bool force = argument.starts_with("-f ");
    const Json arguments{{"id", std::string(force ? argument.substr(3) : argument)}, {"force", force}};
    return said(run_command(context, "eject", arguments));
}

/// DRIVE FILENAME [FORMAT [retain|read-only|read-write]], also with -f for force
std::string run_change(QmpContext& context, std::string_view argument) {
    constexpr std::array<const char*, 4> kNames = {"id", "filename", "format", "read-only-mode"};
    const bool force = argument.starts_with("-f ");
    if (force) argument.remove_prefix(3);
    Json arguments{{"force", force}};
    std::size_t given = 0;
    for (std::size_t at = 0; at < argument.size(); ++given) {
        const std::size_t end = std::min(argument.find(' ', at), argument.size());
        if (given < kNames.size()) arguments[kNames[given]] = std::string(argument.substr(at, end - at));
        at = end + 1;
    }
    if (given < 2 || given > kNames.size())
        return "change [-f] DRIVE FILENAME [FORMAT [retain|read-only|read-write]]\r\n";
    return said(run_command(context, "blockdev-change-medium", arguments));
}

/// KEY[-KEY...] [HOLD_MS]: "ctrl-alt-delete", "0x1d-minus"
std::string run_sendkey(QmpContext& context, std::string_view argument) {
    const std::size_t blank = std::min(argument.find(' '), argument.size());
    std::string_view names = argument.substr(0, blank);
    Json arguments{{"keys", Json::array()}};
    while (!names.empty()) {
        // The key of '-' is called minus, but may be written: "ctrl--".
        const std::size_t end = std::min(names.find('-', 1), names.size());
        const std::string_view name = names.substr(0, end);
        names.remove_prefix(std::min(end + 1, names.size()));
        int number = 0;
        const auto parsed = std::from_chars(name.data() + std::min<std::size_t>(name.size(), 2),
                                            name.data() + name.size(), number, 16);
        const bool is_number =
            name.starts_with("0x") && parsed.ec == std::errc() && parsed.ptr == name.data() + name.size();
        const std::string_view word = name == "-" ? "minus" : name == "<" ? "less" : name;
        Json key{{"type", is_number ? "number" : "qcode"}};
        if (is_number)
            key["data"] = number;
        else
            key["data"] = std::string(word);
        arguments["keys"].push_back(std::move(key));
    }
    if (blank < argument.size()) {
        const std::string_view time = argument.substr(blank + 1);
        std::int64_t hold = 0;
        const auto parsed = std::from_chars(time.data(), time.data() + time.size(), hold);
        if (parsed.ec != std::errc() || parsed.ptr != time.data() + time.size())
            return fmt::format("Error: hold time '{}' is not a number\r\n", time);
        arguments["hold-time"] = hold;
    }
    return said(run_command(context, "send-key", arguments));
}

/// NAME on|off
std::string run_set_link(QmpContext& context, std::string_view argument) {
    const std::size_t blank = argument.rfind(' ');
    const std::string_view state = blank == std::string_view::npos ? "" : argument.substr(blank + 1);
    if (state != "on" && state != "off") return "set_link NAME on|off\r\n";
    const Json arguments{{"name", std::string(argument.substr(0, blank))}, {"up", state == "on"}};
    return said(run_command(context, "set_link", arguments));
}

/// FILENAME [-f FORMAT] [DEVICE [HEAD]]
std::string run_screendump(QmpContext& context, std::string_view argument) {
    Json arguments = Json::object();
    constexpr std::array<const char*, 2> kNames = {"filename", "device"};
    std::size_t given = 0;
    for (std::size_t at = 0; at < argument.size();) {
        const std::size_t end = std::min(argument.find(' ', at), argument.size());
        const std::string word(argument.substr(at, end - at));
        at = end + 1;
        if (word == "-f") {
            const std::size_t format_end = std::min(argument.find(' ', at), argument.size());
            if (at < argument.size()) arguments["format"] = std::string(argument.substr(at, format_end - at));
            at = format_end + 1;
        } else if (given < kNames.size()) {
            arguments[kNames[given++]] = word;
        } else {
            std::int64_t head = 0;
            const auto parsed = std::from_chars(word.data(), word.data() + word.size(), head);
            if (parsed.ec != std::errc() || parsed.ptr != word.data() + word.size())
                return fmt::format("Error: head '{}' is not a number\r\n", word);
            arguments["head"] = head;
        }
    }
    return said(run_command(context, "screendump", arguments));
}

std::string run_set_password(QmpContext& context, std::string_view argument) {
    const std::size_t blank = argument.find(' ');
    if (blank == std::string_view::npos) return "Error: set_password needs a protocol and a password\r\n";
    const Json arguments{{"protocol", std::string(argument.substr(0, blank))},
                         {"password", std::string(argument.substr(blank + 1))}};
    return said(run_command(context, "set_password", arguments));
}

std::string run_expire_password(QmpContext& context, std::string_view argument) {
    const std::size_t blank = argument.find(' ');
    if (blank == std::string_view::npos) return "Error: expire_password needs a protocol and a time\r\n";
    const Json arguments{{"protocol", std::string(argument.substr(0, blank))},
                         {"time", std::string(argument.substr(blank + 1))}};
    return said(run_command(context, "expire_password", arguments));
}

std::string run_change_vnc_password(QmpContext& context, std::string_view argument) {
    return said(run_command(context, "change-vnc-password", {{"password", std::string(argument)}}));
}

template <Status (MachineControl::*Action)()> std::string run_action(QmpContext& context, std::string_view) {
    return said((context.machine().*Action)());
}

std::string run_quit(QmpContext& context, std::string_view) {
    context.machine().quit();
    return {};
}

std::string help(QmpContext& context, std::string_view argument);

constexpr std::array kCommands{
    HumanCommand{"c", "continue", run_action<&MachineControl::resume>},
    HumanCommand{"change vnc password", "change vnc password PASSWORD", run_change_vnc_password},
    HumanCommand{"change", "change [-f] DRIVE FILENAME [FORMAT [retain|read-only|read-write]]", run_change},
    HumanCommand{"cont", "continue", run_action<&MachineControl::resume>},
    HumanCommand{"eject", "eject [-f] DRIVE", run_eject},
    HumanCommand{"expire_password", "expire_password vnc now|never|+SECONDS|SECONDS", run_expire_password},
    HumanCommand{"help", "this text", help},
    HumanCommand{"info block", "drives and their media", info_block},
    HumanCommand{"info blockstats", "what drives have read and written", info_blockstats},
    HumanCommand{"info chardev", "serial ports and monitors", info_chardev},
    HumanCommand{"info cpus", "virtual CPUs", info_cpus},
    HumanCommand{"info name", "name of the guest", info_name},
    HumanCommand{"info pci", "PCI devices", info_pci},
    HumanCommand{"info status", "running or not", info_status},
    HumanCommand{"info version", "versions", info_version},
    HumanCommand{"info vnc", "VNC server and its viewers", info_vnc},
    HumanCommand{"quit", "end the device model", run_quit},
    HumanCommand{"screendump", "screendump FILENAME [-f png|ppm] [DEVICE [HEAD]]", run_screendump},
    HumanCommand{"sendkey", "sendkey KEY[-KEY...] [HOLD_MS]: ctrl-alt-delete", run_sendkey},
    HumanCommand{"set_link", "set_link NAME on|off", run_set_link},
    HumanCommand{"set_password", "set_password vnc PASSWORD", run_set_password},
    HumanCommand{"stop", "stop", run_action<&MachineControl::stop>},
    HumanCommand{"system_powerdown", "press the power button", run_action<&MachineControl::power_down>},
    HumanCommand{"system_reset", "reset the machine", run_action<&MachineControl::reset>},
    HumanCommand{"system_wakeup", "wake the guest from S3", run_action<&MachineControl::wake_up>},
};

std::string help(QmpContext&, std::string_view) {
    std::string text;
    for (const HumanCommand& command : kCommands)
        text += fmt::format("{:17} {}\r\n", command.name, command.help);
    return text;
}

/// One blank between words, none at the ends.
std::string tidy(std::string_view line) {
    std::string out;
    for (const char c : line) {
        const bool blank = c == ' ' || c == '\t' || c == '\r' || c == '\n';
        if (!blank)
            out += c;
        else if (!out.empty() && out.back() != ' ')
            out += ' ';
    }
    if (!out.empty() && out.back() == ' ') out.pop_back();
    return out;
}

} // namespace

QmpReply human_monitor_command(QmpContext& context, const Json& arguments) {
    const std::string line = tidy(string_in(arguments, "command-line"));
    if (line.empty()) return Json("");
    for (const HumanCommand& command : kCommands) {
        if (!line.starts_with(command.name)) continue;
        const std::string_view rest = std::string_view(line).substr(command.name.size());
        if (rest.empty() || rest[0] == ' ')
            return Json(command.run(context, rest.substr(rest.empty() ? 0 : 1)));
    }
    return Json(fmt::format("unknown command: '{}'\r\n", line));
}

} // namespace dm::toolstack
