#include "dm/host/char_file.hpp"

#include <cerrno>
#include <cstring>
#include <fcntl.h>
#include <unistd.h>

namespace dm::host {

Result<std::unique_ptr<CharBackend>> FileChar::open(const CharOptions& options) {
    const int mode = options.append ? O_APPEND : O_TRUNC;
    // Not blocking: the path may name a FIFO or a terminal.
    UniqueFd fd(
        ::open(options.path.c_str(), O_WRONLY | O_CREAT | O_CLOEXEC | O_NONBLOCK | O_NOCTTY | mode, 0644));
    if (!fd)
        return fail("{}: cannot open {} for writing: {}", options.text, options.path, std::strerror(errno));
    return std::unique_ptr<CharBackend>(std::make_unique<FileChar>(std::move(fd), options.path));
}

/// What a file does not take is dropped: a full disk must not stop the guest.
std::size_t FileChar::write(std::span<const u8> bytes) {
    std::size_t done = 0;
    while (done < bytes.size()) {
        const ssize_t n = ::write(fd_.get(), bytes.data() + done, bytes.size() - done);
        if (n < 0 && errno == EINTR) continue;
        if (n <= 0) break;
        done += static_cast<std::size_t>(n);
    }
    const bool failed = done < bytes.size();
    if (failed && !failing_) log_.warning("output of the guest is lost: {}: {}", path_, std::strerror(errno));
    failing_ = failed;
    return bytes.size();
}

} // namespace dm::host
