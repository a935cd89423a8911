// The adapter on its bus: BARs, ROM, placing of the video memory, saving and loading.
#include "tests/devices/cirrus_rig.hpp"

#include "tests/support/conformance.hpp"

namespace dm::test {
namespace {

constexpr u64 kVram = CirrusRig::kVram;
constexpr u64 kRom = CirrusRig::kRom;
constexpr u64 kSize = CirrusRig::kSize;

TEST(CirrusVga, IdentifiesItself) {
    CirrusRig rig;
    EXPECT_EQ(rig.config(0), 0x00b81013U);
    EXPECT_EQ(rig.config(8), 0x03000000U);
    EXPECT_EQ(rig.config(pci::INTERRUPT_PIN, 1), 0U);
    EXPECT_EQ(rig.config(pci::SUBSYSTEM_VENDOR_ID), 0x11001af4U);
}

TEST(CirrusVga, SizesItsBars) {
    CirrusRig rig;
    for (const unsigned reg : {0x10U, 0x14U, 0x18U, 0x30U})
        rig.configure(reg, 0xffffffff);
    EXPECT_EQ(rig.config(0x10), 0xfe000008U); // 32 MiB, prefetchable
    EXPECT_EQ(rig.config(0x14), 0xfffff000U);
    EXPECT_EQ(rig.config(0x18), 0U);
    EXPECT_EQ(rig.config(0x30), 0xfffff001U);
}

TEST(CirrusVga, PlacesTheVideoMemoryWhereBar0IsDecoded) {
    CirrusRig rig;
    EXPECT_EQ(rig.video->placed, kVram);
    rig.configure(pci::COMMAND, 0, 2);
    rig.configure(pci::BAR0, 0xe0000000);
    EXPECT_EQ(rig.video->placed, kVram) << "decoding is off for a moment";
    rig.configure(pci::COMMAND, 2, 2);
    EXPECT_EQ(rig.video->placed, 0xe0000000U);
    rig.dev->reset();
    EXPECT_EQ(rig.video->placed, std::nullopt);
}

TEST(CirrusVga, HidesTheVideoMemoryWhileItIsMoreThanMemory) {
    CirrusRig rig;
    const auto plain_after = [&](auto change, auto undo) {
        change();
        EXPECT_EQ(rig.video->placed, std::nullopt);
        rig.configure(pci::COMMAND, 0, 2);
        rig.configure(pci::COMMAND, 2, 2);
        EXPECT_EQ(rig.video->placed, std::nullopt) << "decoded again";
        undo();
        EXPECT_EQ(rig.video->placed, std::nullopt);
        rig.peek(kVram);
        EXPECT_EQ(rig.video->placed, kVram);
    };
    plain_after([&] { rig.drive.seq(0x17, 0x44); }, [&] { rig.drive.seq(0x17, 0x04); });
    plain_after([&] { rig.drive.gfx(0x0b, 0x02); }, [&] { rig.drive.gfx(0x0b, 0x00); });
    plain_after([&] { rig.drive.gfx(0x0b, 0x14); }, [&] { rig.drive.gfx(0x0b, 0x00); });
    rig.drive.gfx(5, 4);
    plain_after([&] { rig.drive.gfx(0x0b, 0x04); }, [&] { rig.drive.gfx(5, 0x00); });
}

TEST(CirrusVga, ALoadedAdapterHasItsMemoryWhereItWas) {
    CirrusRig rig;
    rig.configure(pci::COMMAND, 0, 2);
    const std::vector<u8> image = snapshot(rig);
    rig.configure(pci::COMMAND, 2, 2);
    rig.drive.seq(0x17, 0x44);
    rig.drive.seq(0x17, 0x00);
    const std::vector<u8> hidden = snapshot(rig);
    CirrusRig twin;
    twin.dev->reset();
    auto reader = StateReader::open(image);
    ASSERT_TRUE(twin.dev->load(*reader).ok());
    EXPECT_EQ(twin.video->placed, kVram);
    reader = StateReader::open(hidden);
    ASSERT_TRUE(twin.dev->load(*reader).ok());
    EXPECT_EQ(twin.video->placed, std::nullopt);
    twin.poke(kVram, 1);
    EXPECT_EQ(twin.video->placed, kVram);
}

TEST(CirrusVga, TheRestOfBar0ReadsAsOnes) {
    CirrusRig rig;
    EXPECT_EQ(rig.peek(kVram + kSize), 0xffffffffU);
    EXPECT_EQ(rig.peek(CirrusRig::kBlitData), 0xffffffffU);
    EXPECT_EQ(rig.peek(kVram + kSize - 4, 8) >> 32, 0xffffffffU); // a half of it
    rig.poke(kVram + 0x1fffff8, 1, 8);
}

TEST(CirrusVga, ShowsItsRom) {
    CirrusRig rig;
    EXPECT_EQ(rig.peek(kRom, 4), 0x09060300U);
    rig.poke(kRom, 0);
    EXPECT_EQ(rig.peek(kRom + 2999, 1), (2999U * 3) & 0xff);
    EXPECT_EQ(rig.peek(kRom + 3000, 1), 0xffU);
}

TEST(CirrusVga, TheFixedAddressesAnswerBeforeTheCommandRegisterSaysSo) {
    CirrusRig rig;
    rig.configure(pci::COMMAND, 0, 2);
    EXPECT_EQ(rig.crtc(0x27), 0xb8);
    EXPECT_EQ(rig.in(0x3b0), 0xffU); // not the VGA's
}

} // namespace

INSTANTIATE_TYPED_TEST_SUITE_P(CirrusVga, DeviceConformance, CirrusRig);

} // namespace dm::test
