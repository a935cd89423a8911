// What looks the same is not sent again, whatever the adapter says it has drawn.
#include "dm/vnc/difference.hpp"
#include "tests/vnc/rfb_viewer.hpp"

#include <gmock/gmock.h>

namespace dm::vnc::test {
namespace {

using Corners = std::array<unsigned, 4>;

constexpr Corners corners(const Rect& r) {
    return {r.x, r.y, r.width, r.height};
}

struct Difference : testing::Test {
    static constexpr unsigned kStride = 40;
    std::vector<u32> now = std::vector<u32>(std::size_t{kStride} * 30, 7);
    std::vector<u32> before = now;
    Corners of(const Rect& area) {
        return corners(difference({now.data(), kStride}, {before.data(), kStride}, area));
    }
    void draw(unsigned x, unsigned y) { now[y * kStride + x] = 8; }
};

TEST_F(Difference, OfEqualPicturesIsNothing) {
    EXPECT_EQ(of({0, 0, kStride, 30})[2], 0U);
    draw(9, 9);
    EXPECT_EQ(of({10, 0, 30, 30})[2], 0U) << "it is beside the area";
    EXPECT_EQ(of({0, 0, 0, 0})[2], 0U);
}

TEST_F(Difference, IsTheSmallestRectangleAroundIt) {
    draw(12, 3);
    EXPECT_EQ(of({2, 1, 30, 20}), (Corners{12, 3, 1, 1}));
    draw(31, 20);
    EXPECT_EQ(of({2, 1, 30, 20}), (Corners{12, 3, 20, 18}));
    draw(2, 10);
    EXPECT_EQ(of({2, 1, 30, 20}), (Corners{2, 3, 30, 18}));
    EXPECT_EQ(of({2, 4, 30, 10}), (Corners{2, 10, 1, 1}));
}

/// A screen of one colour with a few marks; all of it has changed, it says, at each picture.
class MarkedSource final : public DisplaySource {
public:
    static constexpr unsigned kWidth = 320, kHeight = 64;

    void refresh(Display& display, bool) override {
        const Surface s = display.resize(kWidth, kHeight);
        for (unsigned y = 0; y < kHeight; ++y)
            for (unsigned x = 0; x < kWidth; ++x)
                s.pixels[y * s.stride + x] = 0x112233;
        for (const auto& [x, y] : marks)
            s.pixels[y * s.stride + x] = 0xffffff;
        display.changed({0, 0, kWidth, kHeight});
        ++pictures;
    }
    void unwatched() override {}

    std::vector<std::pair<unsigned, unsigned>> marks; ///< device thread
    std::atomic<unsigned> pictures = 0;
};

struct VncDifferences : testing::Test {
    TestLoop loop;
    MarkedSource source;
    TestInput input;
    std::unique_ptr<VncServer> server = loop.call(
        [this] { return VncServer::create(VncRig::defaults(), "same", loop, &source, input).value(); });
    RfbViewer viewer{std::stoi(loop.call([this] { return server->info(); }).service), {RAW}};

    ~VncDifferences() override {
        loop.call([this] { server.reset(); });
    }
    std::vector<Corners> sent() {
        std::vector<Corners> out;
        for (const SeenRect& r : viewer.next().rects)
            out.push_back({r.x, r.y, r.width, r.height});
        return out;
    }
};

constexpr Corners kWhole{0, 0, MarkedSource::kWidth, MarkedSource::kHeight};

TEST_F(VncDifferences, OnlyWhatLooksDifferentIsSent) {
    viewer.request(false);
    EXPECT_THAT(sent(), testing::ElementsAre(kWhole));
    viewer.request(true);
    const unsigned before = source.pictures;
    EXPECT_TRUE(viewer.silent()) << "the same was drawn again";
    EXPECT_GT(source.pictures, before);
    loop.call([&] { source.marks = {{100, 2}, {110, 3}, {5, 40}}; });
    EXPECT_THAT(sent(), testing::ElementsAre(Corners{100, 2, 11, 2}, Corners{5, 40, 1, 1}));
}

TEST_F(VncDifferences, WhatIsAskedForAnewIsSentWhole) {
    for (int i = 0; i < 3; ++i) {
        viewer.request(false);
        EXPECT_THAT(sent(), testing::ElementsAre(kWhole));
    }
    viewer.request(true);
    EXPECT_TRUE(viewer.silent());
}

TEST_F(VncDifferences, WhatWasNeverSentIsSentAlthoughItDoesNotChange) {
    viewer.request(false, 10, 5);
    EXPECT_THAT(sent(), testing::ElementsAre(Corners{0, 0, 10, 5}));
    viewer.request(true);
    const std::vector<Corners> rest = sent();
    unsigned pixels = 0;
    for (const Corners& r : rest)
        pixels += r[2] * r[3];
    EXPECT_EQ(pixels, MarkedSource::kWidth * MarkedSource::kHeight - 10 * 5);
}

} // namespace
} // namespace dm::vnc::test
