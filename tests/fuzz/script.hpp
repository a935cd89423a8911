// Seeds: inputs that people write, aimed at what has broken other machines (tests/fuzz/seeds/<target>/).
//
//     NAME.ops   operations, one a line, as in operation_text.cpp; "variant N" first where there are several
//                rigs; "page HEX": what the next page of guest memory holds that a device looks at
//     NAME.hex   bytes: any number on a line
//     NAME.txt   the bytes themselves
//
// '#' starts a comment in the first two.
#pragma once

#include "tests/fuzz/target.hpp"

#include "dm/core/result.hpp"

#include <filesystem>
#include <string>
#include <string_view>
#include <vector>

namespace dm::fuzz {

Result<std::vector<u8>> encode_script(const Target& target, std::string_view text);
Result<std::vector<u8>> encode_hex(std::string_view text);

/// The input that a seed's file makes.
Result<std::vector<u8>> load_seed(const Target& target, const std::filesystem::path& file);

Result<std::vector<u8>> load_file(const std::filesystem::path& file);
/// Files of a folder by name; none when there is no such folder.
std::vector<std::filesystem::path> files_in(const std::filesystem::path& folder);

/// Each operation of the target's scripts once, as words of a libFuzzer dictionary.
Result<std::string> dictionary(const Target& target, const std::filesystem::path& seeds);

} // namespace dm::fuzz
