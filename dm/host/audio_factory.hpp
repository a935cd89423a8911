// From `-audiodev` to a back end.
#pragma once

#include "dm/core/audio_backend.hpp"
#include "dm/core/audio_options.hpp"
#include "dm/core/clock.hpp"
#include "dm/core/result.hpp"

#include <memory>

namespace dm::host {

/// Null: the sound goes nowhere. `timers` are the host's. Errors name the option.
Result<std::unique_ptr<AudioBackend>> make_audio_backend(const AudioOptions& options, TimerQueue& timers);

} // namespace dm::host
