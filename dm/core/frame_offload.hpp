// Checksums and TCP segmentation in software: for a far end that cannot offload them, and for frames that
// never leave the card.
#pragma once

#include "dm/core/net_backend.hpp"
#include "dm/core/types.hpp"

#include <span>

namespace dm {

/// Sum of the 16-bit big-endian words (RFC 1071), folded, not inverted. A last odd byte is the high half of a
/// word.
u16 internet_sum(std::span<const u8> bytes, u16 start = 0);

/// `a` and `b` summed as internet_sum() does.
constexpr u16 add_sums(u32 a, u32 b) {
    u64 sum = u64{a} + b;
    while (sum > 0xffff)
        sum = (sum & 0xffff) + (sum >> 16);
    return static_cast<u16>(sum);
}

/// Takes frames as they go onto the wire, without FCS; they are gone when take() has returned.
class FrameSink {
public:
    virtual void take(std::span<const u8> frame) = 0;

protected:
    ~FrameSink() = default;
};

inline constexpr std::size_t kOffloadHeadersMax = 256; ///< more than any FrameOffload::header_length there is

/// Gives `wire` the frames that `frame` stands for: its checksum filled in, its TCP data cut into segments.
/// The bytes of `frame` are used up. False, and nothing was sent, when the request makes no sense: the frame
/// is lost.
bool finish_frame(std::span<u8> frame, const FrameOffload& offload, FrameSink& wire);

} // namespace dm
