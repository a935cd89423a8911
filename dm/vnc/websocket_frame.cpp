#include "dm/vnc/websocket_frame.hpp"

#include "dm/vnc/wire.hpp"

#include <algorithm>

namespace dm::vnc {
namespace {

constexpr u8 kFin = 0x80;
constexpr u8 kReserved = 0x70;
constexpr u8 kOpcode = 0x0f;
constexpr u8 kMasked = 0x80;
constexpr u8 kLength = 0x7f;
constexpr u8 kLength16 = 126;
constexpr u8 kLength64 = 127;
constexpr std::size_t kMaskBytes = 4;

std::size_t length_bytes(u8 length) {
    if (length == kLength16) return 2;
    return length == kLength64 ? 8 : 0;
}

} // namespace

WebSocketDecoder::Result WebSocketDecoder::error(WebSocketStatus status) {
    failed_ = true;
    status_ = status;
    return {Event::Error, 0, 0};
}

/// As much as is known of it: two bytes tell the rest.
std::size_t WebSocketDecoder::head_size() const {
    if (head_have_ < 2) return 2;
    return 2 + length_bytes(head_[1] & kLength) + kMaskBytes;
}

WebSocketDecoder::Result WebSocketDecoder::decode(std::span<const u8> in, std::span<u8> out) {
    if (failed_) return error(status_);
    std::size_t taken = 0;
    while (!in_payload_) {
        if (taken == in.size()) return {Event::Data, taken, 0};
        head_[head_have_++] = in[taken++];
        if (head_have_ < head_size()) continue;
        if (!take_head()) return {Event::Error, taken, 0};
    }
    const bool control = opcode_ == WebSocketOpcode::Close || opcode_ == WebSocketOpcode::Ping ||
                         opcode_ == WebSocketOpcode::Pong;
    std::size_t piece = static_cast<std::size_t>(std::min<u64>(left_, in.size() - taken));
    if (!control) piece = std::min(piece, out.size());
    unmask(in.subspan(taken, piece), control ? control_.data() + control_size_ : out.data());
    taken += piece;
    left_ -= piece;
    in_payload_ = left_ > 0;
    if (!control) return {Event::Data, taken, piece};
    control_size_ += piece;
    return in_payload_ ? Result{Event::Data, taken, 0} : finish_control(taken);
}

WebSocketDecoder::Result WebSocketDecoder::finish_control(std::size_t taken) {
    if (opcode_ == WebSocketOpcode::Ping) return {Event::Ping, taken, 0};
    return {opcode_ == WebSocketOpcode::Close ? Event::Close : Event::Data, taken, 0};
}

bool WebSocketDecoder::take_head() {
    const u8 opcode = head_[0] & kOpcode;
    const u8 length = head_[1] & kLength;
    const std::size_t extra = length_bytes(length);
    const bool sound = (head_[0] & kReserved) == 0 && (head_[1] & kMasked) != 0;
    left_ = length;
    if (extra != 0) left_ = 0;
    for (std::size_t i = 0; i < extra; ++i)
        left_ = left_ << 8 | head_[2 + i];
    const bool shortest = (extra != 2 || left_ >= kLength16) && (extra != 8 || left_ > 0xffff);
    std::copy_n(head_.begin() + static_cast<std::ptrdiff_t>(2 + extra), kMaskBytes, mask_.begin());
    mask_at_ = 0;
    head_have_ = 0;
    in_payload_ = true;
    if (!sound || !shortest) {
        error(PROTOCOL_ERROR);
        return false;
    }
    const bool final = (head_[0] & kFin) != 0;
    return opcode >= static_cast<u8>(WebSocketOpcode::Close) ? take_control_head(opcode, final)
                                                             : take_data_head(opcode, final);
}

bool WebSocketDecoder::take_control_head(u8 opcode, bool final) {
    if (opcode > static_cast<u8>(WebSocketOpcode::Pong) || !final || left_ > kMostControl) {
        error(PROTOCOL_ERROR);
        return false;
    }
    opcode_ = static_cast<WebSocketOpcode>(opcode);
    control_size_ = 0;
    return true;
}

bool WebSocketDecoder::take_data_head(u8 opcode, bool final) {
    const bool continues = opcode == static_cast<u8>(WebSocketOpcode::Continuation);
    const bool text = opcode == static_cast<u8>(WebSocketOpcode::Text);
    if (opcode > static_cast<u8>(WebSocketOpcode::Binary) || continues != in_message_)
        error(PROTOCOL_ERROR);
    else if (text)
        error(UNSUPPORTED_DATA); // RFB is bytes
    else if (left_ > kMostPayload)
        error(MESSAGE_TOO_BIG);
    opcode_ = WebSocketOpcode::Binary;
    in_message_ = !final;
    return !failed_;
}

void WebSocketDecoder::unmask(std::span<const u8> in, u8* out) {
    for (const u8 byte : in)
        *out++ = static_cast<u8>(byte ^ mask_[mask_at_++ % kMaskBytes]);
}

WebSocketHead websocket_head(WebSocketOpcode opcode, std::size_t payload) {
    WebSocketHead head;
    head.bytes[0] = static_cast<u8>(kFin | static_cast<u8>(opcode));
    if (payload < kLength16) {
        head.bytes[1] = static_cast<u8>(payload);
        head.size = 2;
    } else if (payload <= 0xffff) {
        head.bytes[1] = kLength16;
        put16(head.bytes, 2, static_cast<unsigned>(payload));
        head.size = 4;
    } else {
        head.bytes[1] = kLength64;
        put32(head.bytes, 2, static_cast<u32>(u64{payload} >> 32));
        put32(head.bytes, 6, static_cast<u32>(payload));
        head.size = 10;
    }
    return head;
}

} // namespace dm::vnc
