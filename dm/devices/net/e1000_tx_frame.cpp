#include "dm/devices/net/e1000_tx_frame.hpp"

#include "dm/core/frame_offload.hpp"
#include "dm/devices/net/ethernet.hpp"

#include <algorithm>

namespace dm::e1000 {

using ethernet::be16;
using ethernet::set_be16;

namespace {

constexpr u32 kIp4Header = 20;
constexpr u32 kIp6Header = 40;
constexpr u32 kTcpHeader = 20;

} // namespace

bool TxFrame::broadcast() const {
    return ethernet::is_broadcast(head_);
}

/// Everything that has to be changed lies in the head, and the far end can do the rest.
bool TxFrame::fits_head(const TxRequest& request) {
    const TxContext& c = request.context;
    if (request.stays) return false;
    if (request.ip_checksum && request.length > kHead &&
        (c.ipcse == 0 || c.ipcse >= kHead || c.ipcso + 2U > kHead))
        return false;
    if (!request.checksum || request.segment) return true;
    const bool to_the_end = c.tucse == 0 || c.tucse + 1U >= request.length;
    return (to_the_end || request.length <= kHead) && c.tucso >= c.tucss && c.tucso + 2U <= kHead;
}

bool TxFrame::add_piece(std::span<const u8> bytes) {
    if (bytes.empty()) return true;
    if (count_ == pieces_.size()) return false;
    // iovec has no const: the far end only reads
    pieces_[count_++] = {const_cast<u8*>(bytes.data()), bytes.size()};
    return true;
}

/// False where there is no RAM, or where it is mapped in too many pieces.
bool TxFrame::add_rest(GuestMemory& memory, const TxRequest& request) {
    u64 skip = kHead;
    for (const TxBuffer& buffer : request.buffers) {
        const u64 passed = std::min<u64>(skip, buffer.length);
        skip -= passed;
        for (u64 at = passed; at < buffer.length;) {
            const std::span<const u8> view = memory.view(buffer.addr + at, buffer.length - at);
            if (view.empty() || !add_piece(view)) return false;
            at += view.size();
        }
    }
    return true;
}

void TxFrame::insert_tag(std::span<u8> frame, const TxRequest& request) {
    if (!request.tag) return;
    std::copy_n(frame.begin() + kTag, kAddresses, frame.begin());
    set_be16(frame, kAddresses, static_cast<u16>(*request.tag >> 16));
    set_be16(frame, kAddresses + 2, static_cast<u16>(*request.tag));
}

void TxFrame::take_head(GuestMemory& memory, const TxRequest& request) {
    const u32 size = std::min<u32>(request.length, kHead);
    u32 at = 0;
    for (const TxBuffer& buffer : request.buffers) {
        const u32 here = std::min(size - at, buffer.length);
        memory.read(buffer.addr, std::span(head_).subspan(shift_ + at, here));
        at += here;
        if (at == size) break;
    }
    std::fill(head_.begin() + shift_ + size, head_.end(), u8{0}); // what pads a short frame
    insert_tag(head_, request);
}

void TxFrame::take_whole(GuestMemory& memory, const TxRequest& request) {
    whole_.resize(kMostBytes);
    u32 at = shift_;
    for (const TxBuffer& buffer : request.buffers) {
        memory.read(buffer.addr, std::span(whole_).subspan(at, buffer.length));
        at += buffer.length;
    }
    if (at < length_) std::fill(whole_.begin() + at, whole_.begin() + length_, u8{0});
    insert_tag(whole_, request);
    std::copy_n(whole_.begin(), kAddresses, head_.begin());
}

void TxFrame::insert_ip_checksum(std::span<u8> frame, const TxRequest& request) const {
    const TxContext& c = request.context;
    const u32 end = c.ipcse == 0 ? request.length : std::min<u32>(c.ipcse + 1U, request.length);
    if (c.ipcss >= end || c.ipcso + 2U > request.length) return; // as on hardware: nothing is inserted
    const u16 sum = internet_sum(frame.subspan(shift_ + c.ipcss, end - c.ipcss));
    set_be16(frame, shift_ + c.ipcso, static_cast<u16>(~sum));
}

/// By the far end where it can, else here.
void TxFrame::insert_checksum(std::span<u8> frame, const TxRequest& request) {
    const TxContext& c = request.context;
    const u32 end = c.tucse == 0 ? request.length : std::min<u32>(c.tucse + 1U, request.length);
    if (c.tucss >= end || c.tucso + 2U > request.length) return;
    if (c.tucso >= c.tucss && end == request.length) {
        offload_.checksum = true;
        offload_.checksum_start = static_cast<u16>(shift_ + c.tucss);
        offload_.checksum_offset = static_cast<u16>(c.tucso - c.tucss);
        return;
    }
    const u16 sum = internet_sum(frame.subspan(shift_ + c.tucss, end - c.tucss));
    const auto checksum = static_cast<u16>(~sum);
    set_be16(frame, shift_ + c.tucso, checksum != 0 ? checksum : u16{0xffff});
}

/// The headers as they would be if the frame went out whole; drivers leave lengths to the card (3.5.9).
bool TxFrame::prepare_segments(std::span<u8> frame, const TxRequest& request) {
    const TxContext& c = request.context;
    const u32 ip_header = c.ip4 ? kIp4Header : kIp6Header;
    if (!c.tcp || c.mss == 0 || c.hdrlen > request.length || c.tucss + kTcpHeader > c.hdrlen ||
        c.tucso < c.tucss || c.tucso + 2U > c.hdrlen || c.ipcss + ip_header > c.tucss)
        return false;
    const u32 ip_length = request.length - c.ipcss - (c.ip4 ? 0 : kIp6Header);
    if (ip_length > 0xffff) return false;
    set_be16(frame, shift_ + c.ipcss + (c.ip4 ? 2U : 4U), static_cast<u16>(ip_length));
    const u32 field = shift_ + c.tucso;
    set_be16(frame, field, add_sums(be16(frame, field), request.length - c.tucss));
    offload_.checksum = true;
    offload_.checksum_start = static_cast<u16>(shift_ + c.tucss);
    offload_.checksum_offset = static_cast<u16>(c.tucso - c.tucss);
    if (request.length - c.hdrlen <= c.mss) return true;
    offload_.segments = c.ip4 ? FrameOffload::Segments::Tcp4 : FrameOffload::Segments::Tcp6;
    offload_.segment_size = c.mss;
    offload_.header_length = static_cast<u16>(shift_ + c.hdrlen);
    return true;
}

bool TxFrame::make(GuestMemory& memory, const TxRequest& request) {
    shift_ = request.tag ? kTag : 0;
    length_ = request.length + shift_;
    if (request.pad) length_ = std::max(length_, kLeast);
    offload_ = {};
    count_ = 0;
    if (length_ < ethernet::kHeader || length_ > (request.segment ? kMostBytes : kLongest)) return false;
    bool headed = fits_head(request);
    if (headed) {
        take_head(memory, request);
        // The head first: it is copied, whatever becomes of it.
        static_cast<void>(add_piece(std::span(head_).first(std::min<u64>(length_, kHead + shift_))));
        headed = add_rest(memory, request);
    }
    if (!headed) {
        count_ = 0;
        take_whole(memory, request);
        static_cast<void>(add_piece(std::span(whole_).first(length_)));
    }
    const std::span<u8> frame = headed ? std::span<u8>(head_) : std::span<u8>(whole_);
    if (request.segment && !prepare_segments(frame, request)) return false;
    if (request.ip_checksum) insert_ip_checksum(frame, request);
    if (request.checksum && !request.segment) insert_checksum(frame, request);
    return true;
}

} // namespace dm::e1000
