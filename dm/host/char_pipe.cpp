#include "dm/host/char_pipe.hpp"

#include <cerrno>
#include <cstring>
#include <fcntl.h>
#include <sys/stat.h>

namespace dm::host {
namespace {

Result<UniqueFd> open_fifo(const CharOptions& options, const char* suffix) {
    const std::string path = options.path + suffix;
    UniqueFd fd(::open(path.c_str(), O_RDWR | O_CLOEXEC | O_NONBLOCK));
    if (!fd)
        return fail("{}: cannot open {}: {} (make both FIFOs with: mkfifo {}.in {}.out)", options.text, path,
                    std::strerror(errno), options.path, options.path);
    struct stat info {};
    if (::fstat(fd.get(), &info) != 0 || !S_ISFIFO(info.st_mode))
        return fail("{}: {} is not a FIFO (see mkfifo)", options.text, path);
    return fd;
}

} // namespace

Result<std::unique_ptr<CharBackend>> PipeChar::open(EventLoop& loop, const CharOptions& options) {
    DM_TRY_ASSIGN(UniqueFd in, open_fifo(options, ".in"));
    DM_TRY_ASSIGN(UniqueFd out, open_fifo(options, ".out"));
    return std::unique_ptr<CharBackend>(
        std::make_unique<PipeChar>(loop, std::move(in), std::move(out), options.path));
}

} // namespace dm::host
