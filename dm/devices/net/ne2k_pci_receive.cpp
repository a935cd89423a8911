// RTL8029AS: which frames come in, the ring that they go to, and a guest that has no room.
#include "dm/devices/net/ne2k_pci.hpp"

#include <algorithm>

namespace dm {

using namespace ne2k_pci;

namespace {

/// Pages that a frame takes in the ring: with header and FCS.
constexpr std::size_t pages_for(std::size_t frame) {
    return (kRxHeader + frame + ethernet::kCheckSequence + kPageBytes - 1) / kPageBytes;
}

constexpr std::size_t kStoredMost = pages_for(Ne2kPci::kReceiveMost) * kPageBytes;

} // namespace

/// While it hears itself the card hears nobody else.
void Ne2kPci::receive(std::span<const u8> frame) {
    if (!listens() || loopback() != 0) return;
    take_in(frame);
    derive();
}

/// PRO is for physical addresses only.
bool Ne2kPci::accepted(std::span<const u8> frame) const {
    if (ethernet::is_broadcast(frame)) return s_.rcr.has(Rcr::AB);
    if (ethernet::is_multicast(frame)) {
        const u32 bit = ethernet::hash_crc(frame) >> 26;
        return s_.rcr.has(Rcr::AM) && (s_.mar[bit / 8] >> (bit % 8) & 1) != 0;
    }
    return s_.rcr.has(Rcr::PRO) || ethernet::is_for(frame, s_.par);
}

void Ne2kPci::take_in(std::span<const u8> frame) {
    if (frame.size() < ethernet::kHeader || frame.size() > kReceiveMost || !accepted(frame)) return;
    if (s_.rcr.has(Rcr::MON)) return miss();
    std::array<u8, ethernet::kLeast> padded{};
    if (frame.size() < padded.size()) {
        std::ranges::copy(frame, padded.begin());
        frame = padded;
    }
    if (store(frame) == Stored::NoRoom) {
        s_.isr.set(Isr::OVW);
        s_.waiting.dropping = true;
        return miss();
    }
    s_.isr.set(Isr::PRX);
    RoomWait::taken(s_.waiting, has_room(), [this] { return now(); });
}

void Ne2kPci::miss() {
    s_.rsr = static_cast<u8>(Rsr::MPA);
    if (s_.cntr2 < kCounterMost) ++s_.cntr2;
    if (s_.cntr2 >= kCounterTells) s_.isr.set(Isr::CNT);
}

u8 Ne2kPci::next_page(u8 number) const {
    const auto next = static_cast<u8>(number + 1);
    return next == s_.pstop ? s_.pstart : next;
}

/// Linux keeps BNRY a page behind what it reads next: in front of PSTART where it means the last page.
u8 Ne2kPci::boundary() const {
    return static_cast<u8>(s_.bnry + 1) == s_.pstart ? static_cast<u8>(s_.pstop - 1) : s_.bnry;
}

/// Where CURR goes for so many pages. Nothing: it meets BNRY on its way. Equal ones at the start mean an
/// empty ring, so it is never filled up to BNRY.
std::optional<u8> Ne2kPci::end_of(std::size_t pages) const {
    const u8 stop = boundary();
    u8 at = s_.curr;
    for (; pages > 0; --pages) {
        at = next_page(at);
        if (at == stop) return std::nullopt;
    }
    return at;
}

/// Pages outside of the memory take nothing, wherever CURR, PSTART and PSTOP are.
Ne2kPci::Stored Ne2kPci::store(std::span<const u8> frame) {
    const std::optional<u8> end = end_of(pages_for(frame.size()));
    if (!end) return Stored::NoRoom;
    Bits<Rsr> status{Rsr::PRX};
    status.set(Rsr::PHY, ethernet::is_multicast(frame));
    s_.rsr = status.raw();
    const u32 sum = ethernet::check_sequence(frame);
    const auto length = static_cast<u16>(frame.size() + ethernet::kCheckSequence);
    std::array<u8, kStoredMost> bytes;
    bytes[0] = s_.rsr;
    bytes[1] = *end;
    bytes[2] = byte_of(length, 0);
    bytes[3] = byte_of(length, 1);
    auto to = std::ranges::copy(frame, bytes.begin() + kRxHeader).out;
    for (unsigned i = 0; i < ethernet::kCheckSequence; ++i)
        *to++ = byte_of(sum, i);
    std::span<const u8> rest(bytes.begin(), to);
    for (u8 at = s_.curr; !rest.empty(); at = next_page(at)) {
        const std::span<const u8> here = rest.first(std::min<std::size_t>(rest.size(), kPageBytes));
        if (const std::span<u8> memory = page(at); !memory.empty()) std::ranges::copy(here, memory.begin());
        rest = rest.subspan(here.size());
    }
    s_.curr = *end;
    return Stored::Yes;
}

/// For a frame of the usual length; a ring too small for one has room when it is empty.
bool Ne2kPci::has_room() const {
    return end_of(pages_for(ethernet::kMost + ethernet::kTag)).has_value() || s_.curr == boundary() ||
           s_.curr == next_page(boundary());
}

/// The guest wrote a register: there may be room, or nobody who needs it.
void Ne2kPci::room_may_be_there() {
    if (!s_.waiting.look_at || (listens() && !has_room())) return;
    s_.waiting.dropping = false;
    stop_waiting();
}

void Ne2kPci::look_again() {
    if (!listens() || has_room()) return room_may_be_there();
    if (!RoomWait::look_again(s_.waiting, now())) stop_waiting();
}

/// The back end, which sends nothing until it is asked, may wait although the state has forgotten it: in a
/// reset.
void Ne2kPci::stop_waiting() {
    RoomWait::end(s_.waiting);
    accept_input();
}

} // namespace dm
