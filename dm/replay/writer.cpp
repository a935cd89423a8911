#include "dm/replay/writer.hpp"

#include <cerrno>
#include <cstring>
#include <fcntl.h>
#include <unistd.h>

namespace dm::replay {
namespace {

std::string with_process_id(std::string path) {
    if (const std::size_t at = path.find("%p"); at != std::string::npos)
        path.replace(at, 2, fmt::to_string(::getpid()));
    return path;
}

/// 0 or an errno value.
int write_all(int fd, std::span<const u8> bytes) {
    while (!bytes.empty()) {
        const ssize_t n = ::write(fd, bytes.data(), bytes.size());
        if (n < 0 && errno == EINTR) continue;
        if (n <= 0) return n < 0 ? errno : ENOSPC;
        bytes = bytes.subspan(static_cast<std::size_t>(n));
    }
    return 0;
}

} // namespace

Result<std::unique_ptr<Writer>> Writer::create(const std::string& path) {
    const std::string name = with_process_id(path);
    UniqueFd file(::open(name.c_str(), O_WRONLY | O_CREAT | O_TRUNC | O_CLOEXEC | O_NOCTTY, 0600));
    if (!file) return fail("-hvmdm-record {}: {}", name, std::strerror(errno));
    if (const int error = write_all(file.get(), file_header()); error != 0)
        return fail("-hvmdm-record {}: {}", name, std::strerror(error));
    return std::unique_ptr<Writer>(new Writer(name, std::move(file)));
}

Writer::Writer(std::string path, UniqueFd file)
    : path_(std::move(path)), file_(std::move(file)), written_(kFileHeaderSize), thread_([this] { work(); }) {
}

Writer::~Writer() {
    {
        const std::lock_guard lock(mutex_);
        ending_ = true;
    }
    wake_.notify_one();
    thread_.join();
}

void Writer::put(const BlockInfo& info, std::vector<u8> payload) {
    if (failed()) return;
    {
        const std::lock_guard lock(mutex_);
        if (waiting_ + payload.size() > kMostWaiting) return give_up("the disk cannot keep up");
        waiting_ += payload.size();
        jobs_.push_back({info, std::move(payload)});
    }
    wake_.notify_one();
}

void Writer::set_reminder(std::function<void()> remind) {
    const std::lock_guard lock(mutex_);
    remind_ = std::move(remind);
}

void Writer::remind_later() {
    {
        const std::lock_guard lock(mutex_);
        if (remind_at_) return;
        remind_at_ = std::chrono::steady_clock::now() + kPatience;
    }
    wake_.notify_one();
}

void Writer::remind_if_due(std::unique_lock<std::mutex>& lock) {
    if (!remind_at_ || std::chrono::steady_clock::now() < *remind_at_) return;
    remind_at_.reset();
    const std::function<void()> remind = remind_;
    lock.unlock();
    if (remind) remind();
    lock.lock();
}

void Writer::work() {
    std::unique_lock lock(mutex_);
    for (;;) {
        const auto has_work = [this] { return ending_ || !jobs_.empty(); };
        if (remind_at_)
            wake_.wait_until(lock, *remind_at_, has_work);
        else
            wake_.wait(lock, [&] { return has_work() || remind_at_; });
        remind_if_due(lock);
        if (jobs_.empty() && ending_) return;
        if (jobs_.empty()) continue;
        Job job = std::move(jobs_.front());
        jobs_.pop_front();
        waiting_ -= job.payload.size();
        lock.unlock();
        if (!failed()) write_block(packer_.pack(job.info, std::move(job.payload)));
        lock.lock();
    }
}

/// A block that does not fit is taken back: the file ends with a whole one.
void Writer::write_block(std::span<const u8> block) {
    const int error = write_all(file_.get(), block);
    if (error == 0) {
        written_ += block.size();
        return;
    }
    [[maybe_unused]] const int cut = ::ftruncate(file_.get(), static_cast<off_t>(written_));
    give_up(std::strerror(error));
}

void Writer::give_up(std::string_view why) {
    if (failed_.exchange(true)) return;
    log_.error("recording to {} stops: {}; the guest goes on", path_, why);
}

} // namespace dm::replay
