#include "dm/xen/map_cache.hpp"

#include "dm/core/check.hpp"
#include "dm/xen/libxen.hpp"

#include <algorithm>
#include <array>
#include <sys/mman.h>

namespace dm::xen {

MapCache::~MapCache() {
    for (auto& [key, bucket] : buckets_)
        unmap(*bucket);
    for (auto& bucket : detached_)
        unmap(*bucket);
}

std::span<u8> MapCache::valid_run(const Bucket& bucket, GuestPhys addr, u64 length) {
    const u64 offset = addr - (bucket.first << kPageShift);
    u64 page = offset >> kPageShift;
    if (!bucket.valid[page]) return {};
    while (page < kBucketPages && bucket.valid[page] && (page << kPageShift) < offset + length)
        ++page;
    return {bucket.host + offset, std::min(length, (page << kPageShift) - offset)};
}

std::unique_ptr<MapCache::Bucket> MapCache::map(Gfn first) {
    std::array<xen_pfn_t, kBucketPages> gfns{};
    std::array<int, kBucketPages> errors{};
    for (unsigned i = 0; i < kBucketPages; ++i)
        gfns[i] = first + i;
    void* host = xenforeignmemory_map(handles_.fmem.get(), domid_, PROT_READ | PROT_WRITE, kBucketPages,
                                      gfns.data(), errors.data());
    if (host == nullptr) return nullptr;
    auto bucket = std::make_unique<Bucket>();
    bucket->first = first;
    bucket->host = static_cast<u8*>(host);
    for (unsigned i = 0; i < kBucketPages; ++i)
        bucket->valid[i] = errors[i] == 0;
    if (bucket->valid.none()) {
        unmap(*bucket);
        return nullptr;
    }
    return bucket;
}

void MapCache::unmap(Bucket& bucket) const {
    if (xenforeignmemory_unmap(handles_.fmem.get(), bucket.host, kBucketPages) != 0)
        log_.error("unmapping guest memory failed");
}

MapCache::Bucket* MapCache::find(GuestPhys addr) {
    const Gfn gfn = addr >> kPageShift;
    const u64 key = gfn / kBucketPages;
    auto it = buckets_.find(key);
    if (it != buckets_.end() && it->second->valid[gfn % kBucketPages]) {
        it->second->last_use = ++uses_;
        return it->second.get();
    }
    Looked& looked = looked_[key % kMostLooked];
    if ((looked.key == key && looked.round == round_) || vain_ == kMostVain) return nullptr;
    looked = {key, round_};
    // Not mapped, or a hole when it was mapped: the guest may have filled it since.
    std::unique_ptr<Bucket> fresh = map(key * kBucketPages);
    if (fresh == nullptr) return ++vain_, nullptr;
    if (it != buckets_.end() && fresh->valid == it->second->valid) return unmap(*fresh), ++vain_, nullptr;
    if (it != buckets_.end()) detach(key);
    fresh->last_use = ++uses_;
    Bucket* found = buckets_.emplace(key, std::move(fresh)).first->second.get();
    return found->valid[gfn % kBucketPages] ? found : nullptr;
}

std::span<u8> MapCache::view(GuestPhys addr, u64 length) {
    if (length == 0) return {};
    const Bucket* bucket = find(addr);
    return bucket != nullptr ? valid_run(*bucket, addr, length) : std::span<u8>{};
}

void MapCache::wrote(GuestPhys addr, u64 length) {
    if (!log_dirty_ || length == 0) return;
    const Gfn first = addr >> kPageShift;
    const Gfn last = (addr + length - 1) >> kPageShift;
    if (xendevicemodel_modified_memory(handles_.dmod.get(), domid_, first,
                                       static_cast<u32>(last - first + 1)) != 0)
        log_.guest("pages {:#x}-{:#x} could not be marked as written", first, last);
}

std::span<u8> MapCache::pin(GuestPhys addr, u64 length) {
    if (length == 0) return {};
    Bucket* bucket = find(addr);
    if (bucket == nullptr) return {};
    ++bucket->pins;
    return valid_run(*bucket, addr, length);
}

void MapCache::unpin(GuestPhys addr, std::span<u8> bytes) {
    const auto holds = [&](const Bucket& b) {
        return bytes.data() >= b.host && bytes.data() < b.host + kBucketPages * kPageSize;
    };
    const auto it = buckets_.find((addr >> kPageShift) / kBucketPages);
    if (it != buckets_.end() && holds(*it->second)) {
        --it->second->pins;
        return;
    }
    for (auto& bucket : detached_) {
        if (!holds(*bucket)) continue;
        --bucket->pins; // trim() unmaps it
        return;
    }
    DM_CHECK(false);
}

void MapCache::detach(u64 key) {
    const auto it = buckets_.find(key);
    detached_.push_back(std::move(it->second));
    buckets_.erase(it);
}

void MapCache::look_again() {
    ++round_;
    vain_ = 0;
}

void MapCache::invalidate() {
    look_again();
    for (auto& [key, bucket] : buckets_)
        detached_.push_back(std::move(bucket));
    buckets_.clear();
    trim();
}

void MapCache::evict_oldest() {
    auto oldest = buckets_.end();
    for (auto it = buckets_.begin(); it != buckets_.end(); ++it)
        if (it->second->pins == 0 &&
            (oldest == buckets_.end() || it->second->last_use < oldest->second->last_use))
            oldest = it;
    if (oldest != buckets_.end()) detach(oldest->first);
}

void MapCache::trim() {
    look_again();
    for (std::size_t over = buckets_.size() > kMostBuckets ? buckets_.size() - kMostBuckets : 0; over > 0;
         --over)
        evict_oldest();
    std::erase_if(detached_, [this](const std::unique_ptr<Bucket>& bucket) {
        if (bucket->pins > 0) return false;
        unmap(*bucket);
        return true;
    });
}

} // namespace dm::xen
