#include "dm/host/lockdown.hpp"

#include <cerrno>
#include <cstring>
#include <grp.h>
#include <pwd.h>
#include <unistd.h>
#ifdef __linux__
#include <sys/prctl.h>
#endif

namespace dm::host {
namespace {

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

Status lock_down(const Lockdown& lockdown) {
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
