#include "dm/core/log.hpp"

#include <algorithm>
#include <atomic>
#include <chrono>
#include <unistd.h>

namespace dm {
namespace {

constexpr u64 kBurst = 8;                            // lines one device may log at once
constexpr u64 kSecondsPerLine = 10;                  // afterwards
constexpr u64 kGuestBytesPerMinute = u64{64} * 1024; // all devices together
constexpr std::size_t kLineMax = 4096;

Log::Sink& sink() {
    static Log::Sink instance;
    return instance;
}

std::atomic<bool> debug_on{false};

u64 seconds_now() {
    using namespace std::chrono;
    return static_cast<u64>(duration_cast<seconds>(steady_clock::now().time_since_epoch()).count());
}

const char* prefix(LogLevel level) {
    switch (level) {
    case LogLevel::Error: return "error: ";
    case LogLevel::Warning: return "warning: ";
    case LogLevel::Info: return "";
    case LogLevel::Debug: return "debug: ";
    }
    return "";
}

/// What guests have written to the sink lately. Device thread only, like the callers of Log::guest().
struct Budget {
    u64 minute = 0;
    u64 used = 0;

    bool admits(std::size_t bytes) {
        const u64 now = seconds_now() / 60;
        if (now != minute) *this = {now, 0};
        used += bytes;
        return used <= kGuestBytesPerMinute;
    }
} budget;

/// One line stays one line, whatever a guest or a file name put into it.
std::string printable(std::string_view text) {
    std::string out;
    out.reserve(text.size());
    for (const char c : text.substr(0, kLineMax))
        out += (static_cast<unsigned char>(c) < 0x20 || c == 0x7f) ? '?' : c;
    return out;
}

} // namespace

void Log::set_sink(Sink replacement) {
    sink() = std::move(replacement);
    budget = {}; // it is the sink's
}
void Log::enable_debug(bool on) {
    debug_on = on;
}
bool Log::debug_enabled() {
    return debug_on;
}

bool Log::admit() {
    ++guest_count_;
    const u64 now = seconds_now();
    if (refilled_at_s_ == 0) {
        refilled_at_s_ = now;
        tokens_ = kBurst;
    }
    const u64 earned = (now - refilled_at_s_) / kSecondsPerLine;
    if (earned > 0) {
        tokens_ = std::min(kBurst, tokens_ + earned);
        refilled_at_s_ += earned * kSecondsPerLine;
    }
    if (tokens_ == 0) {
        ++suppressed_;
        return false;
    }
    --tokens_;
    return true;
}

void Log::emit_guest(std::string text) {
    if (suppressed_ > 0) text += fmt::format(" ({} more messages suppressed)", suppressed_);
    if (!budget.admits(text.size())) {
        ++suppressed_;
        return;
    }
    suppressed_ = 0;
    emit(LogLevel::Info, "guest: " + text);
}

void Log::emit(LogLevel level, std::string_view text) const {
    const std::string line = tag_.empty()
                                 ? fmt::format("hvmdm: {}{}", prefix(level), printable(text))
                                 : fmt::format("hvmdm: {}{}: {}", prefix(level), tag_, printable(text));
    if (sink()) {
        sink()(level, line);
        return;
    }
    const std::string out = line + "\n";
    // A log that cannot be written (disk full, closed) must not disturb the guest.
    [[maybe_unused]] const auto written = ::write(STDERR_FILENO, out.data(), out.size());
}

} // namespace dm
