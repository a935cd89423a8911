// Giving up what the process does not need while it serves a guest (dm_restrict, device_model_user).
#pragma once

#include "dm/core/result.hpp"
#include "dm/core/types.hpp"

#include <optional>
#include <string>
#include <sys/types.h>

namespace dm::host {

struct UserIds {
    uid_t uid = 0;
    gid_t gid = 0;
};

/// -runas USER: looks the user up; before lock_down(), which may take /etc away. User 0 is refused.
Result<UserIds> find_user(const std::string& name);

struct Lockdown {
    std::string chroot_dir;     ///< empty: none
    std::optional<UserIds> ids; ///< nothing: stay who we are
    u64 largest_file = 0;       ///< bytes that files of ours may have: a smaller RLIMIT_FSIZE is raised
};

/// Takes back the toolstack's bound on the size of written files (libxl's dm_restrict: 256 KiB), where that
/// is allowed: for a child that writes images. May be called between fork() and exec().
void lift_file_size_limit();

/// Irrevocable, and checked to be so. Everything that opens files by path comes before.
Status lock_down(const Lockdown& lockdown);

} // namespace dm::host
