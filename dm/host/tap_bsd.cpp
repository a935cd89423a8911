#ifdef __FreeBSD__
#include "dm/host/tap.hpp"

#include <cerrno>
#include <cstring>
#include <fcntl.h>
#include <net/if.h>
#include <sys/ioctl.h>
#include <sys/socket.h>
#include <sys/stat.h>

namespace dm::host {

/// Opening the cloning device makes tapN; libxl's script looks for the name it gave, so tapN is renamed.
Result<Tap> Tap::open(const Options& options) {
    ifreq request{};
    if (options.interface.empty() || options.interface.size() >= sizeof(request.ifr_name))
        return fail("tap interface \"{}\": a name has 1 to {} characters (vifname= of the guest is too long)",
                    options.interface, sizeof(request.ifr_name) - 1);
    UniqueFd fd(::open("/dev/tap", O_RDWR | O_CLOEXEC | O_NONBLOCK));
    if (!fd)
        return fail("tap interface {}: cannot open /dev/tap: {} (kldload if_tuntap)", options.interface,
                    std::strerror(errno));
    struct stat info {};
    if (::fstat(fd.get(), &info) != 0)
        return fail("tap interface {}: {}", options.interface, std::strerror(errno));
    const char* made = ::devname(info.st_rdev, S_IFCHR);
    std::strncpy(request.ifr_name, made, sizeof(request.ifr_name) - 1);
    std::string name = options.interface;
    request.ifr_data = name.data();
    const UniqueFd control(::socket(AF_LOCAL, SOCK_DGRAM | SOCK_CLOEXEC, 0));
    if (!control || ::ioctl(control.get(), SIOCSIFNAME, &request) != 0)
        return fail("tap interface {}: cannot rename {}: {}", options.interface, made, std::strerror(errno));
    return Tap(std::move(fd), false);
}

Result<Tap> Tap::adopt(UniqueFd fd) {
    if (::fcntl(fd.get(), F_SETFL, O_NONBLOCK) != 0)
        return fail("fd={}: the tap cannot be set up: {}", fd.get(), std::strerror(errno));
    return Tap(std::move(fd), false);
}

void Tap::set_silent(bool) const {}

} // namespace dm::host
#endif
