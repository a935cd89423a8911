// A small seeded generator: the same numbers on every machine, so that a failing seed can be named. Or, for a
// fuzzer, the numbers that its input holds.
#pragma once

#include "dm/core/types.hpp"

#include <span>

namespace dm::test {

class Rng {
public:
    /// Neighbouring seeds begin far apart: were the state the seed times the step, each would be its
    /// neighbour's numbers shifted by one.
    explicit Rng(u64 seed) : state_(seed) { state_ = splitmix64(); }
    /// Draws from `choices` as few bytes as a number needs, and zeros when they are used up.
    explicit Rng(std::span<const u8> choices) : choices_(choices), chosen_(true) {}

    u64 next() { return chosen_ ? take(8) : splitmix64(); }
    /// 0 .. bound - 1
    u64 below(u64 bound) {
        if (bound == 0) return 0;
        return (chosen_ ? take(bytes_for(bound)) : splitmix64()) % bound;
    }
    bool one_in(u64 n) { return below(n) == 0; }

private:
    u64 splitmix64() {
        u64 z = (state_ += 0x9e3779b97f4a7c15);
        z = (z ^ (z >> 30)) * 0xbf58476d1ce4e5b9;
        z = (z ^ (z >> 27)) * 0x94d049bb133111eb;
        return z ^ (z >> 31);
    }
    static unsigned bytes_for(u64 bound) {
        unsigned bytes = 1;
        while (bytes < 8 && bound - 1 > ones(bytes))
            ++bytes;
        return bytes;
    }
    u64 take(unsigned bytes) {
        u64 value = 0;
        for (unsigned i = 0; i < bytes && !choices_.empty(); ++i, choices_ = choices_.subspan(1))
            value |= u64{choices_.front()} << (i * 8);
        return value;
    }

    u64 state_ = 0;
    std::span<const u8> choices_;
    bool chosen_ = false;
};

} // namespace dm::test
