#include "dm/qtest/ram.hpp"

#include <algorithm>
#include <cerrno>
#include <cstring>
#include <sys/mman.h>

namespace dm::qtest {

Result<std::unique_ptr<Ram>> Ram::create(u64 bytes, u64 low_limit) {
    void* const memory =
        ::mmap(nullptr, bytes, PROT_READ | PROT_WRITE, MAP_PRIVATE | MAP_ANONYMOUS | MAP_NORESERVE, -1, 0);
    if (memory == MAP_FAILED)
        return fail("-m: {} bytes of guest memory cannot be had: {}", bytes, std::strerror(errno));
    return std::unique_ptr<Ram>(new Ram(static_cast<u8*>(memory), bytes, std::min(bytes, low_limit)));
}

Ram::~Ram() {
    ::munmap(bytes_, size_);
}

std::span<u8> Ram::view(GuestPhys addr, u64 length) {
    if (addr < low_) return {bytes_ + addr, std::min(length, low_ - addr)};
    if (addr < kHighBase) return {};
    const u64 at = addr - kHighBase;
    const u64 high = size_ - low_;
    if (at >= high) return {};
    return {bytes_ + low_ + at, std::min(length, high - at)};
}

} // namespace dm::qtest
