// The few hypercalls that have no stable library call: XENMEM_populate_physmap and HVMOP_set_param.
// Source: xen/include/public/memory.h, hvm/hvm_op.h. Gone once the handles are restricted.
#pragma once

#include "dm/core/result.hpp"
#include "dm/xen/handles.hpp"

namespace dm::xen {

/// Gives the guest `pages` new pages at `first`.
Status populate_physmap(const Handles& handles, u16 domid, Gfn first, u64 pages);

/// HVMOP_set_param.
Status set_hvm_param(const Handles& handles, u16 domid, u32 index, u64 value);

} // namespace dm::xen
