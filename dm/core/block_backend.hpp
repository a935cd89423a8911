// A disk's medium as a drive sees it.
#pragma once

#include "dm/core/types.hpp"

#include <span>
#include <sys/uio.h>

namespace dm {

/// One request. The caller owns it and everything it points to until done() is called; it must not move
/// meanwhile.
struct BlockIo {
    enum class Op : u8 { Read, Write, Flush };

    Op op = Op::Read;
    u64 offset = 0;             ///< bytes into the medium
    std::span<const iovec> iov; ///< total length is what is transferred; may be guest RAM
    /// Called exactly once, in the device thread, perhaps before submit() returns. `error`: 0 or an errno
    /// value; a short transfer is an error (EIO).
    void (*done)(BlockIo& io, int error) = nullptr;
    void* owner = nullptr; ///< the caller's own
};

class BlockBackend {
public:
    virtual ~BlockBackend() = default;
    virtual u64 size_bytes() const = 0;
    virtual bool read_only() const = 0;
    /// Ranges are checked by the drive; a request past the end completes with EINVAL.
    virtual void submit(BlockIo& io) = 0;
    /// Waits until no request is in flight; their done() have run when it returns.
    virtual void drain() = 0;
};

} // namespace dm
