// Where a sound card's samples go.
#pragma once

#include "dm/core/types.hpp"

#include <span>
#include <string>

namespace dm {

/// How the samples of one stream look: little endian, the channels of a frame one after the other.
struct PcmFormat {
    enum class Sample : u8 { U8, S8, U16, S16, S32 };
    u32 rate = 48000; ///< frames a second
    u8 channels = 2;
    Sample sample = Sample::S16;
    bool operator==(const PcmFormat&) const = default;

    constexpr u32 sample_bytes() const { return sample <= Sample::S8 ? 1 : sample <= Sample::S16 ? 2 : 4; }
    constexpr u32 frame_bytes() const { return sample_bytes() * channels; }
};

/// A card paces its streams itself, by machine time, so that a guest sees the same with every back end, and
/// gives here what it has fetched. Called in the device thread; never blocks; errors are the back end's to
/// log.
class AudioBackend {
public:
    virtual ~AudioBackend() = default;
    /// Whole frames of what one of the card's converters plays now.
    virtual void play(const PcmFormat& format, std::span<const u8> frames) = 0;
    /// As messages name it: "none", "wav:/tmp/x.wav".
    virtual std::string description() const = 0;
};

} // namespace dm
