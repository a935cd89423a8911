// Guest RAM as devices reach it. DMA can touch RAM only: an address that is not RAM (a hole, a ballooned
// page, another device's registers) reads as ones and swallows writes, as on a bus where nothing answers.
#pragma once

#include "dm/core/types.hpp"

#include <span>
#include <utility>

namespace dm {

enum class DmaDirection : u8 {
    FromGuest, ///< the device reads guest RAM
    ToGuest,   ///< the device writes guest RAM
};

class GuestMemory {
public:
    virtual ~GuestMemory() = default;

    /// Host view of guest RAM from `addr` on: at most `length` bytes, fewer where the mapping ends, none
    /// where there is no RAM. Valid until the device thread takes its next request; use Pin for longer. What
    /// is read through it may change at any time: copy before judging.
    virtual std::span<u8> view(GuestPhys addr, u64 length) = 0;

    /// Must be called after writing through view() or a Pin: live migration copies only what it is told.
    virtual void wrote(GuestPhys addr, u64 length) = 0;

    // Both are made of view(); a memory that keeps account of what devices read overrides them.

    /// Copies out of guest RAM; parts that are not RAM read as 0xff.
    virtual void read(GuestPhys addr, std::span<u8> out);
    /// Copies into guest RAM; parts that are not RAM are dropped.
    virtual void write(GuestPhys addr, std::span<const u8> in);

protected:
    friend class Pin;
    /// Like view(), but the mapping stays until unpin(): for requests in flight.
    virtual std::span<u8> pin(GuestPhys addr, u64 length) = 0;
    virtual void unpin(GuestPhys addr, std::span<u8> bytes) = 0;
};

/// A piece of guest RAM that stays mapped while a request is in flight. Marks it written when the direction
/// says so.
class Pin {
public:
    Pin() = default;
    Pin(GuestMemory& memory, GuestPhys addr, u64 length, DmaDirection direction)
        : memory_(&memory), addr_(addr), bytes_(memory.pin(addr, length)), direction_(direction) {}
    Pin(Pin&& other) noexcept { swap(other); }
    Pin& operator=(Pin&& other) noexcept {
        swap(other);
        return *this;
    }
    ~Pin() {
        if (bytes_.empty()) return;
        if (direction_ == DmaDirection::ToGuest) memory_->wrote(addr_, bytes_.size());
        memory_->unpin(addr_, bytes_);
    }

    /// Shorter than asked where the mapping ends, empty where there is no RAM.
    std::span<u8> bytes() const { return bytes_; }

private:
    void swap(Pin& other) noexcept {
        std::swap(memory_, other.memory_);
        std::swap(addr_, other.addr_);
        std::swap(bytes_, other.bytes_);
        std::swap(direction_, other.direction_);
    }

    GuestMemory* memory_ = nullptr;
    GuestPhys addr_ = 0;
    std::span<u8> bytes_;
    DmaDirection direction_ = DmaDirection::FromGuest;
};

} // namespace dm
