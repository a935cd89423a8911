// Bulk and interrupt endpoints, and the life of the device.
#include "dm/devices/usb/usb_host_device.hpp"

#include <algorithm>

namespace dm {

using usb::Answer;
using usb::Handshake;

namespace {

constexpr u16 kFullBulk = 64;
constexpr u16 kHighBulk = 512;
constexpr u16 kFullInterrupt = 64;
constexpr u8 kDirectionIn = 0x80;
/// Enough of a configuration for what the base asks of it: it may wake up the guest.
constexpr std::array<u8, 9> kConfiguration{9, usb::kConfiguration, 9, 0, 0, 1, 0, 0xa0, 0};

Answer failure(UsbHostResult result) {
    switch (result) {
    case UsbHostResult::Stall: return {Handshake::Stall, 0, true};
    case UsbHostResult::Babble: return {Handshake::Babble, 0, true};
    case UsbHostResult::Done:
    case UsbHostResult::Failed: break;
    }
    return {Handshake::None, 0, true};
}

} // namespace

UsbHostDevice::Facts UsbHostDevice::facts_of(const UsbHostLink* link) {
    Facts facts;
    facts.full = {18, usb::kDevice, 0x10, 0x01, 0, 0, 0, 8, 0, 0, 0, 0, 0, 0, 0, 0, 0, 1};
    if (link != nullptr) {
        facts.full = link->identity().device;
        facts.is_high = link->identity().speed >= UsbHostSpeed::High;
    }
    // SuperSpeed counts in powers of two; a device that lies must not make endless packets of nothing.
    u8& packet = facts.full[7];
    if (facts.is_high || (packet != 8 && packet != 16 && packet != 32)) packet = 64;
    facts.high = facts.full;
    return facts;
}

UsbHostDevice::UsbHostDevice(std::string_view device_name, std::unique_ptr<UsbHostLink> link,
                             TimerQueue& timers, std::function<void()> lost)
    : UsbDevice(device_name, description_, {}),
      facts_(facts_of(link.get())), description_{.device = facts_.full,
                                                 .configuration = kConfiguration,
                                                 .strings = {},
                                                 .high_device = facts_.is_high
                                                                    ? std::span<const u8>(facts_.high)
                                                                    : std::span<const u8>(),
                                                 .high_configuration = kConfiguration},
      link_(std::move(link)), timers_(timers), lost_(std::move(lost)) {
    if (link_ == nullptr) return;
    link_->set_user(static_cast<UsbHostUser*>(this));
    refresh_endpoints();
}

UsbHostDevice::~UsbHostDevice() {
    if (link_ != nullptr) link_->set_user(nullptr);
}

/// At a lower speed only bulk endpoints may have packets of another size.
bool UsbHostDevice::speaks(UsbHostLink& link, usb::Speed speed) {
    const bool high = link.identity().speed >= UsbHostSpeed::High;
    if (speed == usb::Speed::High) return high;
    if (!high) return true;
    return std::ranges::none_of(link.endpoints(), [](const UsbHostEndpoint& e) {
        return e.kind == UsbHostKind::Isochronous ||
               (e.kind == UsbHostKind::Interrupt && e.packet > kFullInterrupt);
    });
}

void UsbHostDevice::refresh_endpoints() {
    for (Pipe& pipe : pipes_)
        pipe.there = false;
    if (link_ == nullptr) return;
    for (const UsbHostEndpoint& e : link_->endpoints()) {
        if ((e.address & 15) == 0 || e.packet == 0 || e.kind == UsbHostKind::Control) continue;
        Pipe& pipe = pipes_[tag_of(e.address, (e.address & kDirectionIn) != 0)];
        pipe.there = true;
        pipe.kind = e.kind;
        pipe.packet = std::min<u16>(e.packet, usb::kMostPacket);
    }
}

/// The guest resets a device that it has addressed already when it does not know any further: only then the
/// device itself is reset.
void UsbHostDevice::bus_reset() {
    const bool used = address() != 0;
    UsbDevice::bus_reset();
    const u64 now = timers_.now_ns();
    if (!used || link_ == nullptr || (last_reset_ns_ && now - *last_reset_ns_ < kResetPause)) return;
    last_reset_ns_ = now;
    link_->reset();
    refresh_endpoints();
}

void UsbHostDevice::land(u8 tag) {
    Pipe& pipe = pipes_[tag];
    if (pipe.flow == Flow::Flying && link_ != nullptr) link_->cancel(tag);
    pipe.flow = Flow::Idle;
    pipe.result = UsbHostResult::Done;
    pipe.at = 0;
    pipe.wanted = 0;
    pipe.short_end = false;
    pipe.data.clear();
}

void UsbHostDevice::land_all() {
    for (u8 tag = 1; tag < pipes_.size(); ++tag)
        land(tag);
    if (stage_ == Step::Flying && link_ != nullptr) link_->cancel(0);
    stage_ = Step::Idle;
    next_address_ = 0;
    control_.clear();
    done_ = 0;
}

/// Nothing of what was under way is in a saved state.
void UsbHostDevice::commit() {
    land_all();
    UsbDevice::commit();
}

void UsbHostDevice::gone() {
    log_.info("the host's device {} was pulled out", link_->identity().text);
    land_all();
    if (lost_) lost_(); // this may be the end of us
}

// -------------------------------------------------------------------------------------------- transactions

Answer UsbHostDevice::transact(usb::Pid pid, unsigned endpoint, std::span<u8> bytes, u32 wanted) {
    if (link_ == nullptr) return {};
    if (endpoint == 0) return control(pid, bytes);
    const bool in = pid == usb::Pid::In;
    Pipe& pipe = pipes_[tag_of(endpoint, in)];
    if (pid == usb::Pid::Setup || !pipe.there) return {};
    if (pipe.kind == UsbHostKind::Isochronous) {
        if (!isochronous_told_)
            log_.warning("{}: sound and video (isochronous transfers) do not work", link_->identity().text);
        isochronous_told_ = true;
        return {};
    }
    return in ? in_token(endpoint, pipe, bytes, wanted) : out_token(endpoint, pipe, bytes, wanted);
}

bool UsbHostDevice::works_ahead(usb::Pid pid, unsigned endpoint) const {
    const Pipe& pipe = pipes_[tag_of(endpoint, pid == usb::Pid::In)];
    return endpoint != 0 && pipe.there && pipe.kind == UsbHostKind::Bulk && pipe.flow == Flow::Idle &&
           pipe.data.empty();
}

u16 UsbHostDevice::guest_packet(const Pipe& pipe) const {
    if (pipe.kind != UsbHostKind::Bulk) return pipe.packet;
    return std::min(pipe.packet, speed() == usb::Speed::High ? kHighBulk : kFullBulk);
}

bool UsbHostDevice::fly(unsigned endpoint, bool in, Pipe& pipe, u32 room) {
    const auto tag = static_cast<u8>(tag_of(endpoint, in));
    const bool flies = link_->submit({.tag = tag,
                                      .kind = pipe.kind,
                                      .endpoint = static_cast<u8>(endpoint | (in ? kDirectionIn : 0U)),
                                      .out = in ? std::span<const u8>() : std::span<const u8>(pipe.data),
                                      .room = room});
    if (flies)
        pipe.flow = Flow::Flying;
    else
        land(tag);
    return flies;
}

Answer UsbHostDevice::in_token(unsigned endpoint, Pipe& pipe, std::span<u8> bytes, u32 wanted) {
    if (pipe.flow == Flow::Ready) return fetch(pipe, bytes);
    if (pipe.flow == Flow::Flying) return {Handshake::Nak};
    wanted = std::max(wanted, static_cast<u32>(bytes.size()));
    u32 room = pipe.packet;               // an interrupt endpoint has one packet to tell
    if (pipe.kind == UsbHostKind::Bulk) { // whole packets of the device
        const u32 most = kMostBytes / pipe.packet * pipe.packet;
        room = std::clamp<u32>((wanted + pipe.packet - 1) / pipe.packet * pipe.packet, pipe.packet, most);
    }
    pipe.wanted = std::min(wanted, room);
    if (!fly(endpoint, true, pipe, room)) return {};
    return {Handshake::Nak};
}

/// A packet of what the device gave; its error comes behind all that came before.
Answer UsbHostDevice::fetch(Pipe& pipe, std::span<u8> bytes) {
    const auto tag = static_cast<u8>(&pipe - pipes_.data());
    const std::size_t left = pipe.data.size() - pipe.at;
    if (left == 0 && !pipe.short_end) {
        const Answer answer = failure(pipe.result);
        land(tag);
        return answer;
    }
    const std::size_t packet = std::min<std::size_t>(left, guest_packet(pipe));
    if (packet > bytes.size()) {
        land(tag);
        return {Handshake::Babble, 0, true};
    }
    std::copy_n(pipe.data.begin() + static_cast<std::ptrdiff_t>(pipe.at), packet, bytes.begin());
    pipe.at += packet;
    if (left == 0) pipe.short_end = false;
    const bool over = pipe.at == pipe.data.size() && !pipe.short_end && pipe.result == UsbHostResult::Done;
    const bool more = pipe.kind == UsbHostKind::Bulk || !over;
    if (over) land(tag);
    return {Handshake::Ack, static_cast<u32>(packet), more};
}

/// All packets but the last one are taken at once; that one is when the device has taken all of them.
Answer UsbHostDevice::out_token(unsigned endpoint, Pipe& pipe, std::span<const u8> bytes, u32 wanted) {
    const auto tag = static_cast<u8>(tag_of(endpoint, false));
    if (pipe.flow == Flow::Flying) return {Handshake::Nak};
    if (pipe.flow == Flow::Ready) {
        const UsbHostResult result = pipe.result;
        const bool same = pipe.data.size() >= bytes.size() &&
                          std::equal(bytes.begin(), bytes.end(), pipe.data.end() - std::ssize(bytes));
        land(tag);
        if (same) return result == UsbHostResult::Done ? Answer{Handshake::Ack, 0, true} : failure(result);
    }
    // Less than was announced is left: the guest has dropped that transfer and begins another one.
    if (!pipe.data.empty() && wanted != 0 && wanted < pipe.wanted - pipe.data.size()) land(tag);
    wanted = std::max(wanted, static_cast<u32>(bytes.size()));
    if (pipe.data.empty()) {
        const u32 most = kMostBytes / pipe.packet * pipe.packet;
        pipe.wanted =
            pipe.kind == UsbHostKind::Bulk ? std::min(wanted, most) : static_cast<u32>(bytes.size());
    }
    pipe.data.insert(pipe.data.end(), bytes.begin(), bytes.end());
    const bool whole = pipe.data.size() >= pipe.wanted || bytes.size() < guest_packet(pipe);
    if (!whole) return {Handshake::Ack, 0, true};
    if (!fly(endpoint, false, pipe, 0)) return {};
    return {Handshake::Nak};
}

void UsbHostDevice::transferred(u8 tag, UsbHostResult result, std::span<const u8> data) {
    if (tag == 0) {
        control_done(result, data);
        return ready();
    }
    if (tag >= pipes_.size() || pipes_[tag].flow != Flow::Flying) return;
    Pipe& pipe = pipes_[tag];
    pipe.flow = Flow::Ready;
    pipe.result = result;
    if (tag >= kIn) {
        pipe.at = 0;
        pipe.data.assign(data.begin(), data.end());
        const bool full_packets = pipe.data.size() % guest_packet(pipe) == 0;
        pipe.short_end =
            result == UsbHostResult::Done && full_packets &&
            (pipe.data.empty() || (pipe.kind == UsbHostKind::Bulk && pipe.data.size() < pipe.wanted));
    }
    ready();
}

} // namespace dm
