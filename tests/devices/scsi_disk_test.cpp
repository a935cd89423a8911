// SCSI disk and CD-ROM: what commands answer (SPC-3, SBC-2, MMC-3).
#include "tests/devices/lsi53c895a_rig.hpp"

#include <cerrno>
#include <gmock/gmock.h>

namespace dm::test {
namespace {

using namespace lsi_rig;
using Sense = std::array<u8, 3>;

constexpr Sense kInvalidField{5, 0x24, 0};
constexpr Sense kOutOfRange{5, 0x21, 0};

struct ScsiDiskTest : testing::Test {
    ScsiDiskTest() { r.settle(); }
    std::vector<u8> fetch(const std::vector<u8>& cdb, u32 size, u8 id = 0) { return r.fetch(id, cdb, size); }
    /// The command fails with that sense.
    void expect_sense(const std::vector<u8>& cdb, const Sense& sense, u32 size = 0, u8 id = 0) {
        std::vector<Region> data;
        if (size != 0) data.push_back({kData, size});
        EXPECT_EQ(r.command(id, cdb, data), 2);
        EXPECT_EQ(r.sense(id), sense);
    }
    u8 send(std::vector<u8> cdb, const std::vector<u8>& list) {
        r.put(kData, list);
        return r.command(0, cdb, {{kData, static_cast<u32>(list.size())}});
    }
    static u64 be(const std::vector<u8>& bytes, std::size_t at, unsigned width) {
        return scsi::be(bytes, at, width);
    }
    LsiRig r;
};

TEST_F(ScsiDiskTest, InquiryNamesTheDisk) {
    const auto data = fetch({0x12, 0, 0, 0, 96}, 96);
    EXPECT_EQ(r.last_status, 0);
    EXPECT_EQ(data[0], 0);
    EXPECT_EQ(data[1], 0);
    EXPECT_EQ(data[2], 5);
    EXPECT_EQ(data[4], 31);
    EXPECT_EQ(data[7], 2); // tagged queueing, nothing to negotiate
    EXPECT_EQ(std::string(data.begin() + 8, data.begin() + 36), "HVMDM   HARDDISK        1.0 ");
    EXPECT_EQ(data[36], 0xcc);
}

TEST_F(ScsiDiskTest, VitalProductDataPages) {
    EXPECT_EQ(be(fetch({0x12, 1, 0x00, 0, 64}, 64), 0, 8), 0x0000'0005'0080'83b0U);
    const auto serial = fetch({0x12, 1, 0x80, 0, 64}, 64);
    EXPECT_EQ(std::string(serial.begin() + 4, serial.begin() + 11), "HMS0000");
    EXPECT_EQ(serial[3], 7);
    const auto id = fetch({0x12, 1, 0x83, 0, 64}, 64);
    EXPECT_EQ(std::string(id.begin() + 8, id.begin() + 23), "HVMDM   HMS0000");
    const auto limits = fetch({0x12, 1, 0xb0, 0, 64}, 64);
    EXPECT_EQ(be(limits, 2, 2), 0x3cU);
    EXPECT_EQ(be(limits, 8, 4), 0xffffU);
    EXPECT_EQ(be(limits, 20, 4), ScsiDisk::kMostDiscarded);
    EXPECT_EQ(be(limits, 24, 4), 1U);
    EXPECT_EQ(be(limits, 28, 4), 8U); // granularity in blocks
    EXPECT_EQ(fetch({0x12, 1, 0xb2, 0, 64}, 64)[5], 0xc0);
    expect_sense({0x12, 1, 0xc7, 0, 64}, kInvalidField);
    expect_sense({0x12, 0, 0x80, 0, 64}, kInvalidField);
}

TEST_F(ScsiDiskTest, AMediumThatCannotDiscardIsNotOffered) {
    EXPECT_EQ(fetch({0x12, 1, 0xb2, 0, 64}, 64, 1)[5], 0);
    EXPECT_EQ(fetch({0x9e, 0x10, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0, 32}, 32, 1)[14], 0);
    expect_sense({0x42, 0, 0, 0, 0, 0, 0, 0, 24}, {5, 0x20, 0}, 0, 1);
}

TEST_F(ScsiDiskTest, TheFirstCommandHearsOfThePowerOn) {
    LsiRig fresh;
    EXPECT_EQ(fresh.command(0, {0x12, 0, 0, 0, 0}), 0); // not INQUIRY, not REPORT LUNS
    EXPECT_EQ(fresh.command(0, {0x00}), 2);
    EXPECT_EQ(fresh.sense(), (Sense{6, 0x29, 0}));
    EXPECT_EQ(fresh.command(0, {0x00}), 0);
    EXPECT_EQ(fresh.sense(), (Sense{0, 0, 0}));
}

TEST_F(ScsiDiskTest, ThereIsOneLogicalUnit) {
    const auto luns = fetch({0xa0, 0, 0, 0, 0, 0, 0, 0, 0, 16}, 16);
    EXPECT_EQ(be(luns, 0, 4), 8U);
    EXPECT_EQ(be(luns, 8, 8), 0U);
    expect_sense({0xa0, 0, 0, 0, 0, 0, 0, 0, 0, 8}, kInvalidField);
    EXPECT_EQ(r.command(0, {0x12, 0, 0, 0, 36}, {{kData, 36}}, true, -1, 3), 0);
    EXPECT_EQ(r.ram[kData], 0x7f);
    EXPECT_EQ(r.command(0, {0x00}, {}, true, -1, 3), 2);
}

TEST_F(ScsiDiskTest, Capacity) {
    EXPECT_EQ(be(fetch({0x25}, 8), 0, 8), 0x0000'07ff'0000'0200U);
    const auto large = fetch({0x9e, 0x10, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0, 32}, 32);
    EXPECT_EQ(be(large, 0, 8), 2047U);
    EXPECT_EQ(be(large, 8, 4), 512U);
    EXPECT_EQ(large[14], 0x80);
    r.disk.claimed_size = u64{3} << 40;
    EXPECT_EQ(be(fetch({0x25}, 8), 0, 4), 0xffff'ffffU);
    EXPECT_EQ(be(fetch({0x9e, 0x10, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0, 32}, 32), 0, 8), (u64{3} << 31) - 1);
    expect_sense({0x9e, 0x11, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0, 32}, kInvalidField);
}

TEST_F(ScsiDiskTest, ReadsOfAllLengths) {
    const std::vector<std::vector<u8>> reads{{0x08, 0, 0, 5, 2},
                                             {0x28, 0, 0, 0, 0, 5, 0, 0, 2},
                                             {0xa8, 0, 0, 0, 0, 5, 0, 0, 0, 2},
                                             {0x88, 0, 0, 0, 0, 0, 0, 0, 0, 5, 0, 0, 0, 2}};
    for (const auto& cdb : reads) {
        const auto data = fetch(cdb, 1024);
        EXPECT_EQ(r.last_status, 0);
        EXPECT_TRUE(std::equal(data.begin(), data.end(), r.disk.data.begin() + 5 * 512));
    }
    EXPECT_EQ(r.command(0, {0x08, 0, 0, 0, 0}, {{0x10000, 0x20000}}), 0); // 256 blocks
    EXPECT_TRUE(std::equal(r.disk.data.begin(), r.disk.data.begin() + 0x20000, r.ram.begin() + 0x10000));
    EXPECT_EQ(r.command(0, {0x28, 0, 0, 0, 0, 0, 0, 0, 0}), 0); // none
}

TEST_F(ScsiDiskTest, WritesOfAllLengths) {
    const std::vector<std::vector<u8>> writes{{0x0a, 0, 0, 5, 2},
                                              {0x2a, 0, 0, 0, 0, 5, 0, 0, 2},
                                              {0xaa, 0, 0, 0, 0, 5, 0, 0, 0, 2},
                                              {0x8a, 0, 0, 0, 0, 0, 0, 0, 0, 5, 0, 0, 0, 2}};
    u8 value = 1;
    for (const auto& cdb : writes) {
        EXPECT_EQ(send(cdb, std::vector<u8>(1024, ++value)), 0);
        EXPECT_EQ(r.disk.data[5 * 512], value);
        EXPECT_EQ(r.disk.data[7 * 512 - 1], value);
    }
    EXPECT_EQ(r.disk.flushes, 0U);
}

TEST_F(ScsiDiskTest, FuaAndADisabledCacheFlush) {
    EXPECT_EQ(send({0x2a, 0x08, 0, 0, 0, 5, 0, 0, 1}, std::vector<u8>(512, 1)), 0);
    EXPECT_EQ(r.disk.flushes, 1U);
    std::vector<u8> select{0, 0, 0, 0, 0x08, 18, 0};
    select.resize(24);
    EXPECT_EQ(send({0x15, 0x10, 0, 0, 24}, select), 0);
    EXPECT_EQ(r.disk.flushes, 2U); // what was cached until now
    EXPECT_EQ(fetch({0x1a, 8, 0x08, 0, 32}, 32)[6], 0);
    EXPECT_EQ(fetch({0x1a, 8, 0x88, 0, 32}, 32)[6], 4); // the default
    EXPECT_EQ(send({0x2a, 0, 0, 0, 0, 5, 0, 0, 1}, std::vector<u8>(512, 1)), 0);
    EXPECT_EQ(r.disk.flushes, 3U);
    EXPECT_EQ(r.command(0, {0x35}), 0);
    EXPECT_EQ(r.disk.flushes, 4U);
}

TEST_F(ScsiDiskTest, WhatIsBeyondTheEndIsRefusedBeforeAnythingMoves) {
    const unsigned before = r.disk.submitted;
    expect_sense({0x28, 0, 0, 0, 8, 0, 0, 0, 1}, kOutOfRange, 512);
    expect_sense({0x2a, 0, 0, 0, 7, 0xff, 0, 0, 2}, kOutOfRange, 1024);
    expect_sense({0x88, 0, 0xff, 0xff, 0xff, 0xff, 0xff, 0xff, 0xff, 0xff, 0, 0, 0, 2}, kOutOfRange);
    expect_sense({0xa8, 0, 0, 0, 0, 0, 0xff, 0xff, 0xff, 0xff}, kInvalidField); // longer than it takes
    expect_sense({0x28, 0x20, 0, 0, 0, 0, 0, 0, 1}, kInvalidField);             // protection
    expect_sense({0x2f, 0, 0, 0, 8, 0, 0, 0, 1}, kOutOfRange);
    expect_sense({0x35, 0, 0xff, 0, 0, 0, 0, 0, 1}, kOutOfRange);
    EXPECT_EQ(r.disk.submitted, before);
}

TEST_F(ScsiDiskTest, HostErrorsAreWhatADriveWouldSay) {
    r.disk.next_error = EIO;
    expect_sense({0x28, 0, 0, 0, 0, 9, 0, 0, 1}, {3, 0x11, 0}, 512);
    r.disk.next_error = EIO;
    expect_sense({0x2a, 0, 0, 0, 0, 9, 0, 0, 1}, {3, 0x0c, 0}, 512);
    r.disk.next_error = ENOSPC;
    expect_sense({0x2a, 0, 0, 0, 0, 9, 0, 0, 1}, {7, 0x27, 7}, 512);
    r.disk.next_error = EIO;
    expect_sense({0x35}, {3, 0x0c, 0});
    r.disk.next_error = EIO;
    expect_sense({0x2f, 0, 0, 0, 0, 0, 0, 0, 1}, {3, 0x11, 0});
    EXPECT_EQ(r.command(0, {0x00}), 0);
}

TEST_F(ScsiDiskTest, AReadOnlyDiskSaysSo) {
    r.disk.readonly = true;
    EXPECT_EQ(fetch({0x1a, 8, 0x3f, 0, 64}, 64)[2], 0x90);
    expect_sense({0x2a, 0, 0, 0, 0, 0, 0, 0, 1}, {7, 0x27, 0}, 512);
    expect_sense({0x41, 0, 0, 0, 0, 0, 0, 0, 1}, {7, 0x27, 0});
}

TEST_F(ScsiDiskTest, VerifyReadsTheMediumInPieces) {
    const unsigned before = r.disk.submitted;
    EXPECT_EQ(r.command(0, {0x2f, 0, 0, 0, 0, 0, 0, 8, 0}), 0); // 1 MiB
    EXPECT_EQ(r.disk.submitted, before + 1);
    expect_sense({0x2f, 2, 0, 0, 0, 0, 0, 0, 1}, kInvalidField);
}

TEST_F(ScsiDiskTest, UnmapDiscardsOneRange) {
    std::vector<u8> list{0, 22, 0, 16, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0, 16, 0, 0, 0, 8, 0, 0, 0, 0};
    EXPECT_EQ(send({0x42, 0, 0, 0, 0, 0, 0, 0, 24}, list), 0);
    ASSERT_EQ(r.disk.discards.size(), 1U);
    EXPECT_EQ(r.disk.discards[0], (std::pair<u64, u64>{16 * 512, 8 * 512}));
    list[14] = 0x80; // beyond the end
    EXPECT_EQ(send({0x42, 0, 0, 0, 0, 0, 0, 0, 24}, list), 2);
    EXPECT_EQ(r.sense(), kOutOfRange);
    list[3] = 32;
    list.resize(40);
    EXPECT_EQ(send({0x42, 0, 0, 0, 0, 0, 0, 0, 40}, list), 2);
    EXPECT_EQ(r.sense(), (Sense{5, 0x26, 0}));
}

TEST_F(ScsiDiskTest, WriteSameWritesZeros) {
    EXPECT_EQ(send({0x93, 8, 0, 0, 0, 0, 0, 0, 0, 32, 0, 0, 0, 16}, std::vector<u8>(512)), 0);
    EXPECT_EQ(r.command(0, {0x93, 1, 0, 0, 0, 0, 0, 0, 0, 64, 0, 0, 0, 16}), 0); // no data
    ASSERT_EQ(r.disk.zeroings.size(), 2U);
    EXPECT_EQ(r.disk.zeroings[0], (std::pair<u64, u64>{32 * 512, 16 * 512}));
    EXPECT_EQ(send({0x41, 0, 0, 0, 0, 32, 0, 0, 1}, std::vector<u8>(512, 1)), 2);
    EXPECT_EQ(r.sense(), (Sense{5, 0x26, 0}));
    expect_sense({0x41, 0, 0, 0, 0, 32, 0, 0, 0}, kInvalidField); // up to the end
}

TEST_F(ScsiDiskTest, ModePages) {
    const auto all = fetch({0x5a, 0, 0x3f, 0, 0, 0, 0, 0, 255}, 255);
    EXPECT_EQ(be(all, 0, 2), 14U + 12 + 24 + 24 + 20 + 12);
    EXPECT_EQ(all[3], 0x10); // FUA works
    EXPECT_EQ(all[7], 8);
    EXPECT_EQ(be(all, 8, 8), 0x0000'0800'0000'0200U);
    const auto geometry = fetch({0x1a, 8, 4, 0, 64}, 64);
    EXPECT_EQ(geometry[9], 255); // heads
    expect_sense({0x1a, 8, 0x33, 0, 64}, kInvalidField);
    expect_sense({0x1a, 8, 0xc8, 0, 64}, {5, 0x39, 0});
    EXPECT_EQ(fetch({0x1a, 8, 0x48, 0, 64}, 64)[6], 4); // only the write cache can be changed
}

TEST_F(ScsiDiskTest, ModeSelectChangesNothingUnlessAllIsRight) {
    std::vector<u8> list{0, 0, 0, 0, 0x08, 18, 0};
    list.resize(24);
    list[8] = 1; // a bit that cannot be changed
    EXPECT_EQ(send({0x15, 0x10, 0, 0, 24}, list), 2);
    EXPECT_EQ(r.sense(), (Sense{5, 0x26, 0}));
    list[8] = 0;
    list[3] = 200; // descriptors beyond the list
    EXPECT_EQ(send({0x15, 0x10, 0, 0, 24}, list), 2);
    list[3] = 0;
    list[5] = 100; // a page beyond the list
    EXPECT_EQ(send({0x15, 0x10, 0, 0, 24}, list), 2);
    expect_sense({0x15, 0x11, 0, 0, 24}, kInvalidField);
    EXPECT_EQ(fetch({0x1a, 8, 8, 0, 32}, 32)[6], 4);
}

TEST_F(ScsiDiskTest, AStoppedDiskFlushesAndRefusesToMove) {
    EXPECT_EQ(r.command(0, {0x1b, 0, 0, 0, 0}), 0);
    EXPECT_EQ(r.disk.flushes, 1U);
    expect_sense({0x28, 0, 0, 0, 0, 0, 0, 0, 1}, {2, 4, 2}, 512);
    EXPECT_EQ(r.command(0, {0x1b, 0, 0, 0, 1}), 0);
    EXPECT_EQ(r.command(0, {0x00}), 0);
}

TEST_F(ScsiDiskTest, AChangedSizeIsTold) {
    r.disk.resize(2 * kDiskSize);
    EXPECT_EQ(r.command(0, {0x00}), 2);
    EXPECT_EQ(r.sense(), (Sense{6, 0x2a, 9}));
    EXPECT_EQ(be(fetch({0x25}, 8), 0, 4), 4095U);
}

TEST_F(ScsiDiskTest, UnknownCommandsAndFormatAreRefused) {
    for (const u8 opcode : std::initializer_list<u8>{0x04, 0x3c, 0x4d, 0x5e, 0xff})
        expect_sense({opcode}, {5, 0x20, 0});
}

TEST_F(ScsiDiskTest, SenseWithDescriptors) {
    EXPECT_EQ(r.command(0, {0x28, 0, 0, 0, 8, 0, 0, 0, 1}), 2);
    const auto sense = fetch({0x03, 1, 0, 0, 32}, 32);
    EXPECT_EQ(be(sense, 0, 8), 0x7205'2100'0000'000cU);
    EXPECT_EQ(be(sense, 12, 8), 2048U);
}

TEST_F(ScsiDiskTest, ACdIsReadInSectorsOf2048Bytes) {
    const auto inquiry = fetch({0x12, 0, 0, 0, 36}, 36, 3);
    EXPECT_EQ(inquiry[0], 5);
    EXPECT_EQ(inquiry[1], 0x80);
    EXPECT_EQ(be(fetch({0x25}, 8, 3), 0, 8), 0x0000'007f'0000'0800U);
    const auto data = fetch({0x28, 0, 0, 0, 0, 2, 0, 0, 2}, 4096, 3);
    EXPECT_EQ(r.last_status, 0);
    EXPECT_TRUE(std::equal(data.begin(), data.end(), r.disc.data.begin() + 4096));
    EXPECT_EQ(be(fetch({0x43, 0, 0, 0, 0, 0, 0, 0, 12}, 12, 3), 0, 4), 0x0012'0101U);
    EXPECT_EQ(fetch({0x1a, 0, 0x2a, 0, 64}, 64, 3)[4], 0x2a);
    expect_sense({0x2a, 0, 0, 0, 0, 0, 0, 0, 1}, {5, 0x20, 0}, 0, 3);
    expect_sense({0x28, 0, 0, 0, 0, 0x80, 0, 0, 1}, kOutOfRange, 0, 3);
}

TEST_F(ScsiDiskTest, ACdCanBeLockedAndEjected) {
    EXPECT_EQ(r.command(3, {0x1e, 0, 0, 0, 1}), 0);
    expect_sense({0x1b, 0, 0, 0, 2}, {5, 0x53, 2}, 0, 3);
    EXPECT_EQ(r.command(3, {0x1e, 0, 0, 0, 0}), 0);
    EXPECT_EQ(r.command(3, {0x1b, 0, 0, 0, 2}), 0);
    expect_sense({0x00}, {2, 0x3a, 0}, 0, 3);
    EXPECT_EQ(r.command(3, {0x1b, 0, 0, 0, 3}), 0);
    expect_sense({0x00}, {6, 0x28, 0}, 0, 3);
    EXPECT_EQ(r.command(3, {0x00}), 0);
}

} // namespace
} // namespace dm::test
