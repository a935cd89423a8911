// Option ROMs come from the distribution's packages: where they lie, and whether what lies there is one.
#pragma once

#include "dm/core/result.hpp"
#include "dm/core/types.hpp"

#include <string>
#include <string_view>
#include <vector>

namespace dm::firmware {

/// Folders that packages put ROMs in, on Debian and FreeBSD.
std::vector<std::string> default_directories();

/// Reads ROM `name` ("vgabios-stdvga.bin") from the first of `directories` that has it, padded with zeros to
/// a power of two so that it fits a ROM BAR. The error names the file and the package that brings it.
Result<std::vector<u8>> load_rom(std::string_view name, const std::vector<std::string>& directories);

} // namespace dm::firmware
