#include "tests/devices/dma_8257_rig.hpp"

#include "tests/support/conformance.hpp"

#include <gmock/gmock.h>
#include <numeric>

namespace dm::test {
namespace {

using testing::Each;
using testing::ElementsAre;
using testing::ElementsAreArray;

// Modes with which drivers program a channel.
constexpr u8 kSingle = 0x40;
constexpr u8 kVerify = kSingle;
constexpr u8 kToMemory = kSingle | 0x04;
constexpr u8 kFromMemory = kSingle | 0x08;
constexpr u8 kAuto = 0x10;
constexpr u8 kDown = 0x20;
constexpr u8 kCascadeMode = 0xc0;

constexpr unsigned kFloppy = 2;
constexpr unsigned kSound16 = 5;

std::vector<u8> counting(std::size_t size) {
    std::vector<u8> bytes(size);
    std::iota(bytes.begin(), bytes.end(), u8{1});
    return bytes;
}

TEST(Dma8257, AddressAndCountAreReachedLowByteFirst) {
    DmaRig r;
    r.out(0x0c, 0);
    r.out(0x04, 0x34);
    r.out(0x04, 0x12);
    r.out(0x05, 0x78);
    r.out(0x05, 0x56);
    EXPECT_EQ(r.in(0x04), 0x34U);
    EXPECT_EQ(r.in(0x04), 0x12U);
    EXPECT_EQ(r.current_count(2), 0x5678U);
}

TEST(Dma8257, ClearingTheBytePointerStartsWithTheLowByteAgain) {
    DmaRig r;
    r.out(0x00, 0xaa); // low byte; the pointer now stands at the high one
    r.out(0x0c, 0);
    r.out(0x00, 0x11);
    r.out(0x00, 0x22);
    EXPECT_EQ(r.current_address(0), 0x2211U);
}

TEST(Dma8257, TheTwoControllersHaveBytePointersOfTheirOwn) {
    DmaRig r;
    r.out(0x00, 0x11);
    r.out(0xc0, 0x33);
    r.out(0x00, 0x22);
    r.out(0xc0, 0x44);
    EXPECT_EQ(r.current_address(0), 0x2211U);
    EXPECT_EQ(r.in(0xc0), 0x33U);
    EXPECT_EQ(r.in(0xc0), 0x44U);
}

TEST(Dma8257, TheSecondControllerAnswersAtOddPortsToo) {
    DmaRig r;
    r.out(0xc4, 0x2211, 2); // both bytes of channel 5's address
    EXPECT_EQ(r.in(0xc4, 2), 0x2211U);
    r.out(0xdf, 0x05);
    EXPECT_EQ(r.in(0xde), 0x05U);
}

TEST(Dma8257, MasksAreSetOneByOneAndTogether) {
    DmaRig r;
    EXPECT_EQ(r.in(0x0f), 0x0fU) << "all masked at power-on";
    r.out(0x0a, 0x02);
    EXPECT_EQ(r.in(0x0f), 0x0bU);
    r.out(0x0a, 0x06);
    EXPECT_EQ(r.in(0x0f), 0x0fU);
    r.out(0x0e, 0x55);
    EXPECT_EQ(r.in(0x0f), 0x00U);
    r.out(0x0f, 0xf5);
    EXPECT_EQ(r.in(0x0f), 0x05U);
}

TEST(Dma8257, MasterClearMasksAndForgetsCommandsButNotAddresses) {
    DmaRig r;
    r.program(kFloppy, kToMemory, 0x1234, 0x10);
    r.out(0x08, 0x04);
    r.out(0x09, 0x06);
    r.out(0x00, 0x99); // leaves the pointer at the high byte
    r.out(0x0d, 0);
    EXPECT_EQ(r.in(0x0f), 0x0fU);
    EXPECT_EQ(r.status(), 0x00);
    EXPECT_EQ(r.in(0x04), 0x34U);
    EXPECT_EQ(r.in(0x04), 0x12U);
}

TEST(Dma8257, WriteOnlyRegistersReadAsOnesAndTheTemporaryRegisterAsZero) {
    DmaRig r;
    for (const Port port : {Port{0x09}, Port{0x0a}, Port{0x0b}, Port{0x0c}, Port{0x0e}})
        EXPECT_EQ(r.in(port), 0xffU) << port;
    EXPECT_EQ(r.in(0x0d), 0U);
}

TEST(Dma8257, EveryPageRegisterIsStorageAlsoThoseWithoutAChannel) {
    DmaRig r;
    for (Port port = 0x81; port < 0x90; ++port)
        r.out(port, port ^ 0xff);
    for (Port port = 0x81; port < 0x90; ++port)
        EXPECT_EQ(r.in(port), port ^ 0xffU);
}

TEST(Dma8257, WritingAPageClearsItsHighPage) {
    DmaRig r;
    r.out(0x81, 0x12);
    r.out(0x481, 0x34);
    EXPECT_EQ(r.in(0x481), 0x34U);
    r.out(0x81, 0x12);
    EXPECT_EQ(r.in(0x481), 0x00U);
}

TEST(Dma8257, BatteryProbeOfHvmloaderFindsNone) {
    DmaRig r;
    EXPECT_NE(r.in(0x88), 0x1fU);
}

TEST(Dma8257, StatusShowsRequestsAndClearsTerminalCountsWhenRead) {
    DmaRig r;
    r.program(kFloppy, kToMemory, 0x1000, 0);
    r.dev.channel(kFloppy).set_request(true);
    EXPECT_EQ(r.status(), 0x40);
    r.dev.channel(kFloppy).write_memory(counting(1));
    EXPECT_EQ(r.status(), 0x44);
    EXPECT_EQ(r.status(), 0x40);
    r.dev.channel(kFloppy).set_request(false);
    EXPECT_EQ(r.status(), 0x00);
}

TEST(Dma8257, ADeviceWritesMemoryUpToTheTerminalCount) {
    DmaRig r;
    r.program(kFloppy, kToMemory, 0x12345, 511);
    DmaChannel& channel = r.dev.channel(kFloppy);
    channel.set_request(true);
    const std::vector<u8> sectors = counting(1024);
    const DmaChannel::Moved moved = channel.write_memory(sectors);
    EXPECT_EQ(moved.bytes, 512U);
    EXPECT_TRUE(moved.terminal_count);
    EXPECT_THAT(std::span(r.ram).subspan(0x12345, 512), ElementsAreArray(std::span(sectors).first(512)));
    EXPECT_EQ(r.ram[0x12345 + 512], 0);
    EXPECT_FALSE(channel.open()) << "the channel masked itself";
    EXPECT_EQ(r.in(0x0f) & 4, 4U);
}

TEST(Dma8257, ADeviceReadsMemoryPieceByPiece) {
    DmaRig r;
    const std::vector<u8> data = counting(300);
    std::ranges::copy(data, r.ram.begin() + 0x2000);
    r.program(kFloppy, kFromMemory, 0x2000, 299);
    DmaChannel& channel = r.dev.channel(kFloppy);
    channel.set_request(true);
    std::vector<u8> out(200);
    EXPECT_FALSE(channel.read_memory(out).terminal_count);
    EXPECT_THAT(out, ElementsAreArray(std::span(data).first(200)));
    EXPECT_EQ(r.current_count(kFloppy), 99U);
    EXPECT_EQ(r.current_address(kFloppy), 0x2000U + 200);
    const DmaChannel::Moved rest = channel.read_memory(out);
    EXPECT_EQ(rest.bytes, 100U);
    EXPECT_TRUE(rest.terminal_count);
    EXPECT_EQ(r.current_count(kFloppy), 0xffffU);
}

TEST(Dma8257, AutoinitialiseStartsOverAndStaysOpen) {
    DmaRig r;
    std::ranges::copy(counting(4), r.ram.begin() + 0x3000);
    r.program(1, kFromMemory | kAuto, 0x3000, 3);
    DmaChannel& channel = r.dev.channel(1);
    channel.set_request(true);
    std::vector<u8> out(6);
    EXPECT_EQ(channel.read_memory(out).bytes, 4U) << "a transfer ends at the terminal count";
    EXPECT_TRUE(channel.open());
    EXPECT_EQ(channel.read_memory(std::span(out).first(3)).bytes, 3U);
    EXPECT_THAT(std::span(out).first(3), ElementsAre(1, 2, 3));
    EXPECT_EQ(r.current_count(1), 0U);
    EXPECT_EQ(r.clients[1].acknowledged, 1U);
}

TEST(Dma8257, TheAddressWrapsInsideItsPage) {
    DmaRig r;
    r.program(kFloppy, kToMemory, 0x1fffe, 3);
    r.dev.channel(kFloppy).set_request(true);
    EXPECT_EQ(r.dev.channel(kFloppy).write_memory(counting(4)).bytes, 4U);
    EXPECT_EQ(r.ram[0x1fffe], 1);
    EXPECT_EQ(r.ram[0x1ffff], 2);
    EXPECT_EQ(r.ram[0x10000], 3);
    EXPECT_EQ(r.ram[0x10001], 4);
    EXPECT_EQ(r.ram[0x20000], 0);
}

TEST(Dma8257, DecrementingChannelsGoDownAndWrapToo) {
    DmaRig r;
    r.program(kFloppy, kToMemory | kDown, 0x10001, 3);
    r.dev.channel(kFloppy).set_request(true);
    r.dev.channel(kFloppy).write_memory(counting(4));
    EXPECT_EQ(r.ram[0x10001], 1);
    EXPECT_EQ(r.ram[0x10000], 2);
    EXPECT_EQ(r.ram[0x1ffff], 3);
    EXPECT_EQ(r.ram[0x1fffe], 4);
    r.program(kFloppy, kFromMemory | kDown, 0x10001, 3);
    std::vector<u8> out(4);
    r.dev.channel(kFloppy).read_memory(out);
    EXPECT_THAT(out, ElementsAre(1, 2, 3, 4));
}

TEST(Dma8257, WordChannelsCountAndAddressWords) {
    DmaRig r;
    r.program(kSound16, kToMemory, 0x30000, 1); // two words
    DmaChannel& channel = r.dev.channel(kSound16);
    channel.set_request(true);
    const DmaChannel::Moved moved = channel.write_memory(counting(10));
    EXPECT_EQ(moved.bytes, 4U);
    EXPECT_TRUE(moved.terminal_count);
    EXPECT_THAT(std::span(r.ram).subspan(0x30000, 5), ElementsAre(1, 2, 3, 4, 0));
}

TEST(Dma8257, WordChannelsMoveWholeWordsOnly) {
    DmaRig r;
    r.program(kSound16, kToMemory, 0x30000, 9);
    r.dev.channel(kSound16).set_request(true);
    EXPECT_EQ(r.dev.channel(kSound16).write_memory(counting(5)).bytes, 4U);
    EXPECT_EQ(r.dev.channel(kSound16).write_memory(counting(1)).bytes, 0U);
}

TEST(Dma8257, WordsKeepTheirByteOrderWhenTheChannelGoesDown) {
    DmaRig r;
    r.program(kSound16, kToMemory | kDown, 0x30004, 9);
    r.dev.channel(kSound16).set_request(true);
    r.dev.channel(kSound16).write_memory(counting(4));
    EXPECT_THAT(std::span(r.ram).subspan(0x30002, 4), ElementsAre(3, 4, 1, 2));
}

TEST(Dma8257, AWordChannelSpans128KibibytesAndIgnoresTheLowestPageBit) {
    DmaRig r;
    r.program(kSound16, kToMemory, 0x1fffe, 0);
    r.out(0x8b, 0x01); // page 1: bit 0 comes from the address
    r.dev.channel(kSound16).set_request(true);
    r.dev.channel(kSound16).write_memory(counting(2));
    EXPECT_EQ(r.ram[0x1fffe], 1);
}

TEST(Dma8257, ALongTransferEndsAtTheCountAndNotBeyond) {
    DmaRig r;
    r.program(kSound16, kToMemory, 0x0, 0xffff);
    r.dev.channel(kSound16).set_request(true);
    const std::vector<u8> much(400'000, 0x5a);
    const DmaChannel::Moved moved = r.dev.channel(kSound16).write_memory(much);
    EXPECT_EQ(moved.bytes, 0x20000U);
    EXPECT_TRUE(moved.terminal_count);
    EXPECT_EQ(r.ram[0x1ffff], 0x5a);
    EXPECT_EQ(r.ram[0x20000], 0);
}

TEST(Dma8257, AboveRamReadsGiveOnesAndWritesVanish) {
    DmaRig r;
    r.program(kFloppy, kFromMemory, 0xa0000, 3);
    r.dev.channel(kFloppy).set_request(true);
    std::vector<u8> out(4, 0);
    EXPECT_EQ(r.dev.channel(kFloppy).read_memory(out).bytes, 4U);
    EXPECT_THAT(out, Each(0xff));
    r.program(kFloppy, kToMemory, 0xff'ff'ff'f0, 0xff);
    EXPECT_TRUE(r.dev.channel(kFloppy).write_memory(counting(256)).terminal_count);
    EXPECT_THAT(r.ram, Each(0));
}

TEST(Dma8257, VerifyCountsButTouchesNoMemory) {
    DmaRig r;
    r.program(kFloppy, kVerify, 0x1000, 3);
    r.dev.channel(kFloppy).set_request(true);
    EXPECT_TRUE(r.dev.channel(kFloppy).write_memory(counting(4)).terminal_count);
    EXPECT_THAT(r.ram, Each(0));
}

TEST(Dma8257, AChannelProgrammedForTheOtherDirectionLeaksAndChangesNothing) {
    DmaRig r;
    std::ranges::copy(counting(4), r.ram.begin() + 0x1000);
    r.program(kFloppy, kToMemory, 0x1000, 3);
    r.dev.channel(kFloppy).set_request(true);
    std::vector<u8> out(4);
    EXPECT_EQ(r.dev.channel(kFloppy).read_memory(out).bytes, 4U);
    EXPECT_THAT(out, Each(0xff));
    r.program(kFloppy, kFromMemory, 0x1000, 3);
    r.dev.channel(kFloppy).write_memory(std::vector<u8>(4, 0xee));
    EXPECT_EQ(r.ram[0x1000], 1);
}

TEST(Dma8257, NothingMovesWhileTheChannelIsClosed) {
    DmaRig r;
    std::vector<u8> out(4, 0xaa);
    DmaChannel& channel = r.dev.channel(kFloppy);
    const auto moved = [&] { return channel.read_memory(out).bytes; };
    r.program(kFloppy, kFromMemory, 0x1000, 0xff);
    EXPECT_EQ(moved(), 0U) << "not requested";
    channel.set_request(true);
    r.out(0x0a, 4 | kFloppy);
    EXPECT_EQ(moved(), 0U) << "masked";
    r.out(0x0a, kFloppy);
    r.out(0x08, 0x04);
    EXPECT_EQ(moved(), 0U) << "controller disabled";
    r.out(0x08, 0x00);
    r.out(0x0b, kCascadeMode | kFloppy);
    EXPECT_EQ(moved(), 0U) << "cascade mode";
    r.out(0x0b, kFromMemory | kFloppy);
    EXPECT_EQ(moved(), 4U);
}

TEST(Dma8257, TheCascadeChannelNeverOpens) {
    DmaRig r;
    r.program(4, kToMemory, 0x1000, 3);
    r.dev.channel(4).set_request(true);
    EXPECT_FALSE(r.dev.channel(4).open());
    EXPECT_EQ(r.dev.channel(4).write_memory(counting(4)).bytes, 0U);
}

TEST(Dma8257, ADeviceThatWaitsIsToldWhenTheGuestUnmasks) {
    DmaRig r;
    r.program(kFloppy, kToMemory, 0x1000, 3);
    r.out(0x0a, 4 | kFloppy);
    r.dev.channel(kFloppy).set_request(true);
    EXPECT_EQ(r.clients[kFloppy].acknowledged, 0U);
    r.out(0x0a, kFloppy);
    EXPECT_EQ(r.clients[kFloppy].acknowledged, 1U);
    r.out(0x0a, kFloppy);
    EXPECT_EQ(r.clients[kFloppy].acknowledged, 1U) << "once for each time it opens";
}

TEST(Dma8257, ARequestOnAnOpenChannelIsAcknowledgedAtOnce) {
    DmaRig r;
    r.program(kFloppy, kToMemory, 0x1000, 3);
    r.dev.channel(kFloppy).set_request(true);
    r.dev.channel(kFloppy).set_request(true);
    EXPECT_EQ(r.clients[kFloppy].acknowledged, 1U);
}

TEST(Dma8257, ADeviceMayTransferAndLetGoWhileItIsTold) {
    DmaRig r;
    DmaChannel& channel = r.dev.channel(kFloppy);
    r.clients[kFloppy].then = [&] {
        channel.write_memory(counting(2));
        channel.set_request(false);
    };
    channel.set_request(true);
    r.program(kFloppy, kToMemory, 0x1000, 3);
    EXPECT_EQ(r.clients[kFloppy].acknowledged, 1U);
    EXPECT_EQ(r.ram[0x1001], 2);
    EXPECT_FALSE(channel.open());
}

TEST(Dma8257, AChannelWithNobodyOnItIsHarmless) {
    DmaRig r;
    r.dev.channel(3).connect(nullptr);
    r.program(3, kToMemory, 0x1000, 3);
    r.dev.channel(3).set_request(true);
    EXPECT_TRUE(r.dev.channel(3).open());
}

TEST(Dma8257, SoftwareRequestsOpenAChannelUntilItsTerminalCount) {
    DmaRig r;
    r.program(kFloppy, kToMemory | kAuto, 0x1000, 1);
    r.out(0x09, 4 | kFloppy);
    EXPECT_EQ(r.status(), 0x40);
    EXPECT_TRUE(r.dev.channel(kFloppy).write_memory(counting(2)).terminal_count);
    EXPECT_EQ(r.status(), 0x04);
    EXPECT_FALSE(r.dev.channel(kFloppy).open());
}

TEST(Dma8257, ALoadedControllerDoesNotTellDevicesAgain) {
    DmaRig r;
    r.program(kFloppy, kToMemory, 0x1000, 3);
    r.dev.channel(kFloppy).set_request(true);
    const std::vector<u8> image = snapshot(r);
    DmaRig twin;
    auto reader = StateReader::open(image);
    ASSERT_TRUE(reader.ok() && twin.dev.load(*reader).ok());
    EXPECT_EQ(twin.clients[kFloppy].acknowledged, 0U);
    EXPECT_TRUE(twin.dev.channel(kFloppy).open());
    twin.dev.channel(kFloppy).set_request(true); // as the device does when it is loaded
    EXPECT_EQ(twin.clients[kFloppy].acknowledged, 0U);
}

TEST(Dma8257, ImpossibleMasksAndModesAreRefused) {
    DmaRig r;
    const auto load = [&](auto change) {
        Dma8257::State s;
        change(s);
        StateWriter writer;
        writer.section("dma", s);
        const std::vector<u8> image = std::move(writer).take();
        auto reader = StateReader::open(image);
        return reader.ok() && r.dev.load(*reader).ok();
    };
    EXPECT_TRUE(load([](auto&) {}));
    EXPECT_FALSE(load([](auto& s) { s.controllers[0].mask = 0x10; }));
    EXPECT_FALSE(load([](auto& s) { s.controllers[1].dreq = 0x80; }));
    EXPECT_FALSE(load([](auto& s) { s.controllers[1].channels[3].mode = 0x01; }));
}

INSTANTIATE_TYPED_TEST_SUITE_P(Dma8257, DeviceConformance, DmaRig);

} // namespace
} // namespace dm::test
