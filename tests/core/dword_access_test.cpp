#include "dm/core/dword_access.hpp"

#include <gmock/gmock.h>
#include <vector>

namespace dm {
namespace {

struct Write {
    u64 at;
    u32 value;
    u32 mask;
    bool operator==(const Write&) const = default;
};

std::vector<Write> writes(u64 offset, unsigned size, u64 value) {
    std::vector<Write> made;
    write_dwords(offset, size, value, [&](u64 at, u32 part, u32 mask) { made.push_back({at, part, mask}); });
    return made;
}

/// Each byte is its own offset.
u32 numbered(u64 at) {
    return static_cast<u32>(at | (at + 1) << 8 | (at + 2) << 16 | (at + 3) << 24);
}

TEST(DwordAccess, AReadHasTheBytesFromItsOffsetOn) {
    EXPECT_EQ(read_dwords(0x10, 4, numbered), 0x13121110U);
    EXPECT_EQ(read_dwords(0x11, 1, numbered), 0x11U);
    EXPECT_EQ(read_dwords(0x13, 2, numbered), 0x1413U);
    EXPECT_EQ(read_dwords(0x11, 8, numbered), 0x1817161514131211U);
    EXPECT_EQ(read_dwords(0x10, 0, numbered), 0U);
}

TEST(DwordAccess, EachRegisterIsReadOnce) {
    std::vector<u64> read;
    read_dwords(0x12, 8, [&](u64 at) {
        read.push_back(at);
        return 0U;
    });
    EXPECT_THAT(read, testing::ElementsAre(0x10, 0x14, 0x18));
}

TEST(DwordAccess, AWriteTellsWhichBitsOfWhichRegisters) {
    EXPECT_THAT(writes(8, 4, 0xffffffff11223344), testing::ElementsAre(Write{8, 0x11223344, 0xffffffff}));
    EXPECT_THAT(writes(9, 2, 0xff1122), testing::ElementsAre(Write{8, 0x112200, 0xffff00}));
    EXPECT_THAT(writes(0xb, 2, 0x1122),
                testing::ElementsAre(Write{8, 0x22000000, 0xff000000}, Write{12, 0x11, 0xff}));
    EXPECT_THAT(writes(0xa, 8, 0x8877665544332211),
                testing::ElementsAre(Write{8, 0x22110000, 0xffff0000}, Write{12, 0x66554433, 0xffffffff},
                                     Write{16, 0x8877, 0xffff}));
    EXPECT_THAT(writes(8, 0, 1), testing::IsEmpty());
}

} // namespace
} // namespace dm
