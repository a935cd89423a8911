// Locks that keep two guests from writing the same image, understood by QEMU and its tools.
//
// QEMU's convention, kept since its version 2.10: an opener read-locks the byte 100 + p of the file for each
// permission p that it uses, and the byte 200 + p for each that it lets nobody else use; then it looks
// whether others' locks contradict. The locks belong to the open file (F_OFD_SETLK), so they end with it,
// however the process ends. The kernel's own back ends (loop, blkback) take none and are no conflict.
#pragma once

#include "dm/core/disk_options.hpp"
#include "dm/core/result.hpp"

#include <string>

namespace dm::host {

class ImageLock {
public:
    struct Wish {
        bool write = false;
        bool share_writers = false; ///< others may write
    };
    static constexpr unsigned kPatienceMs = 2000; ///< a device model that was just told to end needs a moment

    /// Idempotent. The error names the file, who has it, and what to do. Without locks where the file system
    /// has none (one line in the log) or nobody wants them.
    Status take(int fd, const std::string& path, Wish wish, Locking locking,
                unsigned patience_ms = kPatienceMs);
    void release(int fd);
    bool held() const { return held_; }

private:
    bool held_ = false;
};

/// Who has a lock on byte `byte` of the file behind `fd`: "process 4711 (qemu-system-i38), guest web"; empty
/// where that cannot be told.
std::string lock_owner(int fd, unsigned byte);

} // namespace dm::host
