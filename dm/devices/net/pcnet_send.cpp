// Am79C970A: the transmit ring, and frames on their way out.
#include "dm/devices/net/pcnet.hpp"

#include <algorithm>

namespace dm {

using namespace pcnet;

/// The descriptors up to the end of one frame, whose bytes are in the buffer.
struct Pcnet::Gathered {
    enum class End : u8 {
        Nothing, ///< the card owns none
        Frame,
        Underflow, ///< a frame without an end
        Skipped    ///< no frame begins there
    };
    std::array<u16, kRingMost> status{};
    u16 count = 0;
    End end = End::Nothing;
    bool babble = false; ///< longer than what is sent
    bool no_carrier = false;
    u16 first = 0; ///< status where the frame begins
    std::size_t length = 0;

    u16 last() const { return status[count - 1U]; }
};

/// False: the slice is used up; it goes on in the next one.
bool Pcnet::in_slice() {
    const u64 time = now();
    if (time >= s_.slice_end || s_.slice_end - time > kSlice) {
        s_.slice_end = time + kSlice;
        s_.slice_frames = 0;
        s_.slice_descriptors = 0;
        s_.slice_bytes = 0;
    }
    if (s_.slice_frames < kSliceFrames && s_.slice_descriptors < kSliceDescriptors &&
        s_.slice_bytes < kSliceBytes)
        return true;
    s_.send_on_at = s_.slice_end;
    return false;
}

/// Its pages are touched as far as frames need them.
std::span<u8> Pcnet::buffer() {
    if (buffer_ == nullptr) buffer_ = std::make_unique_for_overwrite<std::array<u8, kSendMost>>();
    return *buffer_;
}

/// Inside of the chip it needs none.
bool Pcnet::has_carrier() const {
    const bool inside = loops() && (has(Mode::INTL) || (s_.bcr[MC] & kTmauLoop) != 0);
    return inside || link_up();
}

/// Sends all there is, until the guest's share of time is used up or the back end takes no more. True: there
/// was something.
bool Pcnet::transmit() {
    s_.send_on_at.reset();
    bool found = false;
    while (sends() && csr_pair(BADXL) != 0) {
        if (!in_slice()) return true;
        Gathered g = gather();
        if (g.end == Gathered::End::Nothing) break;
        found = true;
        ++s_.slice_frames;
        s_.slice_descriptors += g.count;
        g.no_carrier = g.end == Gathered::End::Frame && !has_carrier();
        if (g.end == Gathered::End::Frame && !g.babble && !g.no_carrier && !send_gathered(g)) break;
        release(g);
    }
    return found;
}

/// Takes nothing from the guest yet: the back end may be full.
Pcnet::Gathered Pcnet::gather() {
    Gathered g;
    const std::span<u8> room = buffer();
    bool begun = false;
    for (u16 index = s_.tx.index; g.count < s_.tx.length; index = after(s_.tx, index)) {
        const std::optional<Descriptor> d = fetch(BADXL, index);
        if (!d) {
            system_error();
            return {};
        }
        if (!d->owned()) break;
        g.status[g.count++] = d->status;
        if (d->has(STP)) {
            begun = true;
            g.first = d->status;
            g.length = 0;
            g.babble = false;
        }
        if (!begun) continue;
        if (d->length > room.size() - g.length) g.babble = true;
        if (!g.babble) {
            memory_.read(d->address, room.subspan(g.length, d->length));
            g.length += d->length;
            s_.slice_bytes += d->length;
        }
        if (d->has(ENP)) {
            g.end = Gathered::End::Frame;
            return g;
        }
    }
    if (g.count != 0) g.end = begun ? Gathered::End::Underflow : Gathered::End::Skipped;
    return g;
}

bool Pcnet::appends_fcs(u16 descriptor_status) const {
    const bool bit = (descriptor_status & ADD_FCS) != 0;
    if (style() == Style::Ilacc) return !bit && !has(Mode::DXMTFCS);
    return bit || !has(Mode::DXMTFCS);
}

/// False: the back end takes nothing now. Frames with an FCS of the guest's own are at least 64 bytes long.
bool Pcnet::send_gathered(const Gathered& g) {
    std::size_t length = g.length;
    if (has(Csr4::APAD_XMT) && length < ethernet::kLeast) {
        std::ranges::fill(buffer().subspan(length, ethernet::kLeast - length), u8{0});
        length = ethernet::kLeast;
    }
    const bool own_fcs = length >= ethernet::kLeast + ethernet::kCheckSequence && !appends_fcs(g.first);
    if (own_fcs) length -= ethernet::kCheckSequence;
    const std::span<u8> frame = buffer().first(length);
    if (length < ethernet::kHeader) return true; // that is no frame
    if (loops()) {
        if (listens()) take_in(frame, buffer().subspan(length, own_fcs ? ethernet::kCheckSequence : 0));
        return true;
    }
    const iovec piece{frame.data(), frame.size()};
    return send({&piece, 1}, {}) == NetBackend::Sent::Yes;
}

/// Gives the descriptors back, the last one with what went wrong.
void Pcnet::release(const Gathered& g) {
    using End = Gathered::End;
    u32 errors = 0;
    if (g.end == End::Underflow) errors |= TX_BUFF | TX_UFLO;
    if (g.no_carrier) errors |= TX_LCAR;
    for (u16 i = 0; i < g.count; ++i) {
        const bool failed = errors != 0 && i + 1 == g.count;
        const u16 status = static_cast<u16>((g.status[i] & ~(OWN | kTxReported)) | (failed ? ERR : 0));
        std::optional<u32> message;
        if (failed) message = style() == Style::Lance ? errors >> 16 : errors;
        write_descriptor(memory_, descriptor_at(BADXL, s_.tx.index), style(), status, message);
        s_.tx.index = after(s_.tx, s_.tx.index);
    }
    if (g.end == End::Skipped) return;
    if (g.end == End::Underflow && (s_.csr[MASKS] & kDxsuflo) == 0) clear(Csr0::TXON);
    if (g.no_carrier) set(Csr0::CERR);
    if (g.babble) set(Csr0::BABL);
    if (g.end == End::Frame) s_.csr[TEST] |= static_cast<u16>(Csr4::TXSTRT);
    const bool told = has(Csr5::LTINTEN) ? (g.last() & LTINT) != 0 : !has(Csr5::TOKINTD);
    if (told || errors != 0) raise_frame(Csr0::TINT);
}

} // namespace dm
