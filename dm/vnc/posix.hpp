// File descriptors and threads as owned things.
#pragma once

#include <functional>
#include <pthread.h>
#include <unistd.h>
#include <utility>

namespace dm::vnc {

class UniqueFd {
public:
    UniqueFd() = default;
    explicit UniqueFd(int fd) : fd_(fd) {}
    UniqueFd(UniqueFd&& other) noexcept : fd_(std::exchange(other.fd_, -1)) {}
    UniqueFd& operator=(UniqueFd&& other) noexcept {
        std::swap(fd_, other.fd_);
        return *this;
    }
    ~UniqueFd() { reset(); }
    int get() const { return fd_; }
    explicit operator bool() const { return fd_ >= 0; }
    void reset() {
        if (fd_ >= 0) ::close(fd_);
        fd_ = -1;
    }

private:
    int fd_ = -1;
};

/// A thread that takes no signals: they are the device thread's, and a write to a viewer that left is an
/// error, not the end of the process. Unlike std::thread it may fail to start without throwing.
class Thread {
public:
    Thread() = default;
    Thread(const Thread&) = delete;
    Thread& operator=(const Thread&) = delete;
    ~Thread() { join(); }

    [[nodiscard]] bool start(const char* name, std::function<void()> body);
    void join();

private:
    static void* run(void* self);
    std::function<void()> body_;
    pthread_t thread_{};
    bool running_ = false;
};

/// Waits until `fd` can be read or has failed. False after `timeout_ms` (negative: never).
bool wait_readable(int fd, int timeout_ms);

} // namespace dm::vnc
