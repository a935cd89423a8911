// A machine's saved state as a file: the devices' image (dm/core/state.hpp), what the machine itself must
// remember, and a checksum. The state of the guest's CPUs and its memory, video memory included, are the
// toolstack's to save.
//
//     file = "HVMDM-SZ", u32 length of the image, the image deflated (zlib's format), u32 CRC-32 (as zlib
//            computes it) of all that; or, from earlier versions, image, u32 CRC-32
//
// Numbers are little-endian. Deflated because names and unused buffers are most of an image.
#pragma once

#include "dm/core/fields.hpp"
#include "dm/core/result.hpp"
#include "dm/core/types.hpp"

#include <span>
#include <string_view>
#include <vector>

namespace dm {

/// More than any machine has: what is longer is no saved state.
inline constexpr std::size_t kLargestSavedState = 16U << 20;

/// The section "machine".
struct MachineState {
    u64 now_ns = 0; ///< machine time, which the devices' deadlines refer to

    static constexpr void fields(auto&& v, auto& s) { v("now_ns", s.now_ns); }
};
static_assert(covers_every_field<MachineState>);

/// Writes the file; how many bytes it has. The error is the host's.
Result<std::size_t> write_saved(int fd, std::span<const u8> image);

struct SavedImage {
    std::vector<u8> bytes;
    std::size_t file_size = 0; ///< bytes, of the file that it was in
};

/// Reads to the end of the file and gives the image, whose checksum is right. Errors say what is wrong with
/// it and start with `where`.
Result<SavedImage> read_saved(int fd, std::string_view where);

} // namespace dm
