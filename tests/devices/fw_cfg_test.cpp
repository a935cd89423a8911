#include "tests/devices/fw_cfg_rig.hpp"

#include "tests/support/conformance.hpp"

#include <gmock/gmock.h>

namespace dm::test {
namespace {

using testing::Each;
using testing::ElementsAre;
using Key = FwCfgContents::Key;

TEST(FwCfg, ShowsItsSignatureAtThePorts) {
    FwCfgRig r;
    r.select(Key::SIGNATURE);
    EXPECT_THAT(r.fetch(4), ElementsAre('Q', 'E', 'M', 'U'));
    r.select(Key::ID);
    EXPECT_THAT(r.fetch(4), ElementsAre(3, 0, 0, 0)) << "ports and DMA";
}

TEST(FwCfg, ItemsAreLittleEndianAndReadFromTheirBeginningWhenSelected) {
    FwCfgRig r;
    r.select(Key::NB_CPUS);
    EXPECT_EQ(r.in(FwCfg::kBase + 1), 0x34U);
    EXPECT_EQ(r.in(FwCfg::kBase + 1), 0x12U);
    r.select(Key::NB_CPUS);
    EXPECT_EQ(r.in(FwCfg::kBase + 1), 0x34U);
}

TEST(FwCfg, BehindTheEndAndWhereNoItemIsThereAreZeros) {
    FwCfgRig r;
    r.select(Key::NB_CPUS);
    EXPECT_THAT(r.fetch(5), ElementsAre(0x34, 0x12, 0, 0, 0));
    r.select(0x3abc);
    EXPECT_THAT(r.fetch(100), Each(0));
}

TEST(FwCfg, AStringReadIsTheSameBytesAsSingleReads) {
    FwCfgRig r;
    r.select(FwCfgRig::kBig);
    const std::vector<u8> all = r.fetch(FwCfgRig::kBigBytes);
    r.select(FwCfgRig::kBig);
    for (u64 i = 0; i < 300; ++i)
        ASSERT_EQ(r.in(FwCfg::kBase + 1), all[i]) << i;
    for (u64 i = 0; i < all.size(); ++i)
        ASSERT_EQ(all[i], FwCfgRig::big_byte(i)) << i;
}

TEST(FwCfg, TheWriteChannelSelectsTheSameItem) {
    FwCfgRig r;
    r.select(Key::NB_CPUS | 0x4000);
    EXPECT_EQ(r.in(FwCfg::kBase + 1), 0x34U);
}

TEST(FwCfg, TheDirectoryListsFilesInBigEndian) {
    FwCfgRig r;
    r.select(Key::FILE_DIR);
    EXPECT_THAT(r.fetch(4), ElementsAre(0, 0, 0, 2));
    std::vector<u8> entry = r.fetch(64);
    EXPECT_THAT(std::vector<u8>(entry.begin(), entry.begin() + 8), ElementsAre(0, 0, 0, 3, 0, 0x20, 0, 0));
    EXPECT_STREQ(reinterpret_cast<const char*>(&entry[8]), "first");
    entry = r.fetch(64);
    EXPECT_THAT(std::vector<u8>(entry.begin(), entry.begin() + 8), ElementsAre(0, 0, 0, 2, 0, 0x21, 0, 0));
    EXPECT_STREQ(reinterpret_cast<const char*>(&entry[8]), "genroms/second");
    r.select(0x21);
    EXPECT_THAT(r.fetch(2), ElementsAre(0x55, 0xaa));
}

TEST(FwCfg, TheDmaRegisterReadsAsItsMark) {
    FwCfgRig r;
    EXPECT_EQ(r.in(FwCfg::kDmaBase, 4), 0x554d4551U) << "QEMU";
    EXPECT_EQ(r.in(FwCfg::kDmaBase + 4, 4), 0x47464320U) << " CFG";
}

TEST(FwCfg, DmaSelectsAndCopies) {
    FwCfgRig r;
    EXPECT_EQ(
        r.run(u32{FwCfgRig::kBig} << 16 | FwCfgRig::kSelect | FwCfgRig::kRead, FwCfgRig::kBigBytes, 0x4000),
        0U);
    for (u64 i = 0; i < FwCfgRig::kBigBytes; ++i)
        ASSERT_EQ(r.ram[0x4000 + i], FwCfgRig::big_byte(i)) << i;
    EXPECT_EQ(r.ram[0x4000 + FwCfgRig::kBigBytes], 0) << "not a byte more";
}

TEST(FwCfg, DmaContinuesWhereTheLastAccessEndedAndSkips) {
    FwCfgRig r;
    r.select(FwCfgRig::kBig);
    EXPECT_EQ(r.run(FwCfgRig::kRead, 10, 0x4000), 0U);
    EXPECT_EQ(r.run(FwCfgRig::kSkip, 1000, 0), 0U);
    EXPECT_EQ(r.run(FwCfgRig::kRead, 1, 0x4000), 0U);
    EXPECT_EQ(r.ram[0x4000], FwCfgRig::big_byte(1010));
    EXPECT_EQ(r.in(FwCfg::kBase + 1), FwCfgRig::big_byte(1011)) << "ports and DMA share the position";
}

TEST(FwCfg, DmaPadsALittleWithZerosAndRefusesALot) {
    FwCfgRig r;
    r.ram[0x4002] = 0xee;
    EXPECT_EQ(r.run(u32{Key::NB_CPUS} << 16 | FwCfgRig::kSelect | FwCfgRig::kRead, 3, 0x4000), 0U);
    EXPECT_EQ(r.ram[0x4002], 0);
    const u32 most = FwCfg::kMostPadding + 2;
    EXPECT_EQ(r.run(u32{Key::NB_CPUS} << 16 | FwCfgRig::kSelect | FwCfgRig::kRead, most, 0x4000), 0U);
    EXPECT_EQ(r.run(u32{Key::NB_CPUS} << 16 | FwCfgRig::kSelect | FwCfgRig::kRead, most + 1, 0x4000), 1U);
    EXPECT_EQ(r.run(FwCfgRig::kRead, 0xffffffff, 0), 1U) << "never 4 GiB of zeros";
}

TEST(FwCfg, NothingCanBeWritten) {
    FwCfgRig r;
    EXPECT_EQ(r.run(u32{Key::NB_CPUS} << 16 | FwCfgRig::kSelect | FwCfgRig::kWrite, 2, 0x4000), 1U);
    r.select(Key::NB_CPUS);
    r.out(FwCfg::kBase + 1, 0x99);
    EXPECT_EQ(r.in(FwCfg::kBase + 1), 0x34U) << "a write does not move the position";
}

TEST(FwCfg, AnAccessThatLiesOutsideOfRamDoesNothing) {
    FwCfgRig r;
    r.select(Key::NB_CPUS);
    r.out(FwCfg::kDmaBase, 0xffffffff, 4);
    r.out(FwCfg::kDmaBase + 4, 0xffffffff, 4); // reads as ones there: an error, and nowhere to report it
    EXPECT_EQ(r.run(u32{FwCfgRig::kBig} << 16 | FwCfgRig::kSelect | FwCfgRig::kRead, FwCfgRig::kBigBytes,
                    ~u64{0} - 20'000),
              1U)
        << "nothing wraps around to address 0";
    EXPECT_EQ(r.ram[0], 0);
}

TEST(FwCfg, TheHighHalfOfTheAddressIsUsedOnce) {
    FwCfgRig r;
    r.out(FwCfg::kDmaBase, __builtin_bswap32(1), 4); // 4 GiB: no RAM there
    r.out(FwCfg::kDmaBase + 4, 0, 4);
    r.select(Key::NB_CPUS);
    r.put_be(0x100, FwCfgRig::kRead, 4);
    r.put_be(0x104, 1, 4);
    r.put_be(0x108, 0x4000, 8);
    r.out(FwCfg::kDmaBase + 4, __builtin_bswap32(0x100), 4);
    EXPECT_EQ(r.ram[0x4000], 0x34);
}

INSTANTIATE_TYPED_TEST_SUITE_P(FwCfg, DeviceConformance, FwCfgRig);

} // namespace
} // namespace dm::test
