// Our own version, and the one of QEMU whose commands and options we follow.
#pragma once

#include <string_view>

namespace dm {

inline constexpr std::string_view kVersion = "0.1.0"; ///< as in CMakeLists.txt

/// libxl chooses commands by it: from 2.8 on `eject` with id, from 2.11 on `live` when saving.
inline constexpr unsigned kQemuMajor = 7;
inline constexpr unsigned kQemuMinor = 2;
inline constexpr unsigned kQemuMicro = 22;

} // namespace dm
