// Where the values of a saved state are, among the names, kinds and lengths that describe them: what is bent
// there is another state more often than no state at all. The format is dm/core/state.hpp's.
#pragma once

#include "dm/core/types.hpp"

#include <cstddef>
#include <span>
#include <vector>

namespace dm::test {

/// Offsets of the bytes of all numbers, and of the first and last few of each buffer or list.
std::vector<std::size_t> value_places(std::span<const u8> image);
/// Those, and of all names, kinds and lengths: every byte of the image but those amid buffers and lists.
std::vector<std::size_t> telling_places(std::span<const u8> image);

} // namespace dm::test
