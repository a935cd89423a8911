#include "dm/xen/pv/io_buffers.hpp"

#include "dm/core/check.hpp"

#include <bit>
#include <new>

namespace dm::xen {
namespace {

constexpr std::align_val_t kAlignment{kPageSize};

constexpr u64 size_of_class(unsigned index) {
    return kPageSize << index;
}

} // namespace

void IoBuffers::Free::operator()(u8* p) const {
    ::operator delete[](p, kAlignment);
}

unsigned IoBuffers::class_of(u32 bytes) {
    DM_CHECK(bytes > 0 && bytes <= kLargest);
    return static_cast<unsigned>(std::bit_width((bytes - 1) >> kPageShift));
}

u32 IoBuffers::rounded(u32 bytes) {
    return static_cast<u32>(size_of_class(class_of(bytes)));
}

IoBuffers::Memory IoBuffers::take(u32 bytes) {
    const unsigned index = class_of(bytes);
    if (free_[index].empty())
        return Memory(static_cast<u8*>(::operator new[](size_of_class(index), kAlignment)));
    Memory memory = std::move(free_[index].back());
    free_[index].pop_back();
    kept_ -= size_of_class(index);
    return memory;
}

void IoBuffers::give(Memory memory, u32 bytes) {
    const unsigned index = class_of(bytes);
    if (kept_ + size_of_class(index) > kKeptBusy) return; // freed
    kept_ += size_of_class(index);
    free_[index].push_back(std::move(memory));
}

void IoBuffers::trim() {
    for (unsigned index = kClasses; index-- > 0 && kept_ > kKeptIdle;)
        while (!free_[index].empty() && kept_ > kKeptIdle) {
            free_[index].pop_back();
            kept_ -= size_of_class(index);
        }
}

} // namespace dm::xen
