#include "tests/fuzz/target.hpp"

#include <algorithm>
#include <deque>

namespace dm::fuzz {
namespace {

std::deque<Target>& registry() {
    static std::deque<Target> targets;
    return targets;
}

} // namespace

Registered::Registered(Target target) {
    registry().push_back(std::move(target));
}

std::vector<const Target*> all_targets() {
    std::vector<const Target*> all;
    for (const Target& target : registry())
        all.push_back(&target);
    std::sort(all.begin(), all.end(), [](const Target* a, const Target* b) { return a->name < b->name; });
    return all;
}

} // namespace dm::fuzz
