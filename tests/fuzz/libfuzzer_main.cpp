// A target under libFuzzer; HVMDM_FUZZ_TARGET names it. Beside libFuzzer's own arguments:
//
//     PROGRAM --seeds FROM TO       writes the inputs that the seeds in FROM make to the folder TO
//     PROGRAM --dictionary FROM     prints a dictionary made of them
#include "dm/core/log.hpp"
#include "tests/fuzz/guard.hpp"
#include "tests/fuzz/script.hpp"

#include <cstdio>
#include <cstdlib>
#include <fstream>

namespace dm::fuzz {
namespace {

const Target& the_target() {
    static const Target* const target = [] {
        const char* name = std::getenv("HVMDM_FUZZ_TARGET");
        for (const Target* known : all_targets())
            if (name != nullptr && known->name == name) return known;
        std::fputs("HVMDM_FUZZ_TARGET names no target\n", stderr);
        std::exit(2);
    }();
    return *target;
}

int complain(const Error& error) {
    std::fprintf(stderr, "%s\n", error.message.c_str());
    return 1;
}

int write_seeds(const std::filesystem::path& from, const std::filesystem::path& to) {
    for (const std::filesystem::path& file : files_in(from)) {
        Result<std::vector<u8>> seed = load_seed(the_target(), file);
        if (!seed.ok()) return complain(seed.error());
        std::ofstream out(to / ("seed-" + file.stem().string()), std::ios::binary);
        out.write(reinterpret_cast<const char*>(seed->data()), static_cast<std::streamsize>(seed->size()));
        if (!out) return complain(fail("{} cannot be written", to.string()));
    }
    return 0;
}

int print_dictionary(const std::filesystem::path& from) {
    Result<std::string> words = dictionary(the_target(), from);
    if (!words.ok()) return complain(words.error());
    std::fputs(words->c_str(), stdout);
    return 0;
}

void initialise(std::span<char* const> arguments) {
    const std::string_view first = arguments.size() > 1 ? arguments[1] : "";
    if (first == "--seeds" && arguments.size() == 4) std::exit(write_seeds(arguments[2], arguments[3]));
    if (first == "--dictionary" && arguments.size() == 3) std::exit(print_dictionary(arguments[2]));
    Log::set_sink([](LogLevel, std::string_view) {});
    start_guard();
}

} // namespace
} // namespace dm::fuzz

extern "C" int LLVMFuzzerInitialize(int* count,
                                    char*** arguments) { // NOLINT(readability-non-const-parameter)
    dm::fuzz::initialise({*arguments, static_cast<std::size_t>(*count)});
    return 0;
}

extern "C" int LLVMFuzzerTestOneInput(const std::uint8_t* data, std::size_t size) {
    ++dm::fuzz::stats().inputs;
    dm::fuzz::the_target().run(dm::fuzz::the_target(), {data, size});
    return 0;
}
