#include "tests/devices/gpe_hotplug_rig.hpp"

#include "tests/support/conformance.hpp"

#include <gmock/gmock.h>

namespace dm::test {
namespace {

using testing::ElementsAre;
using testing::HasSubstr;
using testing::IsEmpty;

constexpr u16 kPciEvent = 0x0002;
constexpr u16 kCpuEvent = 0x0004;
constexpr u32 kRemovable = GpeHotplugRig::kRemovable;

TEST(GpeHotplug, StartsQuietWithTheCpusOfTheConfiguration) {
    GpeHotplugRig r;
    EXPECT_EQ(r.in(GpeHotplugRig::kSts, 4), 0U);
    EXPECT_EQ(r.in(GpeHotplugRig::kPci, 4), 0U);
    EXPECT_EQ(r.in(GpeHotplugRig::kCpu, 4), 0x3U);
    EXPECT_TRUE(r.isa.changes.empty());
}

TEST(GpeHotplug, AnEventSetsItsStatusAndTheSciFollowsTheEnableBit) {
    GpeHotplugRig r;
    ASSERT_TRUE(r.dev.pci_inserted(5).ok());
    EXPECT_EQ(r.in(GpeHotplugRig::kSts, 2), kPciEvent);
    EXPECT_FALSE(r.sci());
    r.out(GpeHotplugRig::kEn, kPciEvent, 2);
    EXPECT_TRUE(r.sci());
    r.out(GpeHotplugRig::kEn, kCpuEvent, 2);
    EXPECT_FALSE(r.sci());
}

TEST(GpeHotplug, StatusIsClearedByWritingOnesAndTheSciFalls) {
    GpeHotplugRig r;
    r.out(GpeHotplugRig::kEn, kPciEvent | kCpuEvent, 2);
    ASSERT_TRUE(r.dev.pci_inserted(5).ok());
    ASSERT_TRUE(r.dev.cpu_online(2).ok());
    r.out(GpeHotplugRig::kSts, kCpuEvent, 2);
    EXPECT_EQ(r.in(GpeHotplugRig::kSts, 2), kPciEvent);
    EXPECT_TRUE(r.sci());
    r.out(GpeHotplugRig::kSts, 0xff, 1);
    EXPECT_FALSE(r.sci());
}

TEST(GpeHotplug, TheSciLineIsSharedWithXenAndOnlyToldOfRealChanges) {
    GpeHotplugRig r;
    r.out(GpeHotplugRig::kSts, 0xffff, 2);
    r.out(GpeHotplugRig::kEn, 0xffff, 2);
    r.dev.reset();
    EXPECT_EQ(r.isa.changes[GpeHotplugRig::kSci], 0U);
    r.out(GpeHotplugRig::kEn, 0xffff, 2);
    ASSERT_TRUE(r.dev.pci_inserted(5).ok());
    ASSERT_TRUE(r.dev.pci_inserted(6).ok());
    EXPECT_EQ(r.isa.changes[GpeHotplugRig::kSci], 1U);
}

TEST(GpeHotplug, StatusAndEnableCanBeReadAndWrittenByTheByteAndAtOnce) {
    GpeHotplugRig r;
    r.out(GpeHotplugRig::kEn + 1, 0x5a, 1);
    EXPECT_EQ(r.in(GpeHotplugRig::kEn, 2), 0x5a00U);
    ASSERT_TRUE(r.dev.pci_inserted(5).ok());
    r.out(GpeHotplugRig::kSts, u32{0x1234} << 16 | kPciEvent, 4);
    EXPECT_EQ(r.in(GpeHotplugRig::kSts, 4), 0x12340000U);
}

TEST(GpeHotplug, AnInsertedSlotStaysListedUntilItIsEjected) {
    GpeHotplugRig r;
    ASSERT_TRUE(r.dev.pci_inserted(5).ok());
    EXPECT_EQ(r.in(GpeHotplugRig::kPci + GpeHotplug::PCIU, 4), 1U << 5);
    EXPECT_EQ(r.in(GpeHotplugRig::kPci + GpeHotplug::PCIU, 4), 1U << 5) << "reading does not clear";
    r.out(GpeHotplugRig::kPci + GpeHotplug::B0EJ, 1 << 5, 4);
    EXPECT_EQ(r.in(GpeHotplugRig::kPci + GpeHotplug::PCIU, 4), 0U);
}

TEST(GpeHotplug, AnEjectRequestWaitsForTheGuest) {
    GpeHotplugRig r;
    r.out(GpeHotplugRig::kEn, kPciEvent, 2);
    ASSERT_TRUE(r.dev.pci_request_eject(7).ok());
    EXPECT_TRUE(r.sci());
    EXPECT_EQ(r.in(GpeHotplugRig::kPci + GpeHotplug::PCID, 4), 1U << 7);
    EXPECT_THAT(r.ejected, IsEmpty());
    r.out(GpeHotplugRig::kPci + GpeHotplug::B0EJ, 1 << 7, 4);
    EXPECT_THAT(r.ejected, ElementsAre(7));
    EXPECT_EQ(r.in(GpeHotplugRig::kPci + GpeHotplug::PCID, 4), 0U);
    EXPECT_EQ(r.in(GpeHotplugRig::kPci + GpeHotplug::B0EJ, 4), 0U);
}

TEST(GpeHotplug, TheGuestMayEjectUnaskedAndInAnyWidth) {
    GpeHotplugRig r;
    r.out(GpeHotplugRig::kPci + GpeHotplug::B0EJ + 1, 0x03, 1);
    r.out(GpeHotplugRig::kPci + GpeHotplug::B0EJ + 2, 0x8000, 2);
    EXPECT_THAT(r.ejected, ElementsAre(8, 9, 31));
}

TEST(GpeHotplug, SlotsThatAreFixedCannotBeEjected) {
    GpeHotplugRig r;
    EXPECT_EQ(r.in(GpeHotplugRig::kPci + GpeHotplug::B0RM, 4), kRemovable);
    r.out(GpeHotplugRig::kPci + GpeHotplug::B0EJ, 0x0b, 4);
    EXPECT_THAT(r.ejected, IsEmpty());
}

TEST(GpeHotplug, TheOtherSlotRegistersAreReadOnly) {
    GpeHotplugRig r;
    ASSERT_TRUE(r.dev.pci_inserted(5).ok());
    for (const int at : {0, 4, 12})
        r.out(static_cast<Port>(GpeHotplugRig::kPci + at), 0xffffffff, 4);
    EXPECT_EQ(r.in(GpeHotplugRig::kPci + GpeHotplug::PCIU, 4), 1U << 5);
    EXPECT_EQ(r.in(GpeHotplugRig::kPci + GpeHotplug::PCID, 4), 0U);
    EXPECT_EQ(r.in(GpeHotplugRig::kPci + GpeHotplug::B0RM, 4), kRemovable);
    EXPECT_THAT(r.ejected, IsEmpty());
}

TEST(GpeHotplug, AWriteAcrossRegistersEjectsOnlyWhatFallsIntoB0ej) {
    GpeHotplugRig r;
    r.out(GpeHotplugRig::kPci + 6, 0x01ffffff, 4); // two bytes of PCID, two of B0EJ
    EXPECT_THAT(r.ejected, ElementsAre(2, 4, 5, 6, 7, 8));
}

TEST(GpeHotplug, TheToolstackCannotUseSlotsThatDoNotExist) {
    GpeHotplugRig r;
    for (const unsigned slot : {0U, 3U, 32U, 33U, ~0U}) {
        EXPECT_FALSE(r.dev.pci_inserted(slot).ok()) << slot;
        EXPECT_FALSE(r.dev.pci_request_eject(slot).ok()) << slot;
    }
    EXPECT_EQ(r.in(GpeHotplugRig::kSts, 2), 0U);
}

TEST(GpeHotplug, ACpuThatComesOnlineIsShownAndAnnouncedOnce) {
    GpeHotplugRig r;
    r.out(GpeHotplugRig::kEn, kCpuEvent, 2);
    ASSERT_TRUE(r.dev.cpu_online(9).ok());
    EXPECT_TRUE(r.sci());
    EXPECT_EQ(r.in(GpeHotplugRig::kCpu, 4), 0x203U);
    EXPECT_EQ(r.in(GpeHotplugRig::kCpu + 1, 1), 0x02U);
    r.out(GpeHotplugRig::kSts, kCpuEvent, 2);
    ASSERT_TRUE(r.dev.cpu_online(9).ok());
    EXPECT_FALSE(r.sci());
}

TEST(GpeHotplug, ACpuAboveTheMaximumIsRefusedByName) {
    GpeHotplugRig r;
    const Status status = r.dev.cpu_online(20);
    ASSERT_FALSE(status.ok());
    EXPECT_THAT(status.error().message, HasSubstr("maxvcpus"));
    EXPECT_FALSE(r.dev.cpu_online(~0U).ok());
}

TEST(GpeHotplug, TheCpuMapIsReadOnlyAndReadableInAnyWidth) {
    GpeHotplugRig r;
    r.out(GpeHotplugRig::kCpu, 0, 4);
    EXPECT_EQ(r.in(GpeHotplugRig::kCpu, 1), 0x03U);
    EXPECT_EQ(r.in(GpeHotplugRig::kCpu, 2), 0x03U);
    EXPECT_EQ(r.in(GpeHotplugRig::kCpu + 31, 1), 0x00U);
    std::vector<u8> map(16);
    r.ports.read_string(GpeHotplugRig::kCpu, 1, map);
    EXPECT_EQ(map[15], 0x03) << "a string instruction reads one port";
}

TEST(GpeHotplug, WhatWasAnnouncedDuringSleepIsNotLost) {
    GpeHotplugRig r;
    r.out(GpeHotplugRig::kEn, kCpuEvent, 2);
    ASSERT_TRUE(r.dev.cpu_online(3).ok());
    r.dev.wake_reset();
    EXPECT_TRUE(r.sci());
    EXPECT_EQ(r.in(GpeHotplugRig::kCpu, 1), 0x0bU);
}

TEST(GpeHotplug, StatesOfAnotherMachineAreRefused) {
    GpeHotplugRig r;
    const auto load = [&](auto change) {
        GpeHotplug::State s;
        s.cpus[0] = 0x03;
        change(s);
        StateWriter writer;
        writer.section("acpi-gpe", s);
        const std::vector<u8> image = std::move(writer).take();
        auto reader = StateReader::open(image);
        return reader.ok() && r.dev.load(*reader).ok();
    };
    EXPECT_TRUE(load([](auto& s) { s.pciu = 1 << 2; }));
    EXPECT_FALSE(load([](auto& s) { s.pciu = 1 << 3; }));
    EXPECT_FALSE(load([](auto& s) { s.pcid = 1; }));
    EXPECT_FALSE(load([](auto& s) { s.cpus[2] = 0x10; })) << "CPU 20 of 20";
    EXPECT_FALSE(load([](auto& s) { s.cpus[0] = 0x02; })) << "no boot CPU";
}

INSTANTIATE_TYPED_TEST_SUITE_P(GpeHotplug, DeviceConformance, GpeHotplugRig);

} // namespace
} // namespace dm::test
