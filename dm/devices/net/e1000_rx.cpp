// Receiving: filters, the receive ring, and what a descriptor tells of a frame (SDM 3.2).
#include "dm/devices/net/e1000.hpp"

#include <algorithm>
#include <cstring>

namespace dm {

using namespace e1000;

namespace {

constexpr std::size_t kMostNormal = 1522; // FCS and one tag included; longer ones need LPE
constexpr std::size_t kFcs = ethernet::kCheckSequence;
constexpr u64 kStatusAt = 12; // in a descriptor

} // namespace

E1000::Ring E1000::rx_ring() const {
    return {u64{get<Reg::RDBAH>()} << 32 | get<Reg::RDBAL>(), get<Reg::RDLEN>() / kDescriptorSize};
}

/// Descriptors that the guest has given and no frame has used. None when the guest's numbers make no sense.
u32 E1000::rx_free() const {
    const u32 count = rx_ring().count;
    const u32 head = get<Reg::RDH>();
    const u32 tail = get<Reg::RDT>();
    if (head >= count || tail >= count) return 0;
    return tail >= head ? tail - head : count - head + tail;
}

/// RCTL.BSIZE and BSEX; the reserved combination counts as 2048.
u32 E1000::rx_buffer() const {
    const Bits<Rctl> rctl{get<Reg::RCTL>()};
    const u32 shift = rctl.raw() >> kRctlBsize & 3;
    if (!rctl.has(Rctl::BSEX)) return 2048U >> shift;
    return shift == 0 ? 2048U : 32768U >> shift;
}

bool E1000::listening() const {
    return Bits<Rctl>{get<Reg::RCTL>()}.has(Rctl::EN) && command(pci::Command::MASTER) && s_.link &&
           !s_.settled_at && !looped();
}

/// There is room for the longest frame that the guest wants to get, if its ring is large enough for that.
bool E1000::can_receive() const {
    if (!listening()) return false;
    const u64 free = rx_free();
    if (free == 0) return false;
    const u64 longest = Bits<Rctl>{get<Reg::RCTL>()}.has(Rctl::LPE) ? kMostReceived : kMostNormal;
    const u64 buffer = rx_buffer();
    return free * buffer >= longest || free + 1 == rx_ring().count;
}

void E1000::invite() {
    if (can_receive()) accept_input();
}

void E1000::receive(std::span<const u8> frame) {
    if (!listening()) return;
    receive_frame(frame);
    sync();
}

Filter E1000::filter() const {
    return {Bits<Rctl>{get<Reg::RCTL>()}, static_cast<u16>(get<Reg::VET>()), s_.mta, s_.ra, s_.vfta};
}

/// `length` with FCS.
bool E1000::too_long(std::size_t length) const {
    return length > (Bits<Rctl>{get<Reg::RCTL>()}.has(Rctl::LPE) ? kMostReceived : kMostNormal);
}

/// As it goes to memory: padded, with its FCS unless RCTL.SECRC takes it off, without its tag if wanted.
std::size_t E1000::compose(std::span<const u8> frame, bool strip) {
    std::size_t length = frame.size();
    if (!Bits<Rctl>{get<Reg::RCTL>()}.has(Rctl::SECRC)) {
        const u32 fcs = ethernet::check_sequence(frame);
        for (unsigned i = 0; i < kFcs; ++i)
            stored_[length + i] = byte_of(fcs, i);
        length += kFcs;
    }
    if (strip) {
        length -= ethernet::kTag;
        std::memmove(stored_.data() + ethernet::kAddresses,
                     stored_.data() + ethernet::kAddresses + ethernet::kTag, length - ethernet::kAddresses);
    }
    return length;
}

/// Also for frames that the card sends to itself. DMA ends in RAM, so nothing comes back to the card from
/// here.
void E1000::receive_frame(std::span<const u8> arrived) {
    if (!Bits<Rctl>{get<Reg::RCTL>()}.has(Rctl::EN) || arrived.size() < ethernet::kHeader) return;
    const std::size_t padded = std::max(arrived.size(), ethernet::kLeast);
    if (too_long(padded + kFcs)) {
        count(s_.stats, Stat::ROC);
        return count_not_received(s_.stats, padded + kFcs);
    }
    std::memcpy(stored_.data(), arrived.data(), arrived.size());
    std::memset(stored_.data() + arrived.size(), 0, padded - arrived.size());
    const std::span<const u8> frame = std::span(stored_).first(padded);
    const Filter filter = this->filter();
    if (!filter.accepts(frame)) return count_not_received(s_.stats, padded + kFcs);

    const bool tagged = filter.tagged(frame) && Bits<Ctrl>{get<Reg::CTRL>()}.has(Ctrl::VME);
    const u16 tag = tagged ? ethernet::be16(frame, ethernet::kAddresses + 2) : u16{0};
    RxVerdict verdict = check_received(frame, get<Reg::RXCSUM>(), filter.vet);
    verdict.status.set(RxStatus::VP, tagged);
    const Cast cast = ethernet::is_broadcast(frame)   ? Cast::Broad
                      : ethernet::is_multicast(frame) ? Cast::Multi
                                                      : Cast::Uni;
    const std::size_t length = compose(frame, tagged);
    if (u64{rx_free()} * rx_buffer() < length || !store(length, verdict, tag)) {
        count(s_.stats, Stat::MPC);
        count(s_.stats, Stat::RNBC);
        count_not_received(s_.stats, padded + kFcs);
        return raise(Cause::RXO);
    }
    count_received(s_.stats, cast, padded + kFcs);
    received(length);
}

/// A descriptor is written back when its buffer is filled. One without a buffer is only passed (3.2.5): false
/// when that leaves too little room.
bool E1000::store(std::size_t length, const RxVerdict& verdict, u16 special) {
    const Ring ring = rx_ring();
    const u32 buffer = rx_buffer();
    u32 head = get<Reg::RDH>();
    std::size_t done = 0;
    for (unsigned used = 0; done < length && head != get<Reg::RDT>() && used < kMostDescriptors; ++used) {
        const GuestPhys place = ring.base + u64{head} * kDescriptorSize;
        head = head + 1 == ring.count ? 0 : head + 1;
        std::array<u8, 8> field{};
        memory_.read(place, field);
        GuestPhys addr = 0;
        for (unsigned i = 0; i < field.size(); ++i)
            addr |= u64{field[i]} << (8 * i);
        Bits<RxStatus> status{RxStatus::DD};
        if (addr == 0) {
            memory_.write(place + kStatusAt, std::array{status.raw()});
            continue;
        }
        const std::size_t here = std::min<std::size_t>(buffer, length - done);
        memory_.write(addr, std::span(stored_).subspan(done, here));
        done += here;
        Bits<RxError> errors;
        if (done == length) {
            status = verdict.status | RxStatus::DD;
            status.set(RxStatus::EOP);
            errors = verdict.errors;
        }
        const u16 sum = verdict.checksum;
        field = {byte_of(here, 0), byte_of(here, 1), byte_of(sum, 0),     byte_of(sum, 1),
                 status.raw(),     errors.raw(),     byte_of(special, 0), byte_of(special, 1)};
        memory_.write(place + 8, field); // eight bytes at once: whoever sees DD sees the rest
    }
    at<Reg::RDH>() = head;
    return done == length;
}

/// Causes that a stored frame raises.
void E1000::received(std::size_t length) {
    const u32 free = rx_free();
    if (free <= rx_ring().count >> (1 + (get<Reg::RCTL>() >> kRctlRdmts & 3))) raise(Cause::RXDMT0);
    if (const u32 small = get<Reg::RSRPD>(); small != 0 && length <= small) raise(Cause::SRPD);
    delay_received();
}

} // namespace dm
