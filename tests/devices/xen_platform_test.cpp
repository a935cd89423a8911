#include "tests/devices/xen_platform_rig.hpp"

#include "tests/support/conformance.hpp"

#include <gmock/gmock.h>

namespace dm::test {
namespace {

using testing::Contains;
using testing::Each;
using testing::ElementsAre;
using testing::HasSubstr;
using testing::IsEmpty;
using testing::Not;

TEST(XenPlatform, HasTheIdentityThatPvDriversBindTo) {
    XenPlatformRig r;
    EXPECT_EQ(r.get(pci::VENDOR_ID, 4), 0x00015853U);
    EXPECT_EQ(r.get(pci::SUBSYSTEM_VENDOR_ID, 4), 0x00015853U);
    EXPECT_EQ(r.get(pci::REVISION_ID, 4), 0xff800001U);
    EXPECT_EQ(r.get(pci::INTERRUPT_PIN, 1), 1U);
    EXPECT_EQ(r.get(pci::COMMAND, 2), 0x0003U) << "decoding is on from the start";
}

TEST(XenPlatform, ItsBarsAre256PortsAndSixteenMebibytesOfPrefetchableMemory) {
    XenPlatformRig r;
    r.pci.config_write(XenPlatformRig::kBdf, pci::BAR0, 4, 0xffffffff);
    r.pci.config_write(XenPlatformRig::kBdf, pci::BAR0 + 4, 4, 0xffffffff);
    EXPECT_EQ(r.get(pci::BAR0, 4), 0xffffff01U);
    EXPECT_EQ(r.get(pci::BAR0 + 4, 4), 0xff000008U);
}

TEST(XenPlatform, TheMemoryBarIsDecodedAndEmpty) {
    XenPlatformRig r;
    EXPECT_TRUE(r.memory.answers(XenPlatformRig::kBar1, XenPlatform::kMemorySize));
    r.poke(XenPlatformRig::kBar1, 0x12345678);
    EXPECT_EQ(r.peek(XenPlatformRig::kBar1, 8), 0U);
    std::vector<u8> bytes(4096, 0xaa);
    r.memory.write_span(XenPlatformRig::kBar1, 8, bytes);
    r.memory.read_span(XenPlatformRig::kBar1, 8, bytes);
    EXPECT_THAT(bytes, Each(0));
}

TEST(XenPlatform, AnswersTheHandshakeOfLinux) {
    XenPlatformRig r;
    EXPECT_EQ(r.in(XenPlatformRig::kUnplug, 2), 0x49d2U);
    EXPECT_EQ(r.in(XenPlatformRig::kProtocol, 1), 1U);
    r.out(XenPlatformRig::kProtocol, 3, 2);
    r.out(XenPlatformRig::kUnplug, 0x10203, 4);
    EXPECT_EQ(r.in(XenPlatformRig::kUnplug, 2), 0x49d2U) << "not black-listed";
    r.out(XenPlatformRig::kUnplug, 0x3, 2);
    EXPECT_THAT(r.unplugged.calls, ElementsAre("disks", "nics"));
}

/// Windows' drivers, which keep away then.
void tell_drivers(XenPlatformRig& r, u16 product, u32 build) {
    r.out(XenPlatformRig::kProtocol, product, 2);
    r.out(XenPlatformRig::kUnplug, build, 4);
}

TEST(XenPlatform, DriversThatTheHostHasBlackListedAreToldSo) {
    XenPlatformRig r;
    tell_drivers(r, 1, FakeUnplug::kRefused);
    EXPECT_EQ(r.in(XenPlatformRig::kUnplug, 2), 0xd249U);
    EXPECT_EQ(r.in(XenPlatformRig::kProtocol, 1), 1U);
    tell_drivers(r, 1, FakeUnplug::kRefused - 1);
    EXPECT_EQ(r.in(XenPlatformRig::kUnplug, 2), 0x49d2U);
    tell_drivers(r, 3, FakeUnplug::kRefused);
    EXPECT_EQ(r.in(XenPlatformRig::kUnplug, 2), 0x49d2U);
    tell_drivers(r, 2, FakeUnplug::kRefused);
    r.dev.wake_reset();
    EXPECT_EQ(r.in(XenPlatformRig::kUnplug, 2), 0xd249U);
    r.dev.reset();
    EXPECT_EQ(r.in(XenPlatformRig::kUnplug, 2), 0x49d2U);
}

TEST(XenPlatform, TheHostsAnswerGoesAlongWithTheGuest) {
    XenPlatformRig r;
    tell_drivers(r, 1, FakeUnplug::kRefused);
    const std::vector<u8> image = snapshot(r);
    XenPlatformRig twin;
    auto reader = StateReader::open(image);
    ASSERT_TRUE(reader.ok() && twin.dev.load(*reader).ok());
    EXPECT_EQ(twin.in(XenPlatformRig::kUnplug, 2), 0xd249U);
}

/// As versions saved it that knew no black list.
struct OldXenPlatform {
    XenPlatform::State s;
    static constexpr void fields(auto&& v, auto& old) {
        v("flags", old.s.flags);
        v("unplugged", old.s.unplugged);
        v("product", old.s.product);
        v("build", old.s.build);
        v("line", old.s.line);
    }
};

TEST(XenPlatform, AStateFromBeforeThereWasABlackListLoads) {
    XenPlatformRig r;
    StateWriter writer;
    PciConfig config;
    for (unsigned i = 0; i < 256; ++i)
        config.bytes[i] = static_cast<u8>(r.get(i, 1));
    writer.section("xen-platform/pci", config);
    OldXenPlatform old;
    old.s.flags.set(XenPlatform::Flag::ROM_LOCK);
    old.s.build = FakeUnplug::kRefused;
    writer.section("xen-platform", old);
    const std::vector<u8> image = std::move(writer).take();
    auto reader = StateReader::open(image);
    ASSERT_TRUE(reader.ok());
    const Status loaded = r.dev.load(*reader);
    ASSERT_TRUE(loaded.ok()) << loaded.error().message;
    EXPECT_TRUE(r.hypervisor.roms_locked);
    EXPECT_EQ(r.in(XenPlatformRig::kUnplug, 2), 0x49d2U);
}

TEST(XenPlatform, WhatHasNoMeaningReadsAsOnes) {
    XenPlatformRig r;
    EXPECT_EQ(r.in(XenPlatformRig::kUnplug, 4), 0xffffffffU);
    EXPECT_EQ(r.in(XenPlatformRig::kProtocol, 2), 0xffffU);
    EXPECT_EQ(r.in(XenPlatformRig::kProtocol, 4), 0xffffffffU);
    for (const Port port : {Port{0x11}, Port{0x13}, Port{0x14}, Port{0x1f}})
        EXPECT_EQ(r.in(port, 1), 0xffU) << port;
    r.out(0x14, 0x0f, 2);
    r.out(0x11, 0x0f, 2);
    EXPECT_THAT(r.unplugged.calls, IsEmpty());
}

TEST(XenPlatform, EachBitOfTheMaskUnplugsItsKind) {
    for (const auto& [mask, call] : {std::pair{1U, "disks"}, {2U, "nics"}, {4U, "auxiliary"}, {8U, "nvme"}}) {
        XenPlatformRig r;
        r.out(XenPlatformRig::kUnplug, mask, 2);
        EXPECT_THAT(r.unplugged.calls, ElementsAre(call));
    }
}

TEST(XenPlatform, AllDisksIncludesTheAuxiliaryOnes) {
    XenPlatformRig r;
    r.out(XenPlatformRig::kUnplug, 0x5, 2);
    r.out(XenPlatformRig::kUnplug, 0x4, 2);
    EXPECT_THAT(r.unplugged.calls, ElementsAre("disks"));
}

TEST(XenPlatform, AfterTheAuxiliaryDisksTheRestCanFollow) {
    XenPlatformRig r;
    r.out(XenPlatformRig::kUnplug, 0x4, 2);
    r.out(XenPlatformRig::kUnplug, 0x1, 2);
    EXPECT_THAT(r.unplugged.calls, ElementsAre("auxiliary", "disks"));
}

TEST(XenPlatform, WhatIsGoneIsNotUnpluggedAgain) {
    XenPlatformRig r;
    for (int i = 0; i < 3; ++i)
        r.out(XenPlatformRig::kUnplug, 0xffff, 2);
    EXPECT_THAT(r.unplugged.calls, ElementsAre("disks", "nics", "nvme"));
}

TEST(XenPlatform, AByteAtTheUnplugPortDoesNotUnplug) {
    XenPlatformRig r;
    r.out(XenPlatformRig::kUnplug, 0x0f, 1);
    EXPECT_THAT(r.unplugged.calls, IsEmpty());
}

TEST(XenPlatform, OldSuseUnplugsThroughTheBar) {
    XenPlatformRig all;
    all.out(XenPlatformRig::kBar0 + 4, 1);
    EXPECT_THAT(all.unplugged.calls, ElementsAre("disks", "nics"));
    XenPlatformRig some;
    some.out(XenPlatformRig::kBar0 + 4, 2);
    EXPECT_THAT(some.unplugged.calls, IsEmpty());
    some.out(XenPlatformRig::kBar0 + 8, 1);
    some.out(XenPlatformRig::kBar0 + 8, 2);
    EXPECT_THAT(some.unplugged.calls, ElementsAre("disks", "nics"));
}

TEST(XenPlatform, TheRomLockIsReachedFromBothPlacesAndToldOnChanges) {
    XenPlatformRig r;
    r.out(XenPlatformRig::kUnplug, 1, 1);
    r.out(XenPlatformRig::kBar0, 1, 1);
    EXPECT_TRUE(r.hypervisor.roms_locked);
    EXPECT_EQ(r.lock_calls, 1U);
    EXPECT_EQ(r.in(XenPlatformRig::kUnplug, 1), 1U);
    EXPECT_EQ(r.in(XenPlatformRig::kBar0, 1), 1U);
    r.out(XenPlatformRig::kBar0, 0xfe, 1);
    EXPECT_FALSE(r.hypervisor.roms_locked);
    EXPECT_EQ(r.in(XenPlatformRig::kUnplug, 1), 0U);
}

TEST(XenPlatform, ResetUnlocksTheRoms) {
    XenPlatformRig r;
    r.out(XenPlatformRig::kUnplug, 1, 1);
    r.dev.reset();
    EXPECT_FALSE(r.hypervisor.roms_locked);
}

TEST(XenPlatform, SleepUnlocksTheRomsAndBringsNothingBack) {
    XenPlatformRig r;
    r.out(XenPlatformRig::kUnplug, 1, 1);
    r.out(XenPlatformRig::kUnplug, 1, 2);
    r.dev.wake_reset();
    EXPECT_FALSE(r.hypervisor.roms_locked);
    r.out(XenPlatformRig::kUnplug, 1, 2);
    EXPECT_THAT(r.unplugged.calls, ElementsAre("disks"));
}

TEST(XenPlatform, ALoadedMachineUnplugsAndLocksLikeTheSavedOne) {
    XenPlatformRig r;
    r.out(XenPlatformRig::kUnplug, 4, 2);
    r.out(XenPlatformRig::kUnplug, 3, 2);
    r.out(XenPlatformRig::kUnplug, 1, 1);
    const std::vector<u8> image = snapshot(r);
    XenPlatformRig twin;
    auto reader = StateReader::open(image);
    ASSERT_TRUE(reader.ok() && twin.dev.load(*reader).ok());
    EXPECT_THAT(twin.unplugged.calls, ElementsAre("auxiliary", "disks", "nics"));
    EXPECT_TRUE(twin.hypervisor.roms_locked);
    twin.out(XenPlatformRig::kUnplug, 7, 2);
    EXPECT_EQ(twin.unplugged.calls.size(), 3U);
}

TEST(XenPlatform, ARefusedStateUnplugsNothing) {
    XenPlatformRig r;
    r.out(XenPlatformRig::kUnplug, 0xf, 2);
    std::vector<u8> image = snapshot(r);
    image.resize(image.size() - 1);
    XenPlatformRig twin;
    auto reader = StateReader::open(image);
    EXPECT_FALSE(reader.ok() && twin.dev.load(*reader).ok());
    EXPECT_THAT(twin.unplugged.calls, IsEmpty());
}

struct XenPlatformLog : testing::Test {
    XenPlatformLog() {
        Log::set_sink([this](LogLevel, std::string_view line) {
            lines.emplace_back(line);
            bytes += line.size();
        });
    }
    ~XenPlatformLog() override { Log::set_sink({}); }
    std::vector<std::string> lines;
    std::size_t bytes = 0;
    XenPlatformRig r;
};

TEST_F(XenPlatformLog, TheLogPortWritesWholeLines) {
    r.say("hello from");
    EXPECT_THAT(lines, IsEmpty());
    r.say(" the guest\r\n\n");
    EXPECT_THAT(lines, ElementsAre("hvmdm: xen-platform: guest: hello from the guest"));
}

TEST_F(XenPlatformLog, TheLegacyLogPortIsTheSame) {
    for (const char c : std::string_view("old\n"))
        r.out(XenPlatformRig::kBar0 + 8, static_cast<u8>(c), 1);
    EXPECT_THAT(lines, ElementsAre("hvmdm: xen-platform: guest: old"));
}

TEST_F(XenPlatformLog, ControlCharactersDoNotReachATerminal) {
    r.say("\x1b[2J\x9b\tx\n");
    EXPECT_THAT(lines, ElementsAre("hvmdm: xen-platform: guest: ?[2J??x"));
}

TEST_F(XenPlatformLog, RefusedDriversAreOneLine) {
    tell_drivers(r, 1, FakeUnplug::kRefused);
    EXPECT_THAT(lines, ElementsAre(HasSubstr("product 1, build 2147483648 are black-listed")));
}

TEST_F(XenPlatformLog, AnEndlessLineIsCutAndCannotFillTheDisk) {
    std::vector<u8> noise(4096, 'x');
    for (int i = 0; i < 256; ++i)
        r.ports.write_string(XenPlatformRig::kProtocol, 1, noise);
    EXPECT_THAT(lines, Contains(HasSubstr(std::string(XenPlatform::kLogLine, 'x'))));
    EXPECT_THAT(lines, Not(Contains(HasSubstr(std::string(XenPlatform::kLogLine + 1, 'x')))));
    EXPECT_LT(bytes, 8U * 1024);
}

TEST_F(XenPlatformLog, AnUnfinishedLineSurvivesMigration) {
    r.say("half");
    const std::vector<u8> image = snapshot(r);
    XenPlatformRig twin;
    auto reader = StateReader::open(image);
    ASSERT_TRUE(reader.ok() && twin.dev.load(*reader).ok());
    twin.say(" done\n");
    EXPECT_THAT(lines, Contains("hvmdm: xen-platform: guest: half done"));
}

INSTANTIATE_TYPED_TEST_SUITE_P(XenPlatform, DeviceConformance, XenPlatformRig);

} // namespace
} // namespace dm::test
