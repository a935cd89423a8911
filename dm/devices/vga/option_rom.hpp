// A ROM BAR's content.
#pragma once

#include "dm/core/io_space.hpp"

#include <algorithm>
#include <bit>
#include <cstring>
#include <span>
#include <vector>

namespace dm {

class OptionRom final : public IoHandler {
public:
    static constexpr u64 kLeast = 2048; ///< bytes of a ROM BAR

    /// Padded to a size that a BAR can have; an empty image stays empty.
    void set(std::vector<u8> image) {
        image_ = std::move(image);
        if (!image_.empty()) image_.resize(std::bit_ceil(std::max<u64>(image_.size(), kLeast)), 0xff);
    }
    u64 size() const { return image_.size(); }

    u64 read(u64 offset, unsigned size) override {
        u64 value = 0;
        for (unsigned i = 0; i < size; ++i)
            value |= u64{image_[offset + i]} << (8 * i);
        return value;
    }
    void write(u64, unsigned, u64) override {}
    void read_span(u64 offset, unsigned, std::span<u8> bytes) override {
        std::memcpy(bytes.data(), image_.data() + offset, bytes.size());
    }

private:
    std::vector<u8> image_;
};

} // namespace dm
