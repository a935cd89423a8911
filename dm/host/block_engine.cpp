#include "dm/host/block_engine.hpp"

#include "dm/core/log.hpp"
#include "dm/host/io_threads.hpp"
#include "dm/host/medium_ops.hpp"
#include "dm/host/uring.hpp"

#include <algorithm>
#include <cerrno>
#include <cstdlib>
#include <unistd.h>

namespace dm::host {

BlockEngine::BlockEngine(EventLoop& loop) : loop_(loop) {}

BlockEngine::~BlockEngine() {
    *alive_ = false;
}

void BlockEngine::post(std::function<void()> task) {
    loop_.post([alive = alive_, task = std::move(task)] {
        if (*alive) task();
    });
}

void BlockEngine::finished(Task& task) {
    finished_.push_back(&task);
    if (dispatching_ || std::exchange(dispatch_posted_, true)) return;
    post([this] {
        dispatch_posted_ = false;
        dispatch();
    });
}

void BlockEngine::dispatch() {
    dispatching_ = true;
    collect();
    while (!finished_.empty()) {
        Task* task = finished_.front();
        finished_.pop_front();
        task->done(*task);
    }
    dispatching_ = false;
}

void BlockEngine::wait(const void* owner) {
    const auto ours = [owner](const Task* task) { return task->owner == owner; };
    bool any = false;
    while (true) {
        collect();
        auto it = std::find_if(finished_.begin(), finished_.end(), ours);
        while (it != finished_.end()) {
            any = true;
            Task* task = *it;
            finished_.erase(it);
            task->done(*task);
            it = std::find_if(finished_.begin(), finished_.end(), ours);
        }
        if (any) return;
        block();
    }
}

s64 BlockEngine::perform(const Task& task) {
    const int count = static_cast<int>(std::min(task.iov.size(), kMostVectors));
    const auto offset = static_cast<off_t>(task.offset);
    while (true) {
        ssize_t result = 0;
        switch (task.kind) {
        case Task::Kind::Read: result = ::preadv(task.fd, task.iov.data(), count, offset); break;
        case Task::Kind::Write: result = ::pwritev(task.fd, task.iov.data(), count, offset); break;
        case Task::Kind::Sync: result = ::fdatasync(task.fd); break;
        case Task::Kind::Discard: return medium_ops::discard(task.fd, task.device, task.offset, task.length);
        case Task::Kind::Zero: return medium_ops::zero(task.fd, task.device, task.offset, task.length, false);
        case Task::Kind::ZeroUnmap:
            return medium_ops::zero(task.fd, task.device, task.offset, task.length, true);
        case Task::Kind::Size: return medium_ops::size(task.fd, task.device);
        }
        if (result >= 0) return result;
        if (errno != EINTR) return -errno;
    }
}

Result<std::unique_ptr<BlockEngine>> make_block_engine(EventLoop& loop, BlockEngineKind kind) {
    if (const char* wish = std::getenv("HVMDM_BLOCK_ENGINE")) {
        const std::string_view name = wish;
        if (name == "uring")
            kind = BlockEngineKind::Uring;
        else if (name == "threads")
            kind = BlockEngineKind::Threads;
        else
            return fail("HVMDM_BLOCK_ENGINE={}: there are \"uring\" and \"threads\"", name);
    }
    if (kind != BlockEngineKind::Threads) {
        Result<std::unique_ptr<BlockEngine>> uring = make_uring(loop);
        if (uring.ok() || kind == BlockEngineKind::Uring) return uring;
        Log("block").info("{}; threads serve the disks", uring.error().message);
    }
    return std::unique_ptr<BlockEngine>(std::make_unique<IoThreads>(loop));
}

} // namespace dm::host
