// Puts the answers to packet commands together.
#pragma once

#include "dm/core/bits.hpp"
#include "dm/devices/ide/mmc.hpp"

#include <algorithm>
#include <initializer_list>

namespace dm::mmc {

inline constexpr u32 kPregap = 150;                   // frames before LBA 0, in every MSF address
inline constexpr u32 kMostFrames = 256 * 60 * 75 - 1; // FF:3B:4A, where the form ends: DVDs are longer

struct Msf {
    u8 minute;
    u8 second;
    u8 frame;
};
constexpr Msf msf_of(u32 lba) {
    const u32 frames = lba >= kMostFrames - kPregap ? kMostFrames : lba + kPregap;
    return {static_cast<u8>(frames / 75 / 60), static_cast<u8>(frames / 75 % 60),
            static_cast<u8>(frames % 75)};
}

/// Appends to an answer, big-endian.
class Builder {
public:
    Builder& u8s(std::initializer_list<u8> bytes) {
        for (const u8 b : bytes)
            answer_.bytes[answer_.length++] = b;
        return *this;
    }
    Builder& be(u64 value, unsigned width) {
        while (width-- > 0)
            u8s({byte_of(value, width)});
        return *this;
    }
    Builder& zeros(u32 count) {
        answer_.length += count;
        return *this;
    }
    Builder& text(std::string_view value, u32 width) {
        for (u32 i = 0; i < width; ++i)
            u8s({static_cast<u8>(i < value.size() ? value[i] : ' ')});
        return *this;
    }
    /// A track address: LBA, or minutes, seconds, frames.
    Builder& address(u32 lba, bool msf) {
        if (!msf) return be(lba, 4);
        const Msf at = msf_of(lba);
        return u8s({0, at.minute, at.second, at.frame});
    }
    /// Stores `length` minus what precedes the counted part at the front.
    Answer finish(unsigned length_width, u32 not_counted) {
        for (unsigned i = 0; i < length_width; ++i)
            answer_.bytes[i] = byte_of(answer_.length - not_counted, length_width - 1 - i);
        return answer_;
    }
    Answer take() const { return answer_; }
    u32 length() const { return answer_.length; }
    u8& at(u32 i) { return answer_.bytes[i]; }

private:
    Answer answer_;
};

inline Answer refuse(const Sense& why) {
    Answer answer;
    answer.error = why;
    return answer;
}

} // namespace dm::mmc
