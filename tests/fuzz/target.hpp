// What there is to fuzz. Each *_fuzz.cpp registers its target; the fuzzer's program links all of them, that
// of the tests too.
#pragma once

#include "tests/support/rig.hpp"

#include <memory>
#include <span>
#include <string_view>
#include <vector>

namespace dm::fuzz {

using MakeRig = std::unique_ptr<test::Rig> (*)();

/// A rig of the type, made anew.
template <class R> std::unique_ptr<test::Rig> make_rig() {
    return std::make_unique<R>();
}

struct Target {
    std::string_view name; ///< as `tools/fuzz` takes it; names the folders of seeds and corpus
    void (*run)(const Target& target, std::span<const u8> input) = nullptr;
    /// Of a device: its kinds of surroundings; the first byte of an input chooses one where there are
    /// several.
    std::vector<MakeRig> rigs{};
};

/// Runs `input` as operations on a rig; `run` of all devices.
void run_device(const Target& target, std::span<const u8> input);

/// In the order of their names.
std::vector<const Target*> all_targets();

/// A static object of it in each *_fuzz.cpp.
class Registered {
public:
    explicit Registered(Target target);
};

} // namespace dm::fuzz
