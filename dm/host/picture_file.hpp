// A picture as a file that people's programs open.
#pragma once

#include "dm/core/result.hpp"
#include "dm/core/types.hpp"
#include "dm/core/unique_fd.hpp"

#include <span>
#include <string>

namespace dm::host {

enum class PictureFormat : u8 { Ppm, Png };

/// Pixels as a Surface has them, without gaps between rows.
struct Picture {
    unsigned width = 0;
    unsigned height = 0;
    std::span<const u32> pixels; ///< 0x00RRGGBB
};

/// `fd`: where the picture goes; empty: `path` is created, or made empty. Errors name the file. What could
/// not be finished is removed again where it was created here.
Status write_picture(const Picture& picture, PictureFormat format, const std::string& path, UniqueFd fd);

} // namespace dm::host
