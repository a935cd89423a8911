#include "dm/host/aligned_image.hpp"

#include "tests/host/image_rig.hpp"
#include "tests/support/rng.hpp"

#include <cstring>
#include <deque>
#include <gmock/gmock.h>

namespace dm::host {
namespace {

using Op = BlockIo::Op;

constexpr u32 kBlockSize = 4096;
constexpr u64 kSize = 1 << 18;

/// Memory that moves whole blocks only, and only when it is told to.
struct BlockyImage final : Image {
    u64 size_bytes() const override { return data.size(); }
    bool read_only() const override { return false; }
    const std::string& name() const override { return label; }
    const BlockStats& stats() const override { return numbers; }
    Status activate() override { return {}; }
    Status release() override { return {}; }
    void look_at_size() override {}
    Status resize(u64 bytes) override {
        data.resize(bytes);
        size_changed();
        return {};
    }
    void submit(BlockIo& io) override {
        ++submitted;
        u64 length = io.length;
        for (const iovec& v : io.iov) {
            EXPECT_EQ(v.iov_len % kBlockSize, 0U);
            EXPECT_EQ(reinterpret_cast<std::uintptr_t>(v.iov_base) % kBlockSize, 0U);
            length += v.iov_len;
        }
        EXPECT_TRUE(io.op == Op::Flush || (io.offset | length) % kBlockSize == 0);
        queue.push_back(&io);
        most_queued = std::max(most_queued, queue.size());
    }
    void wait() override { complete(0); }
    void drain() override {
        while (!queue.empty())
            wait();
    }
    void complete(std::size_t index, int error = 0) {
        BlockIo* io = queue[index];
        queue.erase(queue.begin() + static_cast<std::ptrdiff_t>(index));
        u64 at = io->offset;
        for (const iovec& v : io->iov) {
            if (error == 0 && io->op == Op::Read) std::memcpy(v.iov_base, &data[at], v.iov_len);
            if (error == 0 && io->op == Op::Write) std::memcpy(&data[at], v.iov_base, v.iov_len);
            at += v.iov_len;
        }
        if (io->op == Op::WriteZeroes) std::memset(&data[at], 0, io->length);
        io->done(*io, error);
    }
    std::vector<u8> data = std::vector<u8>(kSize);
    std::deque<BlockIo*> queue;
    std::size_t most_queued = 0;
    unsigned submitted = 0;
    std::string label = "blocky";
    BlockStats numbers;
};

struct AlignedImageTest : testing::Test {
    BlockyImage* below = new BlockyImage;
    AlignedImage image{std::unique_ptr<Image>(below), kBlockSize, kBlockSize};
};

TEST_F(AlignedImageTest, WhatIsAlignedGoesStraightThrough) {
    void* memory = nullptr;
    ASSERT_EQ(::posix_memalign(&memory, kBlockSize, kBlockSize), 0);
    Request r(Op::Write, 8192, 0);
    r.vector = {memory, kBlockSize};
    image.submit(r.io);
    ASSERT_EQ(below->queue.size(), 1U);
    EXPECT_EQ(below->queue[0]->iov[0].iov_base, memory);
    image.drain();
    EXPECT_EQ(r.error, 0);
    std::free(memory);
}

TEST_F(AlignedImageTest, AWriteOfAPartReadsTheRestOfItsBlockAlone) {
    std::fill(below->data.begin(), below->data.end(), u8{7});
    Request first(Op::Write, 512, 512, 9);
    Request second(Op::Write, 1024, 512, 8);
    image.submit(first.io);
    image.submit(second.io); // the same block
    EXPECT_EQ(below->queue.size(), 1U);
    image.drain();
    EXPECT_EQ(below->data[511], 7);
    EXPECT_EQ(below->data[512], 9);
    EXPECT_EQ(below->data[1024], 8);
    EXPECT_EQ(below->data[1536], 7);
    EXPECT_EQ(below->most_queued, 1U);
}

TEST_F(AlignedImageTest, AnErrorOfAnyStepEndsTheRequestAndTheNextGoesOn) {
    Request first(Op::Write, 512, 512, 9);
    Request second(Op::Read, 1, 100);
    image.submit(first.io);
    image.submit(second.io);
    below->complete(0, EIO);
    EXPECT_EQ(first.error, EIO);
    image.drain();
    EXPECT_EQ(second.error, 0);
    EXPECT_EQ(below->data[512], 0);
}

TEST_F(AlignedImageTest, RequestsOfAnyShapeInAnyOrderMatchAModel) {
    std::vector<u8> model(kSize);
    test::Rng rng(7);
    for (int round = 0; round < 60; ++round) {
        std::vector<std::unique_ptr<Request>> batch;
        for (u64 slot = 0; slot < 8; ++slot) { // disjoint, but neighbours share blocks
            const u64 base = slot * (kSize / 8);
            const u64 at = base + rng.below(5000);
            const u64 length = 1 + rng.below(kSize / 8 - 5001);
            const Op op = rng.one_in(4) ? Op::WriteZeroes : Op::Write;
            auto r = std::make_unique<Request>(op, at, length, static_cast<u8>(1 + rng.below(255)));
            const u8 value = op == Op::Write ? r->data[0] : 0;
            std::fill_n(model.begin() + static_cast<std::ptrdiff_t>(at), length, value);
            image.submit(r->io);
            batch.push_back(std::move(r));
        }
        while (!below->queue.empty())
            below->complete(rng.below(below->queue.size()));
        for (const auto& r : batch)
            ASSERT_EQ(r->error, 0);
        Request back(Op::Read, rng.below(1000), kSize - 1000);
        image.submit(back.io);
        image.drain();
        ASSERT_EQ(std::memcmp(back.data.data(), &model[back.io.offset], back.data.size()), 0)
            << "round " << round;
    }
    EXPECT_EQ(below->data, model);
}

TEST_F(AlignedImageTest, RefusalsAndSizesPassThrough) {
    int told = 0;
    image.set_size_changed([&] { ++told; });
    EXPECT_TRUE(image.resize(kSize * 2).ok());
    EXPECT_EQ(told, 1);
    EXPECT_EQ(image.size_bytes(), kSize * 2);
}

} // namespace
} // namespace dm::host
