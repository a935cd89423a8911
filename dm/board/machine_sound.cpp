// Sound cards, and where their sound goes.
#include "dm/board/machine.hpp"
#include "dm/host/audio_factory.hpp"

#include <algorithm>

namespace dm {
namespace {

constexpr std::string_view kSb16 = "sb16";

std::optional<SoundParts::Model> sound_model(std::string_view driver) {
    if (driver == "AC97") return SoundParts::Model::Ac97;
    if (driver == "ES1370") return SoundParts::Model::Es1370;
    if (driver == "intel-hda") return SoundParts::Model::IntelHda;
    if (driver == "ich9-intel-hda") return SoundParts::Model::Ich9IntelHda;
    return std::nullopt;
}

HdaCodec::Model codec_model(std::string_view driver) {
    if (driver == "hda-output") return HdaCodec::Model::Output;
    if (driver == "hda-micro") return HdaCodec::Model::Micro;
    return HdaCodec::Model::Duplex;
}

} // namespace

Status Machine::open_audio() {
    for (const AudioOptions& options : options_.audio) {
        DM_TRY_ASSIGN(auto opened, host::make_audio_backend(options, loop_.host_timers()));
        audio_.push_back({options.id, std::move(opened)});
    }
    return {};
}

/// That of -audiodev `id`, without an id the first one; null: the sound goes nowhere.
AudioBackend* Machine::audio(std::string_view id) const {
    const auto found =
        id.empty() ? audio_.begin() : std::ranges::find(audio_, id, &std::pair<std::string, AudioEnd>::first);
    return found == audio_.end() ? nullptr : found->second.get();
}

bool Machine::has_sound() const {
    return std::ranges::any_of(options_.devices, [](const toolstack::DeviceOptions& device) {
        return device.emulated && (device.driver == kSb16 || sound_model(device.driver));
    });
}

void Machine::add_sounds(BoardParts& parts) const {
    for (const toolstack::DeviceOptions& device : options_.devices) {
        if (!device.emulated) continue;
        if (device.driver == kSb16) parts.sb16.emplace().audio = audio(device.property("audiodev"));
        const auto model = sound_model(device.driver);
        if (!model) continue;
        SoundParts& sound = parts.sounds.emplace_back();
        sound.model = *model;
        sound.audio = audio(device.property("audiodev"));
        if (device.pci_slot)
            sound.place = Bdf{0, static_cast<u8>(*device.pci_slot), static_cast<u8>(device.pci_function)};
        const auto index = static_cast<std::size_t>(&device - options_.devices.data());
        for (const toolstack::DeviceOptions& codec : options_.devices)
            if (codec.hda_place && codec.hda_place->controller == index)
                sound.codecs.at(codec.hda_place->address) = {codec_model(codec.driver),
                                                             audio(codec.property("audiodev"))};
    }
}

} // namespace dm
