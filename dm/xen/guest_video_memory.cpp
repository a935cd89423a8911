#include "dm/xen/guest_video_memory.hpp"

#include "dm/xen/libxen.hpp"
#include "dm/xen/memory_op.hpp"

#include <cerrno>
#include <cstring>
#include <sys/mman.h>
#include <utility>

namespace dm::xen {
namespace {

constexpr u32 kWriteBack = 6;          // XEN_DMOP_MEM_CACHEATTR_WB
constexpr u32 kDefaultAttribute = ~0U; // XEN_DMOP_MEM_CACHEATTR_DEFAULT: undo

} // namespace

Result<std::unique_ptr<VideoMemory>> GuestVideoMemory::create(const Handles& handles, MapCache& cache,
                                                              u16 domid, u64 size, GuestPhys parking) {
    std::unique_ptr<GuestVideoMemory> self(
        new GuestVideoMemory(handles, cache, domid, size >> kPageShift, parking >> kPageShift));
    DM_TRY(self->populate());
    DM_TRY(self->map_all());
    std::memset(self->host_, 0, size);
    return std::unique_ptr<VideoMemory>(std::move(self));
}

Result<std::unique_ptr<VideoMemory>> GuestVideoMemory::adopt(const Handles& handles, MapCache& cache,
                                                             u16 domid, u64 size, GuestPhys parking) {
    std::unique_ptr<GuestVideoMemory> self(
        new GuestVideoMemory(handles, cache, domid, size >> kPageShift, parking >> kPageShift));
    self->adopting_ = true;
    DM_TRY(self->reserve());
    return std::unique_ptr<VideoMemory>(std::move(self));
}

GuestVideoMemory::~GuestVideoMemory() {
    stop_tracking();
    if (mapped_)
        xenforeignmemory_unmap(handles_.fmem.get(), host_, pages_);
    else if (host_ != nullptr)
        ::munmap(host_, pages_ << kPageShift);
}

Status GuestVideoMemory::populate() {
    Status done = populate_physmap(handles_, domid_, parking_, pages_);
    if (done.ok()) return done;
    return fail(
        "{} MiB of video memory cannot be had: {}. Is videoram= in the guest's configuration at least "
        "what vga= needs, and is there enough free memory (xl info)?",
        pages_ >> 8, done.error().message);
}

/// The address at which the pages will be mapped, so that nobody's pointer to them changes.
Status GuestVideoMemory::reserve() {
    const int fixed = host_ != nullptr ? MAP_FIXED : 0;
    void* host = ::mmap(host_, pages_ << kPageShift, PROT_READ | PROT_WRITE,
                        MAP_PRIVATE | MAP_ANONYMOUS | MAP_NORESERVE | fixed, -1, 0);
    if (host == MAP_FAILED) return fail("video memory cannot be mapped: {}", std::strerror(errno));
    host_ = static_cast<u8*>(host);
    return {};
}

/// Where something is reserved, in its place.
Status GuestVideoMemory::map_all() {
    std::vector<xen_pfn_t> gfns(pages_);
    for (u64 i = 0; i < pages_; ++i)
        gfns[i] = at_ + i;
    const int flags = host_ != nullptr ? MAP_FIXED : 0;
    void* host = xenforeignmemory_map2(handles_.fmem.get(), domid_, host_, PROT_READ | PROT_WRITE, flags,
                                       pages_, gfns.data(), nullptr);
    if (host == nullptr) {
        const int error = errno;
        if (host_ != nullptr) DM_TRY(reserve()); // the library has unmapped what was there
        return fail("video memory cannot be mapped: {}", std::strerror(error));
    }
    host_ = static_cast<u8*>(host);
    mapped_ = true;
    return {};
}

void GuestVideoMemory::place(std::optional<GuestPhys> addr) {
    const Gfn to = addr ? *addr >> kPageShift : parking_;
    if (!std::exchange(adopting_, false)) {
        if (to != at_) move(to);
        return;
    }
    at_ = to;
    found_ = map_all();
    if (!found_.ok())
        found_ =
            fail("the guest has no video memory at {:#x}: {}", at_ << kPageShift, found_.error().message);
    else if (at_ != parking_)
        pin_cache_attribute(at_);
}

void GuestVideoMemory::move(Gfn to) {
    stop_tracking(); // the next collect_dirty() starts it at the new place
    if (at_ != parking_)
        xendevicemodel_pin_memory_cacheattr(handles_.dmod.get(), domid_, at_ << kPageShift,
                                            ((at_ + pages_) << kPageShift) - 1, kDefaultAttribute);
    if (xendevicemodel_relocate_memory(handles_.dmod.get(), domid_, static_cast<u32>(pages_), at_, to) != 0) {
        log_.guest(
            "moving the frame buffer from {:#x} to {:#x} failed: {}; the guest will not see its screen",
            at_ << kPageShift, to << kPageShift, std::strerror(errno));
        return;
    }
    log_.debug("frame buffer at {:#x}", to << kPageShift);
    at_ = to;
    // Our own mapping is tied to the pages, not to where the guest sees them, and stays good.
    if (at_ != parking_) pin_cache_attribute(at_);
}

void GuestVideoMemory::pin_cache_attribute(Gfn at) {
    // The guest may map it write-combining while our mapping is cached: both must agree.
    if (xendevicemodel_pin_memory_cacheattr(handles_.dmod.get(), domid_, at << kPageShift,
                                            ((at + pages_) << kPageShift) - 1, kWriteBack) != 0)
        log_.guest("cache attribute of the frame buffer: {}", std::strerror(errno));
}

bool GuestVideoMemory::collect_dirty(u64 first_page, u64 pages, std::span<u8> bitmap) {
    if (first_page >= pages_ || pages > pages_ - first_page || bitmap.size() < (pages + 7) / 8) return false;
    constexpr std::size_t kBitsPerWord = sizeof(unsigned long) * 8;
    bitmap_.assign((pages + kBitsPerWord - 1) / kBitsPerWord, 0);
    if (xendevicemodel_track_dirty_vram(handles_.dmod.get(), domid_, at_ + first_page,
                                        static_cast<u32>(pages), bitmap_.data()) != 0)
        return false; // ENODATA while a migration tracks everything
    tracking_ = true;
    const auto* raw = reinterpret_cast<const u8*>(bitmap_.data());
    for (std::size_t i = 0; i < (pages + 7) / 8; ++i)
        bitmap[i] = static_cast<u8>(bitmap[i] | raw[i]);
    return true;
}

void GuestVideoMemory::stop_tracking() {
    if (!tracking_) return;
    tracking_ = false;
    xendevicemodel_track_dirty_vram(handles_.dmod.get(), domid_, at_, 0, nullptr);
}

void GuestVideoMemory::wrote(u64 offset, u64 length) {
    cache_.wrote((at_ << kPageShift) + offset, length);
}

} // namespace dm::xen
