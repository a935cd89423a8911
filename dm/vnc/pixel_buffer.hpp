// The pixels that the device thread draws and the viewers' threads read: reserved once, for the largest mode,
// in rows of a fixed length. A mode change neither frees nor moves a pixel under a thread that is reading.
#pragma once

#include "dm/core/result.hpp"
#include "dm/core/types.hpp"

#include <cstddef>

namespace dm::vnc {

class PixelBuffer {
public:
    static constexpr unsigned kMaxWidth = 2560;
    static constexpr unsigned kMaxHeight = 1600;
    static constexpr std::size_t kBytes = std::size_t{kMaxWidth} * kMaxHeight * sizeof(u32);

    /// Address space only; memory comes with what is drawn.
    static Result<PixelBuffer> reserve();
    PixelBuffer(PixelBuffer&& other) noexcept;
    PixelBuffer& operator=(PixelBuffer&&) = delete;
    ~PixelBuffer();

    u32* pixels() const { return pixels_; }
    /// Gives the memory back; what was drawn is lost.
    void release();

private:
    explicit PixelBuffer(u32* pixels) : pixels_(pixels) {}
    u32* pixels_;
};

} // namespace dm::vnc
