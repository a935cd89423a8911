// The memory of a request to a disk as a recording names it: pieces of guest memory by their address, the
// board's own buffers by what is in them when it is written.
//
//     segments = (number length << 1 | own, own ? u32 checksum (writes only) : number address)*
#pragma once

#include "dm/core/block_backend.hpp"

#include <functional>
#include <optional>
#include <span>
#include <string>
#include <vector>

namespace dm::replay {

/// Where in guest memory a host address is; nothing: it is the board's own.
using Locate = std::function<std::optional<GuestPhys>(const void* at, std::size_t length)>;

struct Segments {
    std::vector<u8> text;
    u64 bytes = 0;
    bool all_own = true; ///< no part of it is guest memory
};

Segments describe_segments(const BlockIo& io, const Locate& locate);
/// Record::size of Kind::Submit. Operations beyond the fourth have bit 7, so that older recordings stay
/// readable.
u8 submit_code(unsigned disk, BlockIo::Op op);
unsigned submit_disk(u8 code);
BlockIo::Op submit_op(u8 code);

/// For people: "1000+512, own 512 (crc 1234abcd)".
std::string segments_text(std::span<const u8> text, bool writes);

} // namespace dm::replay
