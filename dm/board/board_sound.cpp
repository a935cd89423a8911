// The board's sound cards.
#include "dm/board/board.hpp"

namespace dm {
namespace {

std::string_view kind_of(SoundParts::Model model) {
    switch (model) {
    case SoundParts::Model::Ac97: return "ac97";
    case SoundParts::Model::Es1370: return "es1370";
    case SoundParts::Model::IntelHda:
    case SoundParts::Model::Ich9IntelHda: return "intel-hda";
    }
    return "";
}

} // namespace

/// "ac97", and a second card whatever its model "es1370@1".
std::unique_ptr<PciFunction> Board::make_sound(const SoundParts& parts, PciWiring lines) {
    std::string name(kind_of(parts.model));
    if (!sounds_.empty()) name += fmt::format("@{}", sounds_.size());
    switch (parts.model) {
    case SoundParts::Model::Ac97:
        return std::make_unique<Ac97>(name, parts.audio, hypervisor_.memory(), timers_, std::move(lines));
    case SoundParts::Model::Es1370:
        return std::make_unique<Es1370>(name, parts.audio, hypervisor_.memory(), timers_, std::move(lines));
    case SoundParts::Model::IntelHda:
    case SoundParts::Model::Ich9IntelHda: {
        const bool ich9 = parts.model == SoundParts::Model::Ich9IntelHda;
        return std::make_unique<HdaController>(
            name,
            HdaController::Config{.model = ich9 ? HdaController::Model::Ich9 : HdaController::Model::Ich6,
                                  .codecs = parts.codecs},
            hypervisor_.memory(), timers_, std::move(lines));
    }
    }
    return {};
}

Status Board::add_sound(const SoundParts& parts) {
    const std::optional<u8> device = parts.place ? parts.place->dev : pci_.free_device(kFirstFreeDevice);
    if (!device) return fail("no PCI place is free for a sound card");
    std::unique_ptr<PciFunction> card = make_sound(parts, wiring(*device, kIntA));
    DM_TRY(attach({0, *device, parts.place ? parts.place->fn : u8{0}}, *card));
    devices_.push_back(card.get());
    sounds_.push_back(std::move(card));
    return {};
}

void Board::add_sb16(const Sb16Parts& parts) {
    constexpr u64 kBase = 0x220;
    add(sb16_, "sb16", parts.audio, isa(5), timers_, dma_->channel(1), dma_->channel(5),
        Sb16::Jumpers{.irq_select = 0x02, .dma_select = 0x22});
    map(kBase + sb16::MIXER_INDEX, 3, *sb16_, 1, sb16::MIXER_INDEX);
    map(kBase + sb16::DSP_READ, 1, *sb16_, 1, sb16::DSP_READ);
    map(kBase + sb16::DSP_WRITE, 4, *sb16_, 1, sb16::DSP_WRITE);
}

} // namespace dm
