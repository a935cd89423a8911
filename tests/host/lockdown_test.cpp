#include "dm/host/lockdown.hpp"

#include <cerrno>
#include <filesystem>
#include <gmock/gmock.h>
#include <sys/prctl.h>
#include <sys/wait.h>
#include <unistd.h>

namespace dm::host {
namespace {

using testing::HasSubstr;

/// Runs `body` in a child and returns its exit status: what is locked cannot be unlocked in the test itself.
template <class Body> int in_child(Body body) {
    const pid_t child = ::fork();
    if (child == 0) ::_exit(body());
    int status = 0;
    ::waitpid(child, &status, 0);
    return WIFEXITED(status) ? WEXITSTATUS(status) : -1;
}

TEST(Lockdown, AnUnknownUserAndRootAreRefusedByName) {
    const auto unknown = find_user("no-such-user-here");
    ASSERT_FALSE(unknown.ok());
    EXPECT_THAT(unknown.error().message, HasSubstr("-runas no-such-user-here: there is no such user"));
    ASSERT_FALSE(find_user("root").ok());
    EXPECT_TRUE(find_user("nobody").ok());
}

TEST(Lockdown, AfterItThereIsNoWayBack) {
    if (::getuid() != 0) GTEST_SKIP() << "needs root";
    const std::string dir = testing::TempDir() + fmt::format("/lockdown-{}", ::getpid());
    std::filesystem::create_directories(dir);
    EXPECT_EQ(in_child([&] {
                  if (!lock_down({.chroot_dir = dir, .ids = UserIds{65534, 65534}}).ok()) return 1;
                  if (::getuid() != 65534 || ::getegid() != 65534 || ::getgroups(0, nullptr) != 1) return 2;
                  if (::setuid(0) == 0) return 3;
                  if (::access("/etc/passwd", F_OK) == 0) return 4;
                  return ::prctl(PR_GET_NO_NEW_PRIVS, 0, 0, 0, 0) == 1 ? 0 : 5;
              }),
              0);
    std::filesystem::remove_all(dir);
}

TEST(Lockdown, AMissingDirectoryIsNamed) {
    EXPECT_EQ(in_child([] {
                  const Status done = lock_down({.chroot_dir = "/no/such/dir", .ids = std::nullopt});
                  return !done.ok() && done.error().message.find("-chroot /no/such/dir") == 0 ? 0 : 1;
              }),
              0);
}

} // namespace
} // namespace dm::host
