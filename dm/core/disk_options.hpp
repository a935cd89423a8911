// How the host treats a disk image, as plain data: the toolstack reads it from the command line, dm/host
// opens images by it.
#pragma once

#include "dm/core/types.hpp"

#include <string>

namespace dm {

enum class DetectZeroes : u8 {
    Off,
    On,   ///< a write of zeros becomes WriteZeroes, which may be quicker
    Unmap ///< and gives the space back
};

enum class Locking : u8 {
    Auto, ///< where the file system has locks
    On,   ///< an image that cannot be locked is refused
    Off
};

enum class DiskAio : u8 { Best, Threads };

struct ImageOptions {
    std::string file{};         ///< path of a file or block device, or an NBD server's address
    std::string format = "raw"; ///< never guessed: a guest could write another format's header to its disk
    bool read_only = false;
    // cache=writeback is all of these off, =writethrough the first, =none the second, =directsync both,
    // =unsafe the third.
    bool write_through = false; ///< a write is done when it is on the medium
    bool direct = false;        ///< past the host's page cache
    bool no_flush = false;      ///< flushes do nothing
    bool discard = false;       ///< what the guest discards is given back to the host
    DetectZeroes detect_zeroes = DetectZeroes::Off;
    Locking locking = Locking::Auto;
    bool share_writers = false; ///< others may write too: for file systems made for that
    DiskAio aio = DiskAio::Best;
    /// Not ours yet: another process, from which the guest comes, may have it open. Image::activate()
    /// follows.
    bool inactive = false;
    /// activate() waits so long for that process to close it; xl waits 10 s for the reply to QMP's cont.
    unsigned hand_over_ms = 8000;
};

} // namespace dm
