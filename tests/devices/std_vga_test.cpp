// The adapter on its bus: BARs, ROM, placing of the video memory, saving and loading.
#include "tests/devices/std_vga_rig.hpp"

#include "tests/support/conformance.hpp"

namespace dm::test {
namespace {

constexpr u64 kVram = StdVgaRig::kVram;
constexpr u64 kMmio = StdVgaRig::kMmio;
constexpr u64 kRom = StdVgaRig::kRom;
constexpr u64 kSize = StdVgaRig::kSize;

TEST(StdVga, IdentifiesItself) {
    StdVgaRig rig;
    EXPECT_EQ(rig.config(0), 0x11111234U);
    EXPECT_EQ(rig.config(8), 0x03000002U);
    EXPECT_EQ(rig.config(pci::INTERRUPT_PIN, 1), 0U);
    EXPECT_EQ(rig.config(pci::SUBSYSTEM_VENDOR_ID), 0x11001af4U);
}

TEST(StdVga, SizesItsBars) {
    StdVgaRig rig;
    for (const unsigned reg : {0x10U, 0x14U, 0x18U, 0x30U})
        rig.configure(reg, 0xffffffff);
    EXPECT_EQ(rig.config(0x10), static_cast<u32>(~(kSize - 1)) | 8);
    EXPECT_EQ(rig.config(0x14), 0U);
    EXPECT_EQ(rig.config(0x18), 0xfffff000U);
    EXPECT_EQ(rig.config(0x30), 0xfffff001U); // 3000 bytes of ROM in 4 KiB
}

TEST(StdVga, MemorySizesArePowersOfTwo) {
    EXPECT_EQ(StdVga::memory_size(0), 1U << 20);
    EXPECT_EQ(StdVga::memory_size(8), 8U << 20);
    EXPECT_EQ(StdVga::memory_size(9), 16U << 20);
    EXPECT_EQ(StdVga::memory_size(100000), 256U << 20);
}

TEST(StdVga, PlacesTheVideoMemoryWhereBar0IsDecoded) {
    StdVgaRig rig;
    EXPECT_EQ(rig.video->placed, kVram);
}

TEST(StdVga, LeavesTheVideoMemoryInPlaceWhileDecodingIsOff) {
    StdVgaRig rig;
    rig.configure(pci::COMMAND, 0, 2);
    rig.configure(pci::BAR0, 0xffffffff);
    EXPECT_EQ(rig.video->placed, kVram);
    rig.configure(pci::BAR0, 0xe0000000);
    EXPECT_EQ(rig.video->placed, kVram);
    rig.configure(pci::COMMAND, 2, 2);
    EXPECT_EQ(rig.video->placed, 0xe0000000U);
}

TEST(StdVga, HidesTheVideoMemoryOnReset) {
    StdVgaRig rig;
    rig.dev->reset();
    EXPECT_EQ(rig.video->placed, std::nullopt);
}

TEST(StdVga, ShowsItsRomAndIgnoresWrites) {
    StdVgaRig rig;
    rig.poke(kRom + 1, 0xff, 1);
    EXPECT_EQ(rig.peek(kRom, 4), 0x09060300U);
    std::vector<u8> bytes(4096);
    rig.memory.read_span(kRom, 4, bytes);
    EXPECT_EQ(bytes[2999], static_cast<u8>(2999 * 3));
    EXPECT_EQ(bytes[3000], 0xff);
    rig.configure(pci::ROM_ADDRESS, kRom);
    EXPECT_EQ(rig.peek(kRom, 4), 0xffffffffU);
}

TEST(StdVga, Bar2HoldsTheVgaPorts) {
    StdVgaRig rig;
    rig.poke(kMmio + 0x404, 0x0a02, 2); // 3c4: index 2, data 0a
    EXPECT_EQ(rig.peek(kMmio + 0x405, 1), 0x0aU);
    EXPECT_EQ(rig.in(0x3c5), 0x0aU);
}

TEST(StdVga, Bar2HoldsTheDispiRegisters) {
    StdVgaRig rig;
    EXPECT_EQ(rig.peek(kMmio + 0x500, 2), 0xb0c5U);
    rig.poke(kMmio + 0x502, 800, 2);
    EXPECT_EQ(rig.drive.dispi(VbeDispi::XRES), 800);
    rig.poke(kMmio + 0x502, 600 << 16 | 640, 4);
    EXPECT_EQ(rig.peek(kMmio + 0x502, 4), 600U << 16 | 640U);
    EXPECT_EQ(rig.peek(kMmio + 0x514, 2), kSize >> 16);
    rig.poke(kMmio + 0x502, 0x11, 1); // half a register
    EXPECT_EQ(rig.peek(kMmio + 0x502, 2), 640U);
}

TEST(StdVga, Bar2TellsAndTakesTheByteOrder) {
    StdVgaRig rig;
    EXPECT_EQ(rig.peek(kMmio + 0x600), 8U);
    EXPECT_EQ(rig.peek(kMmio + 0x604), 0x1e1e1e1eU);
    rig.poke(kMmio + 0x604, 0xbebebebe);
    EXPECT_EQ(rig.peek(kMmio + 0x604), 0xbebebebeU);
    rig.poke(kMmio + 0x604, 0x12345678);
    EXPECT_EQ(rig.peek(kMmio + 0x604), 0xbebebebeU);
}

TEST(StdVga, TheRestOfBar2ReadsAsOnes) {
    StdVgaRig rig;
    EXPECT_EQ(rig.peek(kMmio + 0x420), 0xffffffffU);
    EXPECT_EQ(rig.peek(kMmio + 0xffc), 0xffffffffU);
}

TEST(StdVga, Bar2BeginsWithAnEdidAndZeroes) {
    StdVgaRig rig(16 << 20);
    EXPECT_EQ(rig.peek(kMmio), 0xffffff00U);
    EXPECT_EQ(rig.peek(kMmio + 4), 0x00ffffffU);
    EXPECT_EQ(rig.peek(kMmio + 0x38, 1), 1280U & 0xff); // the first detailed timing's width
    EXPECT_EQ(rig.peek(kMmio + 0x3b, 1), 800U & 0xff);
    EXPECT_EQ(rig.peek(kMmio + 0x80), 0U);
    EXPECT_EQ(rig.peek(kMmio + 0x3fc), 0U);
    rig.poke(kMmio, 0x55, 1);
    EXPECT_EQ(rig.peek(kMmio), 0xffffff00U);
}

TEST(StdVga, ASizeThatAViewerWantsBecomesThePreferredMode) {
    StdVgaRig rig(16 << 20);
    EXPECT_TRUE(rig.dev->display().propose_size(1603, 901));
    EXPECT_EQ(rig.peek(kMmio + 0x38, 1), 1600U & 0xff);
    EXPECT_EQ(rig.peek(kMmio + 0x3b, 1), 901U & 0xff);
}

TEST(StdVga, TheFixedAddressesAnswerBeforeTheCommandRegisterSaysSo) {
    StdVgaRig rig;
    rig.configure(pci::COMMAND, 0, 2);
    rig.out(0x3c4, 2);
    rig.out(0x3c5, 0x0f);
    EXPECT_EQ(rig.in(0x3c5), 0x0fU);
    EXPECT_EQ(rig.in(0x3b0), 0xffU); // not the VGA's
}

TEST(StdVga, ALoadedAdapterKnowsWhereItsMemoryIsAlsoWithDecodingOff) {
    StdVgaRig rig;
    rig.configure(pci::COMMAND, 0, 2);
    const std::vector<u8> image = snapshot(rig);
    StdVgaRig twin;
    twin.dev->reset();
    auto reader = StateReader::open(image);
    ASSERT_TRUE(twin.dev->load(*reader).ok());
    EXPECT_EQ(twin.video->placed, kVram);
    twin.configure(pci::COMMAND, 2, 2);
    EXPECT_EQ(twin.video->placed, kVram);
}

TEST(StdVga, WithoutARomThereIsNoRomBar) {
    StdVgaRig rig;
    StdVga bare("bare", {rig.ports, rig.memory, IrqLine{}}, std::make_unique<FakeVideoMemory>(kSize), {},
                rig.clock);
    bare.config_write(pci::ROM_ADDRESS, 4, 0xffffffff);
    EXPECT_EQ(bare.config_read(pci::ROM_ADDRESS, 4), 0U);
}

} // namespace

INSTANTIATE_TYPED_TEST_SUITE_P(StdVga, DeviceConformance, StdVgaRig);

} // namespace dm::test
