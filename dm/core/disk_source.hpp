// Opens images for rooms that know no files: the PV back end, above all.
#pragma once

#include "dm/core/block_backend.hpp"
#include "dm/core/result.hpp"

#include <memory>
#include <string>

namespace dm {

struct DiskRequest {
    std::string path{};         ///< as the configuration writes it: a file, a block device, "nbd://..."
    std::string format = "raw"; ///< QEMU's words: raw, qcow2, qcow, qed, vpc, vhdx, vmdk, vdi; never guessed
    bool read_only = false;
    bool discard = false; ///< Discard reaches the image
    bool direct = false;  ///< past the host's page cache; not when somebody has it open already
};

/// Device thread only.
class DiskSource {
public:
    virtual ~DiskSource() = default;
    /// A way of one's own to the image, for as long as the caller keeps it. An image that the machine has
    /// open already, for the emulated disk, is not opened twice. The error is for the host's log.
    virtual Result<std::unique_ptr<BlockBackend>> open_disk(const DiskRequest& request) = 0;
};

} // namespace dm
