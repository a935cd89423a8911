// A back end of sound cards that remembers what it heard.
#pragma once

#include "dm/core/audio_backend.hpp"

#include <vector>

namespace dm::test {

class FakeAudio final : public AudioBackend {
public:
    void play(const PcmFormat& format, std::span<const u8> frames) override {
        total += frames.size();
        uneven = uneven || frames.empty() || frames.size() % format.frame_bytes() != 0;
        last = format;
        if (heard.size() + frames.size() <= keep) heard.insert(heard.end(), frames.begin(), frames.end());
    }
    std::string description() const override { return "fake"; }

    std::vector<u8> heard;
    PcmFormat last;
    u64 total = 0;       ///< bytes
    bool uneven = false; ///< there was something else than whole frames
    std::size_t keep = std::size_t{1} << 20;
};

} // namespace dm::test
