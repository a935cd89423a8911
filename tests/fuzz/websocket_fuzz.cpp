// Frames of a browser: what is heard must not depend on how the bytes arrive. The first byte of an input
// chooses the pieces.
#include "dm/vnc/websocket_frame.hpp"
#include "tests/fuzz/guard.hpp"
#include "tests/fuzz/target.hpp"

#include <algorithm>

namespace dm::fuzz {
namespace {

struct Heard {
    std::vector<u8> data;
    std::vector<u8> pings;
    bool closed = false;
    u16 status = 0;
    bool operator==(const Heard&) const = default;
};

Heard hear(std::span<const u8> in, std::size_t piece, std::size_t room) {
    using Event = vnc::WebSocketDecoder::Event;
    vnc::WebSocketDecoder decoder;
    Heard heard;
    std::vector<u8> out(room);
    while (!in.empty() && !heard.closed && heard.status == 0) {
        const auto now = in.first(std::min(piece, in.size()));
        const auto result = decoder.decode(now, out);
        if (result.taken == 0 && result.event != Event::Error) finding("a decoder that takes nothing");
        if (result.taken > now.size() || result.produced > room)
            finding("a decoder that takes or gives too much");
        in = in.subspan(result.taken);
        heard.data.insert(heard.data.end(), out.begin(),
                          out.begin() + static_cast<std::ptrdiff_t>(result.produced));
        if (result.event == Event::Ping)
            heard.pings.insert(heard.pings.end(), decoder.control().begin(), decoder.control().end());
        if (result.event == Event::Close) heard.closed = true;
        if (result.event == Event::Error) heard.status = decoder.status();
    }
    return heard;
}

void run(const Target&, std::span<const u8> input) {
    const auto text = [] { return std::string_view("a browser's frames"); };
    const Operating operating(text);
    if (input.empty()) return;
    const std::size_t piece = input[0] % 16U + 1U;
    const std::size_t room = input[0] / 16U + 1U;
    input = input.subspan(1);
    if (hear(input, input.size(), 4096) != hear(input, piece, room))
        finding("frames in pieces of {} bytes are heard otherwise", piece);
}

const Registered websocket{{"websocket", run}};

} // namespace
} // namespace dm::fuzz
