// A ring of block requests that a guest filled with anything: requests that make sense, raw bytes over the
// shared pages, indices, grants that are not there; and a medium that completes when it likes, fails,
// shrinks.
#include "tests/fuzz/guard.hpp"
#include "tests/fuzz/input.hpp"
#include "tests/fuzz/target.hpp"
#include "tests/support/blk_rig.hpp"

namespace dm::fuzz {
namespace {

using test::BlkFront;
using test::BlkRig;
using test::FrontRequest;

constexpr unsigned kMostOperations = 512;
constexpr u64 kDisk = 1 << 20;
constexpr u32 kGrefs = 16; // granted ones; numbers up to twice that are named

/// Layout of an operation: what (see run()), then its arguments.
class Session {
public:
    explicit Session(Input& input) : Session(input, input.byte()) {}

    void step(u8 what) {
        switch (what % 12) {
        case 0:
        case 1: request(); break;
        case 2: bytes(); break;
        case 3: rig_.front.set(input_.byte() % 4 * 4, static_cast<u32>(input_.number(4))); break;
        case 4: rig_.queue.kick(); break;
        case 5: complete(); break;
        case 6: rig_.front.take(); break;
        case 7: descriptors(); break;
        case 8: attach_again(); break;
        case 9: pause(); break;
        case 10: resize(); break;
        case 11: rig_.disk.granularity = input_.byte() % 2 * 4096U; break;
        }
        check();
    }
    void end() {
        resume();
        for (unsigned i = 0; !rig_.disk.held.empty(); ++i) {
            if (i > 8 * BlkQueue::kMostAtOnce) finding("the medium is never done");
            judge_and_complete(0);
        }
        if (rig_.queue.busy()) finding("busy with nothing");
        check();
    }

private:
    using BlkQueue = xen::BlkQueue;

    Session(Input& input, u8 kind)
        : input_(input), kind_(kind), abi_((kind & 1) != 0 ? BlkFront::Abi::X86_32 : BlkFront::Abi::X86_64),
          rig_(1U << (kind >> 4 & 3), abi_, {.write = (kind & 2) == 0, .discard = (kind & 4) == 0}, kDisk) {
        rig_.disk.hold = (kind & 8) == 0;
        for (u32 gref = 0; gref < kGrefs; ++gref)
            rig_.grants.add(gref, static_cast<u8>(gref), gref % 4 == 3);
    }

    test::FrontSegment segment() {
        return {.gref = input_.byte() % (2 * kGrefs), .first = input_.byte(), .last = input_.byte()};
    }
    void request() {
        FrontRequest r;
        r.operation = static_cast<u8>(input_.byte() % 8);
        r.id = input_.number(2);
        r.sector = input_.number(3);
        const u8 count = input_.byte();
        if ((count & 0x80) != 0) r.sector = ~r.sector;
        if ((count & 0x40) != 0) r.nr_segments = static_cast<int>(input_.number(2));
        for (unsigned i = 0; i < (count & 0xfU); ++i)
            r.segments.push_back(segment());
        r.indirect_op = input_.byte();
        r.indirect_grefs = {input_.byte() % (2 * kGrefs)};
        r.nr_sectors = input_.number(3);
        rig_.front.put(r);
    }
    void bytes() {
        const std::size_t at = input_.number(2) % rig_.ring().size();
        const auto raw = input_.take(input_.byte());
        const std::size_t length = std::min(raw.size(), rig_.ring().size() - at);
        std::memcpy(rig_.ring().data() + at, raw.data(), length);
    }
    void descriptors() {
        auto& page = rig_.grants.granted[input_.byte() % kGrefs];
        const unsigned count = input_.byte();
        const auto s = segment();
        for (unsigned i = 0; i < count; ++i) {
            std::memcpy(&page[i * 8], &s.gref, 4);
            page[i * 8 + 4] = s.first;
            page[i * 8 + 5] = s.last;
        }
    }
    void complete() {
        const u8 error = input_.byte();
        if (!rig_.disk.held.empty())
            judge_and_complete((error & 3) == 3 ? EIO : (error & 3) == 2 ? ENOSPC : 0);
    }
    void judge_and_complete(int error) {
        const BlockIo& io = *rig_.disk.held.front();
        u64 length = io.length;
        for (const iovec& v : io.iov)
            length += v.iov_len;
        const bool moves = io.op != BlockIo::Op::Flush;
        if (moves && (io.offset > kDisk || length > kDisk - io.offset))
            finding("{} bytes at {} of a medium that never had more than {}", length, io.offset, kDisk);
        if (moves && io.op != BlockIo::Op::Read && !may_write()) finding("a write to a read-only disk");
        rig_.disk.next_error = error;
        rig_.disk.complete();
    }
    bool may_write() const { return (kind_ & 2) == 0; }
    void attach_again() {
        if (rig_.queue.attached()) rig_.queue.detach();
        if (rig_.queue.busy()) return;
        rig_.front = BlkFront(rig_.ring(), abi_);
        rig_.queue.attach(
            xen::BlkRing(rig_.ring(), abi_ == BlkFront::Abi::X86_64 ? xen::kBlkAbi64 : xen::kBlkAbi32));
    }
    void pause() {
        if (input_.byte() % 2 == 0)
            rig_.queue.pause();
        else
            resume();
        if (input_.empty()) resume();
    }
    void resume() { rig_.queue.resume(); }
    void resize() {
        constexpr std::array<u64, 3> kSizes{kDisk, kDisk / 2 + 512, 0};
        rig_.disk.claimed_size = kSizes[input_.byte() % kSizes.size()];
    }
    void check() {
        if (rig_.grants.misused) finding("a copy beyond a granted page");
        if (!rig_.queue.busy() && !rig_.disk.held.empty()) finding("the queue forgot a request");
    }

    Input& input_;
    u8 kind_;
    BlkFront::Abi abi_;
    BlkRig rig_;
};

void run(const Target&, std::span<const u8> bytes) {
    Input input(bytes);
    Session session(input);
    const auto text = [&input] {
        static std::array<char, 48> line{};
        const auto end = fmt::format_to_n(line.data(), line.size(), "with {} bytes to come", input.size());
        return std::string_view(line.data(), std::min(end.size, line.size()));
    };
    for (unsigned i = 0; i < kMostOperations && !input.empty(); ++i) {
        const Operating operating(text, kMostAllocatedByRig);
        session.step(input.byte());
    }
    const Operating operating(text, kMostAllocatedByRig);
    session.end();
}

const Registered qdisk{{"qdisk", run}};

} // namespace
} // namespace dm::fuzz
