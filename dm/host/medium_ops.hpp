// What can be done to a file or block device besides reading and writing; each platform in its own way.
#pragma once

#include "dm/core/types.hpp"

namespace dm::host::medium_ops {

// Bytes, or 0 for done, or a negative errno value. -EOPNOTSUPP: not on this medium, it is as it was.

s64 size(int fd, bool device);
s64 discard(int fd, bool device, u64 offset, u64 length);
/// Space may be given back with `unmap`, else it stays reserved.
s64 zero(int fd, bool device, u64 offset, u64 length, bool unmap);

/// Smallest piece that discard() gives back, a power of two; 0: the medium cannot.
u32 discard_granularity(int fd, bool device);
/// What offsets and lengths on a device must be multiples of.
u32 device_block(int fd);
/// Forgets what is cached of the medium: another host may have written.
void drop_cache(int fd);

} // namespace dm::host::medium_ops
