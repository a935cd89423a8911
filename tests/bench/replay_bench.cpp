// Recorded guests of tests/replay/recordings, played: every request of a boot, in its order and mixture.
#include "tests/replay/recorded_machine.hpp"

#include <benchmark/benchmark.h>

namespace dm {
namespace {

/// Building the machine is part of it.
void boot_played(benchmark::State& state, const std::string& name) {
    Log::set_sink([](LogLevel, std::string_view) {});
    const auto recording = replay::Recording::open("tests/replay/recordings/" + name);
    if (!recording.ok()) return state.SkipWithError(recording.error().message.c_str());
    for ([[maybe_unused]] auto _ : state) {
        const test::Played played = test::play(recording.value());
        if (!played.equal()) return state.SkipWithError((played.error + played.difference).c_str());
    }
    state.SetItemsProcessed(static_cast<int64_t>(recording.value().operations()) * state.iterations());
}
BENCHMARK_CAPTURE(boot_played, seabios_grub, "seabios-grub.rec")->Unit(benchmark::kMillisecond);
BENCHMARK_CAPTURE(boot_played, linux_disks, "linux-disks.rec")->Unit(benchmark::kMillisecond);

} // namespace
} // namespace dm
