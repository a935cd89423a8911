// Carries bytes between a viewer's stream (TLS, WebSocket) and the socket that LibVNCServer and the message
// parser use, in a thread of its own. Both directions are bounded: who does not take is not read from.
#pragma once

#include "dm/vnc/posix.hpp"
#include "dm/vnc/stream.hpp"

#include <array>
#include <memory>

namespace dm::vnc {

class Relay {
public:
    /// Takes over `stream`; its descriptor must outlive the relay.
    static std::unique_ptr<Relay> start(std::unique_ptr<Stream> stream);
    ~Relay();
    Relay(const Relay&) = delete;
    Relay& operator=(const Relay&) = delete;

    /// Where the viewer's bytes arrive and go.
    int fd() const { return near_.get(); }
    /// Nothing more will be written there: delivers what is on its way, for a moment at most, and ends.
    void finish();
    /// Ends at once. Any thread, as long as the relay exists.
    void stop();

private:
    static constexpr int kFarewellMs = 1000;
    /// Bytes between two ends.
    struct Pipe {
        std::array<u8, 16384> bytes{};
        std::size_t begin = 0;
        std::size_t end = 0;
        bool empty() const { return begin == end; }
        std::span<u8> room() { return std::span(bytes).subspan(end); }
        std::span<const u8> content() const { return std::span(bytes).subspan(begin, end - begin); }
        void filled(int n) { end += static_cast<std::size_t>(n); }
        void taken(int n) {
            begin += static_cast<std::size_t>(n);
            if (begin == end) begin = end = 0;
        }
    };

    Relay(std::unique_ptr<Stream> stream, UniqueFd near, UniqueFd far);
    void run();
    /// False: the viewer is gone.
    bool wait();
    bool from_viewer();
    bool to_viewer();

    std::unique_ptr<Stream> stream_;
    UniqueFd near_;
    UniqueFd far_;
    SocketStream inside_;
    Pipe in_;
    Pipe out_;
    bool last_ = false; ///< nothing comes from inside any more
    Moment farewell_{};
    Thread thread_;
};

} // namespace dm::vnc
