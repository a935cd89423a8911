// A ring of block requests in pages that a guest shares with us (public/io/ring.h): the guest writes requests
// and an index, we write responses over them and another index. Both sides may write anything at any time, so
// indices of ours are kept here and never read back, and a request is copied before anybody looks at it.
#pragma once

#include "dm/core/result.hpp"
#include "dm/xen/pv/blkif.hpp"

namespace dm::xen {

class BlkRing {
public:
    static constexpr unsigned kMostPages = 16; ///< as QEMU offers: page order 4
    enum class Next : u8 { Request, None, Broken };

    /// `pages` is a power of two of whole pages, at most kMostPages. Goes on where the shared indices stand:
    /// zero in a new ring.
    BlkRing(std::span<u8> pages, BlkAbi abi);

    u32 entries() const { return entries_; }
    /// Copies the next request out. Broken: the guest claims more requests than the ring can hold.
    Next next(BlkRequest& request);
    /// For each request once; the guest sees it with the next publish().
    void respond(const BlkResponse& response);
    /// True: the guest wants to be notified.
    [[nodiscard]] bool publish();
    /// Before sleeping: asks for an event with the next request. True: one is there already.
    [[nodiscard]] bool rearm();

private:
    u32 load(std::size_t offset) const;
    void store(std::size_t offset, u32 value);
    std::span<u8> entry(u32 index) const;
    /// Requests the guest says it has put in, beyond those that were answered.
    u32 claimed() const;

    std::span<u8> pages_;
    BlkAbi abi_;
    u32 entries_;
    u32 request_cons_;
    u32 response_prod_;
    u32 published_;
};

} // namespace dm::xen
