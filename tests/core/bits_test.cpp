#include "dm/core/bits.hpp"

#include <gtest/gtest.h>

namespace dm {
namespace {

enum class Lcr : u8 { WLS = 0x03, DLAB = 0x80 };
enum class Ctrl : u32 { RST = 0x04000000, FD = 0x1 };

TEST(Bits, SettingAndClearingOneBitLeavesTheOthers) {
    Bits<Lcr> b{u8{0x15}};
    b.set(Lcr::DLAB);
    EXPECT_EQ(b.raw(), 0x95);
    b.clear(Lcr::DLAB);
    EXPECT_EQ(b.raw(), 0x15);
    b.set(Lcr::DLAB, false);
    EXPECT_EQ(b.raw(), 0x15);
}

TEST(Bits, AFieldCountsAsPresentWithAnyOfItsBits) {
    EXPECT_TRUE(Bits<Lcr>{u8{0x01}}.has(Lcr::WLS));
    EXPECT_FALSE(Bits<Lcr>{u8{0x80}}.has(Lcr::WLS));
}

TEST(Bits, TheyAreAsWideAsTheEnumerationUnderThem) {
    static_assert(sizeof(Bits<Lcr>) == 1 && sizeof(Bits<Ctrl>) == 4);
    EXPECT_EQ((Bits<Ctrl>{Ctrl::RST} | Ctrl::FD).raw(), 0x04000001U);
}

TEST(Bits, BytesOfWideRegistersAreNumberedFromTheLeastSignificant) {
    EXPECT_EQ(byte_of(0x1122334455667788, 0), 0x88);
    EXPECT_EQ(byte_of(0x1122334455667788, 7), 0x11);
    EXPECT_EQ(with_byte<u32>(0x11223344, 3, 0xff), 0xff223344U);
    EXPECT_EQ(with_byte<u16>(0x1122, 0, 0x00), 0x1100);
    EXPECT_EQ(with_byte<u64>(0, 7, 0x80), 0x8000000000000000U);
}

TEST(Ones, AreAsWideAsTheAccess) {
    EXPECT_EQ(ones(0), 0U);
    EXPECT_EQ(ones(1), 0xffU);
    EXPECT_EQ(ones(4), 0xffffffffU);
    EXPECT_EQ(ones(8), ~u64{0});
}

} // namespace
} // namespace dm
