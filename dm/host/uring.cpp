#include "dm/host/uring.hpp"

#ifdef HVMDM_URING

#include "dm/core/check.hpp"
#include "dm/host/workers.hpp"

#include <algorithm>
#include <cerrno>
#include <cstring>
#include <fcntl.h>
#include <liburing.h>
#include <linux/falloc.h>

namespace dm::host {
namespace {

constexpr unsigned kEntries = 256;
constexpr unsigned kShortWhileMs = 2;

class Uring final : public BlockEngine {
public:
    explicit Uring(EventLoop& loop) : BlockEngine(loop) {}
    ~Uring() override;

    /// 0 or an errno value.
    int set_up();

    std::string_view name() const override { return "uring"; }
    void start(Task& task) override;

private:
    void block() override;
    void collect() override;
    bool queue(Task& task);
    void push();
    void reap(Task* inline_task);

    io_uring ring_{};
    bool open_ = false;
    bool push_posted_ = false;
    Workers workers_{[this] { post([this] { dispatch(); }); }}; ///< for what has no ring operation
};

Uring::~Uring() {
    if (!open_) return;
    loop().unwatch(ring_.ring_fd);
    io_uring_queue_exit(&ring_);
}

int Uring::set_up() {
    io_uring_params params{};
    params.flags = IORING_SETUP_CLAMP;
    const int error = io_uring_queue_init_params(kEntries, &ring_, &params);
    if (error < 0) return -error;
    open_ = true;
    loop().watch(ring_.ring_fd, FdEvents::Readable, [this](FdReady) { dispatch(); });
    // Without NODROP a completion could be lost; without SUBMIT_STABLE old kernels read vectors late.
    const unsigned needed = IORING_FEAT_NODROP | IORING_FEAT_SUBMIT_STABLE;
    return (params.features & needed) == needed ? 0 : ENOSYS;
}

bool moves_nothing(const BlockEngine::Task& task) {
    using Kind = BlockEngine::Task::Kind;
    return task.kind == Kind::Discard || task.kind == Kind::Zero || task.kind == Kind::ZeroUnmap;
}

/// Ioctls have none.
bool has_ring_operation(const BlockEngine::Task& task) {
    using Kind = BlockEngine::Task::Kind;
    return task.kind != Kind::Size && !(task.kind == Kind::Discard && task.device);
}

bool Uring::queue(Task& task) {
    io_uring_sqe* sqe = io_uring_get_sqe(&ring_);
    if (sqe == nullptr) {
        push();
        sqe = io_uring_get_sqe(&ring_);
    }
    if (sqe == nullptr) return false;
    const auto count = static_cast<unsigned>(std::min(task.iov.size(), kMostVectors));
    const auto allocate = [&](int mode) {
        io_uring_prep_fallocate(sqe, task.fd, mode | FALLOC_FL_KEEP_SIZE, static_cast<off_t>(task.offset),
                                static_cast<off_t>(task.length));
    };
    switch (task.kind) {
    case Task::Kind::Read: io_uring_prep_readv(sqe, task.fd, task.iov.data(), count, task.offset); break;
    case Task::Kind::Write: io_uring_prep_writev(sqe, task.fd, task.iov.data(), count, task.offset); break;
    case Task::Kind::Sync: io_uring_prep_fsync(sqe, task.fd, IORING_FSYNC_DATASYNC); break;
    case Task::Kind::Zero: allocate(FALLOC_FL_ZERO_RANGE); break;
    case Task::Kind::Discard: // of a file
    case Task::Kind::ZeroUnmap: allocate(FALLOC_FL_PUNCH_HOLE); break;
    case Task::Kind::Size: io_uring_prep_nop(sqe); break; // the workers' own
    }
    io_uring_sqe_set_data(sqe, &task);
    return true;
}

/// Hands the queue to the kernel. What it does not take now, for want of memory, it is offered again.
void Uring::push() {
    int result = 0;
    do {
        result = io_uring_submit(&ring_);
    } while (result == -EINTR);
    if (io_uring_sq_ready(&ring_) == 0 || std::exchange(push_posted_, true)) return;
    post([this] {
        push_posted_ = false;
        push();
        reap(nullptr);
    });
}

void Uring::start(Task& task) {
    if (!has_ring_operation(task) && workers_.give(task)) return;
    if (!has_ring_operation(task) || !queue(task)) {
        task.result = perform(task);
        task.done(task);
        return;
    }
    push();
    reap(&task); // what the page cache holds is done already
}

/// Takes completions off the ring. `inline_task` is reported at once, all others from the loop.
void Uring::reap(Task* inline_task) {
    bool inline_done = false;
    io_uring_cqe* cqe = nullptr;
    while (io_uring_peek_cqe(&ring_, &cqe) == 0 && cqe != nullptr) {
        auto* task = static_cast<Task*>(io_uring_cqe_get_data(cqe));
        task->result = cqe->res;
        io_uring_cqe_seen(&ring_, cqe);
        // No worker could be started (RLIMIT_NPROC) or none was willing: the request must not get lost.
        if (task->result == -EAGAIN || task->result == -ECANCELED) task->result = perform(*task);
        // As medium_ops says it. The ring's own EINVAL: a kernel without the operation.
        if (moves_nothing(*task) && (task->result == -EINVAL || task->result == -ENOTTY))
            task->result = -EOPNOTSUPP;
        if (task == inline_task)
            inline_done = true;
        else
            finished(*task);
    }
    if (inline_done) inline_task->done(*inline_task);
}

void Uring::collect() {
    for (Task* task : workers_.take())
        finished(*task);
    reap(nullptr);
}

void Uring::block() {
    // Nothing tells of ring and workers both; the caller comes again until it has what it waits for.
    if (workers_.outstanding() > 0) return workers_.wait(kShortWhileMs);
    const int result = io_uring_submit_and_wait(&ring_, 1);
    // Interrupted, or the kernel wants its completions taken first: the caller collects and comes again.
    DM_CHECK(result >= 0 || result == -EINTR || result == -EAGAIN || result == -EBUSY);
}

} // namespace

Result<std::unique_ptr<BlockEngine>> make_uring(EventLoop& loop) {
    auto uring = std::make_unique<Uring>(loop);
    if (const int error = uring->set_up(); error != 0)
        return fail("no io_uring here ({})", std::strerror(error));
    return std::unique_ptr<BlockEngine>(std::move(uring));
}

} // namespace dm::host

#else

namespace dm::host {

Result<std::unique_ptr<BlockEngine>> make_uring(EventLoop&) {
    return fail("built without io_uring");
}

} // namespace dm::host

#endif
