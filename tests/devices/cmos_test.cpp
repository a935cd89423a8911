#include "tests/devices/cmos_rig.hpp"

#include "tests/support/conformance.hpp"

namespace dm::test {
namespace {

constexpr u64 kMiB = 1 << 20;

TEST(Cmos, EveryByteAboveTheClockIsStorage) {
    CmosRig r;
    for (unsigned at = Cmos::kFirst; at < Cmos::kSize; ++at)
        r.set(at, static_cast<u8>(~at));
    for (unsigned at = Cmos::kFirst; at < Cmos::kSize; ++at)
        EXPECT_EQ(r.get(at), static_cast<u8>(~at)) << at;
}

TEST(Cmos, TheClockIsXensAndNotHere) {
    CmosRig r;
    for (unsigned at = 0; at < Cmos::kFirst; ++at) {
        r.set(at, 0x55);
        EXPECT_EQ(r.get(at), 0xff) << at;
    }
}

TEST(Cmos, TheNmiMaskIsNoPartOfTheIndex) {
    CmosRig r;
    r.out(CmosRig::kIndex, 0x80 | Cmos::SHUTDOWN_CODE);
    r.out(CmosRig::kData, 0xfe);
    EXPECT_EQ(r.get(Cmos::SHUTDOWN_CODE), 0xfe);
}

TEST(Cmos, TheIndexCannotBeReadBack) {
    CmosRig r;
    r.out(CmosRig::kIndex, 0x10);
    EXPECT_EQ(r.in(CmosRig::kIndex), 0xffU);
}

TEST(Cmos, AWordWritesIndexAndDataAtOnce) {
    CmosRig r;
    r.out(CmosRig::kIndex, 0x1240, 2);
    EXPECT_EQ(r.get(0x40), 0x12);
}

TEST(Cmos, TheBootOrderIsWhereSeabiosReadsIt) {
    CmosRig dc{{.boot_order = "dc"}};
    EXPECT_EQ(dc.get(Cmos::BOOT_ORDER_1_2), 0x23);
    EXPECT_EQ(dc.get(Cmos::BOOT_ORDER_3), 0x00);
    CmosRig dca{{.boot_order = "dca"}};
    EXPECT_EQ(dca.get(Cmos::BOOT_ORDER_1_2), 0x23);
    EXPECT_EQ(dca.get(Cmos::BOOT_ORDER_3), 0x10) << "bit 0: floppies are checked for a signature";
    CmosRig n{{.boot_order = "n"}};
    EXPECT_EQ(n.get(Cmos::BOOT_ORDER_1_2), 0x04);
}

TEST(Cmos, ABootOrderOfAnyLengthFits) {
    CmosRig r{{.boot_order = "xncdacdacda"}};
    EXPECT_EQ(r.get(Cmos::BOOT_ORDER_1_2), 0x24);
    EXPECT_EQ(r.get(Cmos::BOOT_ORDER_3), 0x30);
    CmosRig none{{.boot_order = ""}};
    EXPECT_EQ(none.get(Cmos::BOOT_ORDER_1_2), 0);
}

TEST(Cmos, MemorySizesAreInTheirUnits) {
    CmosRig r{{.memory_below_4g = 2048 * kMiB, .memory_above_4g = 0x1'23'4567 * u64{64} * 1024}};
    EXPECT_EQ(r.get16(Cmos::BASE_MEMORY), 640U);
    EXPECT_EQ(r.get16(Cmos::EXTENDED_MEMORY), 0xffffU) << "more than 64 MiB: the most there is";
    EXPECT_EQ(r.get16(Cmos::EXTENDED_MEMORY_2), 0xffffU);
    EXPECT_EQ(r.get16(Cmos::MEMORY_ABOVE_16M), (2048U - 16) * 16);
    EXPECT_EQ(r.get16(Cmos::MEMORY_ABOVE_4G), 0xffffU);
    EXPECT_EQ(r.get(Cmos::MEMORY_ABOVE_4G + 2), 0xff);
    CmosRig more{{.memory_below_4g = 17 * kMiB, .memory_above_4g = 0x12345 * u64{64} * 1024}};
    EXPECT_EQ(more.get16(Cmos::EXTENDED_MEMORY), 16U * 1024);
    EXPECT_EQ(more.get16(Cmos::MEMORY_ABOVE_16M), 16U);
    EXPECT_EQ(more.get16(Cmos::MEMORY_ABOVE_4G), 0x2345U);
    EXPECT_EQ(more.get(Cmos::MEMORY_ABOVE_4G + 2), 0x01);
}

TEST(Cmos, AVerySmallMachineHasNoExtendedMemory) {
    CmosRig r{{.memory_below_4g = u64{512} * 1024}};
    EXPECT_EQ(r.get16(Cmos::BASE_MEMORY), 512U);
    EXPECT_EQ(r.get16(Cmos::EXTENDED_MEMORY), 0U);
    EXPECT_EQ(r.get16(Cmos::MEMORY_ABOVE_16M), 0U);
}

TEST(Cmos, CpusAreCountedFromZero) {
    EXPECT_EQ(CmosRig{}.get(Cmos::VCPUS), 0);
    EXPECT_EQ((CmosRig{{.vcpus = 128}}.get(Cmos::VCPUS)), 127);
    EXPECT_EQ((CmosRig{{.vcpus = 0}}.get(Cmos::VCPUS)), 0);
    EXPECT_EQ((CmosRig{{.vcpus = 4000}}.get(Cmos::VCPUS)), 255);
}

TEST(Cmos, FloppyDrivesShowInTheirTypeAndInTheEquipment) {
    EXPECT_EQ(CmosRig{}.get(Cmos::FLOPPY_TYPES), 0);
    EXPECT_EQ(CmosRig{}.get(Cmos::EQUIPMENT), 0x06) << "FPU and mouse";
    CmosRig one{{.floppies = {CmosFloppy::F1440K, CmosFloppy::None}}};
    EXPECT_EQ(one.get(Cmos::FLOPPY_TYPES), 0x40);
    EXPECT_EQ(one.get(Cmos::EQUIPMENT), 0x07);
    CmosRig two{{.floppies = {CmosFloppy::F1440K, CmosFloppy::F2880K}}};
    EXPECT_EQ(two.get(Cmos::FLOPPY_TYPES), 0x45);
    EXPECT_EQ(two.get(Cmos::EQUIPMENT), 0x47);
}

TEST(Cmos, DisksShowTheirGeometryAndTranslation) {
    CmosContents c;
    c.ide_disks[0] = {.cylinders = 0x1234, .heads = 16, .sectors = 63, .translation = CmosTranslation::Lba};
    c.ide_disks[1] = {.cylinders = 100, .heads = 8, .sectors = 17};
    c.ide_disks[3] = {.translation = CmosTranslation::Large};
    CmosRig r{c};
    EXPECT_EQ(r.get(Cmos::DISK_TRANSLATION), 0x81);
    EXPECT_EQ(r.get(Cmos::DISK_TYPES), 0xff);
    EXPECT_EQ(r.get(Cmos::DISK0_TYPE), 47);
    EXPECT_EQ(r.get16(Cmos::DISK0_GEOMETRY), 0x1234U);
    EXPECT_EQ(r.get(Cmos::DISK0_GEOMETRY + 2), 16);
    EXPECT_EQ(r.get(Cmos::DISK0_GEOMETRY + 5), 0xc8);
    EXPECT_EQ(r.get(Cmos::DISK0_GEOMETRY + 8), 63);
    EXPECT_EQ(r.get16(Cmos::DISK1_GEOMETRY), 100U);
    EXPECT_EQ(r.get(Cmos::DISK1_GEOMETRY + 5), 0xc0);
    EXPECT_EQ(r.get(Cmos::DISK1_GEOMETRY + 8), 17);
}

TEST(Cmos, TheChecksumOfTheAtIsRight) {
    CmosRig r{{.memory_below_4g = 64 * kMiB, .floppies = {CmosFloppy::F1440K}}};
    unsigned sum = 0;
    for (unsigned at = 0x10; at < 0x2e; ++at)
        sum += r.get(at);
    EXPECT_EQ(r.get(Cmos::CHECKSUM) << 8 | r.get(Cmos::CHECKSUM + 1), static_cast<int>(sum));
}

TEST(Cmos, TheCenturyIsBcd) {
    EXPECT_EQ(CmosRig{}.get(Cmos::CENTURY), 0x20);
    EXPECT_EQ(CmosRig{}.get(Cmos::CENTURY_PS2), 0x20);
}

TEST(Cmos, AfterSleepTheShutdownCodeLeadsToTheWakingVectorAndTheRestIsKept) {
    CmosRig r;
    r.set(Cmos::BOOT_ORDER_3, 0x5a);
    r.dev.wake_reset();
    EXPECT_EQ(r.get(Cmos::SHUTDOWN_CODE), 0xfe);
    EXPECT_EQ(r.get(Cmos::BOOT_ORDER_3), 0x5a);
    r.dev.reset();
    EXPECT_EQ(r.get(Cmos::SHUTDOWN_CODE), 0x00);
}

TEST(Cmos, AnIndexOutsideIsRefusedOnLoad) {
    CmosRig r;
    Cmos::State s;
    s.index = 128;
    StateWriter writer;
    writer.section("cmos", s);
    const std::vector<u8> image = std::move(writer).take();
    auto reader = StateReader::open(image);
    ASSERT_TRUE(reader.ok());
    EXPECT_FALSE(r.dev.load(*reader).ok());
}

INSTANTIATE_TYPED_TEST_SUITE_P(Cmos, DeviceConformance, CmosRig);

} // namespace
} // namespace dm::test
