// A saved state of the whole machine, bent or made up. The first byte of an input says which:
//
//     even   the rest is the image
//     odd    the rest are edits of a good image: what (1 byte), where (2 bytes), and its operand
#include "tests/board/board_rig.hpp"
#include "tests/fuzz/guard.hpp"
#include "tests/fuzz/input.hpp"
#include "tests/fuzz/target.hpp"

namespace dm::fuzz {
namespace {

enum class Edit : u8 { Invert, Number, Cut, Remove, Repeat, Insert };
constexpr u8 kEdits = 6;
constexpr std::size_t kLargestImage = std::size_t{256} * 1024;

/// Of a machine in the middle of its work.
const std::vector<u8>& good_image() {
    static const std::vector<u8> image = [] {
        test::BoardRig rig;
        test::Rng rng(u64{1});
        std::vector<u64> trace;
        for (unsigned i = 0; i < 2000; ++i)
            test::step(rig, rng, trace);
        rig.quiesce();
        return test::snapshot(rig);
    }();
    return image;
}

void edit(std::vector<u8>& image, Input& input) {
    const Edit what{static_cast<u8>(input.byte() % kEdits)};
    const std::size_t at = image.empty() ? 0 : input.number(2) % image.size();
    const auto begin = image.begin() + static_cast<std::ptrdiff_t>(at);
    const auto rest = static_cast<std::size_t>(image.end() - begin);
    switch (what) {
    case Edit::Invert:
        if (rest > 0) *begin = static_cast<u8>(*begin ^ input.byte());
        break;
    case Edit::Number: {
        const u64 number = input.number(4);
        for (std::size_t i = 0; i < std::min<std::size_t>(4, rest); ++i)
            image[at + i] = byte_of(number, static_cast<unsigned>(i));
        break;
    }
    case Edit::Cut: image.resize(at); break;
    case Edit::Remove:
        image.erase(begin, begin + static_cast<std::ptrdiff_t>(std::min<std::size_t>(rest, input.number(2))));
        break;
    case Edit::Repeat: {
        const std::vector<u8> again(
            begin, begin + static_cast<std::ptrdiff_t>(std::min<std::size_t>(rest, input.number(2))));
        image.insert(begin, again.begin(), again.end());
        break;
    }
    case Edit::Insert: {
        const std::span<const u8> bytes = input.take(input.byte());
        image.insert(begin, bytes.begin(), bytes.end());
        break;
    }
    }
}

void load(std::span<const u8> image) {
    test::BoardRig rig;
    const auto text = [] { return std::string_view("loading the image"); };
    const auto after = [] { return std::string_view("traffic after the image was accepted"); };
    bool accepted = false;
    {
        const Operating operating(text);
        auto reader = StateReader::open(image);
        accepted = reader.ok() && rig.board->load(*reader).ok();
    }
    if (!accepted) return; // such a machine never runs
    const Operating operating(after);
    rig.quiesce();
    const std::vector<u8> saved = test::snapshot(rig);
    auto again = StateReader::open(saved);
    if (!again.ok() || !rig.board->load(*again).ok()) finding("a board does not load what it saved");
    test::Rng rng(u64{2});
    std::vector<u64> trace;
    for (unsigned i = 0; i < 100; ++i)
        test::step(rig, rng, trace);
    rig.quiesce();
}

void run(const Target&, std::span<const u8> bytes) {
    Input input(bytes);
    const bool edited = (input.byte() & 1) != 0;
    std::vector<u8> image;
    if (edited) {
        image = good_image();
        while (!input.empty() && image.size() <= kLargestImage)
            edit(image, input);
    } else {
        const std::span<const u8> all = input.take(input.size());
        image.assign(all.begin(), all.end());
    }
    load(image);
}

const Registered saved_state{{"saved-state", run}};

} // namespace
} // namespace dm::fuzz
