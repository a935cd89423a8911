// An open disk image: a medium for drives, and what the machine does with it besides.
#pragma once

#include "dm/core/block_backend.hpp"
#include "dm/core/disk_options.hpp"
#include "dm/core/result.hpp"
#include "dm/core/unique_fd.hpp"
#include "dm/host/block_engine.hpp"

#include <memory>
#include <string>

namespace dm::host {

struct BlockStats {
    u64 read_bytes = 0;
    u64 written_bytes = 0;
    u64 reads = 0;
    u64 writes = 0;
    u64 flushes = 0;
    u64 discards = 0;
    u64 errors = 0;
};

class Image : public BlockBackend {
public:
    virtual const std::string& name() const = 0;
    virtual const BlockStats& stats() const = 0;

    /// Blocks until at least one request in flight is done, and runs its done().
    virtual void wait() = 0;

    /// Makes the image ours: takes its locks, forgets what is cached of it. Idempotent.
    virtual Status activate() = 0;
    /// Waits for what is in flight, brings it to the medium and lets others have the image. Requests fail
    /// until activate(). The error is that of the last flush.
    virtual Status release() = 0;

    /// activate() after release() needs paths or programs of the host, which a process that was locked down
    /// does not reach any more.
    virtual bool needs_host_again() const { return false; }

    /// Looks whether somebody made the image larger; size_changed() follows in that case.
    virtual void look_at_size() = 0;
    /// Makes the image `bytes` long; size_changed() follows.
    virtual Status resize(u64 bytes) = 0;
};

/// Opens what `options` say. Errors name the file and what to do about it. `given`: the file itself, open.
/// Engine and loop outlive the image.
Result<std::unique_ptr<Image>> open_image(const ImageOptions& options, EventLoop& loop, BlockEngine& engine,
                                          UniqueFd given = {});

/// The formats that open_image() knows besides raw: those of qemu-nbd.
bool is_qemu_format(std::string_view format);
/// "nbd:...", "nbd://..." and relatives.
bool is_network_disk(std::string_view file);

/// Whether all bytes are zeros.
bool all_zeros(std::span<const iovec> iov);

} // namespace dm::host
