// Compresses and writes blocks in a thread of its own, so that the device thread never waits for a disk.
#pragma once

#include "dm/core/log.hpp"
#include "dm/core/unique_fd.hpp"
#include "dm/replay/blocks.hpp"

#include <atomic>
#include <chrono>
#include <condition_variable>
#include <deque>
#include <functional>
#include <mutex>
#include <optional>
#include <string>
#include <thread>

namespace dm::replay {

class Writer {
public:
    /// Creates the file, for its owner alone: it holds what the guest typed and wrote. `%p` in `path` becomes
    /// the process id: a guest that restarts is another process.
    static Result<std::unique_ptr<Writer>> create(const std::string& path);
    /// Waits until everything is written.
    ~Writer();
    Writer(const Writer&) = delete;
    Writer& operator=(const Writer&) = delete;

    void put(const BlockInfo& info, std::vector<u8> payload);
    /// Has the writer's thread call `remind` once, `kPatience` after the first of these calls. A timer of the
    /// device thread would make each of its rounds ask for the time and set an alarm.
    void remind_later();
    void set_reminder(std::function<void()> remind);
    static constexpr std::chrono::milliseconds kPatience{1000};
    /// Nothing more will be written: the disk is full or far too slow. The log has said so.
    bool failed() const { return failed_.load(std::memory_order_relaxed); }

private:
    static constexpr std::size_t kMostWaiting = 64 << 20; ///< bytes of payload

    struct Job {
        BlockInfo info;
        std::vector<u8> payload;
    };

    Writer(std::string path, UniqueFd file);
    void work();
    void remind_if_due(std::unique_lock<std::mutex>& lock);
    void write_block(std::span<const u8> block);
    void give_up(std::string_view why);

    std::string path_;
    UniqueFd file_;
    BlockPacker packer_;
    u64 written_ = 0; ///< bytes, all of whole blocks
    std::atomic<bool> failed_ = false;
    Log log_{"record"};

    std::mutex mutex_;
    std::condition_variable wake_;
    std::deque<Job> jobs_;
    std::size_t waiting_ = 0;
    bool ending_ = false;
    std::function<void()> remind_;
    std::optional<std::chrono::steady_clock::time_point> remind_at_;
    std::thread thread_; // last: uses the others
};

} // namespace dm::replay
