#include "dm/devices/net/rtl8139.hpp"

#include <algorithm>

namespace dm {

using namespace rtl8139;

namespace {

constexpr PciIdentity kIdentity{
    .vendor = 0x10ec, .device = 0x8139, .class_code = 0x020000, .revision = kRevision, .interrupt_pin = 1};
constexpr u16 kPciStatus = 0x0280; // fast back-to-back, medium DEVSEL
constexpr u8 kCapabilityPointer = 0xdc;

// What the EEPROM holds (datasheet, chapter 7).
constexpr u16 kEepromSignature = 0x8129;
constexpr unsigned kEepromIds = 1;
constexpr unsigned kEepromAddress = 7;

constexpr u64 kTimerRound = u64{kTimerPeriod} << 32;
constexpr u64 kLatest = u64{1} << 62; // no deadline is that far away

} // namespace

Rtl8139::Rtl8139(std::string_view device_name, NetCardConfig config, GuestMemory& memory, TimerQueue& timers,
                 PciWiring wiring)
    : NetCard(device_name, kIdentity, std::move(config), std::move(wiring)), memory_(memory), timers_(timers),
      log_(device_name) {
    set_register(pci::STATUS, 2, kPciStatus, 0, 0xf900);
    set_register(pci::CAPABILITY_LIST, 1, kCapabilityPointer, 0);
    add_bar(0, {BarKind::Io, kRegisters, &registers_});
    add_bar(1, {BarKind::Memory, kRegisters, &registers_});
    add_rom();
    finish_config();
    Rtl8139::reset();
}

void Rtl8139::reset() {
    const bool unplugged = s_.unplugged;
    s_ = {};
    s_.unplugged = unplugged;
    s_.link = link_up();
    s_.eeprom.words[0] = kEepromSignature;
    s_.eeprom.words[kEepromIds] = kIdentity.vendor;
    s_.eeprom.words[kEepromIds + 1] = kIdentity.device;
    for (unsigned i = 0; i < mac().size(); i += 2)
        s_.eeprom.words[kEepromAddress + i / 2] = static_cast<u16>(mac()[i] | mac()[i + 1] << 8);
    load_eeprom();
    reset_config();
    stop_waiting();
    derive();
}

void Rtl8139::load_eeprom() {
    for (unsigned i = 0; i < s_.idr.size(); ++i)
        s_.idr[i] = byte_of(s_.eeprom.words[kEepromAddress + i / 2], i % 2);
}

/// CR.RST: addresses, filter, EEPROM, CONFIG registers, PHY and counters stay.
void Rtl8139::soft_reset() {
    State fresh;
    fresh.idr = s_.idr;
    fresh.mar = s_.mar;
    fresh.mpc = s_.mpc;
    fresh.cr9346 = s_.cr9346;
    fresh.eeprom = s_.eeprom;
    fresh.config0 = s_.config0;
    fresh.config1 = s_.config1;
    fresh.config3 = s_.config3;
    fresh.config4 = s_.config4;
    fresh.config5 = s_.config5;
    fresh.bmcr = s_.bmcr;
    fresh.anar = s_.anar;
    fresh.link = s_.link;
    fresh.wakeup = s_.wakeup;
    fresh.tally = s_.tally;
    fresh.slice_end = s_.slice_end;
    fresh.slice_frames = s_.slice_frames;
    fresh.slice_bytes = s_.slice_bytes;
    fresh.unplugged = s_.unplugged;
    fresh.tctr_since = now();
    s_ = fresh;
    stop_waiting();
}

/// Nobody is left to acknowledge an interrupt.
void Rtl8139::unplug() {
    s_ = {};
    s_.unplugged = true;
    drop_cable();
    config_write(pci::COMMAND, 2, 0);
    stop_waiting();
    derive();
}

void Rtl8139::raise_frame(Int cause) {
    raise(cause);
    InterruptMitigation::count(s_.mitigation, now());
}

/// A card that waits for room in the guest is in a hurry.
bool Rtl8139::line() {
    constexpr u16 kReceived = static_cast<u16>(Int::ROK);
    constexpr u16 kPatient = kReceived | static_cast<u16>(Int::TOK) | static_cast<u16>(Int::TDU);
    const u16 pending = s_.isr & s_.imr;
    const InterruptMitigation::Causes causes{.any = !s_.unplugged && pending != 0,
                                             .urgent = (pending & ~kPatient) != 0 || s_.waiting.look_at,
                                             .received = (pending & kReceived) != 0,
                                             .listening = (s_.imr & kReceived) != 0};
    const InterruptMitigation::Bounds bounds{.frames = has(Cpcr::CPTX) ? kLateCPlus : kLateCMode};
    return InterruptMitigation::level(s_.mitigation, causes, bounds, [this] { return now(); });
}

/// States that earlier versions saved may have a timer and a mask in an unplugged card.
void Rtl8139::derive() {
    set_intx(line());
    std::optional<u64> next = s_.timer_at;
    for (const std::optional<u64>& at : {s_.send_on_at, s_.waiting.look_at, s_.mitigation.until})
        if (at && (!next || *at < *next)) next = at;
    timer_.arm(next);
}

/// TCTR reaches TimerInt once in a round of its 32 bits.
void Rtl8139::set_timer() {
    s_.timer_at.reset();
    if (s_.timer_int == 0) return;
    const u64 since = now() - s_.tctr_since;
    u64 at = since / kTimerRound * kTimerRound + u64{s_.timer_int} * kTimerPeriod;
    if (at < since) at += kTimerRound;
    s_.timer_at = s_.tctr_since + at;
}

void Rtl8139::timer_expired() {
    const u64 time = now();
    if (s_.timer_at && *s_.timer_at <= time) {
        raise(Int::TIMEOUT);
        *s_.timer_at += kTimerRound;
    }
    if (s_.send_on_at && *s_.send_on_at <= time) transmit();
    if (s_.waiting.look_at && *s_.waiting.look_at <= time) look_again();
    derive();
}

/// Bus mastering may have come.
void Rtl8139::config_written(unsigned reg, unsigned) {
    if (reg > pci::COMMAND + 1U) return;
    transmit();
    room_may_be_there();
    derive();
}

void Rtl8139::writable() {
    transmit();
    derive();
}

void Rtl8139::link_changed() {
    if (s_.link == link_up()) return;
    s_.link = link_up();
    raise(Int::LINKCHG);
    derive();
}

void Rtl8139::save(StateWriter& out) const {
    save_config(out);
    out.section(name(), s_);
}

Status Rtl8139::load(StateReader& in) {
    State loaded;
    DM_TRY(load_section(in, name(), loaded, [this](const State& state) { return valid(state); }));
    DM_TRY(load_config(in)); // commits on success: last
    s_ = loaded;
    if (s_.unplugged) drop_cable();
    link_changed(); // the cable here may be another one's
    derive();
    accept_input();
    return {};
}

Status Rtl8139::valid(const State& state) const {
    const auto within = [](auto value, auto mask) { return (value & ~mask) == 0; };
    constexpr u8 kCrBits = static_cast<u8>(Cr::TE) | static_cast<u8>(Cr::RE);
    constexpr u8 kPollBits = static_cast<u8>(Poll::NPQ) | static_cast<u8>(Poll::HPQ);
    if (!within(state.cr, kCrBits) || !within(state.tppoll, kPollBits) || !within(state.mpc, kMpcMask) ||
        !within(state.tcr ^ kTcrAtReset, kTcrWritable) || !within(state.rcr, kRcrWritable) ||
        !within(state.cpcr, kCpcrWritable) || !within(state.cr9346, kEeWritable) ||
        !within(state.imr, static_cast<u16>(~kIntReserved)) ||
        !within(state.isr, static_cast<u16>(~kIntReserved)) || !within(state.config0, kConfig0Writable) ||
        !within(state.config1 ^ kConfig1AtReset, kConfig1Writable) ||
        !within(state.config3 ^ kConfig3AtReset, kConfig3Writable) ||
        !within(state.config4, kConfig4Writable) || !within(state.config5, kConfig5Writable) ||
        !within(state.mulint, kMulintWritable) || !within(state.bmcr, kBmcrWritable))
        return fail("saved state: {}: a register holds bits that do not exist", name());
    if (state.tsd_index >= state.tsd.size() || state.rx_index >= kRingMost ||
        std::ranges::any_of(state.tx_index, [](u8 index) { return index >= kRingMost; }) ||
        state.cbr >= ring_size(state.rcr) || state.cbr % kRxAlignment != 0)
        return fail("saved state: {}: a place outside of its ring", name());
    for (const std::optional<u64>& at :
         {state.timer_at, state.send_on_at, state.waiting.look_at, state.mitigation.until})
        if (at.value_or(0) > kLatest) return fail("saved state: {}: an impossible deadline", name());
    if (state.tctr_since > kLatest || state.slice_end > kLatest || !RoomWait::valid(state.waiting) ||
        !InterruptMitigation::valid(state.mitigation))
        return fail("saved state: {}: an impossible time", name());
    if (state.timer_at.has_value() != (state.timer_int != 0))
        return fail("saved state: {}: a timer without its deadline", name());
    if (!Eeprom93c46::valid(state.eeprom)) return fail("saved state: {}: an impossible EEPROM", name());
    if (s_.unplugged && !state.unplugged) return fail("saved state: {}: it was unplugged here", name());
    return {};
}

} // namespace dm
