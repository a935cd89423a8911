// What the board needs of any network card: a cable, an option ROM, and that it can be taken away.
#pragma once

#include "dm/core/net_backend.hpp"
#include "dm/core/pci.hpp"
#include "dm/devices/net/ethernet.hpp"
#include "dm/devices/vga/option_rom.hpp"

#include <vector>

namespace dm {

/// How a card is built, whatever its model.
struct NetCardConfig {
    ethernet::Address mac{};
    NetBackend* cable = nullptr; ///< null: none is plugged in
    std::vector<u8> rom;         ///< for the expansion ROM BAR; empty: there is none
};

class NetCard : public PciFunction, protected NetFrontend {
public:
    NetCard(std::string_view name, const PciIdentity& identity, NetCardConfig config, PciWiring wiring)
        : PciFunction(name, identity, std::move(wiring)), mac_(config.mac), cable_(config.cable) {
        rom_.set(std::move(config.rom));
        if (cable_ != nullptr) cable_->set_frontend(this);
    }
    ~NetCard() override {
        if (cable_ != nullptr) cable_->set_frontend(nullptr);
    }

    /// The xen-platform device's unplug protocol: the card falls silent and lets go of its cable; the
    /// function is to leave the PCI bus with it. It lasts as long as the domain.
    virtual void unplug() = 0;
    virtual bool unplugged() const = 0;
    /// One frame from the card's address to everybody, so that switches learn where it is now.
    void announce();

protected:
    /// As the guest last set it.
    virtual ethernet::Address address() const = 0;
    const ethernet::Address& mac() const { return mac_; }

    /// Of the derived constructor, before finish_config().
    void add_rom() {
        if (rom_.size() != 0) add_bar(pci::kRomBar, {BarKind::Rom, rom_.size(), &rom_});
    }

    NetBackend::Sent send(std::span<const iovec> frame, const FrameOffload& offload) {
        return cable_ != nullptr ? cable_->send(frame, offload) : NetBackend::Sent::Yes;
    }
    void accept_input() {
        if (cable_ != nullptr) cable_->accept_input();
    }
    bool link_up() const { return cable_ != nullptr && cable_->link_up(); }
    /// Nothing comes and goes any more.
    void drop_cable() {
        if (cable_ != nullptr) cable_->set_frontend(nullptr);
        cable_ = nullptr;
    }

private:
    ethernet::Address mac_;
    NetBackend* cable_;
    OptionRom rom_;
};

} // namespace dm
