// Holds every operation of a fuzzed run to a bound of time, memory and work, and reports what breaks one.
//
// A finding ends the process: libFuzzer then keeps the input, a test run fails.
#pragma once

#include "dm/core/types.hpp"

#include <fmt/format.h>
#include <memory>
#include <string>
#include <string_view>

namespace dm::fuzz {

// What one operation may cost. All are far above what devices need and far below what a guest could notice
// another guest doing: reaching one means that a loop has no bound of its own.
inline constexpr unsigned kMostCpuMs = 300; ///< with sanitizers, unoptimised; natively about a tenth
inline constexpr u64 kMostAllocated = u64{8} << 20;
inline constexpr u64 kMostAllocatedByRig = u64{128} << 20; ///< where the frame makes and compares whole rigs
inline constexpr u64 kMostBlockRequests = 2048;
inline constexpr u64 kMostBlockBytes = u64{64} << 20; ///< the longest ATA command moves 32 MiB
inline constexpr u64 kMostViews = 100'000;            ///< a PRD table of 8192 entries takes 8192 and its data
inline constexpr u64 kMostLineChanges = 20'000;       ///< a string of 4096 elements may interrupt with each

/// Written to the file that HVMDM_FUZZ_STATS names, so that they are known even after a crash.
struct Stats {
    u64 inputs = 0;
    u64 operations = 0;
};
Stats& stats();

/// Starts watching; once for a process. HVMDM_FUZZ_SECONDS: libFuzzer is told to end after so much processor
/// time.
void start_guard();
/// A sanitizer tells of every allocation.
bool counts_memory();

/// What is being run, for reports: the name of a file.
void set_context(std::string name);

/// Prints what happened and during which operation, and ends the process.
[[noreturn]] void report_finding(std::string_view what);
template <class... A> [[noreturn]] void finding(fmt::format_string<A...> format, A&&... args) {
    report_finding(fmt::format(format, std::forward<A>(args)...));
}

/// HVMDM_FUZZ_TRACE is set: each operation is printed before it is done.
bool tracing();
void trace(std::string_view line);

/// One operation, from here to the end of the object; they do not nest. `text`, a function that outlives
/// this, says which when that is to be printed, perhaps in a signal handler.
class Operating {
public:
    template <class Text>
    explicit Operating(const Text& text, u64 most_allocated = kMostAllocated)
        : Operating(most_allocated, std::addressof(text),
                    [](const void* object) { write_text((*static_cast<const Text*>(object))()); }) {}
    template <class Text> explicit Operating(const Text&& text, u64 = 0) = delete;
    ~Operating();
    Operating(const Operating&) = delete;
    Operating& operator=(const Operating&) = delete;

private:
    using Print = void (*)(const void* text);
    Operating(u64 most_allocated, const void* text, Print print);
    static void write_text(std::string_view text);
};

} // namespace dm::fuzz
