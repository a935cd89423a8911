// One viewer: two threads, a private LibVNCServer screen, and a mailbox between them and the device thread.
//
// LibVNCServer encodes pictures. Its handshake, own threads, client list and message parser are
// not used: they share locks between viewers and hold them while they write to a socket, so that one stalled
// viewer stalls others and the caller. Here each viewer has a screen of its own, one thread touches it, and
// whoever has something for the viewer leaves it in the mailbox.
#pragma once

#include "dm/core/display.hpp"
#include "dm/core/log.hpp"
#include "dm/vnc/entrance.hpp"
#include "dm/vnc/input_queue.hpp"
#include "dm/vnc/keymap.hpp"
#include "dm/vnc/posix.hpp"
#include "dm/vnc/rfb_reader.hpp"
#include "dm/vnc/viewer_mail.hpp"
#include "dm/vnc/viewer_picture.hpp"
#include "dm/vnc/vnc_auth.hpp"
#include "dm/vnc/vnc_listener.hpp"

#include <atomic>
#include <condition_variable>
#include <memory>
#include <mutex>
#include <optional>

namespace dm::vnc {

class VncSession;

/// The server as its sessions see it. Called from their threads.
class VncSessionHost {
public:
    virtual ~VncSessionHost() = default;
    virtual bool password_required() const = 0;
    /// Empty: the answer is right. Otherwise what the viewer is told.
    virtual std::string refuses(VncSession& session, std::span<const u8, kChallengeBytes> challenge,
                                std::span<const u8, kChallengeBytes> response) = 0;
    /// The viewer may come in: a screen for it alone, until it leaves. Otherwise what it is told: too many
    /// are in, or LibVNCServer cannot be loaded.
    virtual Result<_rfbScreenInfo*> take_screen(VncSession& session) = 0;
    /// The viewer is in. Returns the screen's size once there is a picture, or after a moment without.
    virtual ScreenSize entered(VncSession& session) = 0;
    /// The viewer said whether it tolerates others.
    virtual void wants(VncSession& session, bool exclusive) = 0;
    /// There is something in the input() of a session.
    virtual void input_arrived() = 0;
    /// The viewer would like a screen of this size; answer_size() tells it what became of that.
    virtual void size_wished(VncSession& session, const ScreenSize& size) = 0;
    /// The last thing a session does.
    virtual void left(VncSession& session, const std::string& why) = 0;
};

class VncSession final : private RfbEvents, private Porter {
public:
    VncSession(VncSessionHost& host, UniqueFd fd, Endpoint peer, Door door, const DoorMeans& means,
               const Keymap& keymap, LockState& locks);
    ~VncSession() override;
    VncSession(const VncSession&) = delete;
    VncSession& operator=(const VncSession&) = delete;

    /// False when there is no thread to be had.
    [[nodiscard]] bool start();
    /// Hangs up; returns at once. Any thread.
    void stop(std::string_view why);
    /// Waits for the threads; soon over after stop().
    void join() { main_.join(); }

    /// Nobody waits any more for what is being decided about it. In its thread.
    bool given_up();
    bool finished() const { return finished_; }
    /// Past authentication.
    bool entered() const { return entered_; }
    const Endpoint& peer() const { return peer_; }
    Door door() const { return door_; }
    /// Null before it is in.
    _rfbScreenInfo* screen() const { return screen_; }
    /// From host.entered() on. Outlives the session as long as something is in it.
    const std::shared_ptr<InputQueue>& input() const { return input_; }

    // Any thread; these never wait for the viewer.
    /// The screen has this size now and changed there.
    void publish(const ScreenSize& size, std::span<const Rect> changed);
    void publish(const InputStatus& status);
    void publish(const CursorPtr& cursor);
    void answer_size(SizeStatus status, unsigned times);
    /// It shows a cursor's shape at its pointer, and the guest's cursor is where its pointer is.
    bool draws_cursor() const { return knows_.draws_cursor; }

    static constexpr int kClientInitMs = 20'000;

private:
    void run();
    bool come_in();
    bool create_client();
    bool initialise();
    void serve();
    void read_messages();
    bool wait_for_place();
    void key(KeyCode code, bool down);
    void release_buttons();
    void end_input();
    template <class Change> void post(Change change);
    std::string reason();

    // Porter
    bool password_required() const override { return host_.password_required(); }
    std::string refuses(std::span<const u8, kChallengeBytes> challenge,
                        std::span<const u8, kChallengeBytes> response) override {
        return host_.refuses(*this, challenge, response);
    }
    std::string no_place() override;

    // RfbEvents, in the reading thread
    void set_pixel_format(const PixelFormat& format) override;
    void set_encodings(const Encodings& encodings) override;
    void update_requested(const UpdateRequest& request) override;
    void key_symbol(u32 keysym, bool down) override;
    void extended_key(u32 keysym, u32 keycode, bool down) override;
    void pointer(u16 x, u16 y, u8 buttons) override;
    void desktop_size_requested(const SizeRequest& request) override;
    void continuous_updates(bool on, const Rect& area) override;
    void fence(const FenceMessage& fence) override;
    void followed() override;

    VncSessionHost& host_;
    const Endpoint peer_;
    const Door door_;
    Entrance entrance_;
    _rfbScreenInfo* screen_ = nullptr; ///< of this thread, others ask after join()
    KeyTranslator keys_;
    struct Pointed {
        u16 x = 0;
        u16 y = 0;
        u8 buttons = 0;
    };
    Pointed pointed_; ///< last; of the reading thread
    std::shared_ptr<InputQueue> input_;
    bool cut_off_ = false; ///< the reading thread's: it was ended while there was no place for more input
    _rfbClientRec* client_ = nullptr;
    std::atomic<bool> finished_ = false;
    std::atomic<bool> entered_ = false;
    ViewerKnows knows_;
    ViewerPicture picture_{knows_}; ///< of the thread that serves

    std::mutex mutex_; // guards what follows
    std::condition_variable mail_arrived_;
    std::condition_variable mail_taken_; ///< and what it asked for was done
    ViewerMail mail_;
    bool serving_ = false; ///< what was taken
    std::string why_;

    Thread reader_;
    Thread main_;
};

} // namespace dm::vnc
