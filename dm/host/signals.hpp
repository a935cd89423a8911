// Signals as ordinary events of the loop.
#pragma once

#include "dm/core/event_loop.hpp"
#include "dm/core/result.hpp"
#include "dm/core/unique_fd.hpp"

#include <functional>
#include <initializer_list>
#include <memory>
#include <vector>

namespace dm::host {

/// Calls `handler` in the device thread when one of `signals` arrives. At most one object per process, made
/// before any thread. The signals are back at their defaults when it goes.
class Signals {
public:
    static Result<std::unique_ptr<Signals>> create(EventLoop& loop, std::initializer_list<int> signals,
                                                   std::function<void(int)> handler);
    ~Signals();
    Signals(const Signals&) = delete;
    Signals& operator=(const Signals&) = delete;

private:
    Signals(EventLoop& loop, std::function<void(int)> handler) : loop_(loop), handler_(std::move(handler)) {}
    void drain();

    EventLoop& loop_;
    std::function<void(int)> handler_;
    std::vector<int> signals_;
    UniqueFd read_end_;
    UniqueFd write_end_;
};

/// Readable while a signal waits for the loop, for who has to wait before the loop runs; -1: there is no
/// Signals.
int pending_signal_fd();

/// A vanished peer or an over-long file is an error code, never a death: SIGPIPE, SIGXFSZ.
void ignore_io_signals();

} // namespace dm::host
