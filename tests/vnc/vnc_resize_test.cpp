// A guest that changes its mode again and again and draws here and there, while viewers of all encodings are
// in the middle of updates and ask for areas of sizes that are over: when it rests, all see the same.
#include "tests/vnc/rfb_viewer.hpp"

#include <barrier>
#include <fmt/format.h>
#include <gmock/gmock.h>
#include <random>

namespace dm::vnc::test {
namespace {

/// Draws rectangles and changes modes for as long as it is told to, then rests.
class RestlessGuest final : public DisplaySource {
public:
    struct Mode {
        unsigned width;
        unsigned height;
    };
    static constexpr std::array<Mode, 6> kModes = {
        {{64, 48}, {80, 60}, {128, 96}, {80, 48}, {33, 77}, {128, 40}}};

    void refresh(Display& display, bool full) override {
        std::vector<Rect> drawn;
        if (changes_ > 0) drawn = draw();
        const Surface s = display.resize(width, height);
        const Rect all{0, 0, width, height};
        if (full || std::exchange(new_mode_, false)) drawn = {all};
        for (const Rect& rect : drawn) {
            for (unsigned y = rect.y; y < rect.y + rect.height; ++y)
                std::copy_n(&picture[y * width + rect.x], rect.width, s.pixels + y * s.stride + rect.x);
            display.changed(rect);
        }
        if (changes_ > 0 && --changes_ == 0) resting = true;
    }
    void unwatched() override {}

    /// Device thread.
    void stir(unsigned changes) {
        resting = false;
        changes_ = changes;
    }

    std::atomic<bool> resting = true;
    // Of the device thread; everybody's while it rests.
    unsigned width = kModes[0].width;
    unsigned height = kModes[0].height;
    std::vector<u32> picture = std::vector<u32>(std::size_t{width} * height);

private:
    unsigned random(unsigned below) { return static_cast<unsigned>(random_() % below); }
    std::vector<Rect> draw() {
        if (random(3) == 0) {
            const Mode& mode = kModes[random(kModes.size())];
            new_mode_ = mode.width != width || mode.height != height;
            width = mode.width;
            height = mode.height;
            if (new_mode_) picture.assign(std::size_t{width} * height, 0);
        }
        std::vector<Rect> drawn;
        if (changes_ > 1 && random(4) == 0) return drawn; // a new mode, and nothing in it yet
        for (unsigned n = 1 + random(4); n > 0; --n) {
            const unsigned x = random(width);
            const unsigned y = random(height);
            const Rect rect{x, y, 1 + random(width - x), 1 + random(height - y)};
            for (unsigned row = rect.y; row < rect.y + rect.height; ++row)
                for (unsigned column = rect.x; column < rect.x + rect.width; ++column)
                    picture[row * width + column] = (n * 0x30507 + row * column + changes_) & 0xffffff;
            drawn.push_back(rect);
        }
        if (!new_mode_ && drawn.size() == 1 && random(2) == 0) drawn.push_back({0, 0, width, height});
        return drawn;
    }
    std::mt19937 random_{7};
    unsigned changes_ = 0;
    bool new_mode_ = false;
};

/// What is common to the two kinds of viewers.
class Watcher {
public:
    virtual ~Watcher() = default;
    virtual bool ready() const = 0;
    /// Handles what comes within a moment. False: it is disconnected.
    virtual bool pump() = 0;
    /// Asks for more than it needs: areas of any size, also of modes that are over.
    virtual void ask(unsigned width, unsigned height, bool incremental) = 0;
    virtual bool shows(const RestlessGuest& guest) const = 0;
};

class RealWatcher final : public Watcher {
public:
    RealWatcher(int port, const char* encodings) : viewer_(port, {.encodings = encodings}) {}
    bool ready() const override { return viewer_.connected(); }
    bool pump() override {
        viewer_.until([] { return false; }, 1ms);
        return SendKeyEvent(viewer_.get(), 0xffe3, TRUE) != FALSE; // hastens the server
    }
    void ask(unsigned width, unsigned height, bool incremental) override {
        SendFramebufferUpdateRequest(viewer_.get(), 0, 0, static_cast<int>(width), static_cast<int>(height),
                                     incremental ? TRUE : FALSE);
    }
    bool shows(const RestlessGuest& guest) const override {
        const rfbClient* const client = viewer_.get();
        const auto* const pixels = reinterpret_cast<const u32*>(client->frameBuffer);
        return client->width == static_cast<int>(guest.width) &&
               client->height == static_cast<int>(guest.height) &&
               std::equal(guest.picture.begin(), guest.picture.end(), pixels,
                          [](u32 a, u32 b) { return a == (b & 0xffffff); });
    }

private:
    Viewer viewer_;
};

/// Continuous updates, as TigerVNC uses them: after a new size it says the new area, and asks for nothing.
class ContinuousWatcher final : public Watcher {
public:
    explicit ContinuousWatcher(int port)
        : viewer_(port, {RAW, EXTENDED_DESKTOP_SIZE, FENCE, CONTINUOUS_UPDATES}) {
        viewer_.request(false);
    }
    bool ready() const override { return viewer_.entered; }
    bool pump() override {
        for (SeenMessage m = viewer_.next(1); m.type >= 0; m = viewer_.next(1)) {
            if (m.type == SERVER_FENCE) viewer_.fence(m.flags & ~u32{REQUEST}, m.payload);
            for (const SeenRect& rect : m.rects)
                take(rect);
        }
        return !broken_;
    }
    void ask(unsigned width, unsigned height, bool incremental) override {
        viewer_.request(incremental, width, height);
    }
    bool shows(const RestlessGuest& guest) const override {
        return width_ == guest.width && height_ == guest.height && picture_ == guest.picture;
    }

private:
    void take(const SeenRect& rect) {
        if (rect.encoding == EXTENDED_DESKTOP_SIZE) {
            if (rect.width == width_ && rect.height == height_) return; // told again
            width_ = rect.width;
            height_ = rect.height;
            picture_.assign(std::size_t{width_} * height_, 0xbad);
            viewer_.continuous(true, width_, height_);
            return;
        }
        broken_ |= rect.x + rect.width > width_ || rect.y + rect.height > height_ ||
                   rect.content.size() != std::size_t{4} * rect.width * rect.height;
        for (unsigned y = 0; y < rect.height && !broken_; ++y)
            std::memcpy(&picture_[(rect.y + y) * width_ + rect.x],
                        &rect.content[std::size_t{4} * y * rect.width], std::size_t{4} * rect.width);
    }
    RfbViewer viewer_;
    unsigned width_ = 0;
    unsigned height_ = 0;
    std::vector<u32> picture_;
    bool broken_ = false;
};

TEST(VncResize, WhenTheGuestRestsAllViewersSeeTheSameWhateverTheyAskedForMeanwhile) {
    constexpr unsigned kRounds = 12;
    constexpr unsigned kChanges = 40;
    RestlessGuest guest;
    TestInput input;
    TestLoop loop;
    std::unique_ptr<VncServer> server;
    int port = 0;
    loop.call([&] {
        server = std::move(VncServer::create(VncRig::defaults(), "guest", loop, &guest, input)).value();
        port = std::stoi(server->info().service);
    });
    std::vector<std::unique_ptr<Watcher>> watchers;
    for (const char* encodings : {"raw", "hextile", "zlib", "zrle", "tight"})
        watchers.push_back(std::make_unique<RealWatcher>(port, encodings));
    watchers.push_back(std::make_unique<ContinuousWatcher>(port));
    for (const auto& watcher : watchers)
        ASSERT_TRUE(watcher->ready());

    std::barrier turn(static_cast<std::ptrdiff_t>(watchers.size() + 1));
    std::vector<std::thread> threads;
    std::vector<std::string> failures(watchers.size());
    for (std::size_t i = 0; i < watchers.size(); ++i)
        threads.emplace_back([&, i] {
            std::mt19937 random(static_cast<unsigned>(i));
            for (unsigned round = 0; round < kRounds; ++round) {
                turn.arrive_and_wait();
                while (!guest.resting && watchers[i]->pump()) {
                    const auto& mode = RestlessGuest::kModes[random() % RestlessGuest::kModes.size()];
                    if (random() % 4 == 0) watchers[i]->ask(mode.width, mode.height, random() % 2 == 0);
                }
                const auto end = steady_clock::now() + 20s;
                while (!watchers[i]->shows(guest) && watchers[i]->pump() && steady_clock::now() < end) {
                }
                if (!watchers[i]->shows(guest)) failures[i] += fmt::format("round {} ", round);
                turn.arrive_and_wait();
            }
        });
    for (unsigned round = 0; round < kRounds; ++round) {
        loop.call([&] { guest.stir(kChanges); });
        turn.arrive_and_wait();
        turn.arrive_and_wait();
    }
    for (std::thread& thread : threads)
        thread.join();
    EXPECT_THAT(failures, testing::Each(""));
    watchers.clear();
    loop.call([&] { server.reset(); });
}

} // namespace
} // namespace dm::vnc::test
