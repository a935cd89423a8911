// RTL8139C+: which frames come in, the receive buffer of C mode, and a guest that has no room.
#include "dm/devices/net/rtl8139.hpp"

#include <algorithm>

namespace dm {

using namespace rtl8139;

namespace {

/// What a frame of the usual length takes in the receive buffer: with header and FCS, in whole dwords.
constexpr u32 space_for(std::size_t frame) {
    return static_cast<u32>(frame + kRxHeader + ethernet::kCheckSequence + kRxAlignment - 1) &
           ~(kRxAlignment - 1);
}

constexpr std::array<u8, 4> bytes_of(u32 value) {
    return {byte_of(value, 0), byte_of(value, 1), byte_of(value, 2), byte_of(value, 3)};
}

} // namespace

void Rtl8139::receive(std::span<const u8> frame) {
    if (!listens() || loopback()) return;
    take_in(frame);
    derive();
}

/// Status bits of a frame that the filter lets in.
std::optional<u16> Rtl8139::accepted(std::span<const u8> frame) const {
    const Bits<Rcr> rcr{s_.rcr};
    const auto when = [&](bool on, RxStatus status) -> std::optional<u16> {
        if (!on && !rcr.has(Rcr::AAP)) return std::nullopt;
        return static_cast<u16>(status);
    };
    if (ethernet::is_broadcast(frame)) return when(rcr.has(Rcr::AB), RxStatus::BAR);
    if (ethernet::is_multicast(frame)) {
        const u32 bit = ethernet::hash_crc(frame) >> 26;
        const bool wanted = (s_.mar[bit / 8] >> (bit % 8) & 1) != 0;
        return when(rcr.has(Rcr::AM) && wanted, RxStatus::MAR);
    }
    if (ethernet::is_for(frame, s_.idr)) return when(rcr.has(Rcr::APM), RxStatus::PAM);
    return rcr.has(Rcr::AAP) ? std::optional<u16>(0) : std::nullopt;
}

void Rtl8139::take_in(std::span<const u8> frame) {
    if (frame.size() < ethernet::kHeader) return;
    const std::optional<u16> status = accepted(frame);
    if (!status) return;
    if (frame.size() > (has(Cpcr::CPRX) ? kReceiveMostCPlus : kReceiveMost)) {
        ++s_.tally.rx_err;
        return;
    }
    std::array<u8, ethernet::kLeast> padded{};
    if (frame.size() < padded.size()) {
        std::ranges::copy(frame, padded.begin());
        frame = padded;
    }
    const Stored stored = has(Cpcr::CPRX) ? store_cplus(frame, *status) : store_c_mode(frame, *status);
    if (stored == Stored::TooLong) {
        ++s_.tally.rx_err;
        return;
    }
    if (stored == Stored::NoRoom) {
        raise(Int::RXOVW);
        s_.mpc = (s_.mpc + 1) & kMpcMask;
        ++s_.tally.miss_pkt;
        s_.waiting.dropping = true;
        return;
    }
    ++s_.tally.rx_ok;
    if (*status == static_cast<u16>(RxStatus::BAR)) ++s_.tally.rx_ok_brd;
    if (*status == static_cast<u16>(RxStatus::MAR)) ++s_.tally.rx_ok_mul;
    if (*status == static_cast<u16>(RxStatus::PAM)) ++s_.tally.rx_ok_phy;
    raise_frame(Int::ROK);
    RoomWait::taken(s_.waiting, has_room(), [this] { return now(); });
}

/// Equal places mean an empty buffer, so it is never filled to the last byte.
u32 Rtl8139::free_bytes() const {
    const u32 size = ring_size(s_.rcr);
    const u32 free = (read_place() - s_.cbr) & (size - 1);
    return free == 0 ? size : free;
}

Rtl8139::Stored Rtl8139::store_c_mode(std::span<const u8> frame, u16 status) {
    const u32 size = ring_size(s_.rcr);
    const u32 space = space_for(frame.size());
    if (space >= free_bytes()) return Stored::NoRoom;
    // With WRAP a frame goes on behind the end of the buffer; the largest one has no such space.
    const bool straight = Bits<Rcr>{s_.rcr}.has(Rcr::WRAP) && size < 65536;
    if (straight && s_.cbr + space > size + kWrapMost) return Stored::TooLong;
    u32 at = s_.cbr;
    const auto put = [&](std::span<const u8> bytes) {
        const std::size_t here =
            straight ? bytes.size() : std::min<std::size_t>(bytes.size(), size - (at & (size - 1)));
        const u32 place = straight ? at : at & (size - 1);
        memory_.write(u64{s_.rbstart} + place, bytes.first(here));
        if (here < bytes.size()) memory_.write(s_.rbstart, bytes.subspan(here));
        at += static_cast<u32>(bytes.size());
    };
    const u32 length = static_cast<u32>(frame.size() + ethernet::kCheckSequence);
    put(bytes_of(length << 16 | status | static_cast<u16>(RxStatus::ROK)));
    put(frame);
    put(bytes_of(ethernet::check_sequence(frame)));
    s_.cbr = static_cast<u16>((s_.cbr + space) & (size - 1));
    return Stored::Yes;
}

/// For a frame of the usual length.
bool Rtl8139::has_room() {
    if (!has(Cpcr::CPRX)) return space_for(ethernet::kMost + ethernet::kTag) < free_bytes();
    return rx_base() != 0 && (fetch(rx_base(), s_.rx_index).control & desc::OWN) != 0;
}

/// The guest wrote a register that drivers write when they have made room.
void Rtl8139::room_may_be_there() {
    if (!s_.waiting.look_at || !listens() || !has_room()) return;
    s_.waiting.dropping = false;
    stop_waiting();
}

void Rtl8139::look_again() {
    if (!listens()) return stop_waiting();
    if (has_room()) return room_may_be_there();
    if (!RoomWait::look_again(s_.waiting, now())) stop_waiting();
}

/// The back end, which sends nothing until it is asked, may wait although the state has forgotten it: in a
/// reset.
void Rtl8139::stop_waiting() {
    RoomWait::end(s_.waiting);
    accept_input();
}

} // namespace dm
