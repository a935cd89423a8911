// What is kept for a viewer, and sent to it, when it asks for little and takes nothing.
#include "dm/vnc/libvncserver.hpp"
#include "dm/vnc/viewer_picture.hpp"

#include <algorithm>
#include <chrono>
#include <cstring>
#include <functional>
#include <gmock/gmock.h>
#include <sys/socket.h>
#include <thread>
#include <unistd.h>
#include <zlib.h>

namespace dm::vnc {
namespace {

constexpr unsigned kWidth = 640;
constexpr unsigned kHeight = 480;

using Image = std::vector<u32>;

/// What a viewer makes of updates in Raw and Zlib.
class Decoder {
public:
    explicit Decoder(std::vector<u8> bytes) : bytes_(std::move(bytes)) { inflateInit(&zlib_); }
    ~Decoder() { inflateEnd(&zlib_); }
    Decoder(const Decoder&) = delete;
    Decoder& operator=(const Decoder&) = delete;

    /// False: something else came than such updates, or not all of one.
    bool decode() {
        while (at_ < bytes_.size()) {
            if (number(1) != FRAMEBUFFER_UPDATE) return false;
            number(1);
            rects.push_back(number(2));
            for (unsigned i = 0; i < rects.back(); ++i)
                if (!rectangle()) return false;
        }
        return true;
    }
    Image picture = Image(std::size_t{kWidth} * kHeight);
    std::vector<unsigned> rects; ///< of each update

private:
    bool has(std::size_t n) const { return bytes_.size() - at_ >= n; }
    unsigned number(std::size_t length) {
        unsigned n = 0;
        for (; length > 0 && has(1); --length)
            n = n << 8 | bytes_[at_++];
        return n;
    }
    bool rectangle() {
        const unsigned x = number(2);
        const unsigned y = number(2);
        const unsigned width = number(2);
        const unsigned height = number(2);
        const unsigned encoding = number(4);
        if (x + width > kWidth || y + height > kHeight || (encoding != RAW && encoding != ZLIB)) return false;
        Image pixels(std::size_t{width} * height);
        const std::size_t bytes = pixels.size() * sizeof(u32);
        const std::size_t sent = encoding == RAW ? bytes : number(4);
        if (!has(sent)) return false;
        if (encoding == RAW)
            std::memcpy(pixels.data(), &bytes_[at_], bytes);
        else if (!inflated(sent, pixels))
            return false;
        at_ += sent;
        for (unsigned row = 0; row < height; ++row)
            std::copy_n(pixels.begin() + row * width, width, picture.begin() + (y + row) * kWidth + x);
        return true;
    }
    bool inflated(std::size_t sent, Image& pixels) {
        zlib_.next_in = &bytes_[at_];
        zlib_.avail_in = static_cast<unsigned>(sent);
        zlib_.next_out = reinterpret_cast<u8*>(pixels.data());
        zlib_.avail_out = static_cast<unsigned>(pixels.size() * sizeof(u32));
        return inflate(&zlib_, Z_SYNC_FLUSH) == Z_OK && zlib_.avail_out == 0;
    }

    std::vector<u8> bytes_;
    std::size_t at_ = 0;
    z_stream zlib_{};
};

void say_nothing(const char*, ...) {} // NOLINT(cert-dcl50-cpp): the library's way to log

struct ViewerPictureTest : testing::Test {
    ViewerPictureTest() {
        const LibVncServer& rfb = *LibVncServer::load().value();
        *rfb.log = *rfb.err = say_nothing;
        screen_ = rfb.get_screen(nullptr, nullptr, kWidth, kHeight, 8, 3, 4);
        screen_->serverFormat.redShift = 16;
        screen_->serverFormat.blueShift = 0;
        screen_->frameBuffer = reinterpret_cast<char*>(drawn.data());
        screen_->cursor = nullptr;
        screen_->backgroundLoop = TRUE;
        screen_->maxClientWait = 1;
        // It wants a greeting, then it is past that.
        EXPECT_EQ(socketpair(AF_UNIX, SOCK_STREAM, 0, ends_), 0);
        EXPECT_EQ(::write(ends_[1], "RFB ", 4), 4);
        client = rfb.new_client(screen_, ends_[0]);
        std::array<char, 12> version{};
        EXPECT_EQ(::read(ends_[1], version.data(), version.size()), 12);
        client->state = rfbClientRec::RFB_NORMAL;
        picture.begin(client, {kWidth, kHeight});
    }
    ~ViewerPictureTest() override {
        all_sent();
        const LibVncServer& rfb = LibVncServer::loaded();
        client->sock = RFB_INVALID_SOCKET;
        rfb.client_connection_gone(client);
        rfb.screen_cleanup(screen_);
        close(ends_[0]);
        close(ends_[1]);
    }

    void take(const ViewerMail& mail) {
        picture.apply(mail);
        picture.send_updates();
    }
    /// The viewer reads from now on, and has had the whole picture.
    void look(s32 encoding) {
        reader_ = std::thread([this] {
            std::array<u8, 65536> some{};
            for (ssize_t n = 0; (n = ::read(ends_[1], some.data(), some.size())) > 0;)
                received_.insert(received_.end(), some.begin(), some.begin() + n);
        });
        ViewerMail mail;
        mail.encodings.emplace().preferred = encoding;
        mail.requested = mail.wanted = kWhole;
        take(mail);
    }
    void request(const Rect& area) {
        ViewerMail mail;
        mail.requested = area;
        take(mail);
    }
    /// The guest draws there, and it is told at once or together with what follows.
    void draw(const Rect& area) {
        for (unsigned y = area.y; y < area.y + area.height; ++y)
            for (unsigned x = area.x; x < area.x + area.width; ++x)
                drawn[y * kWidth + x] += x + y + 1;
        changes_.add_change(area);
        if (changes_.changes == ViewerMail::kMostRects) tell_changes();
    }
    void tell_changes() { take(std::exchange(changes_, ViewerMail{})); }
    /// Nothing more can be written to the viewer.
    void clog() const {
        const std::array<u8, 4096> some{};
        while (::write(ends_[0], some.data(), some.size()) > 0) {
        }
    }
    const std::vector<u8>& all_sent() {
        shutdown(ends_[0], SHUT_RDWR);
        if (reader_.joinable()) reader_.join();
        return received_;
    }

    static constexpr Rect kWhole{0, 0, kWidth, kHeight};
    Image drawn = Image(std::size_t{kWidth} * kHeight);
    rfbClientRec* client = nullptr;
    ViewerKnows knows;
    ViewerPicture picture{knows};

private:
    rfbScreenInfo* screen_ = nullptr;
    int ends_[2] = {-1, -1};
    ViewerMail changes_;
    std::thread reader_;
    std::vector<u8> received_;
};

TEST_F(ViewerPictureTest, MorePixelsChangeThanAnUpdateCanCountRectangles) {
    look(ZLIB);
    unsigned pixels = 0;
    for (unsigned y = 0; y < kHeight; y += 2)
        for (unsigned x = 0; x < kWidth; x += 2, ++pixels)
            draw({x, y, 1, 1});
    EXPECT_GT(pixels, 70000U);
    EXPECT_LE(LibVncServer::loaded().rgn_count_rects(client->modifiedRegion), 256U);
    request(kWhole);

    Decoder viewer(all_sent());
    ASSERT_TRUE(viewer.decode());
    EXPECT_EQ(viewer.rects.size(), 2U);
    EXPECT_EQ(viewer.picture, drawn);
}

TEST_F(ViewerPictureTest, ColumnsThatAreAskedForCrossRowsThatChange) {
    constexpr unsigned kColumns = 250;
    look(ZLIB);
    for (unsigned i = 0; i < kColumns; ++i)
        request({i * 2 + 1, 0, 1, kHeight});
    for (unsigned i = 0; i < ViewerMail::kMostRects; ++i)
        draw({0, i * 4, kWidth, 1});
    draw({0, kHeight - 1, 1, 1});
    tell_changes();
    request(kWhole);

    Decoder viewer(all_sent());
    ASSERT_TRUE(viewer.decode());
    ASSERT_EQ(viewer.rects.size(), 3U);
    EXPECT_LT(viewer.rects[1], 10U);
    EXPECT_EQ(viewer.picture, drawn);
}

TEST_F(ViewerPictureTest, ManySmallAreasAreAskedForAndNothingChanges) {
    look(ZLIB);
    for (unsigned i = 0; i < 5000; ++i)
        request({i % 200 * 2, i / 200 * 2, 1, 1});
    EXPECT_LE(LibVncServer::loaded().rgn_count_rects(client->requestedRegion), 256U);
}

std::chrono::milliseconds duration_of(const std::function<void()>& what) {
    const auto start = std::chrono::steady_clock::now();
    what();
    return std::chrono::duration_cast<std::chrono::milliseconds>(std::chrono::steady_clock::now() - start);
}

TEST_F(ViewerPictureTest, WhoTakesNothingIsSentNoSecondMessage) {
    using namespace std::chrono_literals;
    clog();
    ViewerMail mail;
    mail.fence_count = 1;
    picture.apply(mail); // the library waits 5 s at least
    EXPECT_FALSE(picture.connected());
    EXPECT_LT(duration_of([&] { picture.apply(mail); }), 1s);
}

TEST_F(ViewerPictureTest, NorThePictureThatFollowsItsSize) {
    using namespace std::chrono_literals;
    clog();
    ViewerMail mail;
    mail.size = ScreenSize{kWidth, kHeight / 2}; // the viewer cannot resize: the rest is black
    mail.requested = mail.wanted = kWhole;
    picture.apply(mail);
    EXPECT_LT(duration_of([&] { picture.send_updates(); }), 9s);
    EXPECT_FALSE(picture.connected());
}

} // namespace
} // namespace dm::vnc
