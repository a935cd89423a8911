// -netdev, -net, -nic and the network cards.
#include "dm/toolstack/command_line.hpp"

#include <algorithm>
#include <charconv>

namespace dm::toolstack {
namespace {

constexpr std::size_t kInterfaceNameMax = 15; // IFNAMSIZ without the terminator

Result<std::array<u8, 6>> parse_mac(std::string_view text) {
    std::array<u8, 6> mac{};
    const auto bad = [&] { return fail("mac={}: expected six bytes like 00:16:3e:aa:bb:cc", text); };
    if (text.size() != 17) return bad();
    for (std::size_t i = 0; i < 6; ++i) {
        const char* const at = text.data() + i * 3;
        const auto [stop, error] = std::from_chars(at, at + 2, mac[i], 16);
        if (error != std::errc{} || stop != at + 2 || (i < 5 && *stop != ':')) return bad();
    }
    if ((mac[0] & 1) != 0) return fail("mac={} is a multicast address", text);
    return mac;
}

Status take_tap(CommandLineDraft& draft, QemuOpts& opts, NetdevDraft& netdev) {
    netdev.ifname = opts.take_or("ifname", "");
    netdev.bridge = opts.take_or("br", "");
    DM_TRY_ASSIGN(const auto fd, opts.take_number("fd", INT32_MAX));
    if (fd) netdev.fd = static_cast<int>(*fd);
    if (netdev.ifname.empty() == !fd.has_value()) return fail("a tap needs either ifname= or fd=");
    if (netdev.ifname.size() > kInterfaceNameMax || netdev.ifname.find('/') != std::string::npos)
        return fail("ifname={} is no name of a network interface: at most {} characters", netdev.ifname,
                    kInterfaceNameMax);
    for (const std::string_view key : {"script", "downscript"})
        if (const auto script = opts.take(key); script && *script != "no" && !script->empty())
            draft.note(fmt::format("{} is not run", key));
    opts.ignore({"vhost", "vhostfd", "vhostforce", "sndbuf", "vnet_hdr", "queues", "helper", "poll-us"});
    return opts.finish();
}

NetdevDraft* find_netdev(CommandLineDraft& draft, std::string_view id) {
    const auto found = std::find_if(draft.netdevs.begin(), draft.netdevs.end(),
                                    [&](const NetdevDraft& netdev) { return netdev.id == id; });
    return found == draft.netdevs.end() ? nullptr : &*found;
}

Status plug_cable(CommandLineDraft& draft, NicOptions& nic) {
    if (nic.netdev.empty()) return {};
    NetdevDraft* netdev = find_netdev(draft, nic.netdev);
    if (netdev == nullptr) return fail("there is no -netdev with id={}", nic.netdev);
    if (netdev->used) return fail("netdev={} is in use already", nic.netdev);
    netdev->used = true;
    nic.tap = netdev->ifname;
    nic.tap_fd = netdev->fd;
    nic.bridge = netdev->bridge;
    return {};
}

/// romfile=, rombar=, enforce-mac=, which `-global rtl8139.enforce-mac=on` sets for all cards of a model.
Status take_card_options(CommandLineDraft& draft, DeviceDraft& device, NicOptions& nic) {
    nic.rom_file = device.opts.take("romfile");
    DM_TRY_ASSIGN(const auto bar, device.opts.take_number("rombar", 1));
    if (bar && *bar == 0) nic.rom_file = "";
    const std::string global = global_of(draft, nic.model, kEnforceMac); // take_global() has judged the word
    const bool usual = !global.empty() && parse_bool(global).value();
    DM_TRY_ASSIGN(nic.enforce_mac, device.opts.take_bool(kEnforceMac, usual));
    return {};
}

} // namespace

Status take_net(CommandLineDraft&, const std::string& value) {
    if (value == "none") return {};
    return fail("only 'none' is understood: use -device MODEL,netdev=ID with -netdev tap,id=ID,ifname=NAME");
}

Status take_netdev(CommandLineDraft& draft, const std::string& value) {
    DM_TRY_ASSIGN(QemuOpts opts, QemuOpts::parse(value, "type"));
    if (opts.wants_help()) {
        draft.print = list_of_netdevs();
        return {};
    }
    NetdevDraft netdev;
    netdev.text = draft.text;
    netdev.type = opts.take_or("type", "");
    netdev.id = opts.take_or("id", "");
    if (netdev.id.empty()) return fail("id= is missing");
    if (find_netdev(draft, netdev.id) != nullptr) return fail("id={} is in use already", netdev.id);
    if (netdev.type == "tap") {
        DM_TRY(take_tap(draft, opts, netdev));
    } else {
        constexpr std::array known{"user", "bridge",     "l2tpv3",     "socket",  "stream", "dgram",
                                   "vde",  "vhost-user", "vhost-vdpa", "hubport", "netmap", "af-xdp"};
        if (std::find(known.begin(), known.end(), netdev.type) == known.end())
            return fail("there is no type '{}': use tap", netdev.type);
        draft.note("not supported, the network card has no cable; use tap");
    }
    draft.netdevs.push_back(std::move(netdev));
    return {};
}

Status finish_nic(CommandLineDraft& draft, DeviceDraft& device) {
    NicOptions nic;
    nic.model = device.row->driver;
    nic.id = device.id;
    nic.pci_slot = device.pci_slot;
    nic.emulated = device.row->support == Support::Implemented;
    nic.netdev = device.opts.take_or("netdev", "");
    DM_TRY(plug_cable(draft, nic));
    if (const auto mac = device.opts.take("mac")) {
        DM_TRY_ASSIGN(nic.mac, parse_mac(*mac));
    } else {
        nic.mac = {0x52, 0x54, 0x00, 0x12, 0x34, static_cast<u8>(0x56 + draft.out.nics.size())};
    }
    if (nic.emulated) {
        DM_TRY(take_card_options(draft, device, nic));
        device.opts.ignore({"id", "bus", "addr", "bootindex", "multifunction"});
        DM_TRY(device.opts.finish());
    }
    draft.out.nics.push_back(std::move(nic));
    return {};
}

Status finish_netdevs(CommandLineDraft& draft) {
    for (const NetdevDraft& netdev : draft.netdevs)
        if (!netdev.used) draft.note_for(netdev.text, "no network card uses it");
    return {};
}

} // namespace dm::toolstack
