// DES (FIPS 46-3), one block, encryption only: what the VNC authentication is made of. Crypto libraries
// refuse it or some of its keys, and a refusal must not turn into an open door.
#pragma once

#include "dm/core/types.hpp"

#include <array>

namespace dm::vnc {

using DesBlock = std::array<u8, 8>;

/// `key`: eight bytes, the lowest bit of each is not used.
DesBlock des_encrypt(const DesBlock& key, const DesBlock& plain);

} // namespace dm::vnc
