#include "tests/support/state_places.hpp"

#include <algorithm>
#include <utility>

namespace dm::test {
namespace {

constexpr std::size_t kImageHead = 12; // "HVMDM-ST", version
constexpr std::size_t kAtEachEnd = 8;

class Walk {
public:
    explicit Walk(std::span<const u8> image) : inside(image.size()), image_(image) {
        records(std::min(kImageHead, image.size()), image.size());
    }

    std::vector<std::size_t> values;
    std::vector<bool> inside; ///< a buffer or list, too far from its ends to tell anything

private:
    void records(std::size_t at, std::size_t end) {
        while (at < end) {
            const std::size_t kind = at + 1 + image_[at];
            const std::size_t payload = kind + 5;
            const std::size_t after = payload + length_at(kind + 1);
            if (image_[kind] == 's')
                records(payload, after);
            else if (image_[kind] == 'a')
                items(payload, after);
            else
                ends(payload, after);
            at = after;
        }
    }
    std::size_t length_at(std::size_t at) const {
        return image_[at] | unsigned{image_[at + 1]} << 8 | unsigned{image_[at + 2]} << 16;
    }
    void items(std::size_t at, std::size_t end) {
        while (at < end) {
            const std::size_t after = at + 4 + length_at(at);
            records(at + 4, after);
            at = after;
        }
    }
    void ends(std::size_t at, std::size_t end) {
        for (std::size_t i = at; i < end; ++i) {
            inside[i] = i >= at + kAtEachEnd && i + kAtEachEnd < end;
            if (!inside[i]) values.push_back(i);
        }
    }

    std::span<const u8> image_;
};

} // namespace

std::vector<std::size_t> value_places(std::span<const u8> image) {
    return std::move(Walk(image).values);
}

std::vector<std::size_t> telling_places(std::span<const u8> image) {
    const Walk walk(image);
    std::vector<std::size_t> out;
    for (std::size_t at = 0; at < image.size(); ++at)
        if (!walk.inside[at]) out.push_back(at);
    return out;
}

} // namespace dm::test
