#include "dm/replay/trace.hpp"

#include <fmt/format.h>

namespace dm::replay {
namespace {

constexpr unsigned kIndent = 4;
constexpr unsigned kNumbersWidth = 22; // operation and time

} // namespace

void Trace::entrance(u64 operation, u64 time_ns, const Record& record) {
    operation_ = operation;
    if (operation < from_) return;
    fmt::print(out_, "{:>9} {:>4}.{:06} {:{}} {}\n", operation, time_ns / 1'000'000'000,
               time_ns / 1'000 % 1'000'000, "", record.depth * kIndent, describe(record, &names_));
}

void Trace::happened(unsigned depth, const Record& record) {
    if (operation_ < from_) return;
    fmt::print(out_, "{:{}} {}\n", "", kNumbersWidth + depth * kIndent, describe(record, &names_));
}

} // namespace dm::replay
