// A network cable without a network.
#pragma once

#include "dm/core/net_backend.hpp"
#include "tests/support/work.hpp"

#include <algorithm>
#include <vector>

namespace dm::test {

class FakeNet final : public NetBackend {
public:
    struct Frame {
        std::vector<u8> bytes;
        FrameOffload offload;
        bool operator==(const Frame&) const = default;
    };

    Sent send(std::span<const iovec> frame, const FrameOffload& offload) override {
        ++offered;
        if (room == 0) return Sent::Later;
        if (room != SIZE_MAX) --room;
        Frame whole{{}, offload};
        for (const iovec& piece : frame)
            whole.bytes.insert(whole.bytes.end(), static_cast<const u8*>(piece.iov_base),
                               static_cast<const u8*>(piece.iov_base) + piece.iov_len);
        pieces = frame.size();
        sent.push_back(std::move(whole));
        if (sent.size() > most_kept) sent.erase(sent.begin());
        return Sent::Yes;
    }
    void accept_input() override { ++accept_calls; }
    bool link_up() const override { return up; }
    void set_frontend(NetFrontend* f) override { frontend = f; }
    std::string description() const override { return "fake"; }

    /// Offers a frame to the card; false when it has no room.
    bool deliver(std::span<const u8> frame) {
        if (frontend == nullptr || !frontend->can_receive()) return false;
        frontend->receive(frame);
        return true;
    }
    void plug(bool in) {
        up = in;
        if (frontend != nullptr) frontend->link_changed();
    }
    /// The far end reads `frames` of what was sent.
    void make_room(std::size_t frames = SIZE_MAX) {
        room = frames;
        if (frontend != nullptr) frontend->writable();
    }

    std::vector<Frame> sent;
    std::size_t most_kept = SIZE_MAX;
    std::size_t pieces = 0; ///< of the last frame
    std::size_t room = SIZE_MAX;
    unsigned offered = 0;
    unsigned accept_calls = 0;
    bool up = true;
    NetFrontend* frontend = nullptr;
};

} // namespace dm::test
