#include "dm/host/image_lock.hpp"

#include "dm/core/log.hpp"

#include <cerrno>
#include <chrono>
#include <cstring>
#include <fcntl.h>
#include <optional>
#include <thread>
#include <unistd.h>

namespace dm::host {

#ifdef F_OFD_SETLK

namespace {

constexpr unsigned kUsed = 100;   // + Permission
constexpr unsigned kDenied = 200; // + Permission
constexpr unsigned kPauseMs = 40;

/// As QEMU numbers them.
enum Permission : unsigned { CONSISTENT_READ = 0, WRITE = 1 };

struct flock byte_lock(short type, unsigned byte) {
    struct flock lock {};
    lock.l_type = type;
    lock.l_whence = SEEK_SET;
    lock.l_start = byte;
    lock.l_len = 1;
    return lock;
}

/// 0 or an errno value.
int set_lock(int fd, short type, unsigned byte) {
    struct flock lock = byte_lock(type, byte);
    return ::fcntl(fd, F_OFD_SETLK, &lock) == 0 ? 0 : errno;
}

/// Whether somebody else has locked the byte.
bool is_locked(int fd, unsigned byte) {
    struct flock lock = byte_lock(F_WRLCK, byte);
    return ::fcntl(fd, F_OFD_GETLK, &lock) == 0 && lock.l_type != F_UNLCK;
}

/// An errno value of a file system that has no locks; 0: it has.
int missing(int fd) {
    struct flock lock = byte_lock(F_WRLCK, kUsed);
    return ::fcntl(fd, F_OFD_GETLK, &lock) == 0 ? 0 : errno;
}

int lock_all(int fd, ImageLock::Wish wish) {
    int error = set_lock(fd, F_RDLCK, kUsed + CONSISTENT_READ);
    if (error == 0 && wish.write) error = set_lock(fd, F_RDLCK, kUsed + WRITE);
    if (error == 0 && !wish.share_writers) error = set_lock(fd, F_RDLCK, kDenied + WRITE);
    return error;
}

/// The byte in which another opener contradicts.
std::optional<unsigned> contradiction(int fd, ImageLock::Wish wish) {
    if (is_locked(fd, kDenied + CONSISTENT_READ)) return kDenied + CONSISTENT_READ;
    if (wish.write && is_locked(fd, kDenied + WRITE)) return kDenied + WRITE;
    if (!wish.share_writers && is_locked(fd, kUsed + WRITE)) return kUsed + WRITE;
    return std::nullopt;
}

Error refused(const std::string& path, const std::string& owner, unsigned byte) {
    const std::string who = owner.empty() ? "another program" : owner;
    return fail("disk {}: {} {}; shut that down first, or give this guest an image of its own", path, who,
                byte == kUsed + WRITE ? "writes to it" : "uses it and lets nobody else write");
}

} // namespace

Status ImageLock::take(int fd, const std::string& path, Wish wish, Locking locking, unsigned patience_ms) {
    if (locking == Locking::Off || held_) return {};
    if (const int why = missing(fd); why != 0) {
        if (locking == Locking::On)
            return fail("disk {}: its file system cannot lock it ({}); leave locking=on out", path,
                        std::strerror(why));
        Log("disk " + path).info("not locked against other guests: {}", std::strerror(why));
        return {};
    }
    using Clock = std::chrono::steady_clock;
    const auto deadline = Clock::now() + std::chrono::milliseconds(patience_ms);
    while (true) {
        const int error = lock_all(fd, wish);
        const std::optional<unsigned> conflict = error == 0 ? contradiction(fd, wish) : std::nullopt;
        held_ = error == 0 && !conflict;
        if (held_) return {};
        release(fd);
        // Only a lock that excludes others makes ours fail; nobody who keeps the convention takes one.
        if (error != 0 && error != EAGAIN && error != EACCES)
            return fail("disk {}: it cannot be locked: {}", path, std::strerror(error));
        if (Clock::now() >= deadline) {
            const unsigned byte = conflict.value_or(kUsed + WRITE);
            return refused(path, lock_owner(fd, byte), byte);
        }
        // Of two that try at the same time and step back, one must come sooner.
        std::this_thread::sleep_for(
            std::chrono::milliseconds(kPauseMs + static_cast<unsigned>(::getpid()) % 17));
    }
}

void ImageLock::release(int fd) {
    held_ = false;
    struct flock all = byte_lock(F_UNLCK, kUsed);
    all.l_len = kDenied; // both ranges and what lies between them
    static_cast<void>(::fcntl(fd, F_OFD_SETLK, &all));
}

#else

Status ImageLock::take(int, const std::string& path, Wish, Locking locking, unsigned) {
    if (locking == Locking::On)
        return fail("disk {}: this system has no locks of the kind that QEMU uses; leave locking=on out",
                    path);
    return {};
}

void ImageLock::release(int) {}

#endif

} // namespace dm::host
