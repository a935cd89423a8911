// -chardev, -mon, -qmp, -monitor, -serial, -parallel.
#include "dm/toolstack/command_line.hpp"

#include <algorithm>

namespace dm::toolstack {
namespace {

constexpr std::size_t kMostSerials = 4;

bool cut(std::string_view& text, std::string_view prefix) {
    if (!text.starts_with(prefix)) return false;
    text.remove_prefix(prefix.size());
    return true;
}

/// "HOST:PORT" and "[ADDRESS]:PORT"
Status split_host_port(std::string_view text, CharOptions& out) {
    const std::size_t bracket = text.starts_with('[') ? text.find(']') : std::string_view::npos;
    const std::size_t colon = text.find(':', bracket == std::string_view::npos ? 0 : bracket);
    if (colon == std::string_view::npos) return fail("tcp needs HOST:PORT");
    out.host = bracket == std::string_view::npos ? text.substr(0, colon) : text.substr(1, bracket - 1);
    out.port = text.substr(colon + 1);
    if (out.port.empty()) return fail("tcp needs HOST:PORT");
    return {};
}

/// What unix:, tcp: and telnet: have in common, in -serial and in -chardev. `nowait` and `nodelay` are old
/// spellings.
Status take_socket_options(QemuOpts& opts, CharOptions& out) {
    DM_TRY_ASSIGN(out.server, opts.take_bool("server", false));
    DM_TRY_ASSIGN(out.wait, opts.take_bool("wait", true));
    DM_TRY_ASSIGN(const bool delay, opts.take_bool("delay", true));
    DM_TRY_ASSIGN(out.no_delay, opts.take_bool("nodelay", !delay));
    DM_TRY_ASSIGN(const auto reconnect, opts.take_number("reconnect", 86400));
    out.reconnect_s = static_cast<unsigned>(reconnect.value_or(0));
    DM_TRY_ASSIGN(const bool ipv4, opts.take_bool("ipv4", false));
    DM_TRY_ASSIGN(const bool ipv6, opts.take_bool("ipv6", false));
    if (ipv4 != ipv6) out.family = ipv4 ? CharOptions::Family::Ipv4 : CharOptions::Family::Ipv6;
    const bool may_telnet = out.kind == CharKind::Tcp;
    if (may_telnet) {
        DM_TRY_ASSIGN(out.telnet, opts.take_bool("telnet", out.telnet));
    }
    for (const std::string_view key :
         {"telnet", "tn3270", "websocket", "tls-creds", "tls-authz", "abstract"}) {
        const auto value = opts.take(key);
        if (value && *value != "off" && !(may_telnet && key == "telnet"))
            return fail("{} is not supported, use a plain socket", key);
    }
    opts.ignore({"tight", "to"});
    return {};
}

/// The short form that -serial and -qmp take.
Result<CharOptions> parse_short(std::string_view text) {
    CharOptions out;
    std::string_view rest = text;
    if (text == "null") {
        out.kind = CharKind::Null;
    } else if (text == "pty") {
        out.kind = CharKind::Pty;
    } else if (text == "stdio" || text == "vc" || text.starts_with("vc:")) {
        out.kind = CharKind::Nowhere;
    } else if (cut(rest, "file:")) {
        out.kind = CharKind::File;
        out.path = rest;
    } else if (cut(rest, "pipe:")) {
        out.kind = CharKind::Pipe;
        out.path = rest;
    } else if (text.starts_with("/dev/")) {
        out.kind = CharKind::HostSerial;
        out.path = text;
    } else if (cut(rest, "unix:")) {
        out.kind = CharKind::Unix;
        DM_TRY_ASSIGN(QemuOpts opts, QemuOpts::parse(rest, "path"));
        out.path = opts.take_or("path", "");
        DM_TRY(take_socket_options(opts, out));
        DM_TRY(opts.finish());
    } else if (cut(rest, "tcp:") || (out.telnet = cut(rest, "telnet:"))) {
        out.kind = CharKind::Tcp;
        DM_TRY_ASSIGN(QemuOpts opts, QemuOpts::parse(rest, "address"));
        DM_TRY(split_host_port(opts.take_or("address", ""), out));
        DM_TRY(take_socket_options(opts, out));
        DM_TRY(opts.finish());
    } else {
        const std::string_view word = text.substr(0, text.find(':'));
        for (const std::string_view known : {"tn3270", "websocket", "udp", "msmouse", "braille", "wctablet"})
            if (word == known) {
                out.kind = CharKind::Unsupported;
                return out;
            }
        return fail("there is no character device '{}': use none, null, pty, file:PATH, pipe:PATH, "
                    "unix:PATH, tcp:HOST:PORT, telnet:HOST:PORT or /dev/...",
                    text);
    }
    const bool wants_path =
        out.kind == CharKind::File || out.kind == CharKind::Pipe || out.kind == CharKind::Unix;
    if (wants_path && out.path.empty()) return fail("the path is missing");
    return out;
}

Status take_socket_address(QemuOpts& opts, ChardevDraft& dev) {
    const auto path = opts.take("path");
    const auto host = opts.take("host");
    const auto port = opts.take("port");
    DM_TRY_ASSIGN(const auto fd, opts.take_number("fd", INT32_MAX));
    if (int{path.has_value()} + int{port.has_value()} + int{fd.has_value()} != 1)
        return fail("a socket needs one of path=, fd=, or host= and port=");
    dev.options.kind = port ? CharKind::Tcp : CharKind::Unix;
    dev.options.path = path.value_or("");
    dev.options.host = host.value_or("");
    dev.options.port = port.value_or("");
    if (fd) dev.fd = static_cast<int>(*fd);
    return take_socket_options(opts, dev.options);
}

Status take_backend(const std::string& backend, QemuOpts& opts, ChardevDraft& dev) {
    CharOptions& out = dev.options;
    const auto take_path = [&](CharKind kind) -> Status {
        out.kind = kind;
        out.path = opts.take_or("path", "");
        return out.path.empty() ? Status(fail("path= is missing")) : Status();
    };
    if (backend == "null")
        out.kind = CharKind::Null;
    else if (backend == "pty")
        out.kind = CharKind::Pty;
    else if (backend == "stdio")
        out.kind = CharKind::Nowhere;
    else if (backend == "vc") {
        out.kind = CharKind::Nowhere;
        return {}; // whatever its size
    } else if (backend == "socket")
        DM_TRY(take_socket_address(opts, dev));
    else if (backend == "pipe")
        DM_TRY(take_path(CharKind::Pipe));
    else if (backend == "serial" || backend == "tty")
        DM_TRY(take_path(CharKind::HostSerial));
    else if (backend == "file") {
        DM_TRY(take_path(CharKind::File));
        DM_TRY_ASSIGN(out.append, opts.take_bool("append", false));
    } else {
        for (const std::string_view known : {"udp", "msmouse", "ringbuf", "memory", "spicevmc", "spiceport",
                                             "parallel", "parport", "braille", "wctablet", "qemu-vdagent"})
            if (backend == known) {
                out.kind = CharKind::Unsupported;
                return {};
            }
        return fail("there is no character device '{}'; see -chardev help", backend);
    }
    opts.ignore({"mux", "signal"});
    for (const std::string_view key : {"logfile", "logappend"})
        if (opts.take(key)) return fail("{} is not supported, use a file in place of it", key);
    return opts.finish();
}

ChardevDraft* find_chardev(CommandLineDraft& draft, std::string_view id) {
    const auto found = std::find_if(draft.chardevs.begin(), draft.chardevs.end(),
                                    [&](const ChardevDraft& dev) { return dev.id == id; });
    return found == draft.chardevs.end() ? nullptr : &*found;
}

/// libxl takes query-chardev apart by label and fails the whole start over "serialfoo".
Status check_id(CommandLineDraft& draft, const std::string& id) {
    if (id.empty()) return fail("id= is missing");
    if (id.starts_with("serial"))
        return fail("xl keeps ids that begin with 'serial' for serial ports: choose another id");
    if (find_chardev(draft, id) != nullptr) return fail("id={} is in use already", id);
    return {};
}

Status take_port(CommandLineDraft& draft, const std::string& value, std::vector<SerialDraft>& ports) {
    SerialDraft port;
    port.text = draft.text;
    std::string_view rest = value;
    if (cut(rest, "chardev:")) {
        port.chardev = rest;
    } else if (value != "none") {
        if (cut(rest, "mon:")) draft.note("there is no monitor on it; use xl qemu-monitor-command");
        DM_TRY_ASSIGN(port.options, parse_short(rest));
        port.options->text = draft.text;
    }
    ports.push_back(std::move(port));
    return {};
}

/// The chardev that the port names becomes its own.
Status join_chardev(CommandLineDraft& draft, SerialDraft& port) {
    if (port.chardev.empty()) return {};
    ChardevDraft* dev = find_chardev(draft, port.chardev);
    if (dev == nullptr) return fail("{}: there is no -chardev with that id", port.text);
    if (dev->used) return fail("{}: the chardev is in use already", port.text);
    if (dev->fd >= 0) return fail("{}: a port cannot use socket,fd=", port.text);
    dev->used = true;
    port.options = dev->options;
    return {};
}

} // namespace

Status take_chardev(CommandLineDraft& draft, const std::string& value) {
    DM_TRY_ASSIGN(QemuOpts opts, QemuOpts::parse(value, "backend"));
    if (opts.wants_help()) {
        draft.print = list_of_chardevs();
        return {};
    }
    ChardevDraft dev;
    dev.text = draft.text;
    dev.options.text = draft.text;
    dev.id = opts.take_or("id", "");
    DM_TRY(check_id(draft, dev.id));
    DM_TRY(take_backend(opts.take_or("backend", ""), opts, dev));
    draft.chardevs.push_back(std::move(dev));
    return {};
}

Status take_mon(CommandLineDraft& draft, const std::string& value) {
    DM_TRY_ASSIGN(QemuOpts opts, QemuOpts::parse(value, "chardev"));
    const std::string mode = opts.take_or("mode", "readline");
    const std::string chardev = opts.take_or("chardev", "");
    opts.ignore({"pretty", "id"});
    DM_TRY(opts.finish());
    if (mode == "control") {
        draft.monitors.push_back({chardev, draft.text});
        return {};
    }
    if (mode != "readline") return fail("mode={}: expected control or readline", mode);
    if (ChardevDraft* dev = find_chardev(draft, chardev)) dev->used = true;
    draft.note("there is no readline monitor; use xl qemu-monitor-command");
    return {};
}

Status take_qmp(CommandLineDraft& draft, const std::string& value) {
    ChardevDraft dev;
    dev.id = fmt::format("compat_monitor{}", draft.monitors.size());
    DM_TRY_ASSIGN(dev.options, parse_short(value));
    dev.text = draft.text;
    dev.options.text = draft.text;
    draft.monitors.push_back({dev.id, draft.text});
    draft.chardevs.push_back(std::move(dev));
    return {};
}

Status take_monitor(CommandLineDraft& draft, const std::string& value) {
    if (value != "none" && value != "null")
        draft.note("there is no readline monitor; use xl qemu-monitor-command");
    return {};
}

Status take_parallel(CommandLineDraft& draft, const std::string& value) {
    return take_port(draft, value, draft.parallels);
}

Status take_serial(CommandLineDraft& draft, const std::string& value) {
    return take_port(draft, value, draft.serials);
}

Status finish_monitors(CommandLineDraft& draft) {
    for (const MonitorDraft& monitor : draft.monitors) {
        ChardevDraft* dev = find_chardev(draft, monitor.chardev);
        if (dev == nullptr) return fail("{}: there is no -chardev with id={}", monitor.text, monitor.chardev);
        if (dev->used) return fail("{}: the chardev is in use already", monitor.text);
        if (dev->options.kind != CharKind::Unix)
            return fail("{}: QMP is served on unix sockets only, not on '{}'", monitor.text, dev->text);
        dev->used = true;
        MonitorOptions out;
        out.id = dev->id;
        out.path = dev->options.path;
        out.fd = dev->fd;
        out.server = dev->options.server;
        out.events = dev->id != "libxenstat-cmd";
        draft.out.monitors.push_back(std::move(out));
    }
    return {};
}

Status finish_parallels(CommandLineDraft& draft) {
    for (std::size_t n = 0; n < draft.parallels.size(); ++n) {
        SerialDraft& port = draft.parallels[n];
        DM_TRY(join_chardev(draft, port));
        if (n == 0)
            draft.out.parallel = port.options;
        else if (port.options)
            draft.note_for(port.text, "there is one parallel port, this one is left out");
    }
    return {};
}

Status finish_serials(CommandLineDraft& draft) {
    for (SerialDraft& serial : draft.serials) {
        DM_TRY(join_chardev(draft, serial));
        if (draft.out.serials.size() < kMostSerials)
            draft.out.serials.push_back(serial.options);
        else if (serial.options)
            draft.note_for(serial.text, "a PC has four serial ports, this one is left out");
    }
    for (const ChardevDraft& dev : draft.chardevs) {
        if (dev.used) continue;
        draft.out.channels.emplace(dev.id, dev.options);
        draft.note_for(dev.text, dev.id.starts_with("libxl-channel")
                                     ? "channels (channel= in xl.cfg) are not served yet"
                                     : "nothing uses it");
    }
    return {};
}

} // namespace dm::toolstack
