#include "dm/host/io_threads.hpp"

#include <algorithm>

namespace dm::host {
namespace {

constexpr unsigned kForEver = 1000; // the engine comes again

} // namespace

/// What the page cache holds need not wake a thread.
bool IoThreads::answer_from_cache(Task& task) {
#ifdef RWF_NOWAIT
    if (task.kind != Task::Kind::Read) return false;
    const auto count = static_cast<int>(std::min(task.iov.size(), kMostVectors));
    task.result = ::preadv2(task.fd, task.iov.data(), count, static_cast<off_t>(task.offset), RWF_NOWAIT);
    return task.result > 0;
#else
    static_cast<void>(task);
    return false;
#endif
}

void IoThreads::start(Task& task) {
    if (answer_from_cache(task)) return task.done(task);
    if (workers_.give(task)) return;
    task.result = perform(task); // a process limit must not cost the guest its disk
    task.done(task);
}

void IoThreads::collect() {
    for (Task* task : workers_.take())
        finished(*task);
}

void IoThreads::block() {
    workers_.wait(kForEver);
}

} // namespace dm::host
