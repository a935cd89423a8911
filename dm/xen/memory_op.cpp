#include "dm/xen/memory_op.hpp"
#include "dm/xen/libxen.hpp"

#include <algorithm>
#include <cerrno>
#include <cstring>

namespace dm::xen {
namespace {

/// Memory that a hypercall may read and write.
template <class T> class HypercallBuffer {
public:
    HypercallBuffer(xencall_handle* call, std::size_t count)
        : call_(call), data_(static_cast<T*>(xencall_alloc_buffer(call, count * sizeof(T)))) {}
    ~HypercallBuffer() { xencall_free_buffer(call_, data_); }
    HypercallBuffer(const HypercallBuffer&) = delete;
    HypercallBuffer& operator=(const HypercallBuffer&) = delete;
    explicit operator bool() const { return data_ != nullptr; }
    T* data() const { return data_; }

private:
    xencall_handle* call_;
    T* data_;
};

constexpr u64 kPagesPerCall = 4096;

} // namespace

Status populate_physmap(const Handles& handles, u16 domid, Gfn first, u64 pages) {
    xencall_handle* call = handles.call.get();
    const HypercallBuffer<xen_pfn_t> gfns(call, std::min(pages, kPagesPerCall));
    const HypercallBuffer<xen_memory_reservation> reservation(call, 1);
    if (!gfns || !reservation) return fail("no hypercall buffer: {}", std::strerror(errno));
    for (u64 done = 0; done < pages;) {
        const u64 batch = std::min(pages - done, kPagesPerCall);
        for (u64 i = 0; i < batch; ++i)
            gfns.data()[i] = first + done + i;
        *reservation.data() = {};
        reservation.data()->extent_start = gfns.data();
        reservation.data()->nr_extents = batch;
        reservation.data()->domid = domid;
        const long got = xencall2L(call, __HYPERVISOR_memory_op, XENMEM_populate_physmap,
                                   reinterpret_cast<u64>(reservation.data()));
        if (got < 0) return fail("Xen refuses pages for domain {}: {}", domid, std::strerror(errno));
        if (static_cast<u64>(got) != batch)
            return fail("Xen gives domain {} only {} of {} pages", domid, done + static_cast<u64>(got),
                        pages);
        done += batch;
    }
    return {};
}

Status set_hvm_param(const Handles& handles, u16 domid, u32 index, u64 value) {
    const HypercallBuffer<xen_hvm_param> param(handles.call.get(), 1);
    if (!param) return fail("no hypercall buffer: {}", std::strerror(errno));
    *param.data() = {.domid = domid, .pad = 0, .index = index, .value = value};
    if (xencall2(handles.call.get(), __HYPERVISOR_hvm_op, HVMOP_set_param,
                 reinterpret_cast<u64>(param.data())) != 0)
        return fail("HVM parameter {} of domain {}: {}", index, domid, std::strerror(errno));
    return {};
}

} // namespace dm::xen
