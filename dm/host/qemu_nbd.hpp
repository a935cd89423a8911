// qemu-nbd, QEMU's image server, for the formats that are not raw: one process per image, which ends when its
// only client does, however that comes about.
//
// Its socket never has a name that others could connect to for longer than it takes us to: we are connected
// before the server runs.
#pragma once

#include "dm/core/disk_options.hpp"
#include "dm/core/result.hpp"
#include "dm/core/types.hpp"
#include "dm/core/unique_fd.hpp"

#include <string>
#include <sys/types.h>
#include <vector>

namespace dm::host {

class QemuNbd {
public:
    QemuNbd() = default;
    /// The error names the package when there is no qemu-nbd. HVMDM_QEMU_NBD is used instead of what is in
    /// PATH and where Xen puts its own.
    static Result<QemuNbd> start(const ImageOptions& options);

    QemuNbd(QemuNbd&& other) noexcept;
    QemuNbd& operator=(QemuNbd&& other) noexcept;
    QemuNbd(const QemuNbd&) = delete;
    QemuNbd& operator=(const QemuNbd&) = delete;
    /// Leaves the process alone: it ends with its connection.
    ~QemuNbd() = default;

    bool running() const { return pid_ > 0; }
    pid_t pid() const { return pid_; }
    /// Our end of the connection; the caller's from now on.
    [[nodiscard]] int take_socket() { return socket_.release(); }
    /// Readable when it has something to say, or has ended.
    int words_fd() const { return words_.get(); }
    /// It has closed its stderr: no words will follow.
    bool silent() const { return silent_; }
    /// Complete lines it wrote to stderr since the last call.
    std::vector<std::string> new_words();
    /// Waits for its end; false: it still runs. All it said is in new_words().
    bool wait_for_end(unsigned most_ms);

private:
    void reap();

    UniqueFd socket_;
    UniqueFd words_; ///< its stderr
    std::string unfinished_;
    bool silent_ = false; ///< stderr is closed
    pid_t pid_ = -1;
};

/// What qemu-nbd is told to open, for its --image-opts.
std::string qemu_image_options(const ImageOptions& options, bool block_device);
/// What helps against what it said, a sentence; empty: nothing known.
std::string remedy_for(const std::string& words);

} // namespace dm::host
