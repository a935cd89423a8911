#include "dm/host/workers.hpp"

#include "dm/core/check.hpp"

#include <chrono>
#include <csignal>

namespace dm::host {

Workers::~Workers() {
    {
        const std::lock_guard lock(mutex_);
        DM_CHECK(queue_.empty());
        stopping_ = true;
    }
    work_ready_.notify_all();
    for (std::size_t i = 0; i < thread_count_; ++i)
        pthread_join(threads_[i], nullptr);
}

bool Workers::give(BlockEngine::Task& task) {
    if (!start_thread_if_needed()) return false;
    {
        const std::lock_guard lock(mutex_);
        queue_.push_back(&task);
    }
    ++outstanding_;
    work_ready_.notify_one();
    return true;
}

bool Workers::start_thread_if_needed() {
    {
        const std::lock_guard lock(mutex_);
        if (idle_ > queue_.size() || thread_count_ == kMost) return true;
    }
    // Signals belong to the device thread.
    sigset_t all;
    sigset_t before;
    sigfillset(&all);
    pthread_sigmask(SIG_SETMASK, &all, &before);
    const auto entry = [](void* self) -> void* {
        static_cast<Workers*>(self)->work();
        return nullptr;
    };
    if (pthread_create(&threads_[thread_count_], nullptr, entry, this) == 0) ++thread_count_;
    pthread_sigmask(SIG_SETMASK, &before, nullptr);
    return thread_count_ > 0;
}

void Workers::work() {
    std::unique_lock lock(mutex_);
    while (true) {
        ++idle_;
        work_ready_.wait(lock, [this] { return stopping_ || !queue_.empty(); });
        --idle_;
        if (queue_.empty()) return;
        BlockEngine::Task* task = queue_.front();
        queue_.pop_front();
        lock.unlock();
        task->result = BlockEngine::perform(*task);
        lock.lock();
        const bool first = results_.empty();
        results_.push_back(task);
        result_ready_.notify_all();
        if (!first) continue; // the loop has been told
        lock.unlock();
        results_ready_();
        lock.lock();
    }
}

std::deque<BlockEngine::Task*> Workers::take() {
    std::deque<BlockEngine::Task*> results;
    if (outstanding_ == 0) return results;
    const std::lock_guard lock(mutex_);
    results.swap(results_);
    outstanding_ -= results.size();
    return results;
}

void Workers::wait(unsigned most_ms) {
    std::unique_lock lock(mutex_);
    result_ready_.wait_for(lock, std::chrono::milliseconds(most_ms), [this] { return !results_.empty(); });
}

} // namespace dm::host
