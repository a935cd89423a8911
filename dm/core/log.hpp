// Logging to stderr, which libxl turns into qemu-dm-NAME.log. One line per message, "hvmdm: warning: tag:
// text".
//
// A guest must not be able to fill dom0's disk (XSA-180): what it causes goes through guest() and
// unimplemented(), which are limited per Log object, and all such lines together are limited per minute.
#pragma once

#include "dm/core/types.hpp"

#include <fmt/format.h>
#include <functional>
#include <string>
#include <string_view>

namespace dm {

enum class LogLevel : u8 { Error, Warning, Info, Debug };

class Log {
public:
    explicit Log(std::string_view tag) : tag_(tag) {}

    /// Something is lost or refused. error, warning, info and debug may be called from any thread.
    template <class... A> void error(fmt::format_string<A...> format, A&&... args) const {
        emit(LogLevel::Error, fmt::format(format, std::forward<A>(args)...));
    }
    template <class... A> void warning(fmt::format_string<A...> format, A&&... args) const {
        emit(LogLevel::Warning, fmt::format(format, std::forward<A>(args)...));
    }
    template <class... A> void info(fmt::format_string<A...> format, A&&... args) const {
        emit(LogLevel::Info, fmt::format(format, std::forward<A>(args)...));
    }
    /// Shown only with -d; formatting costs nothing otherwise.
    template <class... A> void debug(fmt::format_string<A...> format, A&&... args) const {
        if (debug_enabled()) emit(LogLevel::Debug, fmt::format(format, std::forward<A>(args)...));
    }

    /// The guest did what no driver should. Limited and counted; device thread only.
    template <class... A> void guest(fmt::format_string<A...> format, A&&... args) {
        if (admit()) emit_guest(fmt::format(format, std::forward<A>(args)...));
    }
    /// The guest asked for what the chip can do and we do not. Limited and counted; device thread only.
    template <class... A> void unimplemented(fmt::format_string<A...> format, A&&... args) {
        if (admit()) emit_guest("not implemented: " + fmt::format(format, std::forward<A>(args)...));
    }

    /// Messages of guest() and unimplemented() so far, shown or not.
    u64 guest_count() const { return guest_count_; }

    const std::string& tag() const { return tag_; }

    using Sink = std::function<void(LogLevel, std::string_view line)>;
    /// Replaces stderr (tests); an empty function restores it.
    static void set_sink(Sink sink);
    static void enable_debug(bool on);
    static bool debug_enabled();

private:
    bool admit();
    void emit_guest(std::string text);
    void emit(LogLevel level, std::string_view text) const;

    std::string tag_;
    u64 guest_count_ = 0;
    u64 suppressed_ = 0;
    u64 tokens_ = 0;
    u64 refilled_at_s_ = 0;
};

} // namespace dm
