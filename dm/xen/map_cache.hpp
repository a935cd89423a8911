// Guest RAM through foreign mappings, cached in buckets of neighbouring pages.
//
// Buckets vanish on INVALIDATE (the guest gave pages back) and beyond a fixed number of them; both wait until
// no view can be in use, and a bucket that a request in flight has pinned goes when the last pin does.
// Absence is cached for one request only: a page that was a hole a moment ago is asked for again, but a
// transfer into a hole does not ask Xen for each of its pieces.
#pragma once

#include "dm/core/guest_memory.hpp"
#include "dm/core/log.hpp"
#include "dm/xen/handles.hpp"

#include <array>
#include <bitset>
#include <memory>
#include <unordered_map>
#include <vector>

namespace dm::xen {

class MapCache final : public GuestMemory {
public:
    MapCache(const Handles& handles, u16 domid) : handles_(handles), domid_(domid) {}
    ~MapCache() override;
    MapCache(const MapCache&) = delete;
    MapCache& operator=(const MapCache&) = delete;

    std::span<u8> view(GuestPhys addr, u64 length) override;
    void wrote(GuestPhys addr, u64 length) override;
    std::span<u8> pin(GuestPhys addr, u64 length) override;
    void unpin(GuestPhys addr, std::span<u8> bytes) override;

    /// The guest's memory map changed: nothing mapped before is used again.
    void invalidate();
    /// Another request begins: what was a hole may be RAM now.
    void look_again();
    /// Between requests, when no view is in use: unmaps what is over the limit or was invalidated.
    void trim();
    /// While on, pages that we write are reported to Xen (live migration).
    void set_log_dirty(bool on) { log_dirty_ = on; }

    std::size_t mapped_buckets() const { return buckets_.size() + detached_.size(); }

private:
    static constexpr unsigned kBucketPages = 64;
    static constexpr std::size_t kMostBuckets = 128; // 32 MiB of address space

    struct Bucket {
        Gfn first = 0;
        u8* host = nullptr;
        std::bitset<kBucketPages> valid;
        unsigned pins = 0;
        u64 last_use = 0;
    };

    /// Where a bucket was looked for, and when: what is not valid in it is a hole.
    struct Looked {
        u64 key = ~u64{0};
        u64 round = 0;
    };
    static constexpr std::size_t kMostLooked = 64;
    /// After so many looks in vain Xen is asked no more for this request: what is not mapped is a hole. Only
    /// lists that jump among holes get here.
    static constexpr unsigned kMostVain = 256;

    Bucket* find(GuestPhys addr);
    std::unique_ptr<Bucket> map(Gfn first);
    void detach(u64 key);
    void unmap(Bucket& bucket) const;
    static std::span<u8> valid_run(const Bucket& bucket, GuestPhys addr, u64 length);
    void evict_oldest();

    const Handles& handles_;
    u16 domid_;
    std::unordered_map<u64, std::unique_ptr<Bucket>> buckets_; // by first gfn / kBucketPages
    std::vector<std::unique_ptr<Bucket>> detached_;            // still pinned, or waiting for trim()
    std::array<Looked, kMostLooked> looked_{};                 // by key % kMostLooked
    u64 round_ = 1;
    unsigned vain_ = 0; // looks of this round
    u64 uses_ = 0;
    bool log_dirty_ = false;
    Log log_{"memory"};
};

} // namespace dm::xen
