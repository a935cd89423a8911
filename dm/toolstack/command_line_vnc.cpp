// -vnc, -hvmdm-web, and the -object that a VNC server is encrypted by.
#include "dm/toolstack/command_line.hpp"

#include <algorithm>

namespace dm::toolstack {
namespace {

constexpr unsigned kMostPort = 65535;

struct Address {
    std::string host;
    unsigned number = 0;
};

/// "HOST:NUMBER", "[ADDRESS]:NUMBER", ":NUMBER"
std::optional<Address> split_address(std::string_view text, unsigned most) {
    const std::size_t colon = text.rfind(':');
    if (colon == std::string_view::npos) return std::nullopt;
    std::string_view host = text.substr(0, colon);
    const auto number = parse_number(text.substr(colon + 1), most);
    const bool bracketed = host.size() >= 2 && host.front() == '[' && host.back() == ']';
    if (bracketed) host = host.substr(1, host.size() - 2);
    if (!number || (!bracketed && host.find(':') != std::string_view::npos)) return std::nullopt;
    return Address{std::string(host), static_cast<unsigned>(number.value())};
}

Status split_display(std::string_view text, VncOptions& vnc) {
    if (text.find(':') == std::string_view::npos) return fail("expected ADDRESS:DISPLAY, unix:PATH or none");
    const auto at = split_address(text, kVncMaxDisplay);
    if (!at)
        return fail("expected ADDRESS:DISPLAY with an IPv6 address in brackets, as in vnclisten=\"[::]:0\"");
    vnc.host = at->host;
    vnc.display = at->number;
    return {};
}

Status take_share(QemuOpts& opts, VncOptions& vnc) {
    const std::string share = opts.take_or("share", "allow-exclusive");
    if (share == "allow-exclusive")
        vnc.share = VncShare::AllowExclusive;
    else if (share == "force-shared")
        vnc.share = VncShare::ForceShared;
    else if (share == "ignore")
        vnc.share = VncShare::Ignore;
    else
        return fail("share={}: expected allow-exclusive, force-shared or ignore", share);
    return {};
}

/// Whoever asks for these wants them kept: without them viewers would be less protected than expected.
Status refuse_protection(QemuOpts& opts) {
    for (const std::string_view key :
         {"tls-authz", "sasl", "sasl-authz", "acl", "password-secret", "reverse"}) {
        const auto value = opts.take(key);
        if (value && *value != "off")
            return fail("{} is not supported; use tls-creds=, or a tunnel, for example ssh -L", key);
    }
    return {};
}

/// "on", "PORT", "ADDRESS:PORT"
Status take_place(const std::string& text, VncDoorOptions& door) {
    if (text == "on" || text.empty()) return {};
    if (const auto port = parse_number(text, kMostPort); port && port.value() != 0) {
        door.port = static_cast<unsigned>(port.value());
        return {};
    }
    const auto at = split_address(text, kMostPort);
    if (!at || at->number == 0)
        return fail("{}: expected on, PORT or ADDRESS:PORT, an IPv6 address in brackets", text);
    door.host = at->host;
    door.port = at->number;
    return {};
}

Status take_websocket(QemuOpts& opts, VncOptions& vnc) {
    const std::string text = opts.take_or("websocket", "off");
    if (text == "off") return {};
    VncDoorOptions door;
    if (text.starts_with("unix:"))
        door.unix_path = text.substr(5);
    else if (const Status taken = take_place(text, door); !taken.ok())
        return fail("websocket={}", taken.error().message);
    vnc.websocket = std::move(door);
    return {};
}

} // namespace

Status take_vnc(CommandLineDraft& draft, const std::string& value) {
    DM_TRY_ASSIGN(QemuOpts opts, QemuOpts::parse(value, "vnc"));
    VncOptions vnc;
    const std::string where = opts.take_or("vnc", "");
    vnc.enabled = where != "none";
    if (where.starts_with("unix:")) {
        vnc.unix_path = where.substr(5);
        if (vnc.unix_path.empty()) return fail("unix: needs a path");
    } else if (vnc.enabled) {
        DM_TRY(split_display(where, vnc));
    }
    DM_TRY_ASSIGN(const auto to, opts.take_number("to", kVncMaxDisplay));
    // xl always says to=99, also when vncdisplay is larger.
    if (to) vnc.to = std::max(static_cast<unsigned>(*to), vnc.display);
    DM_TRY_ASSIGN(vnc.password_required, opts.take_bool("password", false));
    DM_TRY(take_share(opts, vnc));
    DM_TRY(refuse_protection(opts));
    DM_TRY(take_websocket(opts, vnc));
    draft.vnc_tls = opts.take_or("tls-creds", "");
    opts.ignore({"id", "lossy", "non-adaptive", "power-control", "key-delay-ms", "connections", "ipv4",
                 "ipv6", "head", "display", "audiodev", "to"});
    DM_TRY(opts.finish());
    draft.out.vnc = std::move(vnc);
    return {};
}

// libxl's users reach these by device_model_args.
Status take_object(CommandLineDraft& draft, const std::string& value) {
    DM_TRY_ASSIGN(QemuOpts opts, QemuOpts::parse(value, "qom-type"));
    const std::string type = opts.take_or("qom-type", "");
    if (type != "tls-creds-x509" && type != "tls-creds-anon") {
        draft.note("not supported, has no effect");
        return {};
    }
    TlsDraft tls;
    tls.options.x509 = type == "tls-creds-x509";
    tls.options.id = opts.take_or("id", "");
    tls.options.directory = opts.take_or("dir", "");
    tls.options.priority = opts.take_or("priority", "");
    tls.server = opts.take_or("endpoint", "client") == "server";
    DM_TRY_ASSIGN(tls.options.verify_peer, opts.take_bool("verify-peer", true));
    opts.ignore({"sanity-check", "loaded"});
    if (opts.has("passwordid")) return fail("passwordid is not supported: use a key without a password");
    DM_TRY(opts.finish());
    if (tls.options.id.empty()) return fail("an id= is needed, for -vnc ...,tls-creds=ID");
    if (tls.options.x509 && tls.options.directory.empty())
        return fail("dir= is needed: the folder of ca-cert.pem, server-cert.pem and server-key.pem");
    draft.tls.push_back(std::move(tls));
    return {};
}

Status take_web(CommandLineDraft& draft, const std::string& value) {
    DM_TRY_ASSIGN(QemuOpts opts, QemuOpts::parse(value, "listen"));
    VncDoorOptions web;
    DM_TRY(take_place(opts.take_or("listen", "on"), web));
    web.directory = opts.take_or("path", "");
    DM_TRY(opts.finish());
    draft.web = std::move(web);
    return {};
}

Status finish_vnc(CommandLineDraft& draft) {
    VncOptions& vnc = draft.out.vnc;
    if (!draft.keymap.empty()) vnc.keymap = draft.keymap;
    if (draft.web && !vnc.enabled) return fail("-hvmdm-web: there is no VNC server to show: set vnc=1");
    vnc.web = draft.web;
    if (draft.vnc_tls.empty() || !vnc.enabled) return {};
    const auto named = std::find_if(draft.tls.begin(), draft.tls.end(),
                                    [&](const TlsDraft& tls) { return tls.options.id == draft.vnc_tls; });
    if (named == draft.tls.end())
        return fail("-vnc ...,tls-creds={0}: there is no -object tls-creds-x509,id={0} and no tls-creds-anon",
                    draft.vnc_tls);
    if (!named->server)
        return fail("-vnc ...,tls-creds={0}: the -object with id={0} needs endpoint=server", draft.vnc_tls);
    vnc.tls = named->options;
    return {};
}

} // namespace dm::toolstack
