// kill -9 at random instants of a process that writes and flushes: every write that it was told is done is
// there, and nothing is where no write was asked for.
//
// The child notes in memory that it shares with the parent what it asks for before it does, and what is done
// when it is told so. HVMDM_CRASH_INSTANTS=1000 kills that often with each engine.
#include "dm/host/raw_file.hpp"

#include "tests/host/image_rig.hpp"
#include "tests/support/rng.hpp"

#include <array>
#include <atomic>
#include <csignal>
#include <cstring>
#include <fcntl.h>
#include <gmock/gmock.h>
#include <sys/mman.h>
#include <sys/wait.h>

namespace dm::host {
namespace {

using Op = BlockIo::Op;

constexpr u64 kBlock = 4096;
constexpr u64 kBlocks = 256;
constexpr unsigned kUsualInstants = 60;
constexpr u64 kDepth = 8;
constexpr u64 kMostBlocks = 4;

/// What one block of the image may hold, by the number of the write.
struct Shadow {
    std::atomic<u32> asked; ///< the last that was asked for; 0: zeros
    std::atomic<u32> done;  ///< the last that is done
};

struct SharedPage {
    std::array<Shadow, kBlocks> blocks;
    std::atomic<u32> writes;
    std::atomic<u32> flushes;
};

void fill(u8* block, u64 index, u32 number) {
    const std::array<u32, 2> word{number, number != 0 ? static_cast<u32>(index) : 0};
    for (u64 at = 0; at < kBlock; at += sizeof(word))
        std::memcpy(block + at, word.data(), sizeof(word));
}

/// Writes, zeroes and flushes until it is killed.
class Writer {
public:
    Writer(const std::string& path, BlockEngineKind kind, SharedPage& shared, u64 seed)
        : shared_(shared), rng_(seed), engine_(std::move(make_block_engine(loop_, kind)).value()) {
        ImageOptions options;
        options.file = path;
        options.discard = true;
        file_ = std::move(RawFile::open(options, *engine_)).value();
    }
    [[noreturn]] void run() {
        while (true) {
            bool waiting = false;
            for (Slot& slot : slots_) {
                if (!slot.busy) begin(slot);
                waiting = waiting || slot.busy;
            }
            loop_.run_once(waiting ? kSecond : 0);
        }
    }

private:
    struct Slot {
        Writer* writer = nullptr;
        bool busy = false;
        u64 first = 0;
        u64 count = 0;
        u32 number = 0;
        std::vector<u8> data;
        iovec vector{};
        BlockIo io;
    };
    void begin(Slot& slot) {
        slot.writer = this;
        slot.io = {.op = Op::Flush,
                   .iov = {},
                   .done = [](BlockIo& io, int error) { done(io, error); },
                   .owner = &slot};
        slot.count = 0;
        if (!rng_.one_in(12)) {
            slot.first = rng_.below(kBlocks - kMostBlocks);
            slot.count = 1 + rng_.below(kMostBlocks);
            for (u64 b = slot.first; b < slot.first + slot.count; ++b)
                if (busy_[b]) return;
            const bool zeroes = rng_.one_in(6);
            slot.number = ++last_;
            slot.data.resize(slot.count * kBlock);
            for (u64 b = 0; b < slot.count; ++b) {
                fill(&slot.data[b * kBlock], slot.first + b, slot.number);
                busy_[slot.first + b] = true;
                shared_.blocks[slot.first + b].asked = zeroes ? 0 : slot.number;
            }
            slot.vector = {slot.data.data(), slot.data.size()};
            slot.io.offset = slot.first * kBlock;
            if (zeroes) {
                slot.number = 0;
                slot.io.op = Op::WriteZeroes;
                slot.io.length = slot.data.size();
                slot.io.unmap = rng_.one_in(2);
            } else {
                slot.io.op = Op::Write;
                slot.io.iov = {&slot.vector, 1};
            }
        }
        slot.busy = true;
        file_->submit(slot.io);
    }
    static void done(BlockIo& io, int error) {
        auto& slot = *static_cast<Slot*>(io.owner);
        if (error != 0) ::_exit(3);
        Writer& writer = *slot.writer;
        for (u64 b = slot.first; b < slot.first + slot.count; ++b) {
            writer.shared_.blocks[b].done = slot.number;
            writer.busy_[b] = false;
        }
        ++(slot.count > 0 ? writer.shared_.writes : writer.shared_.flushes);
        slot.busy = false;
    }

    SharedPage& shared_;
    test::Rng rng_;
    Loop loop_;
    std::unique_ptr<BlockEngine> engine_;
    std::unique_ptr<RawFile> file_;
    std::array<Slot, kDepth> slots_;
    std::array<bool, kBlocks> busy_{};
    u32 last_ = 0;
};

struct CrashTest : testing::TestWithParam<BlockEngineKind> {
    void SetUp() override {
        ::unsetenv("HVMDM_BLOCK_ENGINE");
        Loop loop;
        if (!make_block_engine(loop, GetParam()).ok()) GTEST_SKIP() << "no such engine on this system";
        void* memory =
            ::mmap(nullptr, sizeof(SharedPage), PROT_READ | PROT_WRITE, MAP_SHARED | MAP_ANONYMOUS, -1, 0);
        ASSERT_NE(memory, MAP_FAILED);
        shared = static_cast<SharedPage*>(memory);
    }
    void TearDown() override {
        if (shared != nullptr) ::munmap(shared, sizeof(SharedPage));
    }
    void kill_once(u64 seed);
    void check(const std::string& path, u64 seed) const;
    Folder folder;
    SharedPage* shared = nullptr;
    u64 writes = 0;
    u64 flushes = 0;
};

void CrashTest::kill_once(u64 seed) {
    std::memset(static_cast<void*>(shared), 0, sizeof(SharedPage));
    const std::string path = folder.file(fmt::format("disk{}", seed), kBlocks * kBlock);
    const pid_t child = ::fork();
    if (child == 0) Writer(path, GetParam(), *shared, seed).run();
    ASSERT_GT(child, 0);
    // It needs a moment to begin; then any instant is as good as any other.
    for (int i = 0; i < 2000 && shared->writes == 0; ++i)
        ::usleep(500);
    ::usleep(static_cast<useconds_t>(test::Rng(seed).below(8000)));
    ::kill(child, SIGKILL);
    int status = 0;
    ASSERT_EQ(::waitpid(child, &status, 0), child);
    ASSERT_TRUE(WIFSIGNALED(status)) << "the child gave up by itself: " << status;
    check(path, seed);
    writes += shared->writes;
    flushes += shared->flushes;
    std::filesystem::remove(path);
}

void CrashTest::check(const std::string& path, u64 seed) const {
    std::ifstream file(path, std::ios::binary);
    std::vector<u8> content(kBlocks * kBlock);
    file.read(reinterpret_cast<char*>(content.data()), static_cast<std::streamsize>(content.size()));
    std::vector<u8> expected(kBlock);
    for (u64 b = 0; b < kBlocks; ++b) {
        const u8* block = &content[b * kBlock];
        bool good = false;
        for (const u32 number : {shared->blocks[b].done.load(), shared->blocks[b].asked.load()}) {
            fill(expected.data(), b, number);
            good = good || std::memcmp(block, expected.data(), kBlock) == 0;
        }
        u32 found = 0;
        std::memcpy(&found, block, sizeof(found));
        ASSERT_TRUE(good) << "instant " << seed << ", block " << b << ": done " << shared->blocks[b].done
                          << ", asked for " << shared->blocks[b].asked << ", found " << found;
    }
}

TEST_P(CrashTest, WhatWasDoneIsThereAndNothingElse) {
    const char* wish = std::getenv("HVMDM_CRASH_INSTANTS");
    const u64 instants = wish != nullptr ? std::strtoul(wish, nullptr, 10) : kUsualInstants;
    for (u64 seed = 1; seed <= instants; ++seed) {
        kill_once(seed);
        if (HasFatalFailure()) return;
    }
    EXPECT_GT(writes, instants * 5) << "the child must have been busy";
    EXPECT_GT(flushes, 0U);
    RecordProperty("writes", std::to_string(writes));
    RecordProperty("flushes", std::to_string(flushes));
}

INSTANTIATE_TEST_SUITE_P(Engines, CrashTest,
                         testing::Values(BlockEngineKind::Uring, BlockEngineKind::Threads),
                         [](const auto& p) {
                             return p.param == BlockEngineKind::Uring ? "Uring" : "Threads";
                         });

} // namespace
} // namespace dm::host
