#include "dm/host/pty.hpp"

#include "dm/core/log.hpp"

#include <cerrno>
#include <cstdlib>
#include <cstring>
#include <fcntl.h>
#include <termios.h>

namespace dm::host {
namespace {

constexpr u64 kCheckEveryNs = kSecond;

Error pty_error(const char* what) {
    return fail("cannot open a pseudo-terminal: {}: {} (is devpts mounted, and are there ptys left in "
                "/proc/sys/kernel/pty/max?)",
                what, std::strerror(errno));
}

bool make_raw(int fd) {
    termios settings{};
    if (::tcgetattr(fd, &settings) != 0) return false;
    ::cfmakeraw(&settings);
    return ::tcsetattr(fd, TCSANOW, &settings) == 0;
}

} // namespace

Result<std::unique_ptr<CharBackend>> Pty::open(EventLoop& loop) {
    UniqueFd master(::posix_openpt(O_RDWR | O_NOCTTY | O_CLOEXEC));
    if (!master) return pty_error("posix_openpt");
    if (::grantpt(master.get()) != 0) return pty_error("grantpt");
    if (::unlockpt(master.get()) != 0) return pty_error("unlockpt");
    const char* name = ::ptsname(master.get());
    if (name == nullptr) return pty_error("ptsname");
    std::string path(name);
    UniqueFd slave(::open(path.c_str(), O_RDWR | O_NOCTTY | O_CLOEXEC | O_NONBLOCK));
    if (!slave) return pty_error(path.c_str());
    if (!make_raw(slave.get())) return pty_error("tcsetattr");
    return std::unique_ptr<CharBackend>(
        std::make_unique<Pty>(loop, std::move(master), std::move(slave), std::move(path)));
}

Pty::Pty(EventLoop& loop, UniqueFd master, UniqueFd slave, std::string path)
    : loop_(loop), slave_(std::move(slave)), path_(std::move(path)), master_(loop, std::move(master), *this),
      output_(loop.host_timers(), master_, slave_.get(), *this) {}

std::size_t Pty::write(std::span<const u8> bytes) {
    keep_raw();
    return output_.write(bytes);
}

/// A reader that leaves the terminal echoing would feed the guest's output back to it.
void Pty::keep_raw() {
    const u64 now = loop_.host_timers().now_ns();
    if (now < next_check_ns_) return;
    next_check_ns_ = now + kCheckEveryNs;
    termios settings{};
    if (::tcgetattr(slave_.get(), &settings) != 0) return;
    if ((settings.c_lflag & (ECHO | ICANON)) != 0) make_raw(slave_.get());
}

/// Not before the host revokes the terminal: then the port is like one with nothing plugged in.
void Pty::closed() {
    Log("pty").warning("{} is gone; the serial port it belonged to is disconnected", path_);
}

} // namespace dm::host
