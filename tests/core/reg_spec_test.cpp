#include "dm/core/reg_spec.hpp"

#include <gtest/gtest.h>
#include <vector>

namespace dm {
namespace {

bool fits(const std::vector<RegSpec>& table) {
    return well_formed(table, 16);
}

TEST(RegSpec, ASortedAlignedDisjointTableIsWellFormed) {
    EXPECT_TRUE(fits({{"A", 0, 2, 0x1234, 0xffff, 0}, {"B", 4, 4, 0, 0, 0xffffffff}, {"C", 15, 1, 0, 1, 2}}));
}

TEST(RegSpec, MistakesInATableAreSeen) {
    EXPECT_FALSE(fits({{"B", 4, 1, 0, 0, 0}, {"A", 0, 1, 0, 0, 0}})) << "unsorted";
    EXPECT_FALSE(fits({{"A", 0, 4, 0, 0, 0}, {"B", 2, 2, 0, 0, 0}})) << "overlapping";
    EXPECT_FALSE(fits({{"A", 1, 2, 0, 0, 0}})) << "misaligned";
    EXPECT_FALSE(fits({{"A", 0, 3, 0, 0, 0}})) << "odd width";
    EXPECT_FALSE(fits({{"A", 0, 1, 0x100, 0, 0}})) << "reset value too wide";
    EXPECT_FALSE(fits({{"A", 0, 1, 0, 0x100, 0}})) << "mask too wide";
    EXPECT_FALSE(fits({{"A", 0, 1, 0, 3, 1}})) << "a bit cannot be stored and cleared by the same one";
    EXPECT_FALSE(fits({{"A", 16, 1, 0, 0, 0}})) << "outside";
}

} // namespace
} // namespace dm
