// Names of keys as QEMU's monitors use them (QAPI: QKeyCode, of a US keyboard).
#pragma once

#include "dm/core/input.hpp"

#include <optional>
#include <string_view>

namespace dm::toolstack {

/// "ctrl", "delete", "kp_enter"; nothing: there is no such key.
std::optional<KeyCode> key_named(std::string_view name);

} // namespace dm::toolstack
