// The device thread's half of the server: draws into the pixel buffer at the pace of who looks.
#pragma once

#include "dm/core/display.hpp"
#include "dm/core/event_loop.hpp"
#include "dm/core/log.hpp"
#include "dm/vnc/pixel_buffer.hpp"
#include "dm/vnc/vnc_session.hpp"

#include <functional>
#include <vector>

namespace dm::vnc {

class VncScreen final : public Display {
public:
    // A change is seen at once after another one, within kSlowest after any time of quiet.
    static constexpr u64 kFastest = 16 * kMillisecond;
    static constexpr u64 kSlowest = 32 * kMillisecond;
    static constexpr u64 kSlowDown = 4 * kMillisecond; ///< added for each time that nothing had changed
    static constexpr u64 kAfterInput = 8 * kMillisecond;

    /// Hears of each finished refresh that changed something.
    using Publish = std::function<void(const ScreenSize& size, std::span<const Rect> changed)>;

    /// `source` may be null: a machine without a display.
    VncScreen(EventLoop& loop, DisplaySource* source, u32* pixels, Publish publish);
    ~VncScreen() override;

    /// Somebody looks, or nobody does any more. The first look draws everything, at once.
    void watch(bool on);
    bool watched() const override { return watched_; }
    /// A viewer typed or moved the pointer: the answer will be on the screen soon.
    void hasten();

    Surface resize(unsigned width, unsigned height) override;
    void changed(const Rect& rect) override { changed_.push_back(rect); }

private:
    void refresh(bool full);
    void tick();

    EventLoop& loop_;
    DisplaySource* source_;
    u32* pixels_;
    Publish publish_;
    Log log_{"vnc"};
    bool watched_ = false;
    ScreenSize size_{720, 400};
    ScreenSize published_;
    ScreenSize cropped_; ///< the mode that was too large, logged once
    std::vector<Rect> changed_;
    u64 interval_ = kFastest;
    Timer timer_;
};

} // namespace dm::vnc
