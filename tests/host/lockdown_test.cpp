#include "dm/core/unique_fd.hpp"
#include "dm/host/lockdown.hpp"
#include "dm/host/signals.hpp"

#include <cerrno>
#include <fcntl.h>
#include <filesystem>
#include <gmock/gmock.h>
#include <sys/prctl.h>
#include <sys/resource.h>
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
                  if (!lock_down({.chroot_dir = dir, .ids = UserIds{65534, 65534}, .largest_file = 0}).ok())
                      return 1;
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
                  const Status done =
                      lock_down({.chroot_dir = "/no/such/dir", .ids = std::nullopt, .largest_file = 0});
                  return !done.ok() && done.error().message.find("-chroot /no/such/dir") == 0 ? 0 : 1;
              }),
              0);
}

/// Writes a byte there into a new file; the error, or 0.
int write_behind(u64 offset) {
    const std::string path = testing::TempDir() + fmt::format("/limit-{}", ::getpid());
    const UniqueFd file(::open(path.c_str(), O_CREAT | O_WRONLY | O_TRUNC, 0600));
    const bool written = ::pwrite(file.get(), "x", 1, static_cast<off_t>(offset)) == 1;
    const int error = written ? 0 : errno;
    ::unlink(path.c_str());
    return error;
}

/// A lower maximum is raised by those who have CAP_SYS_RESOURCE; a container's root has not.
void limit_files_to(u64 bytes, u64 most = RLIM_INFINITY) {
    ignore_io_signals();
    const rlimit limit{.rlim_cur = bytes, .rlim_max = most};
    ::setrlimit(RLIMIT_FSIZE, &limit);
}

TEST(Lockdown, LibxlsLimitOfFileSizesIsRaisedAsFarAsDiskImagesNeed) {
    if (::getuid() != 0) GTEST_SKIP() << "needs root";
    EXPECT_EQ(in_child([] {
                  limit_files_to(256 << 10);
                  if (!lock_down({.chroot_dir = "", .ids = std::nullopt, .largest_file = 1 << 20}).ok())
                      return 1;
                  if (write_behind((1 << 20) - 1) != 0) return 2;
                  return write_behind(1 << 20) == EFBIG ? 0 : 3;
              }),
              0);
}

TEST(Lockdown, ALimitThatCannotBeRaisedIsTold) {
    if (::getuid() != 0) GTEST_SKIP() << "needs root";
    EXPECT_EQ(
        in_child([] {
            limit_files_to(256 << 10, 256 << 10);
            if (::setuid(65534) != 0) return 1;
            if (!lock_down({.chroot_dir = "", .ids = std::nullopt, .largest_file = 256 << 10}).ok()) return 2;
            const Status done = lock_down({.chroot_dir = "", .ids = std::nullopt, .largest_file = 1 << 20});
            return !done.ok() && done.error().message.find("first 256 KiB") != std::string::npos ? 0 : 3;
        }),
        0);
}

TEST(Lockdown, AChildThatWritesImagesHasNoSuchLimit) {
    if (::getuid() != 0) GTEST_SKIP() << "needs root";
    EXPECT_EQ(in_child([] {
                  limit_files_to(256 << 10);
                  lift_file_size_limit();
                  return write_behind(1 << 20);
              }),
              0);
}

} // namespace
} // namespace dm::host
