// Block engine for systems without io_uring: a few threads that block in the device thread's place.
#pragma once

#include "dm/host/block_engine.hpp"

#include <array>
#include <condition_variable>
#include <mutex>
#include <pthread.h>

namespace dm::host {

class IoThreads final : public BlockEngine {
public:
    static constexpr std::size_t kMostThreads = 4;

    explicit IoThreads(EventLoop& loop) : BlockEngine(loop) {}
    /// No task may be unfinished.
    ~IoThreads() override;

    std::string_view name() const override { return "threads"; }
    void start(Task& task) override;

private:
    void block() override;
    void collect() override;
    void work();
    bool start_thread_if_needed();
    static bool answer_from_cache(Task& task);

    std::mutex mutex_;
    std::condition_variable work_ready_;
    std::condition_variable result_ready_;
    std::deque<Task*> queue_;   // guarded by mutex_
    std::deque<Task*> results_; // guarded by mutex_
    std::size_t idle_ = 0;      // guarded by mutex_
    bool stopping_ = false;     // guarded by mutex_

    std::array<pthread_t, kMostThreads> threads_{};
    std::size_t thread_count_ = 0; // device thread only
};

} // namespace dm::host
