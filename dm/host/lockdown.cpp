#include "dm/host/lockdown.hpp"

#include <algorithm>
#include <cerrno>
#include <cstring>
#include <grp.h>
#include <pwd.h>
#include <sys/resource.h>
#include <unistd.h>
#ifdef __linux__
#include <sys/prctl.h>
#endif

namespace dm::host {
namespace {

/// The bound of libxl's dm_restrict (256 KiB) is for logs and the like; it also makes writes to images fail,
/// behind that place in the file.
Status allow_files_of(u64 bytes) {
    rlimit limit{};
    if (::getrlimit(RLIMIT_FSIZE, &limit) != 0 || limit.rlim_cur >= bytes)
        return {}; // RLIM_INFINITY is the most
    const rlimit more{.rlim_cur = bytes, .rlim_max = std::max<rlim_t>(bytes, limit.rlim_max)};
    if (::setrlimit(RLIMIT_FSIZE, &more) == 0) return {};
    return fail(
        "disk images cannot be written behind their first {} KiB: the limit of file sizes (ulimit -f) "
        "cannot be raised: {}; start as root, or with a higher limit",
        limit.rlim_cur >> 10, std::strerror(errno));
}

Status enter_chroot(const std::string& dir) {
    if (::chroot(dir.c_str()) != 0 || ::chdir("/") != 0)
        return fail("-chroot {}: {}", dir, std::strerror(errno));
    return {};
}

Status become(const UserIds& ids) {
    if (::setgroups(1, &ids.gid) != 0 || ::setgid(ids.gid) != 0 || ::setuid(ids.uid) != 0)
        return fail("-runas {}:{}: {}", ids.uid, ids.gid, std::strerror(errno));
    if (::setuid(0) == 0) return fail("-runas {}:{}: root could be regained", ids.uid, ids.gid);
    return {};
}

} // namespace

Result<UserIds> find_user(const std::string& name) {
    errno = 0;
    const passwd* entry = ::getpwnam(name.c_str());
    if (entry == nullptr)
        return fail("-runas {}: {}", name, errno != 0 ? std::strerror(errno) : "there is no such user");
    if (entry->pw_uid == 0) return fail("-runas {}: that is root; name a user without rights", name);
    return UserIds{entry->pw_uid, entry->pw_gid};
}

void lift_file_size_limit() {
    const rlimit none{.rlim_cur = RLIM_INFINITY, .rlim_max = RLIM_INFINITY};
    static_cast<void>(::setrlimit(RLIMIT_FSIZE, &none));
}

Status lock_down(const Lockdown& lockdown) {
    DM_TRY(allow_files_of(lockdown.largest_file));
    if (!lockdown.chroot_dir.empty()) DM_TRY(enter_chroot(lockdown.chroot_dir));
    if (lockdown.ids) {
        if (lockdown.ids->uid == 0) return fail("-runas 0: that is root; name a user without rights");
        DM_TRY(become(*lockdown.ids));
    }
#ifdef __linux__
    // Nothing that this process starts may gain rights; it starts nothing.
    if (::prctl(PR_SET_NO_NEW_PRIVS, 1, 0, 0, 0) != 0) return fail("no_new_privs: {}", std::strerror(errno));
#endif
    return {};
}

} // namespace dm::host
