// Am79C970A: which frames come in, the receive ring, and a guest that has no room.
#include "dm/devices/net/pcnet.hpp"

#include <algorithm>

namespace dm {

using namespace pcnet;

namespace {

/// With ASTRP_RCV: what stays of an 802.3 frame whose length says that it is padded.
std::optional<std::size_t> stripped(std::span<const u8> frame) {
    constexpr std::size_t kUnpadded = ethernet::kLeast - ethernet::kHeader;
    const u16 length = ethernet::be16(frame, ethernet::kAddresses);
    if (length >= kUnpadded) return std::nullopt;
    return ethernet::kHeader + length;
}

} // namespace

void Pcnet::receive(std::span<const u8> frame) {
    if (!listens() || loops()) return;
    take_in(frame, {});
    derive();
}

/// Status bits of a frame that the filter lets in. Broadcasts may come by the hash too.
std::optional<u16> Pcnet::accepted(std::span<const u8> frame) const {
    if (has(Mode::PROM)) return u16{0};
    if (!has(Mode::DRCVPA) && ethernet::is_for(frame, address())) return u16{PAM};
    if (!has(Mode::DRCVBC) && ethernet::is_broadcast(frame)) return u16{BAM};
    if (!ethernet::is_multicast(frame)) return std::nullopt;
    const u32 bit = ~ethernet::check_sequence(frame.first(sizeof(ethernet::Address))) >> 26;
    const bool wanted = (s_.csr[LADRF + bit / 16] >> (bit % 16) & 1) != 0;
    return wanted ? std::optional<u16>(LAFM) : std::nullopt;
}

/// `fcs`: as it came; empty, if it is as it should be.
void Pcnet::take_in(std::span<const u8> frame, std::span<const u8> fcs) {
    if (frame.size() < ethernet::kHeader || frame.size() > kReceiveMost) return;
    const std::optional<u16> matched = accepted(frame);
    if (!matched) return;
    std::array<u8, ethernet::kLeast> padded{};
    if (frame.size() < padded.size()) {
        std::ranges::copy(frame, padded.begin());
        frame = padded;
    }
    const u32 sum = ethernet::check_sequence(frame);
    const std::array<u8, ethernet::kCheckSequence> sequence{byte_of(sum, 0), byte_of(sum, 1), byte_of(sum, 2),
                                                            byte_of(sum, 3)};
    const bool crc_wrong = !fcs.empty() && !std::ranges::equal(fcs, sequence);
    if (fcs.empty()) fcs = sequence;
    if (const auto length = stripped(frame); length && has(Csr4::ASTRP_RCV)) {
        frame = frame.first(*length);
        fcs = {};
    }
    const u16 report = static_cast<u16>(*matched | (crc_wrong ? CRC | ERR : 0));
    const Stored stored = store(frame, fcs, report);
    if (stored == Stored::Lost) return;
    if (stored == Stored::NoRoom) {
        set(Csr0::MISS);
        if (++s_.csr[MFC] == 0) s_.csr[TEST] |= static_cast<u16>(Csr4::MFCO);
        s_.waiting.dropping = true;
        return;
    }
    raise_frame(Csr0::RINT);
    RoomWait::taken(s_.waiting, has_room(), [this] { return now(); });
}

/// Over as many descriptors as it takes; each is given back before the next one is used. A frame that finds
/// no more of them ends with a buffer error.
Pcnet::Stored Pcnet::store(std::span<const u8> frame, std::span<const u8> fcs, u16 matched) {
    if (csr_pair(BADRL) == 0) return Stored::NoRoom; // no ring yet
    const u32 length = static_cast<u32>(frame.size() + fcs.size());
    std::optional<Descriptor> d = fetch(BADRL, s_.rx.index);
    if (d && !d->owned()) return Stored::NoRoom;
    u16 report = STP;
    for (u16 used = 1; d; ++used) {
        u32 at = d->address;
        std::size_t room = d->length;
        for (std::span<const u8>* piece : {&frame, &fcs}) {
            const std::span<const u8> here = piece->first(std::min(room, piece->size()));
            memory_.write(at, here);
            at += static_cast<u32>(here.size());
            room -= here.size();
            *piece = piece->subspan(here.size());
        }
        const bool whole = frame.empty() && fcs.empty();
        const u16 next = after(s_.rx, s_.rx.index);
        const std::optional<Descriptor> following =
            whole || used == s_.rx.length ? Descriptor{} : fetch(BADRL, next);
        const bool more = !whole && following && following->owned();
        std::optional<u32> message;
        if (whole) {
            report |= ENP | matched;
            message = length;
        } else if (!more) {
            report |= ERR | BUFF | OFLO;
        }
        const u16 kept = d->status & static_cast<u16>(~(OWN | kRxReported));
        write_descriptor(memory_, descriptor_at(BADRL, s_.rx.index), style(), kept | report, message);
        s_.rx.index = next;
        if (!more && following) return Stored::Yes;
        report = 0;
        d = following;
    }
    system_error();
    return Stored::Lost;
}

/// For a frame of the usual length, or as much as the whole ring holds.
bool Pcnet::has_room() {
    constexpr std::size_t kUsual = ethernet::kMost + ethernet::kCheckSequence;
    if (csr_pair(BADRL) == 0) return false;
    std::size_t room = 0;
    u16 index = s_.rx.index;
    for (u16 n = 0; n < s_.rx.length && room < kUsual; ++n) {
        const std::optional<Descriptor> d = fetch(BADRL, index);
        if (!d || !d->owned()) return false;
        room += d->length;
        index = after(s_.rx, index);
    }
    return true;
}

/// The guest wrote a register that drivers write when they have made room.
void Pcnet::room_may_be_there() {
    if (!s_.waiting.look_at || !listens() || !has_room()) return;
    s_.waiting.dropping = false;
    stop_waiting();
}

void Pcnet::look_again() {
    if (!listens()) return stop_waiting();
    if (has_room()) return room_may_be_there();
    if (!RoomWait::look_again(s_.waiting, now())) stop_waiting();
}

/// The back end, which sends nothing until it is asked, may wait although the state has forgotten it: in a
/// reset.
void Pcnet::stop_waiting() {
    RoomWait::end(s_.waiting);
    accept_input();
}

} // namespace dm
