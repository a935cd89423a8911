// A guest that draws while an update is being encoded: pixels that it does not touch stay right.
#include "tests/vnc/vnc_rig.hpp"

#include <gtest/gtest.h>

namespace dm::vnc::test {
namespace {

/// As many colours as a palette has, and a block in the middle that flickers in others.
class FlickeringSource final : public DisplaySource {
public:
    static constexpr unsigned kWidth = 640, kHeight = 400;
    static constexpr Rect kBlock{200, 10, 64, 300};

    static bool in_block(unsigned x, unsigned y) {
        return x - kBlock.x < kBlock.width && y - kBlock.y < kBlock.height;
    }
    static u32 pixel(unsigned x, unsigned y, u32 flicker) {
        return in_block(x, y) ? flicker % 7 * 0x100000 : (x + y) % 250 * 0x010101;
    }

    void refresh(Display& display, bool full) override {
        const Surface s = display.resize(kWidth, kHeight);
        if (full) {
            for (unsigned y = 0; y < kHeight; ++y)
                for (unsigned x = 0; x < kWidth; ++x)
                    s.pixels[y * s.stride + x] = pixel(x, y, flicker);
            display.changed({0, 0, kWidth, kHeight});
        }
        if (!flickers) return;
        flickering = true;
        for (const auto end = steady_clock::now() + 20ms; steady_clock::now() < end; ++flicker)
            for (unsigned y = kBlock.y; y < kBlock.y + kBlock.height; ++y)
                for (unsigned x = kBlock.x; x < kBlock.x + kBlock.width; ++x)
                    s.pixels[y * s.stride + x] = pixel(x, y, flicker);
        --flicker;
        flickers = false;
        display.changed(kBlock);
    }
    void unwatched() override {}

    // Device thread.
    bool flickers = false;
    u32 flicker = 0;

    std::atomic<bool> flickering = false; ///< it has begun
};

struct TornUpdate : testing::TestWithParam<const char*> {
    TestLoop loop;
    FlickeringSource source;
    TestInput input;
    std::unique_ptr<VncServer> server = loop.call(
        [this] { return VncServer::create(VncRig::defaults(), "torn", loop, &source, input).value(); });
    ~TornUpdate() override {
        loop.call([this] { server.reset(); });
    }
};

TEST_P(TornUpdate, SpoilsNothingThatDidNotChange) {
    const int port = std::stoi(loop.call([this] { return server->info(); }).service);
    Viewer viewer(port, {.encodings = GetParam()});
    ASSERT_TRUE(viewer.connected());
    for (int round = 0; round < 15; ++round) {
        source.flickering = false;
        loop.call([this] { source.flickers = true; });
        SendKeyEvent(viewer.get(), 0xffe3, round % 2 == 0 ? TRUE : FALSE); // hastens the server
        ASSERT_TRUE(viewer.until([&] { return source.flickering.load(); }));
        SendFramebufferUpdateRequest(viewer.get(), 0, 0, FlickeringSource::kWidth, FlickeringSource::kHeight,
                                     FALSE);
        const bool right = viewer.until(
            [&] {
                const auto [done, flicker] = loop.call([this] {
                    return std::pair{!source.flickers, source.flicker};
                });
                if (!done) return false;
                const auto* const pixels = reinterpret_cast<const u32*>(viewer->frameBuffer);
                for (unsigned y = 0; y < FlickeringSource::kHeight; ++y)
                    for (unsigned x = 0; x < FlickeringSource::kWidth; ++x)
                        if ((pixels[y * FlickeringSource::kWidth + x] & 0xffffff) !=
                            FlickeringSource::pixel(x, y, flicker))
                            return false;
                return true;
            },
            5s);
        ASSERT_TRUE(right) << "round " << round;
    }
}

INSTANTIATE_TEST_SUITE_P(Encodings, TornUpdate, testing::Values("tight", "hextile", "zrle", "rre", "zlib"),
                         [](const auto& param) { return std::string(param.param); });

} // namespace
} // namespace dm::vnc::test
