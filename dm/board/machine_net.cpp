// Network cards, and the taps that their cables end in.
#include "dm/board/machine.hpp"
#include "firmware/rom_files.hpp"

#include <algorithm>
#include <array>

namespace dm {
namespace {

struct CardModel {
    std::string_view name;
    NicParts::Model parts;
    std::string_view rom;                           ///< the packaged one is called after this
    std::optional<firmware::PciId> relabelled = {}; ///< if the packaged one names another
};
constexpr std::array kModels{
    CardModel{"rtl8139", NicParts::Model::Rtl8139, "rtl8139"},
    CardModel{"e1000", NicParts::Model::I82540em, "e1000"},
    CardModel{"e1000-82544gc", NicParts::Model::I82544gc, "e1000",
              firmware::PciId{e1000::kIntel, e1000::k82544gc.device}},
    CardModel{"e1000-82545em", NicParts::Model::I82545em, "e1000",
              firmware::PciId{e1000::kIntel, e1000::k82545em.device}},
    CardModel{"ne2k_pci", NicParts::Model::Ne2kPci, "ne2k_pci", firmware::PciId{0x10ec, 0x8029}},
    CardModel{"pcnet", NicParts::Model::Pcnet, "pcnet"}};

/// Of a model that the option table calls implemented.
const CardModel& card_model(std::string_view name) {
    const auto* found = std::ranges::find(kModels, name, &CardModel::name);
    DM_CHECK(found != kModels.end());
    return *found;
}

/// As packages have them: with UEFI's part beside the BIOS' one, or that alone.
std::vector<std::string> rom_names(std::string_view model) {
    return {fmt::format("efi-{}.rom", model), fmt::format("pxe-{}.rom", model)};
}

} // namespace

/// libxl's hotplug script wants the tap to exist, whether there is a card behind it or not.
Status Machine::open_cables() {
    for (const toolstack::NicOptions& nic : options_.nics) {
        DM_TRY_ASSIGN(auto end, open_cable(nic));
        cables_.push_back({nic, std::move(end)});
    }
    return {};
}

Result<std::unique_ptr<host::TapCable>> Machine::open_cable(const toolstack::NicOptions& nic) {
    if (nic.tap.empty() && nic.tap_fd < 0) return std::unique_ptr<host::TapCable>();
    const std::string bridge = nic.bridge.empty() ? "" : fmt::format(" (bridge {})", nic.bridge);
    auto tap = nic.tap_fd >= 0 ? host::Tap::adopt(UniqueFd(nic.tap_fd))
                               : host::Tap::open({.interface = nic.tap, .vnet_header = true});
    if (!tap) return fail("network card {}{}: {}", nic.id, bridge, tap.error().message);
    host::TapCable::Options options{
        .name = (nic.tap.empty() ? fmt::format("tap fd {}", nic.tap_fd) : "tap " + nic.tap) + bridge};
    if (nic.enforce_mac) options.only_source = nic.mac;
    return std::make_unique<host::TapCable>(loop_, std::move(tap).value(), std::move(options));
}

void Machine::add_nics(BoardParts& parts) {
    for (const Cable& cable : cables_) {
        if (!cable.options.emulated) continue;
        if (recorder_ != nullptr) {
            log_.warning("{}: a recorded guest has no emulated network card", cable.options.id);
            continue;
        }
        NicParts& nic = parts.nics.emplace_back();
        nic.model = card_model(cable.options.model).parts;
        nic.config = {.mac = cable.options.mac, .cable = cable.end.get(), .rom = nic_rom(cable.options)};
        if (cable.options.pci_slot) nic.slot = static_cast<u8>(*cable.options.pci_slot);
    }
}

/// A guest that does not boot from the network does without it.
std::vector<u8> Machine::nic_rom(const toolstack::NicOptions& nic) const {
    const CardModel& model = card_model(nic.model);
    std::vector<std::string> names = rom_names(model.rom);
    std::vector<std::string> directories = firmware_directories();
    if (nic.rom_file) {
        if (nic.rom_file->empty()) return {};
        const std::size_t slash = nic.rom_file->rfind('/');
        if (slash != std::string::npos) directories = {nic.rom_file->substr(0, slash)};
        names = {nic.rom_file->substr(slash + 1)}; // all of it without a slash
    }
    std::string reason;
    for (const std::string& name : names) {
        auto rom = firmware::load_rom(name, directories);
        if (rom && model.relabelled && !nic.rom_file)
            firmware::set_rom_device(rom.value(), *model.relabelled);
        if (rom) return std::move(rom).value();
        reason = rom.error().message;
    }
    log_.warning("{}: no boot from the network: {}", nic.id.empty() ? nic.model : nic.id, reason);
    return {};
}

void Machine::announce_nics() {
    if (announcements_ == 0) return;
    --announcements_;
    board_->announce_nics();
}

Status Machine::set_link(const std::string& name, bool up) {
    const auto cable = std::ranges::find_if(cables_, [&](const Cable& c) {
        return !name.empty() && (c.options.id == name || c.options.netdev == name);
    });
    if (cable == cables_.end()) return fail("Device '{}' not found", name);
    if (cable->end == nullptr) return fail("the network card {} has no cable", name);
    cable->end->set_link(up);
    log_.info("{}: the cable of {} is {}", cable->end->description(), name, up ? "plugged in" : "pulled out");
    return {};
}

} // namespace dm
