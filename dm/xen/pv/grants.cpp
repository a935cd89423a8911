#include "dm/xen/pv/grants.hpp"

#include "dm/core/check.hpp"
#include "dm/xen/handles.hpp"
#include "dm/xen/libxen.hpp"

#include <algorithm>
#include <array>
#include <cerrno>
#include <cstring>
#include <sys/mman.h>
#include <utility>

namespace dm::xen {
namespace {

constexpr std::size_t kMostMapped = 16;
constexpr std::size_t kMostAtOnce = 512; // of one call: bounds what we keep for the next

} // namespace

GrantMapping::GrantMapping(GrantMapping&& other) noexcept
    : handle_(std::exchange(other.handle_, nullptr)), bytes_(std::exchange(other.bytes_, {})) {}

GrantMapping& GrantMapping::operator=(GrantMapping&& other) noexcept {
    std::swap(handle_, other.handle_);
    std::swap(bytes_, other.bytes_);
    return *this;
}

GrantMapping::~GrantMapping() {
    if (handle_ != nullptr)
        xengnttab_unmap(handle_, bytes_.data(), static_cast<u32>(bytes_.size() / kPageSize));
}

struct Grants::Segments {
    std::vector<xengnttab_grant_copy_segment_t> list;
};

Result<std::unique_ptr<Grants>> Grants::open(u16 domid) {
    xengntdev_handle* handle = xengnttab_open(library_logger(), 0);
    if (handle == nullptr)
        return fail("cannot open Xen's grant tables (/dev/xen/gntdev): {}; is the module xen-gntdev loaded?",
                    std::strerror(errno));
    return std::unique_ptr<Grants>(new Grants(handle, domid));
}

Grants::Grants(xengntdev_handle* handle, u16 domid)
    : handle_(handle), domid_(domid), segments_(std::make_unique<Segments>()) {}

Grants::~Grants() {
    xengnttab_close(handle_);
}

Result<GrantMapping> Grants::map(std::span<const u32> grefs) {
    DM_CHECK(!grefs.empty() && grefs.size() <= kMostMapped);
    std::array<u32, kMostMapped> refs{}; // the library does not promise to leave them alone
    std::ranges::copy(grefs, refs.begin());
    void* at = xengnttab_map_domain_grant_refs(handle_, static_cast<u32>(grefs.size()), domid_, refs.data(),
                                               PROT_READ | PROT_WRITE);
    if (at == nullptr)
        return fail("{} granted pages cannot be mapped: {}", grefs.size(), std::strerror(errno));
    return GrantMapping(handle_, {static_cast<u8*>(at), grefs.size() * kPageSize});
}

void Grants::copy(std::span<GrantPiece> pieces, bool in) {
    while (!pieces.empty()) {
        const auto now = pieces.first(std::min(pieces.size(), kMostAtOnce));
        pieces = pieces.subspan(now.size());
        if (!kernel_copies_ || !copy_by_xen(now, in)) copy_by_mapping(now, in);
    }
}

/// False: the kernel does not know how.
bool Grants::copy_by_xen(std::span<GrantPiece> pieces, bool in) {
    auto& list = segments_->list;
    list.clear();
    for (const GrantPiece& piece : pieces) {
        xengnttab_grant_copy_segment_t& s = list.emplace_back();
        auto& theirs = in ? s.source : s.dest;
        auto& ours = in ? s.dest : s.source;
        theirs.foreign.ref = piece.gref;
        theirs.foreign.offset = static_cast<u16>(piece.offset);
        theirs.foreign.domid = domid_;
        ours.virt = piece.ours;
        s.len = static_cast<u16>(piece.length);
        s.flags = static_cast<u16>(in ? GNTCOPY_source_gref : GNTCOPY_dest_gref);
        s.status = GNTST_general_error;
    }
    if (xengnttab_grant_copy(handle_, static_cast<u32>(list.size()), list.data()) != 0) {
        if (errno == ENOSYS || errno == ENOTTY || errno == EOPNOTSUPP) {
            kernel_copies_ = false;
            log_.info("this kernel has no grant copy; granted pages are mapped instead");
            return false;
        }
        log_.guest("grant copy of {} pieces: {}", pieces.size(), std::strerror(errno));
        for (auto& s : list)
            s.status = GNTST_general_error;
    }
    for (std::size_t i = 0; i < pieces.size(); ++i)
        pieces[i].ok = list[i].status == GNTST_okay;
    return true;
}

void Grants::copy_by_mapping(std::span<GrantPiece> pieces, bool in) {
    for (GrantPiece& piece : pieces) {
        // Only what is asked for: data of a write may be granted read-only.
        void* at =
            xengnttab_map_grant_ref(handle_, domid_, piece.gref, in ? PROT_READ : PROT_WRITE | PROT_READ);
        piece.ok = at != nullptr;
        if (!piece.ok) continue;
        u8* theirs = static_cast<u8*>(at) + piece.offset;
        if (in)
            std::memcpy(piece.ours, theirs, piece.length);
        else
            std::memcpy(theirs, piece.ours, piece.length);
        xengnttab_unmap(handle_, at, 1);
    }
}

} // namespace dm::xen
