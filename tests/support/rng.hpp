// A small seeded generator: the same numbers on every machine, so that a failing seed can be named.
#pragma once

#include "dm/core/types.hpp"

namespace dm::test {

class Rng {
public:
    explicit Rng(u64 seed) : state_(seed * 0x9e3779b97f4a7c15 + 1) {}
    u64 next() { // splitmix64
        u64 z = (state_ += 0x9e3779b97f4a7c15);
        z = (z ^ (z >> 30)) * 0xbf58476d1ce4e5b9;
        z = (z ^ (z >> 27)) * 0x94d049bb133111eb;
        return z ^ (z >> 31);
    }
    /// 0 .. bound - 1
    u64 below(u64 bound) { return bound == 0 ? 0 : next() % bound; }
    bool one_in(u64 n) { return below(n) == 0; }

private:
    u64 state_;
};

} // namespace dm::test
