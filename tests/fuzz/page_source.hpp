// Guest memory that the guest never wrote: what a device finds there comes from the fuzzer's input, drawn
// when it looks, so that a descriptor that a device reads is as much under the fuzzer's hand as a register.
#pragma once

#include "tests/fuzz/input.hpp"
#include "tests/support/fakes.hpp"

#include <map>
#include <vector>

namespace dm::fuzz {

class PageSource final : public test::FirstView {
public:
    explicit PageSource(Input& input) : input_(input) {}

    /// The same page is the same for all rigs of a run: one pattern of up to 64 bytes, repeated.
    void fill(u64 page, std::span<u8> bytes) override;

private:
    const std::vector<u8>& pattern(u64 page);

    Input& input_;
    std::map<u64, std::vector<u8>> patterns_;
};

} // namespace dm::fuzz
