#include "dm/host/wav_file.hpp"

#include <algorithm>
#include <array>
#include <cerrno>
#include <cstring>
#include <fcntl.h>
#include <sys/stat.h>

namespace dm::host {
namespace {

using Sample = PcmFormat::Sample;

constexpr mode_t kMode = 0644;
constexpr u16 kFormatPcm = 1;
constexpr u32 kFormatBytes = 16;

/// A RIFF file has 8 bits unsigned and more than 8 signed.
PcmFormat as_file(PcmFormat format) {
    if (format.sample == Sample::S8) format.sample = Sample::U8;
    if (format.sample == Sample::U16) format.sample = Sample::S16;
    format.rate = std::max<u32>(format.rate, 1);
    format.channels = std::max<u8>(format.channels, 1);
    return format;
}

/// With the loudest at the ends of 32 bits.
u32 load(Sample kind, const u8* at) {
    switch (kind) {
    case Sample::U8: return u32{at[0]} << 24 ^ 0x80000000;
    case Sample::S8: return u32{at[0]} << 24;
    case Sample::U16: return (u32{at[0]} << 16 | u32{at[1]} << 24) ^ 0x80000000;
    case Sample::S16: return u32{at[0]} << 16 | u32{at[1]} << 24;
    case Sample::S32: return at[0] | u32{at[1]} << 8 | u32{at[2]} << 16 | u32{at[3]} << 24;
    }
    return 0;
}

void append(std::vector<u8>& to, u32 value, unsigned bytes) {
    for (unsigned i = 0; i < bytes; ++i)
        to.push_back(static_cast<u8>(value >> (8 * i)));
}

void append(std::vector<u8>& to, std::string_view text) {
    to.insert(to.end(), text.begin(), text.end());
}

/// Bytes written before the first error, which errno tells.
std::size_t write_at(int fd, std::span<const u8> bytes, u64 offset) {
    std::size_t done = 0;
    while (done < bytes.size()) {
        const ssize_t n =
            pwrite(fd, bytes.data() + done, bytes.size() - done, static_cast<off_t>(offset + done));
        if (n < 0 && errno == EINTR) continue;
        if (n == 0) errno = ENOSPC;
        if (n <= 0) break;
        done += static_cast<std::size_t>(n);
    }
    return done;
}

} // namespace

Result<std::unique_ptr<AudioBackend>> WavFile::open(const std::string& option, const std::string& path,
                                                    TimerQueue& timers) {
    UniqueFd fd(
        ::open(path.c_str(), O_WRONLY | O_CREAT | O_TRUNC | O_CLOEXEC | O_NONBLOCK | O_NOCTTY, kMode));
    if (!fd) return fail("{}: cannot open {} for writing: {}", option, path, std::strerror(errno));
    struct stat info {};
    if (fstat(fd.get(), &info) != 0 || !S_ISREG(info.st_mode))
        return fail("{}: {} is no ordinary file: choose another path", option, path);
    auto made = std::make_unique<WavFile>(std::move(fd), path, timers);
    if (!made->write_header()) return fail("{}: cannot write {}: {}", option, path, std::strerror(errno));
    return std::unique_ptr<AudioBackend>(std::move(made));
}

WavFile::WavFile(UniqueFd fd, std::string path, TimerQueue& timers, u64 most)
    : fd_(std::move(fd)), path_(std::move(path)), timers_(timers), most_(most),
      timer_(timers, [this] { flush(); }) {}

void WavFile::play(const PcmFormat& format, std::span<const u8> frames) {
    if (full_ || frames.empty()) return;
    if (!format_) format_ = as_file(format);
    if (format == *format_)
        waiting_.insert(waiting_.end(), frames.begin(), frames.end());
    else
        convert(format, frames);
    if (waiting_.size() >= kBuffered)
        flush();
    else if (!timer_.deadline())
        timer_.arm(timers_.now_ns() + kLateNs);
}

/// Each frame is there as often as the file's clock ticks while it is heard.
void WavFile::convert(const PcmFormat& from, std::span<const u8> frames) {
    if (!(source_ == from)) phase_ = 0;
    source_ = from;
    const u64 rate = std::max<u32>(from.rate, 1);
    const u32 bytes = from.frame_bytes();
    if (bytes == 0) return;
    for (std::size_t at = 0; at + bytes <= frames.size(); at += bytes) {
        phase_ += format_->rate;
        for (; phase_ >= rate && !full_; phase_ -= rate)
            add_frame(from, frames.data() + at);
        if (full_) return;
    }
}

void WavFile::add_frame(const PcmFormat& from, const u8* frame) {
    for (unsigned channel = 0; channel < format_->channels; ++channel) {
        const unsigned nearest = std::min<unsigned>(channel, from.channels - 1U);
        u32 value = load(from.sample, frame + nearest * from.sample_bytes());
        if (format_->sample == Sample::U8) value ^= 0x80000000;
        append(waiting_, value >> (32 - 8 * format_->sample_bytes()), format_->sample_bytes());
    }
    if (waiting_.size() >= kBuffered) flush();
}

/// Whole frames, and of those with one byte an even number, as a chunk of a RIFF file is to be.
void WavFile::flush() {
    timer_.disarm();
    if (full_ || !format_) return;
    const u32 unit = format_->frame_bytes() % 2 == 0 ? format_->frame_bytes() : 2 * format_->frame_bytes();
    const u64 room = (most_ - written_) / unit * unit;
    const u64 wanted = waiting_.size() / unit * unit;
    const auto bytes = std::span<const u8>(waiting_).first(std::min(wanted, room));
    if (wanted == 0) return;
    const std::size_t done = write_at(fd_.get(), bytes, kHeaderBytes + written_);
    const int error = errno;
    written_ += done / unit * unit;
    const bool counted = write_header();
    if (done < bytes.size() || !counted) return give_up(std::strerror(done < bytes.size() ? error : errno));
    if (room < wanted) return give_up("a WAV file cannot be larger than 4 GiB");
    waiting_.erase(waiting_.begin(), waiting_.begin() + static_cast<std::ptrdiff_t>(bytes.size()));
}

/// False: it could not be written, see errno.
bool WavFile::write_header() {
    const PcmFormat format = format_.value_or(PcmFormat{});
    std::vector<u8> header;
    append(header, "RIFF");
    append(header, static_cast<u32>(written_ + kHeaderBytes - 8), 4);
    append(header, "WAVEfmt ");
    append(header, kFormatBytes, 4);
    append(header, kFormatPcm, 2);
    append(header, format.channels, 2);
    append(header, format.rate, 4);
    append(header, format.rate * format.frame_bytes(), 4);
    append(header, format.frame_bytes(), 2);
    append(header, 8 * format.sample_bytes(), 2);
    append(header, "data");
    append(header, static_cast<u32>(written_), 4);
    return write_at(fd_.get(), header, 0) == header.size();
}

/// What a guest plays goes nowhere from here on; it does not notice.
void WavFile::give_up(std::string_view why) {
    full_ = true;
    waiting_ = {};
    log_.warning("{}: {}; what the guest plays from here on is lost", path_, why);
}

} // namespace dm::host
