// A few threads that block in the device thread's place.
#pragma once

#include "dm/host/block_engine.hpp"

#include <array>
#include <condition_variable>
#include <functional>
#include <mutex>
#include <pthread.h>

namespace dm::host {

/// Device thread only, but for what it says.
class Workers {
public:
    static constexpr std::size_t kMost = 4;

    /// `results_ready` runs in a worker when take() has something again.
    explicit Workers(std::function<void()> results_ready) : results_ready_(std::move(results_ready)) {}
    /// No task may be unfinished.
    ~Workers();
    Workers(const Workers&) = delete;
    Workers& operator=(const Workers&) = delete;

    /// False: there is no thread and none can be had.
    bool give(BlockEngine::Task& task);
    /// What is done, each with its result.
    std::deque<BlockEngine::Task*> take();
    /// Blocks until take() has something, at most `most_ms`.
    void wait(unsigned most_ms);
    /// Tasks given and not taken back.
    std::size_t outstanding() const { return outstanding_; }

private:
    void work();
    bool start_thread_if_needed();

    std::function<void()> results_ready_;
    std::mutex mutex_;
    std::condition_variable work_ready_;
    std::condition_variable result_ready_;
    std::deque<BlockEngine::Task*> queue_;   // guarded by mutex_
    std::deque<BlockEngine::Task*> results_; // guarded by mutex_
    std::size_t idle_ = 0;                   // guarded by mutex_
    bool stopping_ = false;                  // guarded by mutex_

    std::array<pthread_t, kMost> threads_{};
    std::size_t thread_count_ = 0;
    std::size_t outstanding_ = 0;
};

} // namespace dm::host
