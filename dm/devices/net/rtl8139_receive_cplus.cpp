// RTL8139C+: the receive ring of C+ mode.
#include "dm/devices/net/rtl8139.hpp"

#include "dm/devices/net/ip4_frame.hpp"

#include <algorithm>
#include <atomic>

namespace dm {

using namespace rtl8139;

namespace {

constexpr std::array<u8, 4> bytes_of(u32 value) {
    return {byte_of(value, 0), byte_of(value, 1), byte_of(value, 2), byte_of(value, 3)};
}

/// The tag of a frame, as its bytes stand there; nothing: it has none.
std::optional<u16> tag_of(std::span<const u8> frame) {
    if (frame.size() < ethernet::kHeader + ethernet::kTag ||
        ethernet::be16(frame, ethernet::kAddresses) != ethernet::VLAN)
        return std::nullopt;
    return ethernet::be16(frame, ethernet::kAddresses + 2);
}

u32 flags_of(u16 status) {
    u32 flags = 0;
    if ((status & static_cast<u16>(RxStatus::BAR)) != 0) flags |= desc::BAR;
    if ((status & static_cast<u16>(RxStatus::PAM)) != 0) flags |= desc::PAM;
    if ((status & static_cast<u16>(RxStatus::MAR)) != 0) flags |= desc::MAR;
    return flags;
}

} // namespace

/// A descriptor that a piece of the frame goes to.
struct Rtl8139::Place {
    Descriptor descriptor;
    u8 index = 0;
    std::size_t room = 0;
};

/// Descriptors from the next one on that together hold `length` bytes. False: the guest has not enough. It
/// has given none while RDSAR is 0, where the BIOS' vectors are: Linux' 8139cp receives before it names its
/// ring.
bool Rtl8139::find_places(std::size_t length, std::span<Place> places, std::size_t& count) {
    const u64 base = rx_base();
    if (base == 0) return false;
    u8 index = s_.rx_index;
    std::size_t room = 0;
    for (count = 0; count < places.size(); ++count) {
        Place& place = places[count];
        place = {fetch(base, index), index, 0};
        if ((place.descriptor.control & desc::OWN) == 0) return false;
        place.room = place.descriptor.control & desc::kRxSize;
        room += place.room;
        index =
            (place.descriptor.control & desc::EOR) != 0 ? u8{0} : static_cast<u8>((index + 1) % kRingMost);
        if (room >= length) {
            ++count;
            return true;
        }
    }
    return false;
}

u32 Rtl8139::checksum_status(std::span<const u8> frame) const {
    if (!has(Cpcr::RXCHKSUM)) return 0;
    const ReceivedSums sums = check_sums(frame);
    const u32 ip = sums.ip_wrong ? desc::IPF : 0;
    switch (sums.kind) {
    case ReceivedSums::Kind::NotIp: return 0;
    case ReceivedSums::Kind::Ip: return desc::PID_IP | ip;
    case ReceivedSums::Kind::Tcp: return desc::PID_TCP | ip | (sums.transport_wrong ? desc::TCPF : 0);
    case ReceivedSums::Kind::Udp: return desc::PID_UDP | ip | (sums.transport_wrong ? desc::UDPF : 0);
    }
    return 0;
}

/// The first descriptor is given back last: then all of the frame is there.
Rtl8139::Stored Rtl8139::store_cplus(std::span<const u8> frame, u16 status) {
    const std::optional<u16> tag = has(Cpcr::RXVLAN) ? tag_of(frame) : std::nullopt;
    const std::span<const u8> start = frame.first(ethernet::kAddresses);
    const std::span<const u8> rest = frame.subspan(ethernet::kAddresses + (tag ? ethernet::kTag : 0));
    static constexpr std::array<u8, ethernet::kTag> kPadding{};
    const std::size_t without = start.size() + rest.size();
    const std::span padding =
        std::span(kPadding).first(without < ethernet::kLeast ? ethernet::kLeast - without : 0);
    u32 sum = ethernet::check_sequence(start);
    for (const std::span<const u8> piece : {rest, std::span<const u8>(padding)})
        sum = ethernet::check_sequence(piece, sum);
    const std::array<u8, 4> fcs = bytes_of(sum);
    const std::size_t length = without + padding.size() + fcs.size();

    std::array<Place, kRingMost> places;
    std::size_t count = 0;
    if (!find_places(length, places, count)) return Stored::NoRoom;

    std::size_t at = 0; // which place, and how much of it is used
    std::size_t used = 0;
    for (std::span<const u8> piece : {start, rest, std::span<const u8>(padding), std::span<const u8>(fcs)})
        while (!piece.empty()) {
            if (used == places[at].room) {
                ++at;
                used = 0;
                continue;
            }
            const std::size_t here = std::min(piece.size(), places[at].room - used);
            memory_.write(places[at].descriptor.address + used, piece.first(here));
            piece = piece.subspan(here);
            used += here;
        }

    const u64 base = rx_base();
    const u32 flags = flags_of(status) | checksum_status(frame);
    const u32 vlan = tag ? desc::TAVA | swapped(*tag) : 0;
    for (std::size_t i = count; i-- > 0;) {
        const bool last = i + 1 == count;
        const u32 control = (places[i].descriptor.control & desc::EOR) | flags | (i == 0 ? desc::FS : 0) |
                            (last ? desc::LS : 0) | static_cast<u32>(last ? length : places[i].room);
        const u64 descriptor = base + places[i].index * u64{kDescriptorBytes};
        memory_.write(descriptor + 4, bytes_of(vlan));
        std::atomic_thread_fence(std::memory_order_release); // another CPU of the guest may be looking
        memory_.write(descriptor, bytes_of(control));
    }
    const Place& end = places[count - 1];
    s_.rx_index =
        (end.descriptor.control & desc::EOR) != 0 ? u8{0} : static_cast<u8>((end.index + 1) % kRingMost);
    return Stored::Yes;
}

} // namespace dm
