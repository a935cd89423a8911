// Chooses what runs the machine.
#pragma once

#include "dm/core/accelerator.hpp"
#include "dm/toolstack/options.hpp"

namespace dm {

inline constexpr u64 kMebibyte = 1 << 20;

/// Where the RAM below 4 GiB ends for these options, if there is more of it.
u64 low_ram_limit(const toolstack::MachineOptions& options);

/// Errors name the option and the remedy.
Result<std::unique_ptr<Accelerator>> make_accelerator(const toolstack::MachineOptions& options);

} // namespace dm
