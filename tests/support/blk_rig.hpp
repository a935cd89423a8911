// A BlkQueue between a driver, its granted pages and a medium, all in memory.
#pragma once

#include "dm/xen/pv/blk_queue.hpp"
#include "tests/support/blk_front.hpp"
#include "tests/support/fakes.hpp"

#include <array>
#include <map>
#include <set>
#include <string>

namespace dm::test {

/// Pages that the guest grants, by reference.
class FakeGrantPages final : public xen::GrantCopier {
public:
    using Page = std::array<u8, kPageSize>;

    Page& add(u32 gref, u8 fill = 0, bool read_only = false) {
        if (read_only) read_only_.insert(gref);
        granted[gref].fill(fill);
        return granted[gref];
    }
    void copy_in(std::span<xen::GrantPiece> pieces) override { copy(pieces, true); }
    void copy_out(std::span<xen::GrantPiece> pieces) override { copy(pieces, false); }

    std::map<u32, Page> granted;
    unsigned copies = 0;
    bool misused = false; ///< a piece that Xen would refuse for its numbers

private:
    void copy(std::span<xen::GrantPiece> pieces, bool in) {
        ++copies;
        for (xen::GrantPiece& p : pieces) {
            misused = misused || p.length == 0 || p.offset > kPageSize || p.length > kPageSize - p.offset;
            const auto page = granted.find(p.gref);
            p.ok = !misused && page != granted.end() && (in || !read_only_.contains(p.gref));
            if (!p.ok) continue;
            u8* theirs = page->second.data() + p.offset;
            std::memcpy(in ? p.ours : theirs, in ? theirs : p.ours, p.length);
        }
    }
    std::set<u32> read_only_;
};

struct BlkRig {
    static constexpr u64 kDiskSize = 8 << 20;

    explicit BlkRig(unsigned ring_pages = 1, BlkFront::Abi abi = BlkFront::Abi::X86_64,
                    xen::BlkQueue::Rights rights = {}, u64 disk_size = kDiskSize)
        : memory(ring_pages), disk(disk_size), front(ring(), abi), queue("blk", wiring(), rights) {
        queue.attach(xen::BlkRing(ring(), abi == BlkFront::Abi::X86_64 ? xen::kBlkAbi64 : xen::kBlkAbi32));
    }
    std::span<u8> ring() { return {memory.front().bytes.data(), memory.size() * kPageSize}; }
    xen::BlkQueue::Wiring wiring() {
        return {.grants = grants,
                .medium = disk,
                .notify =
                    [this] {
                        ++notified;
                        if (on_notify) on_notify();
                    },
                .broken = [this](const std::string& why) { broken = why; },
                .later = [this] { later = true; },
                .idle = [this] { idle = true; }};
    }
    /// The guest puts requests in and notifies.
    void send(std::initializer_list<FrontRequest> requests) {
        for (const FrontRequest& request : requests)
            front.put(request);
        queue.kick();
    }
    /// One request, to its end.
    FrontResponse call(const FrontRequest& request) {
        send({request});
        const auto answers = front.take();
        return answers.size() == 1 ? answers[0]
                                   : FrontResponse{.id = ~u64{0}, .operation = 0xff, .status = 99};
    }

    struct alignas(kPageSize) Page {
        std::array<u8, kPageSize> bytes{};
    };
    std::vector<Page> memory;
    FakeGrantPages grants;
    FakeBlock disk;
    BlkFront front;
    xen::BlkQueue queue;
    unsigned notified = 0;
    std::function<void()> on_notify;
    std::string broken;
    bool later = false;
    bool idle = false;
};

} // namespace dm::test
