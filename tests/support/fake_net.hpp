// The far end of a network card's cable: keeps what was sent, and offers frames as a host does.
#pragma once

#include "dm/core/frame_offload.hpp"
#include "dm/core/net_backend.hpp"

#include <deque>
#include <vector>

namespace dm::test {

class FakeNet final : public NetBackend {
public:
    struct Frame {
        std::vector<u8> bytes;
        FrameOffload offload;
        bool operator==(const Frame&) const = default;
    };

    Sent send(std::span<const iovec> pieces, const FrameOffload& offload) override {
        if (!link) return Sent::Yes;
        if (later) return Sent::Later;
        Frame frame{.bytes = {}, .offload = offload};
        for (const iovec& piece : pieces) {
            const auto* bytes = static_cast<const u8*>(piece.iov_base);
            frame.bytes.insert(frame.bytes.end(), bytes, bytes + piece.iov_len);
        }
        ++count;
        total += frame.bytes.size();
        if (sent.size() < keep) sent.push_back(std::move(frame));
        return Sent::Yes;
    }
    /// What waited for room comes now.
    void accept_input() override {
        ++accept_calls;
        while (!waiting.empty() && frontend != nullptr && frontend->can_receive()) {
            const std::vector<u8> frame = std::move(waiting.front());
            waiting.pop_front();
            frontend->receive(frame);
        }
    }
    bool link_up() const override { return link; }
    void set_frontend(NetFrontend* f) override { frontend = f; }
    std::string description() const override { return "fake"; }

    /// From the host to the card; what the card does not want now waits.
    void offer(std::vector<u8> frame) {
        waiting.push_back(std::move(frame));
        accept_input();
        accept_calls--;
    }
    void set_link(bool up) {
        link = up;
        if (frontend != nullptr) frontend->link_changed();
    }
    void set_later(bool on) {
        later = on;
        if (!on && frontend != nullptr) frontend->writable();
    }
    /// The frames of everything that was sent, as they are on the wire.
    std::vector<std::vector<u8>> wire() const {
        struct Collect final : FrameSink {
            void take(std::span<const u8> frame) override { frames.emplace_back(frame.begin(), frame.end()); }
            std::vector<std::vector<u8>> frames;
        } collect;
        for (Frame frame : sent)
            finish_frame(frame.bytes, frame.offload, collect);
        return collect.frames;
    }

    std::vector<Frame> sent;
    std::size_t keep = SIZE_MAX; ///< frames; more are only counted
    std::deque<std::vector<u8>> waiting;
    u64 count = 0;
    u64 total = 0; ///< bytes
    bool link = true;
    bool later = false;
    unsigned accept_calls = 0;
    NetFrontend* frontend = nullptr;
};

} // namespace dm::test
