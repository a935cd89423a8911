// From `-serial` and `-chardev` to the back end that serves it.
#pragma once

#include "dm/core/char_backend.hpp"
#include "dm/core/char_options.hpp"
#include "dm/core/event_loop.hpp"
#include "dm/core/result.hpp"

#include <memory>

namespace dm::host {

/// Opens everything that the back end will ever need. The loop must outlive it.
Result<std::unique_ptr<CharBackend>> make_char_backend(EventLoop& loop, const CharOptions& options);

} // namespace dm::host
