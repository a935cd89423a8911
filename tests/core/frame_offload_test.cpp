#include "dm/core/frame_offload.hpp"
#include "tests/support/frames.hpp"
#include "tests/support/rng.hpp"

#include <gtest/gtest.h>

namespace dm {
namespace {

using namespace test;
using Segments = FrameOffload::Segments;

struct Wire final : FrameSink {
    void take(std::span<const u8> frame) override { frames.emplace_back(frame.begin(), frame.end()); }
    std::vector<Bytes> frames;
};

/// A frame as a card hands it over: the pseudo header's sum in the place of the checksum.
struct Request {
    explicit Request(std::size_t payload, const FrameShape& s = {}, u16 mss = 1000)
        : shape(s), frame(make_frame(payload, s)) {
        put_be(frame, shape.field(), pseudo_sum(frame, shape, frame.size() - shape.l4()), 2);
        offload = {.checksum = true,
                   .checksum_start = static_cast<u16>(shape.l4()),
                   .checksum_offset = static_cast<u16>(shape.field() - shape.l4()),
                   .segments = shape.udp   ? Segments::None
                               : shape.six ? Segments::Tcp6
                                           : Segments::Tcp4,
                   .segment_size = mss,
                   .header_length = static_cast<u16>(shape.data())};
    }
    bool finish() { return finish_frame(frame, offload, wire); }

    FrameShape shape;
    Bytes frame;
    FrameOffload offload;
    Wire wire;
};

TEST(InternetSum, OfAKnownIpHeader) {
    const Bytes header{0x45, 0x00, 0x00, 0x73, 0x00, 0x00, 0x40, 0x00, 0x40, 0x11,
                       0xb8, 0x61, 0xc0, 0xa8, 0x00, 0x01, 0xc0, 0xa8, 0x00, 0xc7};
    EXPECT_EQ(internet_sum(header), 0xffff);
}

TEST(InternetSum, IsThatOfTheWordsForEveryLengthAndPlace) {
    Rng rng(1);
    Bytes bytes(300);
    for (u8& b : bytes)
        b = static_cast<u8>(rng.next());
    for (std::size_t from = 0; from < 9; ++from)
        for (std::size_t length = 0; length < 280; ++length) {
            const auto part = std::span(bytes).subspan(from, length);
            const auto start = static_cast<u16>(rng.next());
            ASSERT_EQ(internet_sum(part, start), slow_sum(part, start)) << from << " " << length;
        }
    EXPECT_EQ(internet_sum(Bytes(65550, 0xff)), 0xffff);
}

TEST(FinishFrame, WithoutARequestTheFrameGoesAsItIs) {
    Wire wire;
    Bytes frame = make_frame(100);
    const Bytes before = frame;
    EXPECT_TRUE(finish_frame(frame, {}, wire));
    EXPECT_EQ(wire.frames, std::vector<Bytes>{before});
}

TEST(FinishFrame, FillsTheChecksumIn) {
    for (const bool udp : {false, true})
        for (const bool six : {false, true}) {
            Request r(101, {.six = six, .udp = udp});
            r.offload.segments = Segments::None;
            EXPECT_TRUE(r.finish());
            EXPECT_EQ(r.wire.frames, std::vector<Bytes>{make_frame(101, r.shape)});
        }
}

TEST(FinishFrame, AChecksumOfZeroIsSentAsOnes) {
    Wire wire;
    Bytes frame(64, 0);
    put_be(frame, 40, 0xffff, 2); // what stands there already makes the sum ones
    EXPECT_TRUE(finish_frame(frame, {.checksum = true, .checksum_start = 34, .checksum_offset = 6}, wire));
    EXPECT_EQ(get_be(wire.frames.at(0), 40, 2), 0xffffU);
}

TEST(FinishFrame, AChecksumOutsideTheFrameIsRefused) {
    for (const auto& [start, offset] : {std::pair{63, 0}, {100, 0}, {34, 30}, {34, 65535}, {65535, 65535}}) {
        Wire wire;
        Bytes frame = make_frame(10); // 64 bytes
        EXPECT_FALSE(finish_frame(frame,
                                  {.checksum = true,
                                   .checksum_start = static_cast<u16>(start),
                                   .checksum_offset = static_cast<u16>(offset)},
                                  wire));
        EXPECT_TRUE(wire.frames.empty());
    }
}

TEST(FinishFrame, SegmentsHaveAllTheDataOnceAndRightHeaders) {
    for (const bool six : {false, true})
        for (const bool tagged : {false, true})
            for (const std::size_t options : {0U, 12U, 40U})
                for (const std::size_t payload : {1U, 999U, 1000U, 1001U, 2500U, 3000U, 64000U}) {
                    Request r(payload, {.six = six, .tagged = tagged, .options = options});
                    const Bytes whole = r.frame;
                    ASSERT_TRUE(r.finish());
                    ASSERT_EQ(r.wire.frames.size(), (payload + 999) / 1000);
                    Bytes data;
                    for (std::size_t i = 0; i < r.wire.frames.size(); ++i) {
                        const Bytes& f = r.wire.frames[i];
                        ASSERT_TRUE(well_summed(f, r.shape)) << i << " of " << payload;
                        EXPECT_EQ(get_be(f, r.shape.l4() + 4, 4), 0x01020304 + 1000 * i);
                        const bool last = i + 1 == r.wire.frames.size();
                        EXPECT_EQ(f[r.shape.l4() + 13], last ? 0x19 : 0x10);
                        if (!six) {
                            EXPECT_EQ(get_be(f, r.shape.ip() + 4, 2), (0xfffe + i) & 0xffff);
                        }
                        data.insert(data.end(), f.begin() + static_cast<std::ptrdiff_t>(r.shape.data()),
                                    f.end());
                    }
                    EXPECT_TRUE(std::equal(data.begin(), data.end(),
                                           whole.begin() + static_cast<std::ptrdiff_t>(r.shape.data()),
                                           whole.end()));
                }
}

TEST(FinishFrame, HeadersWithoutDataAreOneFrame) {
    Request r(0);
    EXPECT_TRUE(r.finish());
    EXPECT_EQ(r.wire.frames, std::vector<Bytes>{make_frame(0)});
}

TEST(FinishFrame, TheWindowWasReducedInTheFirstSegmentOnly) {
    Request r(2000);
    r.frame[r.shape.l4() + 13] = 0x90; // CWR
    EXPECT_TRUE(r.finish());
    EXPECT_EQ(r.wire.frames.at(0)[r.shape.l4() + 13], 0x90);
    EXPECT_EQ(r.wire.frames.at(1)[r.shape.l4() + 13], 0x10);
}

TEST(FinishFrame, NonsenseIsRefusedAndNothingSent) {
    const auto refused = [](auto change, const FrameShape& shape = {}) {
        Request r(3000, shape);
        change(r);
        const bool taken = r.finish();
        return !taken && r.wire.frames.empty();
    };
    EXPECT_TRUE(refused([](Request& r) { r.offload.segment_size = 0; }));
    EXPECT_TRUE(refused([](Request& r) { r.offload.header_length = 0; }));
    EXPECT_TRUE(refused([](Request& r) { r.offload.header_length = 53; }));
    EXPECT_TRUE(refused([](Request& r) { r.offload.header_length = 58; }));
    EXPECT_TRUE(refused([](Request& r) { r.offload.header_length = 65535; }));
    EXPECT_TRUE(refused([](Request& r) { r.offload.checksum_start = 0; }));
    EXPECT_TRUE(refused([](Request& r) { r.offload.checksum_start = 65535; }));
    EXPECT_TRUE(refused([](Request& r) { r.offload.checksum_offset = 6; }));
    EXPECT_TRUE(refused([](Request& r) { r.offload.segments = Segments::Tcp6; }));
    EXPECT_TRUE(refused([](Request& r) { r.offload.segments = Segments::Tcp4; }, {.six = true}));
    EXPECT_TRUE(refused([](Request& r) { r.frame.resize(53); }));
    EXPECT_TRUE(refused([](Request& r) { r.frame.clear(); }));
    EXPECT_TRUE(refused([](Request& r) { put_be(r.frame, 12, 0x0806, 2); }));
    EXPECT_TRUE(refused([](Request& r) { put_be(r.frame, 14, 0x65, 1); })); // version 6
    EXPECT_TRUE(refused([](Request& r) { put_be(r.frame, 14, 0x40, 1); })); // no header
    EXPECT_TRUE(refused([](Request& r) { put_be(r.frame, 14, 0x4f, 1); }));
    EXPECT_TRUE(refused([](Request& r) { put_be(r.frame, 46, 0x00, 1); })); // no TCP header
    EXPECT_TRUE(refused([](Request& r) { put_be(r.frame, 46, 0xf0, 1); }));
    EXPECT_TRUE(refused([](Request& r) { put_be(r.frame, 14, 0x81008100, 4); }, {.tagged = true}));
    EXPECT_FALSE(refused([](Request&) {}));
}

TEST(FinishFrame, TheNumberOfSegmentsIsBounded) {
    Request few(kOffloadSegmentsMax, {}, 1);
    EXPECT_TRUE(few.finish());
    EXPECT_EQ(few.wire.frames.size(), kOffloadSegmentsMax);
    Request many(kOffloadSegmentsMax + 1, {}, 1);
    EXPECT_FALSE(many.finish());
    EXPECT_TRUE(many.wire.frames.empty());
}

TEST(FinishFrame, NoRequestReachesOutsideTheFrame) {
    Rng rng(5);
    unsigned taken = 0;
    for (int i = 0; i < 20000; ++i) {
        Request r(rng.below(200),
                  {.six = rng.one_in(2), .tagged = rng.one_in(3), .options = 4 * rng.below(3)},
                  static_cast<u16>(rng.below(200)));
        if (rng.one_in(2)) r.offload.header_length = static_cast<u16>(rng.below(300));
        if (rng.one_in(2)) r.offload.checksum_start = static_cast<u16>(rng.below(300));
        if (rng.one_in(4)) r.offload.checksum_offset = static_cast<u16>(rng.below(300));
        if (rng.one_in(2)) r.frame[rng.below(r.frame.size())] = static_cast<u8>(rng.next());
        if (rng.one_in(4)) r.frame.resize(rng.below(r.frame.size()));
        r.frame.shrink_to_fit(); // so that the sanitizer sees a byte too many
        if (r.finish()) ++taken;
    }
    EXPECT_GT(taken, 100U);
}

} // namespace
} // namespace dm
