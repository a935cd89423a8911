// The program's arguments, one a line.
#include "dm/toolstack/command_line.hpp"
#include "tests/fuzz/guard.hpp"
#include "tests/fuzz/target.hpp"

#include <algorithm>

namespace dm::fuzz {
namespace {

constexpr std::size_t kMostArguments = 200;

std::vector<std::string> arguments_of(std::string_view text) {
    std::vector<std::string> arguments;
    while (!text.empty() && arguments.size() < kMostArguments) {
        const std::string_view line = text.substr(0, text.find('\n'));
        arguments.emplace_back(line.substr(0, line.find('\0')));
        text.remove_prefix(std::min(text.size(), line.size() + 1));
    }
    return arguments;
}

void run(const Target&, std::span<const u8> input) {
    const std::string_view text{reinterpret_cast<const char*>(input.data()), input.size()};
    const auto what = [&] { return text; };
    const Operating operating(what);
    const std::vector<std::string> arguments = arguments_of(text);
    std::vector<const char*> pointers;
    pointers.reserve(arguments.size());
    for (const std::string& argument : arguments)
        pointers.push_back(argument.c_str());
    for (const bool accept_refused : {false, true}) {
        const auto line = toolstack::parse_command_line(pointers, accept_refused);
        if (!line.ok() && line.error().message.empty()) finding("refused without a reason");
    }
}

const Registered command_line{{"command-line", run}};

} // namespace
} // namespace dm::fuzz
