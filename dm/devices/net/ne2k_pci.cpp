#include "dm/devices/net/ne2k_pci.hpp"

namespace dm {

using namespace ne2k_pci;

namespace {

constexpr PciIdentity kIdentity{
    .vendor = 0x10ec, .device = 0x8029, .class_code = 0x020000, .interrupt_pin = 1};
constexpr u16 kPciStatus = 0x0200;    // medium DEVSEL
constexpr u64 kLatest = u64{1} << 62; // no deadline is that far away

/// Each byte twice: on a card of 16 bits only half of the data lines lead to the PROM.
constexpr std::array<u8, kPromBytes> prom_of(const ethernet::Address& mac) {
    std::array<u8, kPromBytes / 2> once{};
    std::ranges::copy(mac, once.begin());
    once[14] = once[15] = kPromSignature;
    std::array<u8, kPromBytes> prom{};
    for (unsigned i = 0; i < prom.size(); ++i)
        prom[i] = once[i / 2];
    return prom;
}

} // namespace

Ne2kPci::Ne2kPci(std::string_view device_name, NetCardConfig config, TimerQueue& timers, PciWiring wiring)
    : NetCard(device_name, kIdentity, std::move(config), std::move(wiring)), timers_(timers),
      prom_(prom_of(mac())) {
    set_register(pci::STATUS, 2, kPciStatus, 0, 0xf900);
    add_bar(0, {BarKind::Io, kBarBytes, &registers_});
    add_rom();
    finish_config();
    Ne2kPci::reset();
}

void Ne2kPci::reset() {
    const bool unplugged = s_.unplugged;
    s_ = {};
    s_.unplugged = unplugged;
    reset_config();
    stop_waiting();
    derive();
}

/// What the reset port does (DP8390D, 11.0): what is under way ends, all else stays.
void Ne2kPci::soft_reset() {
    s_.cr = Bits<Cr>{kCrAtReset};
    s_.isr = Isr::RST;
    s_.imr = 0;
    s_.dcr.set(Dcr::LAS);
    s_.tcr.clear(Tcr::LB0);
    s_.tcr.clear(Tcr::LB1);
    s_.send_packet = false;
    s_.send_on_at.reset();
    s_.waiting.dropping = false;
    stop_waiting();
}

/// Nobody is left to acknowledge an interrupt.
void Ne2kPci::unplug() {
    s_ = {};
    s_.unplugged = true;
    drop_cable();
    config_write(pci::COMMAND, 2, 0);
    stop_waiting();
    derive();
}

void Ne2kPci::derive() {
    set_intx(!s_.unplugged && (s_.isr.raw() & s_.imr & kCauses) != 0);
    std::optional<u64> next = s_.send_on_at;
    if (s_.waiting.look_at && (!next || *s_.waiting.look_at < *next)) next = s_.waiting.look_at;
    timer_.arm(next);
}

void Ne2kPci::timer_expired() {
    const u64 time = now();
    if (s_.send_on_at && *s_.send_on_at <= time) transmit();
    if (s_.waiting.look_at && *s_.waiting.look_at <= time) look_again();
    derive();
}

void Ne2kPci::writable() {
    transmit();
    derive();
}

void Ne2kPci::save(StateWriter& out) const {
    save_config(out);
    out.section(name(), s_);
}

Status Ne2kPci::load(StateReader& in) {
    State loaded;
    DM_TRY(load_section(in, name(), loaded, [this](const State& state) { return valid(state); }));
    DM_TRY(load_config(in)); // commits on success: last
    s_ = loaded;
    if (s_.unplugged) drop_cable();
    derive();
    accept_input();
    return {};
}

/// Page numbers and addresses may be any: the chip counts on wherever they are.
Status Ne2kPci::valid(const State& state) const {
    const auto within = [](u8 value, u8 mask) { return (value & ~mask) == 0; };
    constexpr u8 kTsrBits = 0xdf;
    constexpr u8 kRsrBits = 0x33;
    if (!within(state.imr, kImrWritable) || !within(state.rcr.raw(), kRcrWritable) ||
        !within(state.tcr.raw(), kTcrWritable) || !within(state.dcr.raw(), kDcrWritable) ||
        !within(state.tsr, kTsrBits) || !within(state.rsr, kRsrBits) || !within(state.cr9346, kEeWritable) ||
        !within(state.config2 ^ kConfig2AtReset, kConfig2Writable) ||
        !within(state.config3 ^ kConfig3AtReset, kConfig3Writable))
        return fail("saved state: {}: a register holds bits that do not exist", name());
    if (state.fifo_at >= state.fifo.size() || state.cntr2 > kCounterMost)
        return fail("saved state: {}: a counter beyond its end", name());
    if (state.send_on_at.value_or(0) > kLatest || state.waiting.look_at.value_or(0) > kLatest ||
        state.slice_end > kLatest || !RoomWait::valid(state.waiting))
        return fail("saved state: {}: an impossible time", name());
    if (s_.unplugged && !state.unplugged) return fail("saved state: {}: it was unplugged here", name());
    return {};
}

} // namespace dm
