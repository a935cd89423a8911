// The page of input events that a guest's PV driver shares with us: a viewer that points and clicks at any
// time, a driver that reads when it likes, and one that writes anything over indices and events.
#include "tests/fuzz/guard.hpp"
#include "tests/fuzz/input.hpp"
#include "tests/fuzz/target.hpp"
#include "tests/support/kbd_rig.hpp"

namespace dm::fuzz {
namespace {

using test::KbdRig;
using xen::KbdRing;
using xen::PointerQueue;

constexpr unsigned kMostOperations = 512;
constexpr std::size_t kRing = XENKBD_IN_RING_OFFS;
constexpr std::size_t kRingEnd = kRing + KbdRing::kEntries * XENKBD_IN_EVENT_SIZE;

/// Layout of an operation: what (see step()), then its arguments.
class Session {
public:
    explicit Session(Input& input) : input_(input) {}

    void step(u8 what) {
        before_ = rig_.page;
        switch (what % 12) {
        case 0:
        case 1: point(); break;
        case 2: move(); break;
        case 3: rig_.queue.release_all(), rig_.queue.forget_place(), viewer_ = 0; break;
        case 4: connect(input_.byte()); break;
        case 5: rig_.queue.stop(), live_ = false; break;
        case 6: read(); return;
        case 7: bytes(); return;
        case 8: index(); return;
        case 9: rig_.queue.kick(); break;
        case 10: rig_.advance(input_.number(2) * kMillisecond); break;
        case 11: pause(); break;
        }
        check();
    }
    /// Whatever happened, an honest driver knows in the end which buttons are down.
    void end() {
        rig_.queue.resume();
        paused_ = false;
        if (live_ && honest_) drain();
    }

private:
    void point() {
        const auto x = static_cast<unsigned>(input_.number(2));
        const auto y = static_cast<unsigned>(input_.number(2));
        const unsigned size = input_.byte() * 257U;
        viewer_ = input_.byte();
        rig_.queue.pointer(x, y, size, size, viewer_);
    }
    void move() {
        const auto dx = static_cast<s32>(input_.number(4));
        const auto dy = static_cast<s32>(input_.number(4));
        viewer_ = input_.byte();
        rig_.queue.motion(dx, dy, viewer_);
    }
    /// A driver with a new page, or the same once more.
    void connect(u8 how) {
        if ((how & 1) == 0) {
            rig_.queue.detach();
            if ((how & 2) == 0) {
                rig_.front = test::KbdFront(rig_.page);
                rig_.front.indices().in_prod = rig_.front.indices().in_cons =
                    static_cast<u32>(input_.number(4));
                honest_ = true;
                rig_.broken.clear();
            }
            before_ = rig_.page;
            rig_.queue.attach(KbdRing(rig_.page));
        }
        most_ = (how & 4) == 0 ? KbdRig::kMost : static_cast<u32>(input_.number(4) & 0x7fffffff);
        down_ = {};
        viewer_ = 0;
        live_ = true;
        rig_.start((how & 8) == 0, most_, most_);
    }
    void read() {
        u8 most = input_.byte();
        while (most-- > 0 && rig_.front.indices().in_cons != rig_.front.indices().in_prod)
            hear(rig_.front.take(1).front());
    }
    void hear(const std::string& event) {
        if (!honest_) return;
        const u32 number =
            event[0] == '+' || event[0] == '-' ? static_cast<u32>(std::stoul(event.substr(1))) : 0;
        if (number == 0) return judge_place(event);
        if (number < 272 || number >= 272 + PointerQueue::kButtons) finding("a key: {}", event);
        const u8 bit = static_cast<u8>(1U << (number - 272));
        down_ = static_cast<u8>(event[0] == '+' ? down_ | bit : down_ & ~bit);
    }
    void judge_place(const std::string& event) const {
        if (event.starts_with("by ")) return;
        if (!event.starts_with("at ")) finding("{}", event);
        const std::size_t comma = event.find(',');
        for (const std::string& number : {event.substr(3, comma - 3), event.substr(comma + 1)})
            if (const long at = std::stol(number); at < 0 || at > static_cast<long>(most_))
                finding("{} on axes that end at {}", event, most_);
    }
    void drain() {
        for (unsigned i = 0; rig_.front.unread() != 0; ++i) {
            if (i > 1000) finding("the queue is never empty");
            for (const std::string& event : rig_.front.take(KbdRing::kEntries))
                hear(event);
            rig_.queue.kick();
        }
        const u8 wanted = numbered_buttons(viewer_);
        if (down_ != wanted) finding("buttons {:#x} are down, the driver knows of {:#x}", wanted, down_);
        if (!rig_.broken.empty()) finding("an honest driver lost its ring: {}", rig_.broken);
    }
    void bytes() {
        honest_ = false;
        const std::size_t at = input_.number(2) % rig_.page.size();
        const auto raw = input_.take(input_.byte());
        std::memcpy(rig_.page.data() + at, raw.data(), std::min(raw.size(), rig_.page.size() - at));
    }
    void index() {
        honest_ = false;
        const std::size_t at = input_.byte() % 4 * 4;
        const auto value = static_cast<u32>(input_.number(4));
        std::memcpy(rig_.page.data() + at, &value, sizeof(value));
    }
    void pause() {
        if (!paused_)
            rig_.queue.pause();
        else
            rig_.queue.resume();
        paused_ = !paused_;
    }

    /// We write indices of ours and entries of the ring, and those only while a driver listens.
    void check() {
        if (!rig_.broken.empty() || !rig_.queue.attached()) live_ = false;
        const bool silent = paused_ || (!live_ && rig_.broken.empty());
        for (std::size_t i = 0; i < rig_.page.size(); ++i) {
            const bool index = (i >= 4 && i < 12);
            const bool ours = !silent && (index || (i >= kRing && i < kRingEnd));
            if (!ours && rig_.page[i] != before_[i]) finding("byte {} of the page was written", i);
        }
    }

    Input& input_;
    KbdRig rig_;
    std::array<u8, kPageSize> before_{};
    u32 most_ = KbdRig::kMost;
    u8 viewer_ = 0;      ///< buttons that are down, as InputSink has them
    u8 down_ = 0;        ///< as the driver heard, numbered
    bool live_ = false;  ///< the driver listens
    bool honest_ = true; ///< nothing in the page was changed by more than reading
    bool paused_ = false;
};

void run(const Target&, std::span<const u8> bytes) {
    Input input(bytes);
    Session session(input);
    const auto text = [&input] {
        static std::array<char, 48> line{};
        const auto end = fmt::format_to_n(line.data(), line.size(), "with {} bytes to come", input.size());
        return std::string_view(line.data(), std::min(end.size, line.size()));
    };
    for (unsigned i = 0; i < kMostOperations && !input.empty(); ++i) {
        const Operating operating(text);
        session.step(input.byte());
    }
    const Operating operating(text);
    session.end();
}

const Registered pv_pointer{{"pv-pointer", run}};

} // namespace
} // namespace dm::fuzz
