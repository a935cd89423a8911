// RTL8139C+: the transmit rings of C+ mode.
#include "dm/devices/net/rtl8139.hpp"

#include "dm/devices/net/ip4_frame.hpp"

#include <algorithm>
#include <cstring>

namespace dm {

using namespace rtl8139;

namespace {

u32 get32(std::span<const u8> bytes, std::size_t at) {
    return bytes[at] | u32{bytes[at + 1]} << 8 | u32{bytes[at + 2]} << 16 | u32{bytes[at + 3]} << 24;
}

} // namespace

/// The descriptors of one frame, and its bytes behind the buffer's room for a tag.
struct Rtl8139::Gathered {
    std::array<u32, kRingMost> controls{};
    u8 count = 0;
    bool complete = false; ///< the last one was there
    bool lost = false;     ///< too long, or without a beginning
    u32 control = 0;       ///< of the first
    u32 vlan = 0;
    std::size_t length = 0;
};

Descriptor Rtl8139::fetch(u64 base, u8 index) {
    std::array<u8, kDescriptorBytes> bytes;
    memory_.read(base + index * u64{kDescriptorBytes}, bytes);
    if (std::ranges::all_of(bytes, [](u8 byte) { return byte == 0xff; })) { // nobody answered
        raise(Int::SERR);
        return {};
    }
    return {get32(bytes, 0), get32(bytes, 4), get32(bytes, 8) | u64{get32(bytes, 12)} << 32};
}

/// Takes nothing from the guest before the frame is whole: what a driver is still putting together waits for
/// the next poll.
Rtl8139::Gathered Rtl8139::gather(unsigned ring) {
    Gathered g;
    u8 index = s_.tx_index[ring];
    const std::span<u8> room = buffer().subspan(ethernet::kTag);
    while (g.count < kRingMost) {
        const Descriptor d = fetch(ring_base(ring), index);
        if ((d.control & desc::OWN) == 0) return g;
        const bool first = (d.control & desc::FS) != 0;
        if (first) {
            g.control = d.control;
            g.vlan = d.vlan;
            g.length = 0;
        }
        g.lost = (g.lost && !first) || (g.count == 0 && !first);
        g.controls[g.count++] = d.control;
        const std::size_t size = d.control & desc::kTxSize;
        if (size > room.size() - g.length) g.lost = true;
        if (!g.lost) {
            memory_.read(d.address, room.subspan(g.length, size));
            g.length += size;
            s_.slice_bytes += static_cast<u32>(size);
        }
        if ((d.control & desc::LS) != 0) {
            g.complete = true;
            return g;
        }
        index = (d.control & desc::EOR) != 0 ? u8{0} : static_cast<u8>((index + 1) % kRingMost);
    }
    g.lost = true; // the whole ring and no end
    g.complete = true;
    return g;
}

/// False: the back end takes nothing now.
bool Rtl8139::send_gathered(Gathered& g) {
    std::span<u8> frame = buffer().subspan(ethernet::kTag, g.length);
    if ((g.vlan & desc::TAGC) != 0 && frame.size() >= ethernet::kHeader) {
        frame = buffer().first(g.length + ethernet::kTag);
        std::memmove(frame.data(), frame.data() + ethernet::kTag, ethernet::kAddresses);
        ethernet::set_be16(frame, ethernet::kAddresses, ethernet::VLAN);
        ethernet::set_be16(frame, ethernet::kAddresses + 2, swapped(g.vlan));
    }
    const bool large = (g.control & desc::LGSEN) != 0; // these bits are its segment size then
    const FrameOffload offload =
        prepare_checksums(frame, {.ip = (g.control & desc::IPCS) != 0 || large,
                                  .tcp = !large && (g.control & desc::TCPCS) != 0,
                                  .udp = !large && (g.control & desc::UDPCS) != 0,
                                  .segment_size = large ? desc::mss(g.control) : u16{0}});
    return send_frame(frame, offload) == NetBackend::Sent::Yes;
}

/// Gives the descriptors back, without errors.
void Rtl8139::release(unsigned ring, const Gathered& g) {
    for (u8 i = 0; i < g.count; ++i) {
        const u32 status = g.controls[i] & ~(desc::OWN | desc::kTxStatus);
        const std::array<u8, 4> bytes{byte_of(status, 0), byte_of(status, 1), byte_of(status, 2),
                                      byte_of(status, 3)};
        u8& index = s_.tx_index[ring];
        memory_.write(ring_base(ring) + index * u64{kDescriptorBytes}, bytes);
        index = (g.controls[i] & desc::EOR) != 0 ? u8{0} : static_cast<u8>((index + 1) % kRingMost);
    }
}

Rtl8139::Step Rtl8139::send_ring(unsigned ring) {
    for (;;) {
        if (!in_slice()) return Step::Stopped;
        Gathered g = gather(ring);
        ++s_.slice_frames;
        if (!g.complete) {
            raise(Int::TDU);
            return Step::Done;
        }
        if (g.lost) {
            ++s_.tally.tx_err;
            raise(Int::TER);
        } else {
            if (!send_gathered(g)) return Step::Stopped;
            ++s_.tally.tx_ok;
            raise_frame(Int::TOK);
        }
        release(ring, g);
    }
}

} // namespace dm
