#include "dm/host/raw_file.hpp"

#include "tests/host/image_rig.hpp"
#include "tests/support/rng.hpp"

#include <csignal>
#include <fcntl.h>
#include <gmock/gmock.h>
#include <sys/resource.h>

namespace dm::host {
namespace {

using testing::ElementsAre;
using testing::HasSubstr;
using Access = RawFile::Access;
using Op = BlockIo::Op;

// How RawFile takes what an engine tells it.

struct RawFileLogic : testing::Test {
    Folder folder;
    Loop loop;
    ScriptedEngine engine{loop};
    std::string path = folder.file("disk", 1 << 20);
    std::unique_ptr<RawFile> file = std::move(RawFile::open(path, Access::ReadWrite, engine)).value();
};

TEST_F(RawFileLogic, ShortTransfersGoOnWhereTheyStopped) {
    std::array<u8, 3000> memory{};
    std::array<iovec, 3> parts{iovec{&memory[0], 1000}, iovec{&memory[1000], 500},
                               iovec{&memory[1500], 1500}};
    Request r(Op::Read, 4096, 0);
    r.io.iov = parts;
    file->submit(r.io);
    engine.complete(1200);
    ASSERT_EQ(engine.tasks.size(), 1U);
    EXPECT_EQ(engine.tasks[0]->offset, 4096U + 1200);
    ASSERT_EQ(engine.tasks[0]->iov.size(), 2U);
    EXPECT_EQ(engine.tasks[0]->iov[0].iov_base, &memory[1200]);
    EXPECT_EQ(engine.tasks[0]->iov[0].iov_len, 300U);
    engine.complete(300);
    EXPECT_EQ(engine.tasks[0]->iov.size(), 1U);
    engine.complete(1499);
    engine.complete(1);
    EXPECT_EQ(r.error, 0);
    EXPECT_EQ(file->stats().read_bytes, 3000U);
}

TEST_F(RawFileLogic, InterruptedAndUnwillingAttemptsAreRepeatedButNotForEver) {
    Request r(Op::Write, 0, 512);
    file->submit(r.io);
    engine.complete(-EINTR);
    engine.complete(-EAGAIN);
    engine.complete(512);
    EXPECT_EQ(r.error, 0);
    Request stuck(Op::Write, 0, 512);
    file->submit(stuck.io);
    for (int i = 0; i < 10 && !engine.tasks.empty(); ++i)
        engine.complete(-EAGAIN);
    EXPECT_EQ(stuck.error, EIO);
}

TEST_F(RawFileLogic, ErrorsReachTheDriveAsTheyAre) {
    for (const int error : {EIO, ENOSPC, EFBIG, ENODEV}) {
        Request r(Op::Write, 0, 512);
        file->submit(r.io);
        engine.complete(-error);
        EXPECT_EQ(r.error, error);
    }
    EXPECT_EQ(file->stats().errors, 4U);
}

TEST_F(RawFileLogic, TheEndOfAFileThatShrankIsAnError) {
    Request r(Op::Read, 0, 1024);
    file->submit(r.io);
    engine.complete(512);
    engine.complete(0);
    EXPECT_EQ(r.error, EIO);
}

TEST_F(RawFileLogic, AFailedFlushStaysFailed) { // the kernel reports a lost write once only
    const auto flush = [&](s64 result) {
        Request r(Op::Flush, 0, 0);
        file->submit(r.io);
        if (!engine.tasks.empty()) engine.complete(result);
        return r.error;
    };
    EXPECT_EQ(flush(0), 0);
    EXPECT_EQ(flush(-EIO), EIO);
    EXPECT_EQ(flush(0), EIO);
    EXPECT_TRUE(engine.tasks.empty());
    Request w(Op::Write, 0, 512);
    file->submit(w.io);
    engine.complete(512);
    EXPECT_EQ(w.error, 0) << "writing goes on";
}

TEST_F(RawFileLogic, AFlushThatLostWritesForWantOfRoomIsNotRepeatedForEver) {
    Request first(Op::Flush, 0, 0);
    file->submit(first.io);
    engine.complete(-ENOSPC);
    EXPECT_EQ(first.error, ENOSPC) << "the owner may be asked to make room";
    Request again(Op::Flush, 0, 0);
    file->submit(again.io);
    EXPECT_EQ(again.error, EIO) << "but the writes are gone: the guest has to hear of it";
}

TEST_F(RawFileLogic, RequestsBeyondTheEndOrAgainstTheModeNeverReachTheFile) {
    Request beyond(Op::Read, (1 << 20) - 511, 512);
    file->submit(beyond.io);
    EXPECT_EQ(beyond.error, EINVAL);
    Request wrapped(Op::Read, ~u64{0} - 100, 512);
    file->submit(wrapped.io);
    EXPECT_EQ(wrapped.error, EINVAL);
    Request last(Op::Read, (1 << 20) - 512, 512);
    file->submit(last.io);
    EXPECT_EQ(engine.tasks.size(), 1U);
    engine.complete(512);
    const auto readonly =
        std::move(RawFile::open(folder.file("cd", 1 << 20), Access::ReadOnly, engine)).value();
    Request write(Op::Write, 0, 512);
    readonly->submit(write.io);
    EXPECT_EQ(write.error, EROFS);
    EXPECT_TRUE(engine.tasks.empty());
}

TEST_F(RawFileLogic, MoreRequestsThanMayBeInFlightWaitTheirTurn) {
    std::vector<std::unique_ptr<Request>> all;
    for (std::size_t i = 0; i < RawFile::kMostInFlight * 2; ++i) {
        all.push_back(std::make_unique<Request>(Op::Write, i * 512, 512));
        file->submit(all.back()->io);
    }
    EXPECT_EQ(engine.tasks.size(), RawFile::kMostInFlight);
    file->drain();
    for (const auto& r : all)
        EXPECT_EQ(r->error, 0);
}

// The same with real engines.

struct RawFileOn : testing::TestWithParam<BlockEngineKind> {
    RawFileOn() {
        ::unsetenv("HVMDM_BLOCK_ENGINE");
        Result<std::unique_ptr<BlockEngine>> made = make_block_engine(loop, GetParam());
        if (made.ok()) engine = std::move(made).value();
    }
    void SetUp() override {
        if (!engine) GTEST_SKIP() << "no such engine on this system";
    }
    std::unique_ptr<RawFile> open(const std::string& path, Access access = Access::ReadWrite) {
        auto file = RawFile::open(path, access, *engine);
        EXPECT_TRUE(file.ok()) << (file.ok() ? "" : file.error().message);
        return file.ok() ? std::move(file).value() : nullptr;
    }
    int run(RawFile& file, Request& r) { return host::run(loop, file, r); }
    Folder folder;
    Loop loop;
    std::unique_ptr<BlockEngine> engine;
};

TEST_P(RawFileOn, WhatIsWrittenIsReadBackAndStable) {
    const std::string path = folder.file("disk", 1 << 20);
    const auto file = open(path);
    EXPECT_EQ(file->size_bytes(), u64{1} << 20);
    Request w(Op::Write, 12345, 70001, 0xa5);
    EXPECT_EQ(run(*file, w), 0);
    Request f(Op::Flush, 0, 0);
    EXPECT_EQ(run(*file, f), 0);
    Request r(Op::Read, 12344, 70003);
    EXPECT_EQ(run(*file, r), 0);
    EXPECT_EQ(r.data.front(), 0);
    EXPECT_EQ(r.data[1], 0xa5);
    EXPECT_EQ(r.data[70001], 0xa5);
    EXPECT_EQ(r.data.back(), 0);
    EXPECT_EQ(file->stats().writes, 1U);
    EXPECT_EQ(file->stats().flushes, 1U);
}

TEST_P(RawFileOn, ManyRequestsOfTwoDisksMatchAModel) {
    const auto a = open(folder.file("a", 1 << 18));
    const auto b = open(folder.file("b", 1 << 18));
    const std::array files{a.get(), b.get()};
    std::array<std::vector<u8>, 2> model{std::vector<u8>(1 << 18), std::vector<u8>(1 << 18)};
    test::Rng rng(42);
    for (int round = 0; round < 40; ++round) {
        std::vector<std::unique_ptr<Request>> batch;
        // Disjoint ranges, so that the order within a batch does not matter.
        for (u64 slot = 0; slot < 16; ++slot) {
            const std::size_t disk = rng.below(2);
            const u64 at = slot * 16384 + rng.below(4096);
            const u64 length = 1 + rng.below(12000);
            auto r = std::make_unique<Request>(Op::Write, at, length, static_cast<u8>(rng.next()));
            std::copy(r->data.begin(), r->data.end(), model[disk].begin() + static_cast<std::ptrdiff_t>(at));
            files[disk]->submit(r->io);
            batch.push_back(std::move(r));
        }
        if (rng.one_in(3)) {
            a->drain();
            b->drain();
        }
        for (const auto& r : batch) {
            while (!r->error)
                loop.run_once(kSecond);
            EXPECT_EQ(r->error, 0);
        }
    }
    for (std::size_t disk = 0; disk < 2; ++disk) {
        Request all(Op::Read, 0, 1 << 18);
        EXPECT_EQ(run(*files[disk], all), 0);
        EXPECT_EQ(all.data, model[disk]);
    }
}

TEST_P(RawFileOn, DrainRunsTheCompletionsOfItsOwnDiskOnly) {
    const auto a = open(folder.file("a", 1 << 16));
    const auto b = open(folder.file("b", 1 << 16));
    std::vector<Request*> order;
    Request fa(Op::Flush, 0, 0);
    Request fb(Op::Flush, 0, 0);
    fa.log = fb.log = &order;
    b->submit(fb.io);
    a->submit(fa.io);
    const bool b_was_inline = fb.error.has_value();
    a->drain();
    EXPECT_EQ(fa.error, 0);
    if (!b_was_inline) {
        EXPECT_FALSE(fb.error) << "another disk's handler ran inside drain";
    }
    b->drain();
    EXPECT_EQ(fb.error, 0);
    loop.run_once(0); // what was posted meanwhile finds nothing to do
    EXPECT_EQ(order.size(), 2U);
}

TEST_P(RawFileOn, DrainFollowsRequestsThatCompletionsStart) {
    const auto file = open(folder.file("a", 1 << 16));
    struct Chain {
        explicit Chain(RawFile& f) : file(f) {}
        void next() {
            io = {.op = left % 2 == 0 ? Op::Flush : Op::Write,
                  .offset = 0,
                  .iov = {&vector, left % 2 == 0 ? 0U : 1U},
                  .done =
                      [](BlockIo& b, int e) {
                          EXPECT_EQ(e, 0);
                          auto* chain = static_cast<Chain*>(b.owner);
                          if (--chain->left > 0) chain->next();
                      },
                  .owner = this};
            file.submit(io);
        }
        RawFile& file;
        std::array<u8, 512> data{};
        iovec vector{data.data(), data.size()};
        BlockIo io;
        int left = 9;
    } chain(*file);
    chain.next();
    file->drain();
    EXPECT_EQ(chain.left, 0);
}

TEST_P(RawFileOn, AFileThatIsCutUnderUsGivesErrorsWhereItIsGone) {
    const std::string path = folder.file("disk", 1 << 16);
    const auto file = open(path);
    ASSERT_EQ(::truncate(path.c_str(), 1 << 15), 0);
    Request gone(Op::Read, 40000, 512);
    EXPECT_EQ(run(*file, gone), EIO);
    Request across(Op::Read, (1 << 15) - 512, 1024);
    EXPECT_EQ(run(*file, across), EIO);
    Request there(Op::Read, 0, 512);
    EXPECT_EQ(run(*file, there), 0);
}

TEST_P(RawFileOn, AnUnlinkedOrReplacedFileStaysTheSameDisk) {
    const std::string path = folder.file("disk", 1 << 16);
    const auto file = open(path);
    Request w(Op::Write, 0, 512, 7);
    EXPECT_EQ(run(*file, w), 0);
    std::filesystem::remove(path);
    folder.file("disk", 1 << 10);
    Request r(Op::Read, 0, 512);
    EXPECT_EQ(run(*file, r), 0);
    EXPECT_EQ(r.data[0], 7);
}

TEST_P(RawFileOn, AFileSizeLimitIsAnErrorNotADeath) { // what dm_restrict does to image files
    const auto file = open(folder.file("disk", 1 << 20));
    const auto before = std::signal(SIGXFSZ, SIG_IGN);
    rlimit old{};
    ::getrlimit(RLIMIT_FSIZE, &old);
    rlimit tight = old;
    tight.rlim_cur = 256 * 1024;
    ::setrlimit(RLIMIT_FSIZE, &tight);
    Request w(Op::Write, 512 * 1024, 512);
    const int error = run(*file, w);
    ::setrlimit(RLIMIT_FSIZE, &old);
    std::signal(SIGXFSZ, before);
    EXPECT_EQ(error, EFBIG);
}

TEST_P(RawFileOn, MoreVectorsThanOneCallTakesAreStillOneRequest) {
    const auto file = open(folder.file("disk", 1 << 16));
    std::vector<u8> memory(3000 * 2, 9);
    std::vector<iovec> parts;
    for (std::size_t i = 0; i < 3000; ++i)
        parts.push_back({&memory[i * 2], 2});
    Request w(Op::Write, 100, 0);
    w.io.iov = parts;
    EXPECT_EQ(run(*file, w), 0);
    Request r(Op::Read, 100, 6001);
    EXPECT_EQ(run(*file, r), 0);
    EXPECT_EQ(r.data[5999], 9);
    EXPECT_EQ(r.data[6000], 0);
}

TEST_P(RawFileOn, TheKernelsPvBackEndMayHaveTheSameImageOpen) { // it takes no locks
    const std::string path = folder.file("disk", 1 << 16);
    const UniqueFd kernels(::open(path.c_str(), O_RDWR | O_CLOEXEC));
    const auto ours = open(path);
    Request w(Op::Write, 0, 512, 3);
    EXPECT_EQ(run(*ours, w), 0);
    u8 byte = 0;
    EXPECT_EQ(::pread(kernels.get(), &byte, 1, 100), 1);
    EXPECT_EQ(byte, 3);
}

INSTANTIATE_TEST_SUITE_P(Engines, RawFileOn,
                         testing::Values(BlockEngineKind::Uring, BlockEngineKind::Threads),
                         [](const auto& p) {
                             return p.param == BlockEngineKind::Uring ? "Uring" : "Threads";
                         });

TEST(BlockEngineChoice, TheEnvironmentInsistsOnOne) {
    Loop loop;
    ::setenv("HVMDM_BLOCK_ENGINE", "threads", 1);
    const auto made = make_block_engine(loop);
    ::setenv("HVMDM_BLOCK_ENGINE", "fast", 1);
    const auto wrong = make_block_engine(loop);
    ::unsetenv("HVMDM_BLOCK_ENGINE");
    ASSERT_TRUE(made.ok());
    EXPECT_EQ(made.value()->name(), "threads");
    EXPECT_FALSE(wrong.ok());
}

// Opening.

struct RawFileOpen : testing::Test {
    std::string why_not(const std::string& path, Access access = Access::ReadWrite) {
        auto file = RawFile::open(path, access, engine);
        return file.ok() ? "" : file.error().message;
    }
    Folder folder;
    Loop loop;
    ScriptedEngine engine{loop};
};

TEST_F(RawFileOpen, ErrorsNameThePathAndTheRemedy) {
    const std::string missing = folder.path / "nowhere";
    EXPECT_THAT(why_not(missing), HasSubstr(missing));
    EXPECT_THAT(why_not(missing), HasSubstr("no such file"));
    EXPECT_THAT(why_not(folder.path), HasSubstr("directory"));
    EXPECT_THAT(why_not(folder.path, Access::ReadOnly), HasSubstr("directory"));
    EXPECT_THAT(why_not(folder.file("empty", 0)), HasSubstr("empty"));
    EXPECT_THAT(why_not("/dev/null"), HasSubstr("neither a file nor a block device"));
}

TEST_F(RawFileOpen, APipeIsRefusedWithoutWaiting) {
    const std::string pipe = folder.path / "pipe";
    ASSERT_EQ(::mkfifo(pipe.c_str(), 0600), 0);
    EXPECT_THAT(why_not(pipe, Access::ReadOnly), HasSubstr("neither"));
}

TEST_F(RawFileOpen, TheFormatIsNeverGuessed) { // CVE-2018-10472
    const std::string path = folder.file("disk", 4096);
    std::ofstream(path, std::ios::in | std::ios::binary) << "QFI\xfb";
    const auto file = std::move(RawFile::open(path, Access::ReadWrite, engine)).value();
    EXPECT_EQ(file->size_bytes(), 4096U);
}

} // namespace
} // namespace dm::host
