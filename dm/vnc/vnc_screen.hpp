// The device thread's half of the server: draws into the pixel buffer at the pace of who looks.
#pragma once

#include "dm/core/display.hpp"
#include "dm/core/event_loop.hpp"
#include "dm/core/log.hpp"
#include "dm/vnc/pixel_buffer.hpp"
#include "dm/vnc/vnc_session.hpp"

#include <vector>

namespace dm::vnc {

/// Those who look.
class VncAudience {
public:
    virtual ~VncAudience() = default;
    /// A finished refresh that changed something.
    virtual void show(const ScreenSize& size, std::span<const Rect> changed) = 0;
    /// All of them can draw a cursor themselves, where the guest's is.
    virtual bool draws_cursor() = 0;
    virtual void show(const CursorPtr& cursor) = 0;
};

class VncScreen final : public Display {
public:
    // A change is seen at once after another one, within kSlowest after any time of quiet.
    static constexpr u64 kFastest = 16 * kMillisecond;
    static constexpr u64 kSlowest = 32 * kMillisecond;
    static constexpr u64 kSlowDown = 4 * kMillisecond; ///< added for each time that nothing had changed
    static constexpr u64 kAfterInput = 8 * kMillisecond;

    /// `source` may be null: a machine without a display.
    VncScreen(EventLoop& loop, DisplaySource* source, u32* pixels, VncAudience& audience);
    ~VncScreen() override;

    /// Somebody looks, or nobody does any more. The first look draws everything, at once.
    void watch(bool on);
    bool watched() const override { return watched_; }
    /// A viewer typed or moved the pointer: the answer will be on the screen soon.
    void hasten();
    /// A viewer would like another size: what became of that.
    SizeStatus propose(const ScreenSize& size);

    Surface resize(unsigned width, unsigned height) override;
    void changed(const Rect& rect) override { changed_.push_back(rect); }
    bool shows_cursor() const override { return cursor_drawn_; }
    void set_cursor(const CursorShape& shape) override;

private:
    void refresh(bool full);
    void tick();
    void ask_about_cursor();

    EventLoop& loop_;
    DisplaySource* source_;
    u32* pixels_;
    VncAudience& audience_;
    Log log_{"vnc"};
    bool watched_ = false;
    ScreenSize size_{720, 400};
    ScreenSize published_;
    ScreenSize cropped_; ///< the mode that was too large, logged once
    std::vector<Rect> changed_;
    bool cursor_drawn_ = false; ///< by the audience, during this refresh
    CursorImage cursor_;        ///< as the audience knows it
    u64 interval_ = kFastest;
    Timer timer_;
};

} // namespace dm::vnc
