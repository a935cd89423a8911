// A disk's medium as a drive sees it.
//
// One object has one user: the drive, controller or PV back end that it was made for. All of them live in the
// device thread, and only it may call. Where two users share an image (the emulated disk and the PV disk that
// the guest's drivers change over to), each gets an object of its own that leads to the same open image, so
// that drain() waits for one's own requests and size changes reach everybody. Requests of one or of several
// users that are in flight together are carried out in any order; what must come later is submitted after
// done(). A flush covers every write, whoever's, whose done() ran before the flush was submitted.
#pragma once

#include "dm/core/types.hpp"

#include <functional>
#include <span>
#include <sys/uio.h>
#include <utility>

namespace dm {

/// One request. The caller owns it and everything it points to until done() is called; it must not move
/// meanwhile.
struct BlockIo {
    enum class Op : u8 {
        Read,
        Write,
        Flush,
        Discard,    ///< the content is of no interest any more: a wish, which may change nothing
        WriteZeroes ///< always possible on a medium that can be written
    };

    Op op = Op::Read;
    u64 offset = 0;             ///< bytes into the medium
    std::span<const iovec> iov; ///< total length is what is transferred; may be guest RAM
    /// Called exactly once, in the device thread, perhaps before submit() returns. `error`: 0 or an errno
    /// value; a short transfer is an error (EIO).
    void (*done)(BlockIo& io, int error) = nullptr;
    void* owner = nullptr; ///< the caller's own
    u64 length = 0;        ///< bytes, of Discard and WriteZeroes only; they have no iov
    bool unmap = false;    ///< WriteZeroes: the space may be given back to the host
};

/// Whether the request moves bytes between memory and the medium.
constexpr bool has_data(BlockIo::Op op) {
    return op == BlockIo::Op::Read || op == BlockIo::Op::Write;
}

class BlockBackend {
public:
    virtual ~BlockBackend() = default;
    /// Bytes. May change while the medium is in use, see set_size_changed().
    virtual u64 size_bytes() const = 0;
    virtual bool read_only() const = 0;
    /// Bytes, a power of two; smaller or crooked discards do nothing. 0: this medium cannot discard, a drive
    /// should not offer it. Discard then completes without error and does nothing.
    virtual u32 discard_granularity() const { return 0; }
    bool can_discard() const { return discard_granularity() != 0 && !read_only(); }

    /// Ranges are checked by the drive; a request past the end completes with EINVAL, one that changes a
    /// read-only medium with EROFS.
    virtual void submit(BlockIo& io) = 0;
    /// Waits until no request of this object is in flight; their done() have run when it returns. done() of
    /// other users of the same image may run too.
    virtual void drain() = 0;

    /// `callback` runs, from the loop, after size_bytes() changed; empty: nobody cares any more. Requests in
    /// flight are not affected, later ones are judged by the new size.
    void set_size_changed(std::function<void()> callback) { size_changed_ = std::move(callback); }

protected:
    void size_changed() const {
        if (size_changed_) size_changed_();
    }

private:
    std::function<void()> size_changed_;
};

/// What a drive does about a request that the host failed: `-drive werror=`, `rerror=`.
enum class OnError : u8 {
    Report,       ///< the guest sees the error of a real drive
    Ignore,       ///< the guest sees success
    Stop,         ///< the machine stops; the request is submitted again when it goes on
    StopIfNoSpace ///< Stop for ENOSPC, else Report
};

struct ErrorPolicy {
    OnError on_read = OnError::Report;
    OnError on_write = OnError::StopIfNoSpace; ///< also Flush, Discard and WriteZeroes

    constexpr OnError action(BlockIo::Op op, bool no_space) const {
        const OnError wish = op == BlockIo::Op::Read ? on_read : on_write;
        if (wish != OnError::StopIfNoSpace) return wish;
        return no_space ? OnError::Stop : OnError::Report;
    }
};

} // namespace dm
