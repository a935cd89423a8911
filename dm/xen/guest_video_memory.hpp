// Video memory made of the guest's own pages: populated once at a parking place above RAM, moved to where the
// adapter's BAR says, tracked by Xen. Source: contract in xen/include/public/memory.h and hvm/dm_op.h.
#pragma once

#include "dm/core/hypervisor.hpp"
#include "dm/core/log.hpp"
#include "dm/xen/map_cache.hpp"

namespace dm::xen {

class GuestVideoMemory final : public VideoMemory {
public:
    /// Populates `size` bytes at `parking`, where the guest has nothing.
    static Result<std::unique_ptr<VideoMemory>> create(const Handles& handles, MapCache& cache, u16 domid,
                                                       u64 size, GuestPhys parking);
    /// Of a guest that is being restored: it has the pages already, where place() will say. Until then
    /// bytes() are nobody's.
    static Result<std::unique_ptr<VideoMemory>> adopt(const Handles& handles, MapCache& cache, u16 domid,
                                                      u64 size, GuestPhys parking);
    ~GuestVideoMemory() override;
    GuestVideoMemory(const GuestVideoMemory&) = delete;
    GuestVideoMemory& operator=(const GuestVideoMemory&) = delete;

    std::span<u8> bytes() override { return {host_, pages_ << kPageShift}; }
    void place(std::optional<GuestPhys> addr) override;
    Status found() const override { return found_; }
    bool collect_dirty(u64 first_page, u64 pages, std::span<u8> bitmap) override;
    void stop_tracking() override;
    void wrote(u64 offset, u64 length) override;

private:
    GuestVideoMemory(const Handles& handles, MapCache& cache, u16 domid, u64 pages, Gfn parking)
        : handles_(handles), cache_(cache), domid_(domid), pages_(pages), parking_(parking), at_(parking) {}
    Status populate();
    Status reserve();
    Status map_all();
    void move(Gfn to);
    void pin_cache_attribute(Gfn at);

    const Handles& handles_;
    MapCache& cache_;
    u16 domid_;
    u64 pages_;
    Gfn parking_;
    Gfn at_;
    u8* host_ = nullptr;
    bool mapped_ = false;   ///< host_ is where the guest's pages are
    bool adopting_ = false; ///< where the pages are is not known yet
    Status found_;
    bool tracking_ = false;
    std::vector<unsigned long> bitmap_; // what Xen fills; whole words
    Log log_{"vram"};
};

} // namespace dm::xen
