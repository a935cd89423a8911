// -audiodev, -audio, -soundhw.
#include "dm/toolstack/command_line.hpp"

#include <algorithm>
#include <array>

namespace dm::toolstack {
namespace {

constexpr std::string_view kNowhere =
    "the sound goes nowhere; -audiodev wav,id=ID,path=FILE writes it to a file";

/// QEMU's, that there are not here.
constexpr std::array<std::string_view, 11> kOtherDrivers{"alsa", "coreaudio", "dbus", "dsound", "jack", "oss",
                                                         "pa",   "pipewire",  "sdl",  "sndio",  "spice"};

/// What -soundhw calls them, and the devices that they are.
struct Card {
    std::string_view word;
    std::array<std::string_view, 2> devices;
};
constexpr std::array kCards{
    Card{"ac97", {"AC97"}}, Card{"es1370", {"ES1370"}}, Card{"hda", {"intel-hda", "hda-duplex"}},
    Card{"sb16", {"sb16"}}, Card{"adlib", {"adlib"}},   Card{"cs4231a", {"cs4231a"}},
    Card{"gus", {"gus"}}};

/// Of the file, which follows the first stream; QEMU's file has what these say.
bool is_of_streams(std::string_view key) {
    return key.starts_with("in.") || key.starts_with("out.") || key == "timer-period";
}

Status take_backend(CommandLineDraft& draft, QemuOpts& opts, AudioOptions audio) {
    const std::string driver = opts.take_or("driver", "");
    audio.text = draft.text;
    if (audio.id.empty()) return fail("id= is missing");
    if (has_audiodev(draft, audio.id)) return fail("id={} is in use already", audio.id);
    if (driver == "wav") {
        audio.kind = AudioKind::Wav;
        audio.path = opts.take_or("path", "");
        if (audio.path.empty()) return fail("path= is missing");
    } else if (std::ranges::find(kOtherDrivers, driver) != kOtherDrivers.end()) {
        draft.note(kNowhere);
        draft.out.audio.push_back(std::move(audio));
        return {};
    } else if (driver != "none") {
        return fail("there is no audio driver '{}': use none or wav", driver);
    }
    for (const std::string& key : opts.rest())
        if (is_of_streams(key)) {
            opts.ignore({key});
            draft.note(fmt::format("{} has no effect", key));
        }
    DM_TRY(opts.finish());
    draft.out.audio.push_back(std::move(audio));
    return {};
}

/// `properties`: what follows the name, ",audiodev=x".
Status take_card(CommandLineDraft& draft, const Card& card, std::string_view properties = {}) {
    for (const std::string_view device : card.devices) {
        if (device.empty()) continue;
        const bool plays = device != "intel-hda"; // its codec does
        DM_TRY(take_device(draft, fmt::format("{}{}", device, plays ? properties : "")));
    }
    return {};
}

const Card* find_card(std::string_view word) {
    const auto found = std::ranges::find(kCards, word, &Card::word);
    return found == kCards.end() ? nullptr : &*found;
}

constexpr unsigned kHdaAddresses = 15; // of codecs on a link
constexpr std::string_view kHdaCodec = "hda-";

bool is_hda_controller(const DeviceOptions& device) {
    return device.driver == "intel-hda" || device.driver == "ich9-intel-hda";
}

/// The controller whose link is called so ("ID.0"; without an id "hda.N", counted among those without);
/// unnamed: the last one, as in QEMU.
std::optional<std::size_t> find_hda_link(std::span<const DeviceOptions> devices, std::string_view bus) {
    std::optional<std::size_t> found;
    unsigned unnamed = 0;
    for (std::size_t i = 0; i < devices.size(); ++i) {
        if (!is_hda_controller(devices[i])) continue;
        const std::string name =
            devices[i].id.empty() ? fmt::format("hda.{}", unnamed++) : devices[i].id + ".0";
        if (bus.empty() || bus == name) found = i;
    }
    return found;
}

} // namespace

Status place_hda_codec(const CommandLineDraft& draft, DeviceOptions& device) {
    if (!device.driver.starts_with(kHdaCodec)) return {};
    const std::string bus = device.property("bus");
    const auto controller = find_hda_link(draft.out.devices, bus);
    if (!controller && bus.empty()) return fail("put -device intel-hda before it");
    if (!controller) return fail("bus={}: there is no such link before it; use ID.0 of an intel-hda", bus);
    unsigned next = 0;
    u32 taken = 0;
    for (const DeviceOptions& other : draft.out.devices) {
        if (!other.hda_place || other.hda_place->controller != *controller) continue;
        next = other.hda_place->address + 1;
        taken |= 1U << other.hda_place->address;
    }
    if (const std::string cad = device.property("cad"); !cad.empty()) {
        const auto number = parse_number(cad, kHdaAddresses - 1);
        if (!number) return fail("cad={}: expected 0 to {}", cad, kHdaAddresses - 1);
        next = static_cast<unsigned>(number.value());
    }
    if (next >= kHdaAddresses) return fail("the link has no address behind its last codec; give cad=");
    if ((taken >> next & 1) != 0) return fail("cad={} is taken", next);
    device.hda_place = DeviceOptions::HdaPlace{.controller = *controller, .address = next};
    return {};
}

Status check_sb16(CommandLineDraft& draft, DeviceDraft& device) {
    if (std::ranges::find(draft.out.devices, kSb16Driver, &DeviceOptions::driver) != draft.out.devices.end())
        return fail("there can be one {} only", kSb16Driver);
    for (const std::string_view fixed : {"iobase", "irq", "dma", "dma16", "version"})
        if (device.opts.take(fixed))
            draft.note_for(device.text, fmt::format("{} has no effect: it has ports 220, IRQ 5, DMA channels "
                                                    "1 and 5, DSP 4.05",
                                                    fixed));
    return {};
}

bool has_audiodev(const CommandLineDraft& draft, std::string_view id) {
    return std::ranges::find(draft.out.audio, id, &AudioOptions::id) != draft.out.audio.end();
}

Status take_audiodev(CommandLineDraft& draft, const std::string& value) {
    DM_TRY_ASSIGN(QemuOpts opts, QemuOpts::parse(value, "driver"));
    if (opts.wants_help()) {
        draft.print = list_of_audiodevs();
        return {};
    }
    AudioOptions audio;
    audio.id = opts.take_or("id", "");
    return take_backend(draft, opts, std::move(audio));
}

/// A back end and, with model=, the card on it.
Status take_audio(CommandLineDraft& draft, const std::string& value) {
    DM_TRY_ASSIGN(QemuOpts opts, QemuOpts::parse(value, "driver"));
    if (opts.wants_help()) {
        draft.print = list_of_audiodevs();
        return {};
    }
    const std::string model = opts.take_or("model", "");
    AudioOptions audio;
    audio.id = opts.take_or("id", fmt::format("audio{}", draft.out.audio.size()));
    const std::string id = audio.id;
    DM_TRY(take_backend(draft, opts, std::move(audio)));
    if (model.empty()) return {};
    const Card* const card = find_card(model);
    if (card == nullptr) return fail("there is no sound card '{}': use ac97, es1370 or hda", model);
    return take_card(draft, *card, ",audiodev=" + id);
}

Status take_soundhw(CommandLineDraft& draft, const std::string& value) {
    if (value == "help" || value == "?") {
        draft.print = list_of_sound_cards();
        return {};
    }
    const std::size_t before = draft.devices.size();
    for (std::string_view rest = value; !rest.empty();) {
        const std::string_view word = rest.substr(0, rest.find(','));
        rest.remove_prefix(std::min(word.size() + 1, rest.size()));
        for (const Card& card : kCards)
            if (word == card.word || word == "all") DM_TRY(take_card(draft, card));
        if (word == "pcspk")
            draft.note("the PC speaker is silent");
        else if (word != "all" && find_card(word) == nullptr)
            return fail("there is no sound card '{}': use ac97, es1370 or hda", word);
    }
    const auto place = draft.devices.begin() + static_cast<std::ptrdiff_t>(draft.first_devices);
    const auto added = draft.devices.begin() + static_cast<std::ptrdiff_t>(before);
    draft.first_devices += draft.devices.size() - before;
    std::rotate(place, added, draft.devices.end());
    return {};
}

} // namespace dm::toolstack
