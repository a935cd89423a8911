// The two pages that Xen and we share: one request slot per vCPU, and the ring of buffered writes.
// Pure memory protocol, no hypercalls. Source: xen/include/public/hvm/ioreq.h; order and barriers as Xen's
// common/ioreq.c expects them.
#pragma once

#include "dm/xen/request.hpp"

#include <span>

namespace dm::xen {

class IoreqPages {
public:
    /// Both pages are kPageSize long; they may change at any time under our feet.
    IoreqPages(void* sync_page, void* buffered_page, RequestServer& server, unsigned vcpus);

    /// Xen's port of a vCPU's slot, valid once the server is enabled.
    u32 event_port(unsigned vcpu) const;

    /// Serves the slot when it holds a request; true: the vCPU must be notified. The ring is drained first,
    /// so that no earlier write is overtaken.
    bool serve(unsigned vcpu);

    /// Serves all buffered writes that are visible now; true when there were any.
    bool drain();

    unsigned vcpus() const { return vcpus_; }

private:
    bool drain_once();

    u8* sync_;
    u8* buffered_;
    RequestServer& server_;
    unsigned vcpus_;
    Log log_{"ioreq"};
};

} // namespace dm::xen
