// WebSocket frames (RFC 6455, section 5), the server's side: what a browser sends, piece by piece, and the
// heads of what it is sent. Nothing is kept but the head of one frame and the body of a control frame.
#pragma once

#include "dm/core/types.hpp"

#include <array>
#include <span>

namespace dm::vnc {

enum class WebSocketOpcode : u8 { Continuation = 0, Text = 1, Binary = 2, Close = 8, Ping = 9, Pong = 10 };

/// Status codes of a close frame.
enum WebSocketStatus : u16 {
    NORMAL_CLOSURE = 1000,
    PROTOCOL_ERROR = 1002,
    UNSUPPORTED_DATA = 1003,
    MESSAGE_TOO_BIG = 1009
};

class WebSocketDecoder {
public:
    static constexpr u64 kMostPayload = u64{16} << 20; ///< of a frame; a viewer's longest message is 1 MiB
    static constexpr std::size_t kMostControl = 125;

    enum class Event : u8 {
        Data,  ///< some payload, perhaps none; or everything was taken
        Ping,  ///< control() is to be sent back
        Close, ///< the peer says goodbye
        Error, ///< the connection is over; status() says why
    };
    struct Result {
        Event event = Event::Data;
        std::size_t taken = 0;    ///< of `in`
        std::size_t produced = 0; ///< in `out`
    };
    /// Takes from `in` up to the next event; call again with the rest while something is taken.
    Result decode(std::span<const u8> in, std::span<u8> out);

    std::span<const u8> control() const { return std::span(control_).first(control_size_); }
    u16 status() const { return status_; }

private:
    static constexpr std::size_t kMostHead = 14;
    Result error(WebSocketStatus status);
    std::size_t head_size() const;
    bool take_head();
    bool take_control_head(u8 opcode, bool final);
    bool take_data_head(u8 opcode, bool final);
    void unmask(std::span<const u8> in, u8* out);
    Result finish_control(std::size_t taken);

    std::array<u8, kMostHead> head_{};
    std::size_t head_have_ = 0;
    bool in_payload_ = false;
    bool in_message_ = false; ///< more fragments must come
    WebSocketOpcode opcode_ = WebSocketOpcode::Binary;
    u64 left_ = 0; ///< of the payload
    std::array<u8, 4> mask_{};
    unsigned mask_at_ = 0;
    std::array<u8, kMostControl> control_{};
    std::size_t control_size_ = 0;
    WebSocketStatus status_ = NORMAL_CLOSURE;
    bool failed_ = false;
};

struct WebSocketHead {
    std::array<u8, 10> bytes{};
    std::size_t size = 0;
    std::span<const u8> view() const { return std::span(bytes).first(size); }
};
/// Of a whole message in one frame.
WebSocketHead websocket_head(WebSocketOpcode opcode, std::size_t payload);

} // namespace dm::vnc
