// Block engine for systems without io_uring: worker threads.
#pragma once

#include "dm/host/workers.hpp"

namespace dm::host {

class IoThreads final : public BlockEngine {
public:
    /// No task may be unfinished when it goes.
    explicit IoThreads(EventLoop& loop) : BlockEngine(loop) {}

    std::string_view name() const override { return "threads"; }
    void start(Task& task) override;

private:
    void block() override;
    void collect() override;
    static bool answer_from_cache(Task& task);

    Workers workers_{[this] { post([this] { dispatch(); }); }};
};

} // namespace dm::host
