// The board's network cards.
#include "dm/board/board.hpp"

namespace dm {
namespace {

/// The first frames may be lost: a bridge's port listens only a while after it was made.
constexpr unsigned kAnnouncements = 5;
constexpr u64 kAnnounceAgain = 50 * kMillisecond;

} // namespace

Status Board::add_nics(std::vector<NicParts> nics) {
    for (NicParts& parts : nics) {
        const std::optional<u8> device = parts.slot ? parts.slot : pci_.free_device(kFirstFreeDevice);
        if (!device)
            return fail(
                "no PCI place is free for network card {} of {}: give the guest fewer, or some of type=vif",
                nics_.size() + 1, nics.size());
        const std::string name = fmt::format("nic{}", nics_.size());
        Nic& nic = nics_.emplace_back();
        nic.place = {0, *device, 0};
        const auto e1000 = [&](e1000::Chip chip) {
            return std::make_unique<E1000>(name, std::move(parts.config), hypervisor_.memory(), timers_,
                                           wiring(*device, kIntA), chip);
        };
        switch (parts.model) {
        case NicParts::Model::Rtl8139:
            nic.card = std::make_unique<Rtl8139>(name, std::move(parts.config), hypervisor_.memory(), timers_,
                                                 wiring(*device, kIntA));
            break;
        case NicParts::Model::I82540em: nic.card = e1000(e1000::k82540em); break;
        case NicParts::Model::I82544gc: nic.card = e1000(e1000::k82544gc); break;
        case NicParts::Model::I82545em: nic.card = e1000(e1000::k82545em); break;
        case NicParts::Model::Ne2kPci:
            nic.card =
                std::make_unique<Ne2kPci>(name, std::move(parts.config), timers_, wiring(*device, kIntA));
            break;
        case NicParts::Model::Pcnet:
            nic.card = std::make_unique<Pcnet>(name, std::move(parts.config), hypervisor_.memory(), timers_,
                                               wiring(*device, kIntA));
            break;
        }
        devices_.push_back(nic.card.get());
        DM_TRY(attach(nic.place, *nic.card));
    }
    return {};
}

void Board::unplug_nics() {
    for (const Nic& nic : nics_)
        nic.card->unplug();
    follow_unplug();
    log_.info("the guest's PV drivers took over the network");
}

void Board::announce_nics() {
    announced_ = 0;
    announce();
}

void Board::announce() {
    for (const Nic& nic : nics_)
        nic.card->announce();
    if (++announced_ < kAnnouncements) announce_again_.arm(timers_.now_ns() + announced_ * kAnnounceAgain);
}

} // namespace dm
