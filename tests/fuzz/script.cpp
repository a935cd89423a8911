#include "tests/fuzz/script.hpp"

#include "tests/fuzz/device_run.hpp"

#include <algorithm>
#include <charconv>
#include <fstream>
#include <set>

namespace dm::fuzz {
namespace {

constexpr std::size_t kLongestWord = 64; // of a libFuzzer dictionary

struct Line {
    unsigned number;
    std::string_view text; // without comment and surrounding blanks, not empty
};

std::vector<Line> lines_of(std::string_view text) {
    std::vector<Line> lines;
    for (unsigned number = 1; !text.empty(); ++number) {
        std::string_view line = text.substr(0, text.find('\n'));
        text.remove_prefix(std::min(text.size(), line.size() + 1));
        line = line.substr(0, line.find('#'));
        const std::size_t begin = line.find_first_not_of(" \t\r");
        if (begin == std::string_view::npos) continue;
        lines.push_back({number, line.substr(begin, line.find_last_not_of(" \t\r") + 1 - begin)});
    }
    return lines;
}

/// Appends what `line` says to the input, or to what guest memory holds.
Status encode_line(std::string_view line, const Layout& layout, std::vector<u8>& front,
                   std::vector<u8>& back) {
    if (line.starts_with("page ")) {
        DM_TRY_ASSIGN(const std::vector<u8> bytes, parse_hex(line.substr(5)));
        if (bytes.size() > kMostBytes) return fail("a page repeats at most {} bytes", kMostBytes);
        back.push_back(static_cast<u8>(bytes.size()));
        back.insert(back.end(), bytes.begin(), bytes.end());
        return {};
    }
    std::vector<u8> storage;
    DM_TRY_ASSIGN(const Operation op, parse_operation(line, storage));
    return encode(op, layout, front);
}

/// The number of the rig that a script is for.
Result<std::size_t> variant_of(const Target& target, std::span<const Line> lines) {
    constexpr std::string_view kWord = "variant ";
    if (lines.empty() || !lines[0].text.starts_with(kWord)) return std::size_t{0};
    const std::string_view digits = lines[0].text.substr(kWord.size());
    std::size_t variant = 0;
    const auto [end, error] = std::from_chars(digits.data(), digits.data() + digits.size(), variant);
    if (error != std::errc{} || end != digits.data() + digits.size() || variant >= target.rigs.size())
        return fail("line {}: {} has no rig {}", lines[0].number, target.name, digits);
    return variant;
}

} // namespace

Result<std::vector<u8>> encode_script(const Target& target, std::string_view text) {
    if (target.rigs.empty()) return fail("{} has no rig that operations could be for", target.name);
    const std::vector<Line> lines = lines_of(text);
    DM_TRY_ASSIGN(const std::size_t variant, variant_of(target, lines));
    const Layout layout = layout_of(*target.rigs[variant]());
    std::vector<u8> front;
    std::vector<u8> back;
    if (target.rigs.size() > 1) front.push_back(static_cast<u8>(variant));
    for (const Line& line : lines) {
        if (line.text.starts_with("variant ")) continue;
        const Status encoded = encode_line(line.text, layout, front, back);
        if (!encoded.ok()) return fail("line {}: {}", line.number, encoded.error().message);
    }
    front.insert(front.end(), back.rbegin(), back.rend());
    return front;
}

Result<std::vector<u8>> encode_hex(std::string_view text) {
    std::vector<u8> bytes;
    for (const Line& line : lines_of(text)) {
        std::string digits(line.text);
        std::erase_if(digits, [](char c) { return c == ' ' || c == '\t'; });
        const Result<std::vector<u8>> parsed = parse_hex(digits);
        if (!parsed.ok()) return fail("line {}: {}", line.number, parsed.error().message);
        Result<std::vector<u8>> copy = parsed;
        bytes.insert(bytes.end(), copy->begin(), copy->end());
    }
    return bytes;
}

Result<std::vector<u8>> load_file(const std::filesystem::path& file) {
    std::ifstream in(file, std::ios::binary);
    if (!in) return fail("{} cannot be read", file.string());
    return std::vector<u8>(std::istreambuf_iterator<char>(in), {});
}

Result<std::vector<u8>> load_seed(const Target& target, const std::filesystem::path& file) {
    DM_TRY_ASSIGN(std::vector<u8> bytes, load_file(file));
    const std::string_view text{reinterpret_cast<const char*>(bytes.data()), bytes.size()};
    Result<std::vector<u8>> made = bytes;
    if (file.extension() == ".ops")
        made = encode_script(target, text);
    else if (file.extension() == ".hex")
        made = encode_hex(text);
    if (!made.ok()) return fail("{}: {}", file.string(), made.error().message);
    return made;
}

std::vector<std::filesystem::path> files_in(const std::filesystem::path& folder) {
    std::vector<std::filesystem::path> files;
    std::error_code absent;
    for (const auto& entry : std::filesystem::directory_iterator(folder, absent))
        if (entry.is_regular_file()) files.push_back(entry.path());
    std::sort(files.begin(), files.end());
    return files;
}

Result<std::string> dictionary(const Target& target, const std::filesystem::path& seeds) {
    std::set<std::vector<u8>> words;
    for (const std::filesystem::path& file : files_in(seeds)) {
        if (file.extension() != ".ops") continue;
        DM_TRY_ASSIGN(const std::vector<u8> bytes, load_file(file));
        const std::vector<Line> lines = lines_of({reinterpret_cast<const char*>(bytes.data()), bytes.size()});
        DM_TRY_ASSIGN(const std::size_t variant, variant_of(target, lines));
        const Layout layout = layout_of(*target.rigs[variant]());
        for (const Line& line : lines) {
            std::vector<u8> front;
            std::vector<u8> back;
            if (line.text.starts_with("variant ")) continue;
            DM_TRY(encode_line(line.text, layout, front, back));
            if (!front.empty() && front.size() <= kLongestWord) words.insert(std::move(front));
        }
    }
    std::string text;
    for (const std::vector<u8>& word : words) {
        text += '"';
        for (const u8 byte : word)
            text += fmt::format("\\x{:02x}", byte);
        text += "\"\n";
    }
    return text;
}

} // namespace dm::fuzz
