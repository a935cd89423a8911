#include "dm/devices/net/ethernet.hpp"

#include <zlib.h>

namespace dm::ethernet {

u32 check_sequence(std::span<const u8> bytes, u32 so_far) {
    return static_cast<u32>(::crc32(so_far, bytes.data(), static_cast<uInt>(bytes.size())));
}

} // namespace dm::ethernet
