#include "dm/vnc/posix.hpp"

#include <cerrno>
#include <chrono>
#include <csignal>
#include <poll.h>
#ifdef __linux__
#include <sys/resource.h>
#endif

namespace dm::vnc {

#ifdef __linux__
namespace {
constexpr int kNice = 5;
} // namespace
#endif

bool Thread::start(const char* name, std::function<void()> body) {
    body_ = std::move(body);
    sigset_t all;
    sigset_t before;
    sigfillset(&all);
    pthread_sigmask(SIG_SETMASK, &all, &before);
    running_ = pthread_create(&thread_, nullptr, &Thread::run, this) == 0;
    pthread_sigmask(SIG_SETMASK, &before, nullptr);
#ifdef __linux__
    if (running_) pthread_setname_np(thread_, name);
#else
    static_cast<void>(name);
#endif
    return running_;
}

void Thread::join() {
    if (running_) pthread_join(thread_, nullptr);
    running_ = false;
}

void* Thread::run(void* self) {
#ifdef __linux__
    // Behind the device thread, where processors are short: a priority of Linux is a thread's. Without the
    // right to ask there is nothing to be done.
    if (getpriority(PRIO_PROCESS, 0) < kNice) setpriority(PRIO_PROCESS, 0, kNice);
#endif
    static_cast<Thread*>(self)->body_();
    return nullptr;
}

bool wait_readable(int fd, int timeout_ms) {
    using Clock = std::chrono::steady_clock;
    const auto end = Clock::now() + std::chrono::milliseconds(timeout_ms);
    pollfd p{fd, POLLIN, 0};
    for (;;) {
        int left = -1;
        if (timeout_ms >= 0) {
            const auto ms = std::chrono::duration_cast<std::chrono::milliseconds>(end - Clock::now()).count();
            left = ms > 0 ? static_cast<int>(ms) : 0;
        }
        const int n = poll(&p, 1, left);
        if (n > 0) return true;
        if (n == 0) return false;
        if (errno != EINTR) return true; // the read that follows tells
    }
}

} // namespace dm::vnc
