// Puts a command's answer together, big-endian, in the buffer of the bus.
#pragma once

#include "dm/core/bits.hpp"
#include "dm/devices/scsi/scsi_target.hpp"

#include <algorithm>
#include <initializer_list>
#include <string_view>

namespace dm {

/// What does not fit is dropped; no answer of ours comes near the end.
class ScsiReply {
public:
    explicit ScsiReply(std::span<u8> buffer) : buffer_(buffer) {}

    ScsiReply& u8s(std::initializer_list<u8> bytes) {
        for (const u8 b : bytes)
            if (length_ < buffer_.size()) buffer_[length_++] = b;
        return *this;
    }
    ScsiReply& be(u64 value, unsigned width) {
        while (width-- > 0)
            u8s({byte_of(value, width)});
        return *this;
    }
    ScsiReply& zeros(u32 count) {
        while (count-- > 0)
            u8s({0});
        return *this;
    }
    /// Padded with blanks, or cut.
    ScsiReply& text(std::string_view value, std::size_t width) {
        for (std::size_t i = 0; i < width; ++i)
            u8s({static_cast<u8>(i < value.size() ? value[i] : ' ')});
        return *this;
    }
    ScsiReply& bytes(std::span<const u8> given) {
        for (const u8 b : given)
            u8s({b});
        return *this;
    }
    /// Stores at `at`, `width` bytes wide, how many bytes follow the first `not_counted`.
    ScsiReply& count(std::size_t at, unsigned width, std::size_t not_counted) {
        for (unsigned i = 0; i < width; ++i)
            buffer_[at + i] = byte_of(length_ - not_counted, width - 1 - i);
        return *this;
    }
    std::size_t length() const { return length_; }
    u8& at(std::size_t i) { return buffer_[i]; }

    /// Cut to what the initiator has room for.
    ScsiAction take(u64 allocation) const {
        const u64 size = std::min<u64>(length_, allocation);
        return size == 0 ? ScsiAction::good() : ScsiAction::reply(size);
    }

private:
    std::span<u8> buffer_;
    std::size_t length_ = 0;
};

} // namespace dm
