// A network card's cable that ends in a tap: frames both ways, what the card leaves to the far end done by
// the kernel or else here, and neither side ever waits for the other. There is a link while the cable is
// plugged in and the host's interface, and the bridge that it is in, are up.
#pragma once

#include "dm/core/event_loop.hpp"
#include "dm/core/frame_offload.hpp"
#include "dm/core/log.hpp"
#include "dm/core/net_backend.hpp"
#include "dm/host/link_watch.hpp"
#include "dm/host/tap.hpp"

#include <array>
#include <memory>
#include <optional>

namespace dm::host {

class TapCable final : public NetBackend {
public:
    struct Options {
        std::string name; ///< as messages call it: "tap vif7.0-emu"
        /// Frames with any other source address are dropped: the guest may have no other.
        std::optional<std::array<u8, 6>> only_source{};
    };
    TapCable(EventLoop& loop, Tap tap, Options options);
    ~TapCable() override;
    TapCable(const TapCable&) = delete;
    TapCable& operator=(const TapCable&) = delete;

    /// The machine runs: frames reach the card. Closed at first; what the card sends goes out either way.
    void open();
    void close();
    /// Pulls the cable out or plugs it in.
    void set_link(bool up);

    // NetBackend
    Sent send(std::span<const iovec> frame, const FrameOffload& offload) override;
    void accept_input() override;
    bool link_up() const override { return plugged_ && carries_ && !gone_; }
    void set_frontend(NetFrontend* frontend) override;
    std::string description() const override { return options_.name; }

private:
    /// Frames for the guest in one round of the loop: the others are served in between.
    static constexpr unsigned kFramesPerRound = 64;
    /// As long as the queue of any tap.
    static constexpr unsigned kStaleFrames = 1024;

    class Segments;

    void ready(FdReady events);
    void read_frames();
    void update_watch();
    void tell_card();
    void watch_link(bool on);
    void follow_link();
    void link_changed();
    void interface_gone(const std::string& reason);
    static Sent outcome(Result<Tap::Sent> result);
    Sent send_with_header(std::span<const iovec> frame, const FrameOffload& offload);
    Sent send_finished(std::span<const iovec> frame, std::size_t length, const FrameOffload& offload);
    bool source_allowed(std::span<const iovec> frame) const;

    using Buffer = std::array<u8, Tap::kFrameMax>;
    static std::unique_ptr<Buffer> make_buffer() { return std::make_unique_for_overwrite<Buffer>(); }

    EventLoop& loop_;
    Tap tap_;
    Options options_;
    Log log_;
    NetFrontend* frontend_ = nullptr;
    std::unique_ptr<Buffer> received_ = make_buffer(); ///< touched as far as frames go
    std::unique_ptr<Buffer> finished_;                 ///< made when the first frame needs software
    std::unique_ptr<LinkWatch> link_watch_;            ///< while there is a card
    FdEvents watched_ = FdEvents::None;
    bool open_ = false;
    bool plugged_ = true;
    bool carries_ = true; ///< the host's end does
    bool gone_ = false;
    bool card_full_ = false;
    bool queue_full_ = false; ///< send() said Later
    bool link_news_ = false;  ///< that the card has not heard yet
};

} // namespace dm::host
