#include "dm/vnc/pixel_buffer.hpp"

#include <cerrno>
#include <cstring>
#include <sys/mman.h>
#include <utility>

namespace dm::vnc {

Result<PixelBuffer> PixelBuffer::reserve() {
    int flags = MAP_PRIVATE | MAP_ANONYMOUS;
#ifdef MAP_NORESERVE
    flags |= MAP_NORESERVE;
#endif
    void* const at = mmap(nullptr, kBytes, PROT_READ | PROT_WRITE, flags, -1, 0);
    if (at == MAP_FAILED)
        return fail("-vnc: no {} MiB of address space for the screen: {}", kBytes >> 20,
                    std::strerror(errno));
    return PixelBuffer(static_cast<u32*>(at));
}

PixelBuffer::PixelBuffer(PixelBuffer&& other) noexcept : pixels_(std::exchange(other.pixels_, nullptr)) {}

PixelBuffer::~PixelBuffer() {
    if (pixels_ != nullptr) munmap(pixels_, kBytes);
}

void PixelBuffer::release() {
    madvise(pixels_, kBytes, MADV_DONTNEED);
}

} // namespace dm::vnc
