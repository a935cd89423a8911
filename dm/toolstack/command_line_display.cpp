// -vnc, -display, -k, -vga and the VGA devices.
#include "dm/toolstack/command_line.hpp"

#include <algorithm>
#include <bit>

namespace dm::toolstack {
namespace {

constexpr unsigned kMostVideoMib = 256;

/// "HOST:DISPLAY", "[ADDRESS]:DISPLAY", ":DISPLAY"
Status split_display(std::string_view text, VncOptions& vnc) {
    const std::size_t colon = text.rfind(':');
    if (colon == std::string_view::npos) return fail("expected ADDRESS:DISPLAY, unix:PATH or none");
    std::string_view host = text.substr(0, colon);
    const auto display = parse_number(text.substr(colon + 1), kVncMaxDisplay);
    const bool bracketed = host.size() >= 2 && host.front() == '[' && host.back() == ']';
    if (bracketed) host = host.substr(1, host.size() - 2);
    if (!display || (!bracketed && host.find(':') != std::string_view::npos))
        return fail("expected ADDRESS:DISPLAY with an IPv6 address in brackets, as in vnclisten=\"[::]:0\"");
    vnc.host = host;
    vnc.display = static_cast<unsigned>(display.value());
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
         {"tls-creds", "tls-authz", "sasl", "sasl-authz", "acl", "password-secret", "websocket", "reverse"}) {
        const auto value = opts.take(key);
        if (value && *value != "off")
            return fail("{} is not supported; use a tunnel, for example ssh -L", key);
    }
    return {};
}

VgaModel model_of(std::string_view driver) {
    if (driver == "cirrus-vga") return VgaModel::Cirrus;
    if (driver == "qxl-vga") return VgaModel::Qxl;
    return VgaModel::Std;
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
    opts.ignore({"id", "lossy", "non-adaptive", "power-control", "key-delay-ms", "connections", "ipv4",
                 "ipv6", "head", "display", "audiodev", "to"});
    DM_TRY(opts.finish());
    draft.out.vnc = std::move(vnc);
    return {};
}

Status take_keymap(CommandLineDraft& draft, const std::string& value) {
    if (value.empty() || value.find('/') != std::string::npos)
        return fail("expected the name of a keyboard layout, for example de");
    draft.keymap = value;
    return {};
}

Status take_display(CommandLineDraft& draft, const std::string& value) {
    if (value == "none") return {};
    if (value.starts_with("vnc=")) return take_vnc(draft, value.substr(4));
    draft.note("there are no windows on the host's screen; use vnc=1");
    return {};
}

Status take_vga(CommandLineDraft& draft, const std::string& value) {
    if (value == "none") return {};
    if (value == "std") return take_device(draft, "VGA");
    if (value == "cirrus" || value == "qxl") return take_device(draft, value + "-vga");
    return fail("there is no such graphics card: use std, cirrus, qxl or none");
}

Status finish_vga(CommandLineDraft& draft, DeviceDraft& device) {
    VgaOptions& vga = draft.out.vga;
    if (vga.requested != VgaModel::None) return fail("there is a graphics card already");
    vga.requested = model_of(device.row->driver);
    vga.model = device.row->support == Support::Implemented ? vga.requested : VgaModel::Std;
    vga.pci_slot = device.pci_slot;

    DM_TRY_ASSIGN(const auto memory, device.opts.take_number("vgamem_mb"));
    if (memory) {
        if (*memory < 1 || *memory > kMostVideoMib)
            return fail("vgamem_mb must be from 1 to {} (videoram in xl.cfg)", kMostVideoMib);
        // A BAR is a power of two; xl keeps no more memory aside for it than it said.
        vga.memory_mib = std::bit_floor(static_cast<unsigned>(*memory));
    }
    device.opts.ignore({"id", "bus", "addr", "vram_size_mb", "ram_size_mb", "romfile", "rombar", "edid",
                        "xres", "yres", "global-vmstate", "refresh_rate", "blitter", "multifunction"});
    return device.opts.finish();
}

} // namespace dm::toolstack
