#ifdef __linux__
#include "dm/host/tap.hpp"

#include <array>
#include <cerrno>
#include <cstring>
#include <fcntl.h>
#include <linux/filter.h>
#include <linux/if_tun.h>
#include <net/if.h>
#include <sys/ioctl.h>

namespace dm::host {
namespace {

constexpr const char* kControl = "/dev/net/tun";

const char* remedy(int error) {
    switch (error) {
    case ENOENT:
    case ENODEV:
    case ENXIO: return " (load the module: modprobe tun)";
    case EPERM:
    case EACCES: return " (the device model needs root or CAP_NET_ADMIN to make it)";
    case EBUSY: return " (another process has it: is a device model of this guest still running?)";
    case EINVAL: return " (an interface of that name exists and is no tap: ip link delete it)";
    default: return "";
    }
}

} // namespace

Result<Tap> Tap::open(const Options& options) {
    ifreq request{};
    if (options.interface.empty() || options.interface.size() >= sizeof(request.ifr_name))
        return fail("tap interface \"{}\": a name has 1 to {} characters (vifname= of the guest is too long)",
                    options.interface, sizeof(request.ifr_name) - 1);
    std::memcpy(request.ifr_name, options.interface.data(), options.interface.size());
    request.ifr_flags = static_cast<short>(IFF_TAP | IFF_NO_PI | (options.vnet_header ? IFF_VNET_HDR : 0));

    UniqueFd fd(::open(kControl, O_RDWR | O_CLOEXEC | O_NONBLOCK));
    if (!fd)
        return fail("tap interface {}: cannot open {}: {}{}", options.interface, kControl,
                    std::strerror(errno), remedy(errno));
    if (::ioctl(fd.get(), TUNSETIFF, &request) != 0)
        return fail("cannot make tap interface {}: {}{}", options.interface, std::strerror(errno),
                    remedy(errno));
    return Tap(std::move(fd), options.vnet_header);
}

Result<Tap> Tap::adopt(UniqueFd fd) {
    ifreq request{};
    if (::ioctl(fd.get(), TUNGETIFF, &request) != 0 || (request.ifr_flags & IFF_TAP) == 0 ||
        (request.ifr_flags & IFF_NO_PI) == 0)
        return fail("fd={} is no tap without packet information", fd.get());
    const bool vnet_header = (request.ifr_flags & IFF_VNET_HDR) != 0;
    int header = sizeof(VnetHeader);
    if (::fcntl(fd.get(), F_SETFL, O_NONBLOCK) != 0 || ::ioctl(fd.get(), TUNSETOFFLOAD, 0) != 0 ||
        (vnet_header && ::ioctl(fd.get(), TUNSETVNETHDRSZ, &header) != 0))
        return fail("fd={}: the tap cannot be set up: {}", fd.get(), std::strerror(errno));
    return Tap(std::move(fd), vnet_header);
}

void Tap::set_silent(bool silent) const {
    sock_filter take_nothing = BPF_STMT(BPF_RET | BPF_K, 0);
    sock_fprog program{1, &take_nothing};
    static_cast<void>(::ioctl(fd_.get(), silent ? TUNATTACHFILTER : TUNDETACHFILTER, &program));
}

} // namespace dm::host
#endif
