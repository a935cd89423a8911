// Block engine on Linux' io_uring: one ring for all disks, one system call per request.
#pragma once

#include "dm/host/block_engine.hpp"

namespace dm::host {

/// An error where the system has no io_uring, or forbids it.
Result<std::unique_ptr<BlockEngine>> make_uring(EventLoop& loop);

} // namespace dm::host
