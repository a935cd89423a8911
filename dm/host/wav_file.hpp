// `-audiodev wav`: what a guest plays, as a RIFF file ("Multimedia Programming Interface and Data
// Specifications 1.0", chapter 3).
//
// The file's format is that of the first stream; what comes later in another one is converted, each sample
// being the nearest one in time. Streams that play at once stand one after the other in it. The sizes in its
// header are those of what is in it at all times: whoever kills the process has a file that can be played, at
// most kLateNs shorter than what was heard.
#pragma once

#include "dm/core/audio_backend.hpp"
#include "dm/core/clock.hpp"
#include "dm/core/log.hpp"
#include "dm/core/result.hpp"
#include "dm/core/unique_fd.hpp"

#include <memory>
#include <optional>
#include <vector>

namespace dm::host {

class WavFile final : public AudioBackend {
public:
    static constexpr u64 kLateNs = 100 * kMillisecond;
    static constexpr std::size_t kBuffered = std::size_t{64} << 10;
    static constexpr u64 kHeaderBytes = 44;
    /// Of samples; a RIFF file can have no more than 4 GiB.
    static constexpr u64 kMostBytes = 0xffffffff - kHeaderBytes;

    /// Makes the file empty. `timers` are the host's. Errors name `option` and the path.
    static Result<std::unique_ptr<AudioBackend>> open(const std::string& option, const std::string& path,
                                                      TimerQueue& timers);
    /// `most`: as kMostBytes; less in tests.
    WavFile(UniqueFd fd, std::string path, TimerQueue& timers, u64 most = kMostBytes);
    ~WavFile() override { flush(); }

    void play(const PcmFormat& format, std::span<const u8> frames) override;
    std::string description() const override { return "wav:" + path_; }

private:
    void convert(const PcmFormat& from, std::span<const u8> frames);
    void add_frame(const PcmFormat& from, const u8* frame);
    void flush();
    bool write_header();
    void give_up(std::string_view why);

    UniqueFd fd_;
    std::string path_;
    TimerQueue& timers_;
    u64 most_;
    Log log_{"audio"};
    std::optional<PcmFormat> format_; ///< of the file; nothing before the first stream
    PcmFormat source_;                ///< of the stream that is being converted
    u64 phase_ = 0;                   ///< of its conversion, in parts of source_.rate * format_->rate
    std::vector<u8> waiting_;         ///< not in the file yet
    u64 written_ = 0;                 ///< bytes of samples in the file
    bool full_ = false;               ///< or its disk is: said, and nothing is written any more
    Timer timer_;
};

} // namespace dm::host
