// What a viewer sends once it is in, up to the keyboard and pointer that it moves. The first byte of an input
// chooses the keyboard layout.
#include "dm/core/unique_fd.hpp"
#include "dm/vnc/input_queue.hpp"
#include "dm/vnc/keymap.hpp"
#include "dm/vnc/rfb_reader.hpp"
#include "tests/fuzz/guard.hpp"
#include "tests/fuzz/target.hpp"

#include <bitset>
#include <sys/socket.h>

namespace dm::fuzz {
namespace {

/// A keyboard and pointer that keep count.
class Desk final : public InputSink {
public:
    void key(KeyCode code, bool down) override { down_[code] = down; }
    void pointer(unsigned x, unsigned y, unsigned width, unsigned height, u8) override {
        if (x >= width || y >= height) finding("a pointer at {},{} of {}x{}", x, y, width, height);
    }
    bool untouched() const { return down_.none(); }

private:
    std::bitset<256> down_;
};

/// As VncSession does: keys through the translator, everything through the queue.
class Viewer final : public vnc::RfbEvents {
public:
    explicit Viewer(const vnc::Keymap& map)
        : keys_(map, [this](KeyCode code, bool down) { queue_.push_key(code, down); }) {}

    void set_pixel_format(const vnc::PixelFormat& f) override {
        if (f.bits_per_pixel != 8 && f.bits_per_pixel != 16 && f.bits_per_pixel != 32)
            finding("a pixel of {} bits", f.bits_per_pixel);
        if (f.true_colour && (f.red_max == 0 || f.green_max == 0 || f.blue_max == 0 || f.red_shift > 31 ||
                              f.green_shift > 31 || f.blue_shift > 31))
            finding("a colour without bits in a pixel");
    }
    void set_encodings(const vnc::Encodings& e) override {
        if (e.compress_level.value_or(0) > 9 || e.jpeg_quality.value_or(0) > 9) finding("a level above 9");
    }
    void update_requested(const vnc::UpdateRequest&) override {}
    void key_symbol(u32 keysym, bool down) override { keys_.symbol(keysym, down); }
    void extended_key(u32, u32 keycode, bool down) override {
        keys_.key(static_cast<KeyCode>(keycode), down);
    }
    void pointer(u16 x, u16 y, u8 buttons) override {
        constexpr unsigned kWidth = 800;
        constexpr unsigned kHeight = 600;
        queue_.push_pointer(std::min<unsigned>(x, kWidth - 1), std::min<unsigned>(y, kHeight - 1), kWidth,
                            kHeight, buttons);
        if (++pointers_ % 8 == 0) drain(); // the device thread is not always there
    }
    void desktop_size_requested() override { drain(); }

    void leave() {
        keys_.release_all();
        drain();
        if (!desk_.untouched()) finding("a viewer has left, and a key stays down");
    }

private:
    void drain() {
        while (queue_.drain(desk_)) {
        }
    }

    Desk desk_;
    vnc::InputQueue queue_;
    vnc::KeyTranslator keys_;
    unsigned pointers_ = 0;
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
    Viewer viewer(*vnc::Keymap::find(layouts[input[0] % layouts.size()]));
    vnc::RfbReader reader(ours.get(), viewer);
    while (reader.message()) {
    }
    if (reader.why().empty()) finding("a connection ended for no reason");
    viewer.leave();
}

const Registered rfb_reader{{"rfb-reader", run}};

} // namespace
} // namespace dm::fuzz
