// Inside the VNC server: the viewers and the thread that lets them in.
#pragma once

#include "dm/core/log.hpp"
#include "dm/vnc/crowd.hpp"
#include "dm/vnc/doors.hpp"
#include "dm/vnc/pixel_buffer.hpp"
#include "dm/vnc/vnc_auth.hpp"
#include "dm/vnc/vnc_listener.hpp"
#include "dm/vnc/vnc_screen.hpp"
#include "dm/vnc/vnc_server.hpp"
#include "dm/vnc/vnc_session.hpp"

#include <atomic>
#include <condition_variable>
#include <memory>
#include <mutex>
#include <string>
#include <vector>

namespace dm::vnc {

class VncServer::Impl final : public VncSessionHost,
                              private VncAudience,
                              private InputObserver,
                              public std::enable_shared_from_this<Impl> {
public:
    Impl(const VncOptions& options, std::string_view guest_name, EventLoop& loop, DisplaySource* source,
         InputSink& input, Doors doors, PixelBuffer buffer, const Keymap& keymap);
    ~Impl() override;

    Status start();
    /// Loads LibVNCServer, unless it is there. Any thread.
    Status make_screens();
    /// Device thread. Nothing of the server runs afterwards.
    void shut_down();

    VncInfo info();
    VncAuth& auth() { return auth_; }

private:
    using Sessions = std::vector<std::unique_ptr<VncSession>>;

    // Viewers' threads
    bool password_required() const override { return auth_.required(); }
    std::string refuses(VncSession& session, std::span<const u8, kChallengeBytes> challenge,
                        std::span<const u8, kChallengeBytes> response) override;
    Result<_rfbScreenInfo*> take_screen(VncSession& session) override;
    ScreenSize entered(VncSession& session) override;
    void wants(VncSession& session, bool exclusive) override;
    void input_arrived() override { post(&Impl::deliver_input); }
    void size_wished(VncSession& session, const ScreenSize& size) override;
    void left(VncSession& session, const std::string& why) override;
    _rfbScreenInfo* make_screen(const LibVncServer& rfb);

    // Accepting thread
    void accept_viewers();
    void accept_one(const Doors::Listening& from);
    void reap();
    void make_room(const std::string& newcomer);
    void remove(VncSession& session);
    void wake_accepting_thread();

    // Device thread
    void update_watch();
    void take_new_inputs();
    void deliver_input();
    void grant_wishes();
    void show(const ScreenSize& size, std::span<const Rect> changed) override;
    bool draws_cursor() override;
    void show(const CursorPtr& cursor) override;
    void input_status(const InputStatus& now) override;

    /// Runs `task` in the device thread unless the server is gone by then.
    void post(void (Impl::*task)());
    /// A line about viewers: they must not be able to fill the log.
    void note(std::string text);
    static u64 now_ns();

    struct Wish {
        VncSession* session = nullptr;
        ScreenSize size; ///< the latest
        unsigned times = 0;
    };

    const VncOptions options_;
    const std::string title_;
    EventLoop& loop_;
    InputSink& input_;
    const Keymap keymap_;
    Log log_{"vnc"};
    const Doors doors_;
    PixelBuffer buffer_;
    VncAuth auth_;
    Crowd crowd_;                                     ///< accepting thread's
    std::vector<std::shared_ptr<InputQueue>> inputs_; ///< device thread's; of viewers that left, as long as
                                                      ///< something is in them
    std::optional<u64> no_room_since_ns_;             ///< host time; while the devices take no keys that wait
    Timer input_timer_;
    std::size_t turn_ = 0; ///< whose input is looked at first
    LockState locks_;
    VncScreen screen_;
    bool shut_down_ = false; ///< device thread's

    UniqueFd wake_read_;
    UniqueFd wake_write_;
    std::atomic<bool> closing_ = false;

    std::mutex screens_mutex_; // guards what follows; taken before mutex_
    bool screens_made_ = false;

    std::mutex mutex_; // guards what follows
    std::condition_variable picture_drawn_;
    Sessions sessions_;                         ///< changed by the accepting thread only
    std::vector<_rfbScreenInfo*> free_screens_; ///< made all at once
    std::vector<std::shared_ptr<InputQueue>> new_inputs_;
    unsigned viewers_ = 0;       ///< those that are in
    bool picture_ready_ = false; ///< the pixel buffer shows the screen
    ScreenSize size_{720, 400};
    InputStatus status_;
    CursorPtr cursor_;
    std::vector<Wish> wishes_; ///< at most one of each session
    unsigned notes_left_ = 0;
    u64 notes_since_ns_ = 0;

    Thread accepting_;
};

} // namespace dm::vnc
