// The way to an NBD server: one of the network, or qemu-nbd started for an image.
#pragma once

#ifdef HVMDM_NBD

#include "dm/core/disk_options.hpp"
#include "dm/host/libnbd.hpp"
#include "dm/host/qemu_nbd.hpp"

namespace dm::host {

struct NbdPatience {
    unsigned connect_ms = 15000; ///< xl waits for 60 s
    unsigned lock_ms = 2000;     ///< for a device model that was just told to end
    unsigned answer_ms = 30000;  ///< while somebody must wait: then the server counts as gone
    unsigned end_ms = 10000;     ///< for qemu-nbd to finish writing
};

struct NbdServer {
    NbdHandle handle; ///< ready for requests
    QemuNbd process;  ///< if it is ours
};

/// Blocks, at start-up only. Errors name the file and the remedy.
Result<NbdServer> connect_nbd(const LibNbd& library, const ImageOptions& options,
                              const NbdPatience& patience);

} // namespace dm::host

#endif
