#include "dm/host/signals.hpp"

#include <array>
#include <atomic>
#include <cerrno>
#include <csignal>
#include <cstring>
#include <fcntl.h>

namespace dm::host {
namespace {

std::atomic<int> signal_pipe{-1};
std::atomic<int> pending_signals{-1}; ///< the other end

extern "C" void forward_signal(int number) {
    const int saved = errno;
    const auto byte = static_cast<unsigned char>(number);
    [[maybe_unused]] const auto written = ::write(signal_pipe.load(), &byte, 1);
    errno = saved;
}

} // namespace

Result<std::unique_ptr<Signals>> Signals::create(EventLoop& loop, std::initializer_list<int> signals,
                                                 std::function<void(int)> handler) {
    std::array<int, 2> ends{};
    if (::pipe2(ends.data(), O_CLOEXEC | O_NONBLOCK) != 0)
        return fail("pipe for signals: {}", std::strerror(errno));
    std::unique_ptr<Signals> self(new Signals(loop, std::move(handler)));
    self->read_end_.reset(ends[0]);
    self->write_end_.reset(ends[1]);
    signal_pipe = ends[1];
    pending_signals = ends[0];
    Signals* raw = self.get();
    loop.watch(ends[0], FdEvents::Readable, [raw](FdReady) { raw->drain(); });
    struct sigaction action {};
    action.sa_handler = forward_signal;
    action.sa_flags = SA_RESTART;
    for (const int number : signals) {
        if (::sigaction(number, &action, nullptr) != 0)
            return fail("signal {}: {}", number, std::strerror(errno));
        self->signals_.push_back(number);
    }
    return self;
}

Signals::~Signals() {
    for (const int number : signals_)
        static_cast<void>(std::signal(number, SIG_DFL));
    signal_pipe = -1;
    pending_signals = -1;
    loop_.unwatch(read_end_.get());
}

void Signals::drain() {
    std::array<unsigned char, 16> numbers{};
    for (;;) {
        const auto n = ::read(read_end_.get(), numbers.data(), numbers.size());
        if (n <= 0) return;
        for (std::size_t i = 0; i < static_cast<std::size_t>(n); ++i)
            handler_(numbers[i]);
    }
}

int pending_signal_fd() {
    return pending_signals;
}

void ignore_io_signals() {
    static_cast<void>(std::signal(SIGPIPE, SIG_IGN)); // only an unknown number could fail
    static_cast<void>(std::signal(SIGXFSZ, SIG_IGN));
}

} // namespace dm::host
