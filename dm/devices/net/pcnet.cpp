#include "dm/devices/net/pcnet.hpp"

#include <algorithm>

namespace dm {

using namespace pcnet;

namespace {

constexpr PciIdentity kIdentity{.vendor = 0x1022,
                                .device = 0x2000,
                                .class_code = 0x020000,
                                .revision = 0x10,
                                .subsystem_vendor = 0,
                                .subsystem = 0,
                                .interrupt_pin = 1};
constexpr u16 kPciStatus = 0x0280; // fast back-to-back, medium DEVSEL
constexpr unsigned kMinGnt = 0x3e;
constexpr unsigned kMaxLat = 0x3f;

constexpr u64 kLatest = u64{1} << 62; // no deadline is that far away

} // namespace

Pcnet::Pcnet(std::string_view device_name, NetCardConfig config, GuestMemory& memory, TimerQueue& timers,
             PciWiring wiring)
    : NetCard(device_name, kIdentity, std::move(config), std::move(wiring)), memory_(memory),
      timers_(timers) {
    set_register(pci::STATUS, 2, kPciStatus, 0, 0xf900);
    set_register(kMinGnt, 1, 0x06, 0);
    set_register(kMaxLat, 1, 0xff, 0);
    add_bar(0, {BarKind::Io, kRegisters, &registers_});
    add_bar(1, {BarKind::Memory, kRegisters, &registers_});
    add_rom();
    finish_config();
    Pcnet::reset();
}

void Pcnet::reset() {
    const bool unplugged = s_.unplugged;
    s_ = {};
    s_.unplugged = unplugged;
    load_prom();
    reset_config();
    stop_waiting();
    derive();
}

/// Nobody is left to acknowledge an interrupt.
void Pcnet::unplug() {
    s_ = {};
    s_.unplugged = true;
    drop_cable();
    config_write(pci::COMMAND, 2, 0);
    stop_waiting();
    derive();
}

void Pcnet::raise_frame(Csr0 cause) {
    set(cause);
    InterruptMitigation::count(s_.mitigation, now());
}

/// Of those that need IENA and have nothing to do with frames.
bool Pcnet::other_cause() const {
    const u16 test = s_.csr[TEST];
    const u16 extended = s_.csr[EXTENDED];
    return (test >> 1 & ~test & kCsr4Masks) != 0 || has(Csr4::UINT) ||
           (extended >> 1 & extended & kCsr5Enables) != 0;
}

/// After a system error the card is stopped, and IENA is clear.
bool Pcnet::system_cause() const {
    const u16 extended = s_.csr[EXTENDED];
    return (extended >> 1 & extended & kCsr5Always) != 0;
}

/// A card that waits for room in the guest is in a hurry.
bool Pcnet::line() {
    constexpr u16 kReceived = static_cast<u16>(Csr0::RINT);
    constexpr u16 kPatient = kReceived | static_cast<u16>(Csr0::TINT);
    const bool enabled = has(Csr0::IENA);
    const u16 pending = enabled ? unmasked() : u16{0};
    const bool others = (enabled && other_cause()) || system_cause();
    const InterruptMitigation::Causes causes{.any = !s_.unplugged && (pending != 0 || others),
                                             .urgent =
                                                 (pending & ~kPatient) != 0 || others || s_.waiting.look_at,
                                             .received = (pending & kReceived) != 0,
                                             .listening = enabled && (s_.csr[MASKS] & kReceived) == 0};
    const u16 late = static_cast<u16>(std::min(s_.rx.length, s_.tx.length) / 4);
    const InterruptMitigation::Bounds bounds{.frames = static_cast<u8>(std::clamp<u16>(late, 1, kLate))};
    return InterruptMitigation::level(s_.mitigation, causes, bounds, [this] { return now(); });
}

void Pcnet::derive() {
    if (!polls())
        s_.poll_at.reset();
    else if (!s_.poll_at)
        s_.poll_at = now() + (kPoll << s_.poll_backoff);
    set_intx(line());
    std::optional<u64> next = s_.poll_at;
    for (const std::optional<u64>& at : {s_.send_on_at, s_.waiting.look_at, s_.mitigation.until})
        if (at && (!next || *at < *next)) next = at;
    timer_.arm(next);
}

void Pcnet::timer_expired() {
    const u64 time = now();
    if (s_.send_on_at && *s_.send_on_at <= time) transmit();
    if (s_.poll_at && *s_.poll_at <= time) {
        const bool found = transmit();
        s_.poll_backoff = found ? u8{0} : std::min(static_cast<u8>(s_.poll_backoff + 1), kPollBackoff);
        s_.poll_at.reset();
    }
    if (s_.waiting.look_at && *s_.waiting.look_at <= time) look_again();
    derive();
}

/// Bus mastering may have come.
void Pcnet::config_written(unsigned reg, unsigned) {
    if (reg > pci::COMMAND + 1U) return;
    if (s_.init_waits) initialize();
    go_on_sending();
    room_may_be_there();
    derive();
}

void Pcnet::writable() {
    transmit();
    derive();
}

ethernet::Address Pcnet::address() const {
    ethernet::Address own;
    for (unsigned i = 0; i < own.size(); ++i)
        own[i] = byte_of(s_.csr[PADR + i / 2], i % 2);
    return own;
}

void Pcnet::save(StateWriter& out) const {
    save_config(out);
    out.section(name(), s_);
}

Status Pcnet::load(StateReader& in) {
    State loaded;
    DM_TRY(load_section(in, name(), loaded, [this](const State& state) { return valid(state); }));
    DM_TRY(load_config(in)); // commits on success: last
    s_ = loaded;
    if (s_.unplugged) drop_cable();
    derive();
    accept_input();
    return {};
}

Status Pcnet::valid(const State& state) const {
    for (unsigned i = 0; i < kCsrs; ++i)
        if ((state.csr[i] & ~csr_bits(i)) != 0)
            return fail("saved state: {}: CSR{} holds bits that do not exist", name(), i);
    for (unsigned i = 0; i < kBcrs; ++i)
        if ((state.bcr[i] & ~bcr_bits(i)) != 0)
            return fail("saved state: {}: BCR{} holds bits that do not exist", name(), i);
    if (style_register(state.bcr[SWSTYLE]) != state.bcr[SWSTYLE])
        return fail("saved state: {}: no such software style", name());
    if (state.rap > kRapMask) return fail("saved state: {}: no such register", name());
    for (const Ring& ring : {state.rx, state.tx})
        if (ring.length == 0 || ring.length > kRingMost || ring.index >= ring.length)
            return fail("saved state: {}: a place outside of its ring", name());
    const Bits<Csr0> status{state.csr[STATUS]};
    if (status.has(Csr0::STOP) && (status.has(Csr0::TXON) || status.has(Csr0::RXON) || state.init_waits))
        return fail("saved state: {}: stopped, and at work", name());
    for (const std::optional<u64>& at :
         {state.send_on_at, state.poll_at, state.waiting.look_at, state.mitigation.until})
        if (at.value_or(0) > kLatest) return fail("saved state: {}: an impossible deadline", name());
    if (state.slice_end > kLatest || !RoomWait::valid(state.waiting) || state.poll_backoff > kPollBackoff ||
        !InterruptMitigation::valid(state.mitigation))
        return fail("saved state: {}: an impossible time", name());
    if (s_.unplugged && !state.unplugged) return fail("saved state: {}: it was unplugged here", name());
    return {};
}

} // namespace dm
