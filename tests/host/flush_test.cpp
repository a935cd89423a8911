// What a flush promised is on the medium: seen by an engine that keeps written bytes in a cache of its own
// and brings them to the medium in any order it likes, at the latest when it is told to.
#include "dm/host/raw_file.hpp"

#include "tests/host/image_rig.hpp"
#include "tests/support/rng.hpp"

#include <algorithm>
#include <gmock/gmock.h>
#include <map>

namespace dm::host {
namespace {

using Op = BlockIo::Op;

constexpr u64 kSector = 512;
constexpr u64 kSectors = 256;

/// A host with a volatile write cache. Tasks end in any order; the medium is kept as it would be found after
/// a power failure at any moment.
struct CachingEngine final : BlockEngine {
    CachingEngine(EventLoop& l, u64 seed) : BlockEngine(l), rng(seed) {}
    std::string_view name() const override { return "caching"; }
    void start(Task& task) override { pending.push_back(&task); }
    void block() override { step(); }
    void collect() override {}

    /// Ends one of the tasks, whichever, perhaps a part of it only.
    void step() {
        if (pending.empty()) return;
        const auto at = pending.begin() + static_cast<std::ptrdiff_t>(rng.below(pending.size()));
        Task* task = *at;
        pending.erase(at);
        task->result = carry_out(*task);
        finished(*task);
        if (rng.one_in(3) && !cache.empty())
            write_back(std::next(cache.begin(), static_cast<std::ptrdiff_t>(rng.below(cache.size()))));
    }
    s64 carry_out(Task& task) {
        switch (task.kind) {
        case Task::Kind::Write: return write(task);
        case Task::Kind::Sync:
            while (!cache.empty())
                write_back(cache.begin());
            return 0;
        case Task::Kind::Zero:
        case Task::Kind::ZeroUnmap:
            for (u64 i = 0; i < task.length / kSector; ++i)
                cache[task.offset / kSector + i] = 0;
            return 0;
        case Task::Kind::Read:
        case Task::Kind::Discard:
        case Task::Kind::Size: break;
        }
        return -EIO;
    }
    s64 write(const Task& task) {
        u64 moved = 0;
        for (const iovec& v : task.iov)
            for (u64 i = 0; i < v.iov_len; i += kSector) {
                if (moved > 0 && rng.one_in(8)) return static_cast<s64>(moved);
                cache[(task.offset + moved) / kSector] = static_cast<const u8*>(v.iov_base)[i];
                moved += kSector;
            }
        return static_cast<s64>(moved);
    }
    void write_back(std::map<u64, u8>::iterator it) {
        medium[it->first] = it->second;
        cache.erase(it);
    }

    test::Rng rng;
    std::vector<Task*> pending;
    std::map<u64, u8> cache; ///< by sector
    std::map<u64, u8> medium;
};

/// A write in the order of asking, and what it leaves on its sectors.
struct Asked {
    u64 number = 0; ///< 0: nothing was asked for, zeros
    u8 value = 0;
};

struct Noted {
    Noted(Op op, u64 sector, u64 count, Asked what)
        : request(op, sector * kSector, count * kSector, what.value), first(sector), end(sector + count),
          asked(what) {}
    Request request;
    u64 first;
    u64 end;
    Asked asked;
};

struct FlushTest : testing::Test {
    /// What each sector may hold on the medium: what the last completed flush made safe, or anything that was
    /// asked for since.
    struct Sector {
        Asked safe;
        std::vector<Asked> since;
        Asked done; ///< the last that is done
        bool busy = false;
    };
    void check(const CachingEngine& engine) {
        for (u64 s = 0; s < kSectors; ++s) {
            const auto it = engine.medium.find(s);
            const u8 now = it != engine.medium.end() ? it->second : 0;
            const std::vector<Asked>& since = sectors[s].since;
            const bool asked =
                std::any_of(since.begin(), since.end(), [&](const Asked& a) { return a.value == now; });
            ASSERT_TRUE(now == sectors[s].safe.value || asked) << "sector " << s;
        }
    }
    void run(u64 seed, bool write_through);
    bool is_free(u64 first, u64 end) const {
        for (u64 s = first; s < end; ++s)
            if (sectors[s].busy) return false;
        return true;
    }
    void begin(RawFile& file, std::unique_ptr<Noted> write) {
        for (u64 s = write->first; s < write->end; ++s) {
            sectors[s].busy = true;
            sectors[s].since.push_back(write->asked);
        }
        file.submit(write->request.io);
        writes.push_back(std::move(write));
    }
    void collect_done() {
        std::erase_if(writes, [this](const std::unique_ptr<Noted>& w) {
            if (!w->request.error) return false;
            EXPECT_EQ(w->request.error, 0);
            for (u64 s = w->first; s < w->end; ++s) {
                sectors[s].busy = false;
                sectors[s].done = w->asked;
            }
            return true;
        });
    }
    /// From now on nothing older than what was done before the flush may be found.
    void flushed() {
        for (u64 s = 0; s < kSectors; ++s) {
            const Asked promised = promise[s];
            sectors[s].safe = promised;
            std::erase_if(sectors[s].since, [&](const Asked& a) { return a.number <= promised.number; });
        }
    }
    Folder folder;
    std::vector<Sector> sectors;
    std::vector<Asked> promise; ///< of the flush under way
    std::vector<std::unique_ptr<Noted>> writes;
};

void FlushTest::run(u64 seed, bool write_through) {
    sectors.assign(kSectors, {});
    Loop loop;
    CachingEngine engine(loop, seed);
    ImageOptions options;
    options.file = folder.file(fmt::format("disk{}", seed), kSectors * kSector);
    options.write_through = write_through;
    std::unique_ptr<Request> flush;
    const auto file = std::move(RawFile::open(options, engine)).value();
    test::Rng rng(seed);
    for (u64 step = 1; step <= 400; ++step) {
        const u64 first = rng.below(kSectors - 8);
        const u64 count = 1 + rng.below(8);
        if (rng.one_in(10) && flush == nullptr) {
            promise.clear();
            for (const Sector& sector : sectors)
                promise.push_back(sector.done);
            flush = std::make_unique<Request>(Op::Flush, 0, 0);
            file->submit(flush->io);
        } else if (is_free(first, first + count)) {
            const bool zero = rng.one_in(4);
            const Asked asked{.number = step, .value = zero ? u8{0} : static_cast<u8>(1 + rng.below(255))};
            begin(*file, std::make_unique<Noted>(zero ? Op::WriteZeroes : Op::Write, first, count, asked));
        }
        engine.step();
        loop.run_once(0);
        check(engine);
        if (HasFatalFailure()) break;
        collect_done();
        if (flush == nullptr || !flush->error) continue;
        flushed();
        flush.reset();
        check(engine);
        if (HasFatalFailure()) break;
    }
    file->drain();
    writes.clear();
}

TEST_F(FlushTest, AtNoMomentIsLessOnTheMediumThanWhatWasPromised) {
    for (u64 seed = 1; seed <= 12; ++seed) {
        run(seed, false);
        ASSERT_FALSE(HasFatalFailure()) << "seed " << seed;
    }
}

} // namespace
} // namespace dm::host
