// What a viewer sends once it is in, up to the keyboard and pointer that it moves. The first byte of an input
// chooses the keyboard layout.
#include "dm/core/unique_fd.hpp"
#include "dm/vnc/input_queue.hpp"
#include "dm/vnc/keymap.hpp"
#include "dm/vnc/rfb_reader.hpp"
#include "dm/vnc/update_window.hpp"
#include "tests/fuzz/guard.hpp"
#include "tests/fuzz/target.hpp"

#include <bitset>
#include <cstdlib>
#include <sys/socket.h>

namespace dm::fuzz {
namespace {

/// A keyboard and pointer that keep count. There is not always room.
class Desk final : public InputSink {
public:
    void key(KeyCode code, bool down) override {
        down_[code] = down;
        if (down && ++presses_ % 64 == 0) room_ = false;
    }
    bool key_room() const override { return room_; }
    void make_room() { room_ = true; }
    void pointer(unsigned x, unsigned y, unsigned width, unsigned height, u8) override {
        if (x >= width || y >= height) finding("a pointer at {},{} of {}x{}", x, y, width, height);
    }
    void motion(s32 dx, s32 dy, u8) override {
        constexpr s32 kFarthest = 1 << 20;
        if (std::abs(dx) > kFarthest || std::abs(dy) > kFarthest) finding("a movement by {},{}", dx, dy);
    }
    bool untouched() const { return down_.none(); }

private:
    bool room_ = true;
    unsigned presses_ = 0;
    std::bitset<256> down_;
};

/// As VncSession does: keys through the translator, everything through the queue.
class Viewer final : public vnc::RfbEvents {
public:
    explicit Viewer(const vnc::Keymap& map)
        : keys_(map, locks_, [this](KeyCode code, bool down) { queue_.push_key(code, down); }) {}

    void set_pixel_format(const vnc::PixelFormat& f) override {
        if (f.bits_per_pixel != 8 && f.bits_per_pixel != 16 && f.bits_per_pixel != 32)
            finding("a pixel of {} bits", f.bits_per_pixel);
        if (f.true_colour && (f.red_max == 0 || f.green_max == 0 || f.blue_max == 0 || f.red_shift > 31 ||
                              f.green_shift > 31 || f.blue_shift > 31))
            finding("a colour without bits in a pixel");
    }
    void set_encodings(const vnc::Encodings& e) override {
        if (e.compress_level.value_or(0) > 9 || e.jpeg_quality.value_or(0) > 9) finding("a level above 9");
        keys_.viewer_has_lights(e.led_state.has_value());
        relative_ = e.pointer_motion_change;
    }
    void update_requested(const vnc::UpdateRequest&) override {}
    void key_symbol(u32 keysym, bool down) override { keys_.symbol(keysym, down); }
    void extended_key(u32 keysym, u32 keycode, bool down) override {
        keys_.extended(keysym, static_cast<KeyCode>(keycode), down);
    }
    void pointer(u16 x, u16 y, u8 buttons) override {
        constexpr unsigned kWidth = 800;
        constexpr unsigned kHeight = 600;
        if (relative_)
            queue_.push_motion(x - vnc::kNoMotion, y - vnc::kNoMotion, buttons);
        else
            queue_.push_pointer(std::min<unsigned>(x, kWidth - 1), std::min<unsigned>(y, kHeight - 1), kWidth,
                                kHeight, buttons);
        if (++pointers_ % 8 == 0) drain(); // the device thread is not always there
    }
    void desktop_size_requested(const vnc::SizeRequest& request) override {
        locks_.lit(static_cast<u8>(request.width)); // the guest's lights change now and then
        drain();
    }
    void continuous_updates(bool on, const Rect& area) override {
        if (on && window_.open()) numbers_ = window_.sent(u64{area.width} * area.height, ++now_);
        if (!on) window_.forget();
    }
    void fence(const vnc::FenceMessage& fence) override {
        if (fence.content().size() > vnc::FenceMessage::kMostPayload) finding("a fence that is too long");
        if ((fence.flags & ~(vnc::kFenceFlags | vnc::REQUEST)) != 0) finding("an unknown flag of a fence");
        if ((fence.flags & vnc::REQUEST) != 0) {
            held_ = (fence.flags & vnc::SYNC_NEXT) != 0;
            return;
        }
        window_.returned(numbers_ - fence.length, ++now_);
        window_.returned(numbers_, ++now_);
        if (!window_.open()) finding("everything has come back, and nothing may be sent");
        if (window_.window() < vnc::UpdateWindow::kLeast || window_.window() > vnc::UpdateWindow::kMost)
            finding("a window of {} bytes", window_.window());
    }
    void followed() override {
        if (!held_) finding("a message followed a fence that nobody sent");
        held_ = false;
    }

    void leave() {
        keys_.release_all();
        queue_.close();
        queue_.drain(desk_, vnc::InputQueue::Until::Nobody);
        if (queue_.left() != vnc::InputQueue::Left::Closed) finding("a viewer has left, its input has not");
        if (!desk_.untouched()) finding("a viewer has left, and a key stays down");
    }

private:
    /// Sometimes nobody waits for room any more.
    void drain() {
        using Until = vnc::InputQueue::Until;
        ++drains_;
        if (drains_ % 4 == 0) desk_.make_room();
        queue_.drain(desk_, drains_ % 8 == 7 ? Until::Nobody : Until::Room);
    }

    Desk desk_;
    vnc::InputQueue queue_;
    vnc::LockState locks_;
    vnc::KeyTranslator keys_;
    vnc::UpdateWindow window_;
    u32 numbers_ = 0; ///< the last one sent
    u64 now_ = 0;
    bool held_ = false;
    bool relative_ = false;
    unsigned pointers_ = 0;
    unsigned drains_ = 0;
};

void run(const Target&, std::span<const u8> input) {
    constexpr std::size_t kMostInput = std::size_t{64} * 1024; // fits into the socket at once
    static const std::vector<std::string_view> layouts = vnc::Keymap::names();
    const auto text = [] { return std::string_view("a viewer's messages"); };
    const Operating operating(text);
    std::array<int, 2> ends{};
    if (input.empty() ||
        ::socketpair(AF_UNIX, SOCK_STREAM | SOCK_CLOEXEC | SOCK_NONBLOCK, 0, ends.data()) != 0)
        return;
    const UniqueFd ours(ends[0]);
    UniqueFd theirs(ends[1]);
    const std::span<const u8> sent = input.subspan(1).first(std::min(kMostInput, input.size() - 1));
    if (::send(theirs.get(), sent.data(), sent.size(), MSG_NOSIGNAL) != static_cast<ssize_t>(sent.size()) &&
        !sent.empty())
        return;
    theirs.reset(); // nothing more will come
    const vnc::Keymap map = *vnc::Keymap::find(layouts[input[0] % layouts.size()]);
    Viewer viewer(map);
    vnc::RfbReader reader(ours.get(), viewer);
    while (reader.message()) {
    }
    if (reader.why().empty()) finding("a connection ended for no reason");
    viewer.leave();
}

const Registered rfb_reader{{"rfb-reader", run}};

} // namespace
} // namespace dm::fuzz
