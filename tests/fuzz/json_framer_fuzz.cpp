// The framer of JSON objects: what it cuts out must not depend on how the bytes arrive.
#include "dm/toolstack/json_framer.hpp"
#include "tests/fuzz/guard.hpp"
#include "tests/fuzz/target.hpp"

namespace dm::fuzz {
namespace {

using toolstack::JsonFramer;

struct Cut {
    JsonFramer::Event event;
    std::string object;
    bool operator==(const Cut&) const = default;
};

std::vector<Cut> cut(std::string_view text, std::size_t piece) {
    JsonFramer framer;
    std::vector<Cut> found;
    while (!text.empty()) {
        std::string_view part = text.substr(0, piece);
        text.remove_prefix(part.size());
        while (!part.empty()) {
            const std::size_t before = part.size();
            const JsonFramer::Event event = framer.next(part);
            if (event == JsonFramer::Event::NeedMore) {
                if (!part.empty()) finding("{} bytes are left and more are needed", part.size());
                break;
            }
            if (part.size() == before) finding("an event that took nothing");
            found.push_back({event, event == JsonFramer::Event::Object ? framer.take() : ""});
            if (event == JsonFramer::Event::Object &&
                (found.back().object.front() != '{' || found.back().object.back() != '}'))
                finding("an object without braces: {}", found.back().object);
        }
        if (framer.pending() > JsonFramer::kMaxLength) finding("{} bytes are held back", framer.pending());
    }
    return found;
}

void run(const Target&, std::span<const u8> input) {
    const std::string_view text{reinterpret_cast<const char*>(input.data()), input.size()};
    const auto what = [&] { return text; };
    const Operating operating(what);
    const std::vector<Cut> at_once = cut(text, text.size() + 1);
    if (cut(text, 1) != at_once) finding("byte by byte other objects are found");
    if (cut(text, 7) != at_once) finding("in pieces other objects are found");
}

const Registered json_framer{{"json-framer", run}};

} // namespace
} // namespace dm::fuzz
