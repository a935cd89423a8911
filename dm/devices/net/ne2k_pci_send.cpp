// RTL8029AS: the frame on its way out, and the loopbacks.
#include "dm/devices/net/ne2k_pci.hpp"

#include <algorithm>

namespace dm {

using namespace ne2k_pci;

/// Goes on when the guest's share of time comes again, or when the back end takes frames again.
void Ne2kPci::transmit() {
    s_.send_on_at.reset();
    if (s_.unplugged || !s_.cr.has(Cr::TXP) || !in_slice()) return;
    const std::span<u8> frame = outgoing();
    if (send_frame(frame) == NetBackend::Sent::Later) return;
    ++s_.slice_frames;
    s_.slice_bytes += static_cast<u32>(frame.size());
    s_.tsr = transmit_status();
    s_.cr.clear(Cr::TXP);
    s_.isr.set(Isr::PTX);
}

/// False: the slice is used up; it goes on in the next one.
bool Ne2kPci::in_slice() {
    const u64 time = now();
    if (time >= s_.slice_end || s_.slice_end - time > kSlice) {
        s_.slice_end = time + kSlice;
        s_.slice_frames = 0;
        s_.slice_bytes = 0;
    }
    if (s_.slice_frames < kSliceFrames && s_.slice_bytes < kSliceBytes) return true;
    s_.send_on_at = s_.slice_end;
    return false;
}

/// Empty: it begins or ends where there is no memory.
std::span<u8> Ne2kPci::outgoing() {
    const std::size_t start = (s_.tpsr & (kRamPage - 1U)) * std::size_t{kPageBytes};
    if ((s_.tpsr & kRamPage) == 0 || s_.tbcr > s_.ram.size() - start) return {};
    return std::span(s_.ram).subspan(start, s_.tbcr);
}

/// The outermost loopback reaches the cable.
NetBackend::Sent Ne2kPci::send_frame(std::span<u8> frame) {
    if (frame.size() < ethernet::kHeader) return NetBackend::Sent::Yes; // that is no frame
    if (loopback() == 0 || loopback() == kTcrLoopback) {
        const iovec piece{frame.data(), frame.size()};
        if (send({&piece, 1}, {}) == NetBackend::Sent::Later) return NetBackend::Sent::Later;
    }
    if (loopback() != 0) loop_back(frame);
    return NetBackend::Sent::Yes;
}

/// Inside of the chip there is neither carrier nor heartbeat (DP8390D, 12.0).
u8 Ne2kPci::transmit_status() const {
    Bits<Tsr> status{Tsr::PTX};
    const bool through_endec = loopback() == static_cast<u8>(Tcr::LB1);
    const bool inside = loopback() == static_cast<u8>(Tcr::LB0);
    status.set(Tsr::CRS, inside || (!through_endec && !link_up()));
    status.set(Tsr::CDH, inside || through_endec);
    return status.raw();
}

/// No memory is written and no PRX set: the FIFO has the length and the last five bytes. With the check
/// sequence made by the transmitter the receiver has nothing to judge it by, and says so.
void Ne2kPci::loop_back(std::span<const u8> frame) {
    constexpr std::size_t kFcs = ethernet::kCheckSequence;
    s_.rsr = 0;
    if (!accepted(frame)) return;
    const bool made_here = !s_.tcr.has(Tcr::CRC);
    const std::span<const u8> judged = made_here ? frame : frame.first(frame.size() - kFcs);
    const u32 sum = ethernet::check_sequence(judged);
    std::array<u8, kFcs> fcs{byte_of(sum, 0), byte_of(sum, 1), byte_of(sum, 2), byte_of(sum, 3)};
    const bool good = !made_here && std::ranges::equal(fcs, frame.last(kFcs));
    if (!made_here) std::ranges::copy(frame.last(kFcs), fcs.begin());
    const auto length = static_cast<u16>(judged.size() + kFcs);
    s_.fifo = {byte_of(length, 0),
               byte_of(length, 1),
               byte_of(length, 1),
               judged.back(),
               fcs[0],
               fcs[1],
               fcs[2],
               fcs[3]};
    s_.fifo_at = 0;
    Bits<Rsr> status{good ? Rsr::PRX : Rsr::CRC};
    status.set(Rsr::PHY, ethernet::is_multicast(frame));
    s_.rsr = status.raw();
}

} // namespace dm
