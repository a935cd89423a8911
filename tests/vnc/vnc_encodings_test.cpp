// Every encoding in every pixel format, seen by libvncclient and, in both orders of bytes, by a viewer of our
// own.
#include "tests/vnc/rfb_viewer.hpp"
#include "tests/vnc/zrle_decoder.hpp"

#include <gmock/gmock.h>

namespace dm::vnc::test {
namespace {

using testing::AnyOf;

/// Text and pictures: flat parts, few colours, many colours.
class MixedSource final : public DisplaySource {
public:
    static u32 pixel(unsigned x, unsigned y, u32 seed) {
        if (y < 40) return (x / 8 + y / 16 + seed) % 5 == 0 ? 0xaaaaaa : 0x000000;
        if (x < 60) return 0x203040 + seed;
        if (x < 120) return (x ^ y) % 3 == 0 ? 0xff0000 : (x + seed) % 2 == 0 ? 0x00ff00 : 0x0000ff;
        return (x * 0x050301 + y * 0x010702 + seed * 0x10307) & 0xffffff;
    }
    void refresh(Display& display, bool full) override {
        const Surface s = display.resize(kWidth, kHeight);
        if (!full && !dirty) return;
        dirty = false;
        for (unsigned y = 0; y < s.height; ++y)
            for (unsigned x = 0; x < s.width; ++x)
                s.pixels[y * s.stride + x] = pixel(x, y, seed);
        display.changed({0, 0, s.width, s.height});
    }
    void unwatched() override {}
    static constexpr unsigned kWidth = 203; // no multiple of a tile
    static constexpr unsigned kHeight = 101;
    u32 seed = 1;
    bool dirty = false;
};

struct MixedRig {
    MixedRig() {
        loop.call([&] {
            server = std::move(VncServer::create(VncRig::defaults(), "guest", loop, &source, input)).value();
            port = std::stoi(server->info().service);
        });
    }
    ~MixedRig() {
        loop.call([&] { server.reset(); });
    }
    void draw(u32 seed) {
        loop.call([&] {
            source.seed = seed;
            source.dirty = true;
        });
    }
    MixedSource source;
    TestInput input;
    TestLoop loop;
    std::unique_ptr<VncServer> server;
    int port = 0;
};

struct Format {
    u8 bits;
    u8 depth;
    u16 red_max, green_max, blue_max;
    u8 red_shift, green_shift, blue_shift;
    const char* name;

    u32 of(u32 rgb) const {
        const auto part = [&](unsigned at, u32 max, unsigned shift) {
            return ((rgb >> at & 255) * max + 127) / 255 << shift;
        };
        return part(16, red_max, red_shift) | part(8, green_max, green_shift) | part(0, blue_max, blue_shift);
    }
};
constexpr Format kFormats[] = {
    {8, 8, 7, 7, 3, 0, 3, 6, "BGR233"},
    {8, 6, 3, 3, 3, 4, 2, 0, "64 colours"},
    {16, 16, 31, 63, 31, 11, 5, 0, "565"},
    {16, 15, 31, 31, 31, 0, 5, 10, "555 with blue on top"},
    {32, 24, 255, 255, 255, 16, 8, 0, "the server's own"},
    {32, 24, 255, 255, 255, 0, 8, 16, "blue on top"},
    {32, 24, 255, 255, 255, 24, 16, 8, "unused bits below"},
    {32, 30, 1023, 1023, 1023, 20, 10, 0, "10 bits each"},
};

TEST(VncEncodings, EveryPixelInEveryFormatByARealViewer) {
    MixedRig rig;
    for (const char* encoding : {"raw", "hextile", "zlib", "zrle", "tight", "copyrect"})
        for (const Format& f : kFormats) {
            if (encoding == std::string_view("zrle") && f.bits > 8 && f.depth != 16 && f.red_shift != 16)
                continue; // comes as Raw; see below
            Viewer viewer(rig.port, {.encodings = encoding, .format = [&](rfbClient& c) {
                                         c.format = {f.bits,        f.depth,      0,          1,
                                                     f.red_max,     f.green_max,  f.blue_max, f.red_shift,
                                                     f.green_shift, f.blue_shift, 0,          0};
                                     }});
            ASSERT_TRUE(viewer.connected()) << encoding << " " << f.name;
            unsigned wrong = 0;
            const auto right = [&] {
                if (viewer->frameBuffer == nullptr) return false;
                wrong = 0;
                for (unsigned y = 0; y < MixedSource::kHeight; ++y)
                    for (unsigned x = 0; x < MixedSource::kWidth; ++x) {
                        u32 p = 0;
                        std::memcpy(&p, viewer->frameBuffer + (y * MixedSource::kWidth + x) * f.bits / 8,
                                    f.bits / 8U);
                        if ((p & f.of(0xffffff)) != f.of(MixedSource::pixel(x, y, rig.source.seed))) ++wrong;
                    }
                return wrong == 0;
            };
            EXPECT_TRUE(viewer.until(right, 5s)) << encoding << ", " << f.name << ": " << wrong << " wrong";
            rig.draw(rig.source.seed + 1);
            EXPECT_TRUE(viewer.until(right, 5s)) << encoding << ", " << f.name << ": " << wrong << " wrong";
        }
}

/// A viewer of ours with this format.
struct FormatViewer : RfbViewer {
    FormatViewer(int port, const Format& f, bool big, std::initializer_list<s32> encodings)
        : RfbViewer(port) {
        RfbMessage m;
        m.byte(0).byte(0).word(0).byte(f.bits).byte(f.depth).byte(big ? 1 : 0).byte(1);
        m.word(f.red_max).word(f.green_max).word(f.blue_max);
        m.byte(f.red_shift).byte(f.green_shift).byte(f.blue_shift).byte(0).word(0);
        say(m);
        bytes_per_pixel = f.bits / 8;
        set_encodings(encodings);
        request(false);
    }
};

unsigned wrong_pixels(const Format& f, const std::function<u32(unsigned)>& pixel) {
    const u32 mask = f.of(0xffffff);
    unsigned wrong = 0;
    for (unsigned i = 0; i < MixedSource::kWidth * MixedSource::kHeight; ++i) {
        const u32 rgb = MixedSource::pixel(i % MixedSource::kWidth, i / MixedSource::kWidth, 1);
        if ((pixel(i) & mask) != f.of(rgb)) ++wrong;
    }
    return wrong;
}

TEST(VncEncodings, BothOrdersOfBytes) {
    MixedRig rig;
    for (const Format& f : kFormats)
        for (const bool big : {false, true}) {
            FormatViewer viewer(rig.port, f, big, {RAW});
            const SeenRect rect = viewer.next_rect(RAW);
            ASSERT_EQ(rect.content.size(), MixedSource::kWidth * MixedSource::kHeight * f.bits / 8);
            EXPECT_EQ(wrong_pixels(f,
                                   [&](unsigned i) {
                                       std::string pixel = rect.content.substr(i * f.bits / 8, f.bits / 8U);
                                       if (!big) std::reverse(pixel.begin(), pixel.end());
                                       return RfbViewer::number(pixel);
                                   }),
                      0U)
                << f.name << (big ? ", big-endian" : ", little-endian");
        }
}

TEST(VncEncodings, ZrleByTheRfc) {
    MixedRig rig;
    for (const Format& f : kFormats)
        for (const bool big : {false, true}) {
            FormatViewer viewer(rig.port, f, big, {ZRLE, HEXTILE});
            const SeenRect rect = viewer.next().rects.at(0);
            if (rect.encoding == RAW) continue; // see ViewerPicture::choose_encoding()
            ASSERT_EQ(rect.encoding, ZRLE);
            const bool deep = f.bits == 32 && f.depth <= 24;
            const bool bottom_free = deep && (f.of(0xffffff) & 0xff) == 0;
            const bool top_free = deep && f.of(0xffffff) <= 0xffffff;
            ZrleDecoder decoder;
            const std::vector<u32> pixels =
                decoder.rectangle(rect.content, rect.width, rect.height,
                                  {f.bits / 8U, big, top_free, bottom_free && !top_free});
            ASSERT_FALSE(pixels.empty()) << f.name << big;
            EXPECT_EQ(wrong_pixels(f, [&](unsigned i) { return pixels[i]; }), 0U)
                << f.name << (big ? ", big-endian" : ", little-endian");
        }
}

TEST(VncEncodings, AViewerWithAColourMapGetsTheNearestColours) {
    MixedRig rig;
    RfbViewer viewer(rig.port);
    viewer.say(
        RfbMessage().byte(0).byte(0).word(0).byte(8).byte(8).byte(0).byte(0).number(0).number(0).number(0));
    viewer.bytes_per_pixel = 1;
    viewer.request(false);
    const std::string head = viewer.receive(6); // SetColourMapEntries, one byte of padding; all 256
    EXPECT_EQ(head.substr(0, 1) + head.substr(2), std::string("\x01\x00\x00\x01\x00", 5));
    const std::string map = viewer.receive(256 * 6);
    const SeenRect rect = viewer.next_rect(RAW);
    ASSERT_EQ(rect.content.size(), MixedSource::kWidth * MixedSource::kHeight);
    int farthest = 0;
    for (unsigned i = 0; i < rect.content.size(); ++i) {
        const u32 rgb = MixedSource::pixel(i % MixedSource::kWidth, i / MixedSource::kWidth, 1);
        const std::string entry = map.substr(static_cast<u8>(rect.content[i]) * 6U, 6);
        for (unsigned c = 0; c < 3; ++c)
            farthest = std::max(farthest, std::abs(static_cast<u8>(entry[c * 2]) -
                                                   static_cast<int>(rgb >> (16 - 8 * c) & 255)));
    }
    EXPECT_LE(farthest, 43); // two bits of blue
}

/// Tight's rectangles that are JPEG have 9 in the high half of their first byte.
bool sends_jpeg(int port, std::initializer_list<s32> encodings) {
    RfbViewer viewer(port, encodings);
    viewer.request(false);
    const std::string update = viewer.receive(4 + 12 + 1);
    return update.size() == 17 && static_cast<u8>(update[16]) >> 4 == 9;
}

/// Many colours, smoothly: what JPEG is for.
class PhotoSource final : public DisplaySource {
public:
    void refresh(Display& display, bool) override {
        const Surface s = display.resize(256, 64);
        for (unsigned y = 0; y < s.height; ++y)
            for (unsigned x = 0; x < s.width; ++x)
                s.pixels[y * s.stride + x] = x << 16 | y * 4 << 8 | ((x + y) & 255);
        display.changed({0, 0, s.width, s.height});
    }
    void unwatched() override {}
};

TEST(VncEncodings, JpegOnlyWhereAQualityIsAskedFor) {
    PhotoSource photo;
    TestInput input;
    TestLoop loop;
    std::unique_ptr<VncServer> server;
    int port = 0;
    loop.call([&] {
        server = std::move(VncServer::create(VncRig::defaults(), "guest", loop, &photo, input)).value();
        port = std::stoi(server->info().service);
    });
    EXPECT_FALSE(sends_jpeg(port, {TIGHT}));
    EXPECT_TRUE(sends_jpeg(port, {TIGHT, JPEG_QUALITY_0 + 5}));
    loop.call([&] { server.reset(); });
}

// ---- mode changes

/// A guest that changes its mode each time somebody looks.
class RestlessSource final : public DisplaySource {
public:
    void refresh(Display& display, bool) override {
        if (left > 0) {
            --left;
            ++seed;
        }
        const Surface s = display.resize(width(seed), height(seed));
        for (unsigned y = 0; y < s.height; ++y)
            for (unsigned x = 0; x < s.width; ++x)
                s.pixels[y * s.stride + x] = TestSource::pixel(x, y, seed);
        display.changed({0, 0, s.width, s.height});
    }
    void unwatched() override {}
    static unsigned width(u32 n) { return 16 + n * 37 % 200; }
    static unsigned height(u32 n) { return 1 + n * 53 % 120; }
    std::atomic<u32> seed = 1;
    std::atomic<unsigned> left = 0;
};

TEST(VncEncodings, AThousandModeChangesWithFourViewersLoseNoViewerAndNoPixel) {
    RestlessSource source;
    TestInput input;
    TestLoop loop;
    std::unique_ptr<VncServer> server;
    int port = 0;
    loop.call([&] {
        server = std::move(VncServer::create(VncRig::defaults(), "guest", loop, &source, input)).value();
        port = std::stoi(server->info().service);
    });
    Viewer tight(port, {.encodings = "tight"});
    Viewer zrle(port, {.encodings = "zrle"});
    Viewer hextile(port, {.encodings = "hextile"});
    RfbViewer continuous(port, {RAW, EXTENDED_DESKTOP_SIZE, FENCE, CONTINUOUS_UPDATES});
    ASSERT_TRUE(tight.connected() && zrle.connected() && hextile.connected() && continuous.entered);
    continuous.request(false);
    continuous.continuous(true);
    source.left = 1000;
    unsigned width = 0;
    unsigned height = 0;
    u32 last_width = 0;
    const auto end = steady_clock::now() + 120s;
    while (source.left > 0 && steady_clock::now() < end) {
        continuous.send({4, 1, 0, 0, 0, 0, 0xff, 0xe3}); // input hastens the server
        for (Viewer* v : {&tight, &zrle, &hextile})
            v->until([] { return false; }, 1ms);
        for (SeenMessage m = continuous.next(1); m.type >= 0; m = continuous.next(1)) {
            if (m.type == SERVER_FENCE) continuous.fence(m.flags & ~u32{REQUEST}, m.payload);
            for (const SeenRect& rect : m.rects) {
                if (rect.encoding == EXTENDED_DESKTOP_SIZE) {
                    width = rect.width;
                    height = rect.height;
                    continuous.continuous(true, width, height);
                } else {
                    EXPECT_LE(rect.x + rect.width, width);
                    EXPECT_LE(rect.y + rect.height, height);
                    last_width = rect.width;
                }
            }
        }
    }
    ASSERT_EQ(source.left, 0U);
    const u32 seed = source.seed;
    const int w = static_cast<int>(RestlessSource::width(seed));
    const int h = static_cast<int>(RestlessSource::height(seed));
    EXPECT_TRUE(tight.shows(seed, w, h));
    EXPECT_TRUE(zrle.shows(seed, w, h));
    EXPECT_TRUE(hextile.shows(seed, w, h));
    EXPECT_GT(last_width, 0U);
    EXPECT_EQ(loop.call([&] { return server->info().clients.size(); }), 4U);
    loop.call([&] { server.reset(); });
}

} // namespace
} // namespace dm::vnc::test
