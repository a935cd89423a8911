#include "dm/host/io_threads.hpp"

#include "dm/core/check.hpp"

#include <algorithm>
#include <csignal>

namespace dm::host {

IoThreads::~IoThreads() {
    {
        const std::lock_guard lock(mutex_);
        DM_CHECK(queue_.empty());
        stopping_ = true;
    }
    work_ready_.notify_all();
    for (std::size_t i = 0; i < thread_count_; ++i)
        pthread_join(threads_[i], nullptr);
}

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
    if (!start_thread_if_needed()) {
        task.result = perform(task);
        return task.done(task);
    }
    {
        const std::lock_guard lock(mutex_);
        queue_.push_back(&task);
    }
    work_ready_.notify_one();
}

/// False when there is no thread at all and none can be had: a process limit must not cost the guest its
/// disk.
bool IoThreads::start_thread_if_needed() {
    {
        const std::lock_guard lock(mutex_);
        if (idle_ > queue_.size() || thread_count_ == kMostThreads) return true;
    }
    // Signals belong to the device thread.
    sigset_t all;
    sigset_t before;
    sigfillset(&all);
    pthread_sigmask(SIG_SETMASK, &all, &before);
    const auto entry = [](void* self) -> void* {
        static_cast<IoThreads*>(self)->work();
        return nullptr;
    };
    if (pthread_create(&threads_[thread_count_], nullptr, entry, this) == 0) ++thread_count_;
    pthread_sigmask(SIG_SETMASK, &before, nullptr);
    return thread_count_ > 0;
}

void IoThreads::work() {
    std::unique_lock lock(mutex_);
    while (true) {
        ++idle_;
        work_ready_.wait(lock, [this] { return stopping_ || !queue_.empty(); });
        --idle_;
        if (queue_.empty()) return;
        Task* task = queue_.front();
        queue_.pop_front();
        lock.unlock();
        task->result = perform(*task);
        lock.lock();
        const bool first = results_.empty();
        results_.push_back(task);
        result_ready_.notify_all();
        if (!first) continue; // the loop has been told
        lock.unlock();
        post([this] { dispatch(); });
        lock.lock();
    }
}

void IoThreads::collect() {
    std::deque<Task*> results;
    {
        const std::lock_guard lock(mutex_);
        results.swap(results_);
    }
    for (Task* task : results)
        finished(*task);
}

void IoThreads::block() {
    std::unique_lock lock(mutex_);
    result_ready_.wait(lock, [this] { return !results_.empty(); });
}

} // namespace dm::host
