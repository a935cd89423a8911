#include "dm/devices/net/e1000.hpp"

namespace dm {

using namespace e1000;

namespace {

constexpr PciIdentity identity_of(Chip chip) {
    return {.vendor = kIntel,
            .device = chip.device,
            .class_code = 0x020000,
            .revision = 0x03,
            .interrupt_pin = 1};
}

constexpr unsigned kMemoryBar = 0;
constexpr unsigned kPortBar = 1;
constexpr u32 kMdicKept = kMdicWritable | static_cast<u32>(Mdic::READY);
constexpr u32 kEerdKept = 0xffff'ff00 | static_cast<u32>(Eerd::DONE);

} // namespace

E1000::E1000(std::string_view device_name, NetCardConfig config, GuestMemory& memory, TimerQueue& timers,
             PciWiring wiring, Chip chip)
    : NetCard(device_name, identity_of(chip), std::move(config), std::move(wiring)), chip_(chip),
      log_(name()), memory_(memory), timers_(timers), timer_(timers, [this] { timers_due(); }) {
    add_bar(kMemoryBar, {BarKind::Memory, kRegistersLength, &memory_bar_});
    add_bar(kPortBar, {BarKind::Io, kPortsLength, &port_bar_});
    add_rom();
    finish_config();
    power_on();
}

void E1000::power_on() {
    const bool gone = s_.gone;
    s_ = {};
    s_.gone = gone;
    s_.eeprom.words = eeprom_words(mac(), chip_);
    load_address();
    s_.link = s_.phy.link(link_up());
}

/// The first of the receive addresses is what the EEPROM says.
void E1000::load_address() {
    const EepromWords& words = s_.eeprom.words;
    s_.ra[0] = words[0] | u32{words[1]} << 16;
    s_.ra[1] = kRahValid | words[2];
}

ethernet::Address E1000::address() const {
    return {byte_of(s_.ra[0], 0), byte_of(s_.ra[0], 1), byte_of(s_.ra[0], 2),
            byte_of(s_.ra[0], 3), byte_of(s_.ra[1], 0), byte_of(s_.ra[1], 1)};
}

/// CTRL.RST: all but the PHY, the EEPROM's content and what belongs to the bus.
void E1000::soft_reset() {
    const State before = s_;
    power_on();
    s_.phy = before.phy;
    s_.link = before.link;
    s_.eeprom.words = before.eeprom.words;
    load_address();
}

void E1000::reset() {
    power_on();
    reset_config();
    sync();
}

void E1000::unplug() {
    s_.gone = true;
    drop_cable();
    power_on();
    config_write(pci::COMMAND, 2, 0); // nothing answers where it was
    sync();
}

void E1000::config_written(unsigned reg, unsigned) {
    if (reg > pci::COMMAND + 1U) return;
    if (s_.gone && config_read(pci::COMMAND, 2) != 0) return config_write(pci::COMMAND, 2, 0);
    kick();
    sync();
    invite();
}

void E1000::save(StateWriter& out) const {
    save_config(out);
    out.section(name(), s_);
}

/// Values that no sequence of accesses leads to.
Status E1000::judge(const State& state) const {
    const auto impossible = [this](std::string_view what) {
        return fail("saved state: {}: {} cannot be", name(), what);
    };
    for (std::size_t i = 0; i < kRegisters.size(); ++i)
        if (((state.regs[i] ^ kRegisters[i].reset) & ~kRegisters[i].writable) != 0)
            return impossible(kRegisters[i].name);
    for (std::size_t i = 1; i < kRaCount; i += 2)
        if ((state.ra[i] & ~kRahWritable) != 0) return impossible("RAH");
    if (((state.icr | state.ims) & ~kCauses) != 0) return impossible("an interrupt cause");
    if ((state.eerd & ~kEerdKept) != 0 || (state.mdic & ~kMdicKept) != 0) return impossible("EERD or MDIC");
    if ((state.eecd & ~kEecdWritable) != 0 || !Eeprom93c46::valid(state.eeprom))
        return impossible("the EEPROM's state");
    if (!InterruptMitigation::valid(state.mitigation)) return impossible("an interrupt's time");
    if (s_.gone && !state.gone) return fail("saved state: {}: it was unplugged here", name());
    return {};
}

Status E1000::load(StateReader& in) {
    State loaded;
    DM_TRY(load_section(in, name(), loaded, [this](const State& state) { return judge(state); }));
    DM_TRY(load_config(in)); // commits on success: last
    s_ = loaded;
    s_.mitigation.line = s_.asserted; // which states of earlier versions lack
    if (s_.gone) {
        drop_cable();
        config_write(pci::COMMAND, 2, 0); // states of earlier versions have it enabled
    }
    sync();
    invite();
    return {};
}

} // namespace dm
