// Discard, zeros, cache modes and sizes that change, on files of this system.
#include "dm/host/raw_file.hpp"

#include "tests/host/image_rig.hpp"
#include "tests/support/rng.hpp"

#include <cerrno>
#include <gmock/gmock.h>

namespace dm::host {
namespace {

using testing::HasSubstr;
using Op = BlockIo::Op;

constexpr u64 kMiB = 1 << 20;

struct DiskSpace : testing::TestWithParam<BlockEngineKind> {
    void SetUp() override {
        ::unsetenv("HVMDM_BLOCK_ENGINE");
        Result<std::unique_ptr<BlockEngine>> made = make_block_engine(loop, GetParam());
        if (!made.ok()) GTEST_SKIP() << made.error().message;
        engine = std::move(made).value();
    }
    std::unique_ptr<Image> open(const ImageOptions& options) {
        auto image = open_image(options, loop, *engine);
        EXPECT_TRUE(image.ok()) << (image.ok() ? "" : image.error().message);
        return image.ok() ? std::move(image).value() : nullptr;
    }
    ImageOptions raw(u64 size = 4 * kMiB) {
        ImageOptions o;
        o.file = path = folder.file("disk", size);
        o.discard = true;
        return o;
    }
    int run(Image& image, Op op, u64 offset, std::size_t length, u8 fill = 0, bool unmap = false) {
        Request r(op, offset, length, fill);
        r.io.unmap = unmap;
        return host::run(loop, image, r);
    }
    std::vector<u8> content(Image& image) {
        Request all(Op::Read, 0, image.size_bytes());
        EXPECT_EQ(host::run(loop, image, all), 0);
        return all.data;
    }
    Folder folder;
    std::string path;
    Loop loop;
    std::unique_ptr<BlockEngine> engine;
};

TEST_P(DiskSpace, WhatIsDiscardedIsGivenBackAndReadsAsZeros) {
    const auto image = open(raw());
    ASSERT_TRUE(image->can_discard());
    EXPECT_EQ(run(*image, Op::Write, 0, 4 * kMiB, 0x5a), 0);
    EXPECT_EQ(run(*image, Op::Flush, 0, 0), 0);
    const u64 full = allocated(path);
    EXPECT_EQ(run(*image, Op::Discard, kMiB, 2 * kMiB), 0);
    EXPECT_LE(allocated(path), full - 2 * kMiB + 64 * 1024);
    const std::vector<u8> now = content(*image);
    EXPECT_EQ(now[kMiB - 1], 0x5a);
    EXPECT_EQ(now[kMiB], 0);
    EXPECT_EQ(now[3 * kMiB - 1], 0);
    EXPECT_EQ(now[3 * kMiB], 0x5a);
    EXPECT_EQ(image->stats().discards, 1U);
}

TEST_P(DiskSpace, ADiscardTouchesNothingOutsideItsRange) {
    const auto image = open(raw(kMiB));
    EXPECT_EQ(run(*image, Op::Write, 0, kMiB, 0x77), 0);
    EXPECT_EQ(run(*image, Op::Discard, 100'352, 300'032), 0); // multiples of 512 only
    const std::vector<u8> now = content(*image);
    for (u64 at = 0; at < kMiB; ++at) {
        const bool outside = at < 100'352 || at >= 400'384;
        ASSERT_TRUE(!outside || now[at] == 0x77) << at;
    }
    EXPECT_EQ(run(*image, Op::Discard, 512, 512), 0) << "less than a block: nothing happens";
    EXPECT_EQ(content(*image), now);
}

TEST_P(DiskSpace, WithoutDiscardTheSpaceStays) {
    ImageOptions o = raw(kMiB);
    o.discard = false;
    const auto image = open(o);
    EXPECT_FALSE(image->can_discard());
    EXPECT_EQ(run(*image, Op::Write, 0, kMiB, 1), 0);
    EXPECT_EQ(run(*image, Op::Flush, 0, 0), 0);
    const u64 before = allocated(path);
    EXPECT_EQ(run(*image, Op::Discard, 0, kMiB), 0);
    EXPECT_EQ(content(*image)[5], 1);
    EXPECT_EQ(run(*image, Op::WriteZeroes, 0, kMiB, 0, true), 0);
    EXPECT_EQ(content(*image), std::vector<u8>(kMiB));
    EXPECT_EQ(allocated(path), before);
}

TEST_P(DiskSpace, ZerosGoWhereTheyWereAskedForAtAnyAlignment) {
    for (const bool unmap : {false, true}) {
        const auto image = open(raw(kMiB));
        std::vector<u8> model(kMiB, 0xee);
        EXPECT_EQ(run(*image, Op::Write, 0, kMiB, 0xee), 0);
        test::Rng rng(unmap ? 1 : 2);
        for (int i = 0; i < 50; ++i) {
            const u64 at = rng.below(kMiB / 512) * 512;
            const u64 length = std::min(kMiB - at, (1 + rng.below(200)) * 512);
            EXPECT_EQ(run(*image, Op::WriteZeroes, at, length, 0, unmap), 0);
            std::fill_n(model.begin() + static_cast<std::ptrdiff_t>(at), length, 0);
        }
        EXPECT_EQ(content(*image), model);
    }
}

TEST_P(DiskSpace, ASparseFileStaysSparseWhereZerosAreDetected) {
    ImageOptions o = raw(8 * kMiB);
    o.detect_zeroes = DetectZeroes::Unmap;
    const auto image = open(o);
    for (u64 at = 0; at < 8 * kMiB; at += kMiB)
        EXPECT_EQ(run(*image, Op::Write, at, kMiB, at == 3 * kMiB ? 9 : 0), 0);
    EXPECT_EQ(run(*image, Op::Flush, 0, 0), 0);
    EXPECT_LE(allocated(path), kMiB + 256 * 1024);
    EXPECT_EQ(content(*image)[3 * kMiB + 5], 9);
    EXPECT_EQ(image->stats().writes, 8U);
}

TEST_P(DiskSpace, AReadOnlyImageIsNotChanged) {
    ImageOptions o = raw();
    o.read_only = true;
    const auto image = open(o);
    EXPECT_FALSE(image->can_discard());
    EXPECT_EQ(run(*image, Op::Write, 0, 512), EROFS);
    EXPECT_EQ(run(*image, Op::Discard, 0, 4096), EROFS);
    EXPECT_EQ(run(*image, Op::WriteZeroes, 0, 4096), EROFS);
    EXPECT_EQ(run(*image, Op::Flush, 0, 0), 0);
}

TEST_P(DiskSpace, RangesBeyondTheEndAreRefused) {
    const auto image = open(raw(kMiB));
    EXPECT_EQ(run(*image, Op::Discard, kMiB - 512, 1024), EINVAL);
    EXPECT_EQ(run(*image, Op::WriteZeroes, ~u64{0} - 511, 512), EINVAL);
    EXPECT_EQ(content(*image).size(), kMiB);
}

TEST_P(DiskSpace, EveryCacheModeReadsBackWhatWasWritten) {
    for (const unsigned mode : {0U, 1U, 2U, 3U, 4U}) {
        ImageOptions o = raw(kMiB);
        o.write_through = (mode & 1) != 0;
        o.direct = (mode & 2) != 0;
        o.no_flush = mode == 4;
        auto opened = open_image(o, loop, *engine);
        if (!opened.ok() && o.direct) {
            EXPECT_THAT(opened.error().message, HasSubstr("cache=writeback"));
            continue; // a file system without O_DIRECT
        }
        ASSERT_TRUE(opened.ok()) << opened.error().message;
        const auto image = std::move(opened).value();
        std::vector<u8> model(kMiB);
        test::Rng rng(mode);
        for (int i = 0; i < 60; ++i) { // from memory and to places that suit no page
            const u64 at = rng.below(kMiB - 9000);
            const u64 length = 1 + rng.below(9000);
            const u8 fill = static_cast<u8>(rng.next());
            EXPECT_EQ(run(*image, rng.one_in(5) ? Op::WriteZeroes : Op::Write, at, length, fill), 0);
            Request back(Op::Read, at, length);
            EXPECT_EQ(host::run(loop, *image, back), 0);
            std::copy(back.data.begin(), back.data.end(), model.begin() + static_cast<std::ptrdiff_t>(at));
            EXPECT_TRUE(back.data.front() == fill || back.data.front() == 0);
        }
        EXPECT_EQ(run(*image, Op::Flush, 0, 0), 0);
        EXPECT_EQ(content(*image), model) << "mode " << mode;
    }
}

TEST_P(DiskSpace, AFileThatGrowsIsALargerDisk) {
    const auto image = open(raw(kMiB));
    int told = 0;
    image->set_size_changed([&] { ++told; });
    std::filesystem::resize_file(path, 2 * kMiB);
    image->look_at_size();
    image->look_at_size(); // one answer is enough
    for (int i = 0; i < 100 && told == 0; ++i)
        loop.run_once(kSecond / 100);
    EXPECT_EQ(told, 1);
    EXPECT_EQ(image->size_bytes(), 2 * kMiB);
    EXPECT_EQ(run(*image, Op::Write, 2 * kMiB - 512, 512), 0);
}

TEST_P(DiskSpace, ResizingMakesLargerAndNeverSmaller) {
    const auto image = open(raw(kMiB));
    int told = 0;
    image->set_size_changed([&] { ++told; });
    EXPECT_TRUE(image->resize(3 * kMiB).ok());
    EXPECT_EQ(std::filesystem::file_size(path), 3 * kMiB);
    EXPECT_EQ(image->size_bytes(), 3 * kMiB);
    EXPECT_EQ(told, 1);
    const Status smaller = image->resize(kMiB);
    ASSERT_FALSE(smaller.ok());
    EXPECT_THAT(smaller.error().message, HasSubstr("shrink"));
    EXPECT_EQ(std::filesystem::file_size(path), 3 * kMiB);
}

TEST_P(DiskSpace, AFileThatWasCutOffStaysADiskOfItsSizeWithErrors) {
    const auto image = open(raw(kMiB));
    std::filesystem::resize_file(path, 4096);
    image->look_at_size();
    for (int i = 0; i < 3; ++i)
        loop.run_once(kSecond / 100);
    EXPECT_EQ(image->size_bytes(), kMiB);
    EXPECT_EQ(run(*image, Op::Read, 0, 4096), 0);
    EXPECT_EQ(run(*image, Op::Read, 8192, 512), EIO);
}

INSTANTIATE_TEST_SUITE_P(Engines, DiskSpace,
                         testing::Values(BlockEngineKind::Uring, BlockEngineKind::Threads),
                         [](const auto& p) {
                             return p.param == BlockEngineKind::Uring ? "Uring" : "Threads";
                         });

// How RawFile goes on when the medium cannot do what would be best.

struct FallBack : testing::Test {
    FallBack() {
        ImageOptions o;
        o.file = folder.file("disk", 40 * kMiB);
        o.discard = true;
        file = std::move(RawFile::open(o, engine)).value();
    }
    using Kind = BlockEngine::Task::Kind;
    Folder folder;
    Loop loop;
    ScriptedEngine engine{loop};
    std::unique_ptr<RawFile> file;
};

TEST_F(FallBack, ZerosAreUnmappedElseReservedElseWritten) {
    Request r(Op::WriteZeroes, 4096, 20 * kMiB);
    r.io.unmap = true;
    file->submit(r.io);
    EXPECT_EQ(engine.tasks[0]->kind, Kind::ZeroUnmap);
    engine.complete(-EOPNOTSUPP);
    EXPECT_EQ(engine.tasks[0]->kind, Kind::Zero);
    engine.complete(-EOPNOTSUPP);
    ASSERT_EQ(engine.tasks[0]->kind, Kind::Write);
    EXPECT_EQ(engine.tasks[0]->offset, 4096U);
    u64 bytes = 0;
    for (const iovec& v : engine.tasks[0]->iov)
        bytes += v.iov_len;
    EXPECT_EQ(bytes, 16 * kMiB) << "in bounded pieces";
    engine.complete(16 * static_cast<s64>(kMiB));
    EXPECT_EQ(engine.tasks[0]->offset, 4096 + 16 * kMiB);
    engine.complete(4 * static_cast<s64>(kMiB));
    EXPECT_EQ(r.error, 0);
}

TEST_F(FallBack, AFullFileSystemIsAnErrorNotAReasonToWrite) {
    Request r(Op::WriteZeroes, 0, 4096);
    file->submit(r.io);
    engine.complete(-ENOSPC);
    EXPECT_EQ(r.error, ENOSPC);
}

TEST_F(FallBack, ADiscardThatIsImpossibleIsNoError) {
    Request r(Op::Discard, 0, kMiB);
    file->submit(r.io);
    engine.complete(-EOPNOTSUPP);
    EXPECT_EQ(r.error, 0);
    Request broken(Op::Discard, 0, kMiB);
    file->submit(broken.io);
    engine.complete(-EIO);
    EXPECT_EQ(broken.error, EIO);
}

TEST_F(FallBack, WriteThroughCoversZerosToo) {
    ImageOptions o;
    o.file = folder.file("through", kMiB);
    o.write_through = true;
    const auto through = std::move(RawFile::open(o, engine)).value();
    Request r(Op::WriteZeroes, 0, 4096);
    through->submit(r.io);
    engine.complete(0);
    EXPECT_FALSE(r.error);
    EXPECT_EQ(engine.tasks[0]->kind, Kind::Sync);
    engine.complete(0);
    EXPECT_EQ(r.error, 0);
}

} // namespace
} // namespace dm::host
