// hvmdm-replay: plays a recording of a guest natively, checks that the devices do byte for byte what they
// did, and prints what happened. `tools/replay` builds and runs it; docs/recording.md.
#include "dm/board/board_names.hpp"
#include "dm/board/replay_board.hpp"
#include "dm/core/version.hpp"
#include "dm/replay/trace.hpp"

#include <charconv>
#include <chrono>
#include <cstdio>
#include <cstring>
#include <span>
#include <vector>

namespace {

using namespace dm;

constexpr std::string_view kUsage =
    "usage: replay FILE... [--trace] [--from N] [--time] [--repeat N] [--restore N] [--info]\n"
    "\n"
    "Plays recordings of guests (hvmdm -hvmdm-record) and compares all that the devices do with what they "
    "did.\n"
    "\n"
    "  --trace     print all that happens, with the names of registers\n"
    "  --from N    print from operation N on\n"
    "  --time      tell how long it took, and how many times as fast as the guest ran\n"
    "  --repeat N  the same of the fastest of N times: a benchmark\n"
    "  --restore N after every N operations, save the machine and go on with one that was restored from "
    "that\n"
    "  --info      print what machine was recorded, and play nothing\n"
    "\n"
    "Exit status 0: every recording was played to its end, and nothing differed.\n";

struct Options {
    std::vector<std::string> files;
    bool trace = false;
    bool time = false;
    bool info = false;
    bool help = false;
    u64 from = 1;
    u64 repeat = 1;
    u64 restore = 0; ///< after so many operations; 0: never
};

Result<u64> number_after(std::span<const char* const> words, std::size_t i) {
    u64 value = 0;
    const std::string_view text = i + 1 < words.size() ? words[i + 1] : "";
    const auto [end, error] = std::from_chars(text.data(), text.data() + text.size(), value);
    if (error != std::errc{} || end != text.data() + text.size() || value == 0)
        return fail("{} needs a number from 1 on", words[i]);
    return value;
}

Result<Options> parse(std::span<const char* const> words) {
    Options options;
    for (std::size_t i = 0; i < words.size(); ++i) {
        const std::string_view word = words[i];
        if (word == "--trace") {
            options.trace = true;
        } else if (word == "--time") {
            options.time = true;
        } else if (word == "--info") {
            options.info = true;
        } else if (word == "--help" || word == "-h") {
            options.help = true;
        } else if (word == "--from") {
            DM_TRY_ASSIGN(options.from, number_after(words, i++));
            options.trace = true;
        } else if (word == "--repeat") {
            DM_TRY_ASSIGN(options.repeat, number_after(words, i++));
            options.time = true;
        } else if (word == "--restore") {
            DM_TRY_ASSIGN(options.restore, number_after(words, i++));
        } else if (word.starts_with('-')) {
            return fail("unknown option {}; --help lists them", word);
        } else {
            options.files.emplace_back(word);
        }
    }
    if (options.files.empty() && !options.help) return fail("name a recording; --help tells more");
    return options;
}

struct Played {
    u64 operations = 0;
    u64 restored = 0; ///< how often
    double seconds = 0;
    bool ended_in_order = false;
};

Result<Played> play(const replay::Recording& recording, const Options& options) {
    replay::Player player(recording);
    DM_TRY_ASSIGN(std::unique_ptr<Board> board, make_replay_board(recording.shape(), player));
    std::optional<BoardNames> names(*board);
    replay::Trace trace(stdout, *names, options.from);
    u64 restored = 0;
    const auto entrances = [&board] {
        return replay::Player::Entrances{board->ports(), board->memory(), board->pci(), board->input()};
    };
    const auto restore = [&]() -> std::optional<replay::Player::Entrances> {
        if (player.stage().operations() % options.restore != 0) return std::nullopt;
        const Status exchanged = exchange_board(board, recording.shape(), player);
        if (!exchanged.ok()) player.stage().differ("restored: " + exchanged.error().message);
        ++restored;
        names.emplace(*board);
        return entrances();
    };
    if (options.restore != 0) player.set_between(restore);
    replay::Stage& stage = player.stage();
    stage.set_describe([&names](const replay::Record& record) { return replay::describe(record, &*names); });
    if (options.trace) stage.set_audience(&trace);
    const auto began = std::chrono::steady_clock::now();
    player.run(entrances());
    const std::chrono::duration<double> took = std::chrono::steady_clock::now() - began;
    if (stage.damage()) return fail("it is refused: {}", stage.damage()->message);
    if (stage.difference())
        return fail("operation {}: {}", stage.difference()->operation, stage.difference()->text);
    return Played{stage.operations(), restored, took.count(), stage.ended_in_order()};
}

void print_time(const replay::Recording& recording, const Played& played) {
    const double recorded = static_cast<double>(recording.duration_ns()) / 1e9;
    fmt::print("recorded in {:.2f} s, played in {:.3f} s, {:.0f} times as fast, {:.0f} ns an operation\n",
               recorded, played.seconds, recorded / played.seconds,
               played.seconds * 1e9 / static_cast<double>(std::max<u64>(played.operations, 1)));
}

Status play_file(const std::string& path, const Options& options) {
    DM_TRY_ASSIGN(const replay::Recording recording, replay::Recording::open(path));
    if (options.info) {
        fmt::print("{}: {} operations, {:.1f} s, {} blocks, {} bytes\n{}", path, recording.operations(),
                   static_cast<double>(recording.duration_ns()) / 1e9, recording.blocks(),
                   recording.size_bytes(), replay::shape_text(recording.shape()));
        return {};
    }
    Played best;
    for (u64 i = 0; i < options.repeat; ++i) {
        Result<Played> played = play(recording, options);
        if (!played.ok()) return fail("{}: {}", path, played.error().message);
        if (i == 0 || played->seconds < best.seconds) best = *played;
    }
    fmt::print("{}: {} operations, all equal\n", path, best.operations);
    if (options.restore != 0) fmt::print("{}: saved and restored {} times\n", path, best.restored);
    if (options.time) print_time(recording, best);
    if (!best.ended_in_order) fmt::print("{}: the recording ends there, its process was killed\n", path);
    return {};
}

} // namespace

int main(int argc, char** argv) {
    const std::span<const char* const> words(argv + 1, static_cast<std::size_t>(argc > 0 ? argc - 1 : 0));
    const Result<Options> options = parse(words);
    if (!options.ok()) {
        fmt::print(stderr, "replay: {}\n", options.error().message);
        return 1;
    }
    const Options& given = std::as_const(options).value();
    if (given.help) {
        std::fwrite(kUsage.data(), 1, kUsage.size(), stdout);
        return 0;
    }
    Log::set_sink([](LogLevel, std::string_view) {}); // the devices' complaints are the recorded guest's
    int status = 0;
    for (const std::string& path : given.files)
        if (const Status played = play_file(path, given); !played.ok()) {
            fmt::print(stderr, "replay: {}\n", played.error().message);
            status = 1;
        }
    return status;
}
