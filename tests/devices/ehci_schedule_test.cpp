// EHCI: queue heads, transfer descriptors, isochronous descriptors, and those that lead nowhere.
#include "tests/devices/ehci_rig.hpp"

#include <gmock/gmock.h>
#include <gtest/gtest.h>

namespace dm::test {
namespace {

using namespace ehci_rig;
using testing::ElementsAre;

struct EhciScheduleTest : testing::Test, EhciDevicesRig {
    void running_with_tablet_at(u8 address) {
        start();
        ASSERT_TRUE(configure(0, address));
        status_cleared();
    }
    /// One descriptor for endpoint 0 in the ring.
    void queue(u8 address, u32 token_word, u32 buffer = kData, u32 packet = 64) {
        put_qtd(kQtds, T, T, token_word, buffer);
        put_queue(kQueue, kHead | QH, address, 0, packet);
        put32(kQueue + 16, kQtds);
    }
    u32 overlay() const { return get32(kQueue + 24); }
    u32 qtd_token(u32 at = kQtds) const { return get32(at + 8); }
    void put_setup(const Bytes& bytes) { std::copy(bytes.begin(), bytes.end(), ram.begin() + kSetupData); }
};

TEST_F(EhciScheduleTest, DevicesSayAtHighSpeedWhatTheyAreThen) {
    running_with_tablet_at(1);
    const auto device = control(1, {0x80, 6, 0x0100, 0, 18});
    ASSERT_TRUE(device);
    EXPECT_EQ((*device)[3], 2); // USB 2.0
    EXPECT_EQ((*device)[7], 64);
    const auto qualifier = control(1, {0x80, 6, 0x0600, 0, 10});
    ASSERT_TRUE(qualifier);
    EXPECT_THAT(*qualifier, ElementsAre(10, 6, 0, 1, 0, 0, 0, 8, 1, 0)); // at full speed
    const auto other = control(1, {0x80, 6, 0x0700, 0, 255});
    ASSERT_TRUE(other);
    EXPECT_EQ(other->size(), 34U);
    EXPECT_EQ((*other)[1], 7);
    EXPECT_EQ(other->back(), 10); // interval in milliseconds
    EXPECT_EQ(control(1, {0x80, 6, 0x0200, 0, 255})->back(), 4);
}

TEST_F(EhciScheduleTest, ATransferIsOverlaidExecutedAndWrittenBack) {
    running_with_tablet_at(1);
    put_setup({0x80, 6, 0, 1, 0, 0, 18, 0});
    queue(1, token(SETUP, 8, IOC), kSetupData);
    advance(kMicroframe);
    EXPECT_EQ(get32(kQueue + 12), kQtds);                             // current
    EXPECT_EQ(overlay(), (SETUP << 8) | THREE_ERRORS | IOC | TOGGLE); // no bytes left
    EXPECT_EQ(qtd_token(), overlay());
    EXPECT_EQ(get32(kQueue + 28), kSetupData + 8);
    EXPECT_EQ(reg(USBSTS) & (USBINT | USBERRINT), USBINT);
    EXPECT_TRUE(irq());
    reg(USBSTS, USBINT);
    EXPECT_FALSE(irq());
}

TEST_F(EhciScheduleTest, AShortPacketLeadsToTheAlternateDescriptorAndInterrupts) {
    running_with_tablet_at(1);
    const auto text = control(1, {0x80, 6, 0x0302, 0x409, 255}); // longer than a packet, shorter than asked
    ASSERT_TRUE(text);
    EXPECT_EQ(text->size(), (*text)[0]);
    EXPECT_EQ(get32(kQueue + 12), kQtds + 64); // the status descriptor
    EXPECT_EQ(reg(USBSTS) & USBINT, USBINT);
}

TEST_F(EhciScheduleTest, ADeviceWithNothingToSayChangesNothing) {
    running_with_tablet_at(1);
    poll(1);
    frames(2);
    const u32 waiting = get32(kInterruptQueue + 24);
    EXPECT_EQ(waiting & (ACTIVE | HALTED), ACTIVE);
    hypervisor.ram.dirty.clear();
    frames(5);
    EXPECT_TRUE(hypervisor.ram.dirty.empty());
}

TEST_F(EhciScheduleTest, ARefusedRequestHaltsTheQueue) {
    running_with_tablet_at(1);
    put_setup({0x80, 6, 0, 9, 0, 0, 18, 0}); // no such descriptor
    put_qtd(kQtds, kQtds + 32, T, token(SETUP, 8), kSetupData);
    put_qtd(kQtds + 32, T, T, token(IN, 18, TOGGLE), kData);
    put_queue(kQueue, kHead | QH, 1, 0, 64, kToggleFromQtd);
    put32(kQueue + 16, kQtds);
    frames(1);
    EXPECT_EQ(qtd_token(kQtds + 32) & (ACTIVE | HALTED | XACTERR | BABBLE | THREE_ERRORS),
              HALTED | THREE_ERRORS);
    EXPECT_EQ(reg(USBSTS) & (USBINT | USBERRINT), USBERRINT);
    EXPECT_TRUE(irq());
    status_cleared();
    frames(5);
    EXPECT_EQ(reg(USBSTS) & USBERRINT, 0U); // it stays halted
}

TEST_F(EhciScheduleTest, NobodyAtAnAddressIsTriedThreeTimes) {
    running_with_tablet_at(1);
    queue(9, token(IN, 8));
    frames(1);
    EXPECT_EQ(overlay() & (ACTIVE | HALTED | XACTERR | THREE_ERRORS), HALTED | XACTERR);
    EXPECT_EQ(reg(USBSTS) & USBERRINT, USBERRINT);
    status_cleared();
    queue(9, token(IN, 8) & ~THREE_ERRORS); // a counter of zero counts nothing
    frames(3);
    EXPECT_EQ(overlay() & (ACTIVE | HALTED | XACTERR), ACTIVE | XACTERR);
    EXPECT_EQ(reg(USBSTS) & USBERRINT, 0U);
}

TEST_F(EhciScheduleTest, MoreThanThereIsRoomForIsBabble) {
    running_with_tablet_at(1);
    put_setup({0x80, 6, 0, 1, 0, 0, 18, 0});
    put_qtd(kQtds, kQtds + 32, T, token(SETUP, 8), kSetupData);
    put_qtd(kQtds + 32, T, T, token(IN, 4, TOGGLE), kData);
    put_queue(kQueue, kHead | QH, 1, 0, 64, kToggleFromQtd);
    put32(kQueue + 16, kQtds);
    frames(1);
    EXPECT_EQ(qtd_token(kQtds + 32) & (ACTIVE | HALTED | BABBLE), HALTED | BABBLE);
}

TEST_F(EhciScheduleTest, ALengthPastTheFiveBuffersIsABufferError) {
    running_with_tablet_at(1);
    queue(1, token(OUT, 0x7fff) | 4U << 12, kBulkData + 4090);
    frames(1);
    EXPECT_EQ(overlay() & (ACTIVE | HALTED | BUFFER_ERROR), HALTED | BUFFER_ERROR);
    queue(1, token(IN, 64) | 7U << 12, kBulkData);
    frames(1);
    EXPECT_EQ(overlay() & (ACTIVE | HALTED | BUFFER_ERROR), HALTED | BUFFER_ERROR);
}

TEST_F(EhciScheduleTest, PacketsOfNoSizeOrTooLargeAndNoPidAreGivenUp) {
    running_with_tablet_at(1);
    for (const u32 packet : {0U, 1025U, 2047U}) {
        queue(1, token(IN, 64), kData, packet);
        frames(1);
        EXPECT_EQ(overlay() & (ACTIVE | HALTED), HALTED) << packet;
    }
    queue(1, token(3, 64));
    frames(1);
    EXPECT_EQ(overlay() & (ACTIVE | HALTED), HALTED);
}

TEST_F(EhciScheduleTest, SplitTransactionsFindNobody) {
    running_with_tablet_at(1);
    queue(1, token(IN, 8));
    put32(kQueue + 4, get32(kQueue + 4) & ~0x3000U); // full speed behind a hub
    frames(1);
    EXPECT_EQ(overlay() & (HALTED | XACTERR), HALTED | XACTERR);
}

TEST_F(EhciScheduleTest, AQueueWithTheInactivateBitDoesNotAdvance) {
    running_with_tablet_at(1);
    queue(1, token(SETUP, 8), kSetupData);
    put32(kQueue + 4, get32(kQueue + 4) | 0x80);
    frames(1);
    EXPECT_EQ(qtd_token() & ACTIVE, ACTIVE);
}

TEST_F(EhciScheduleTest, TogglesComeFromTheQueueUnlessItSaysOtherwise) {
    running_with_tablet_at(1);
    put_setup({0x00, 9, 1, 0, 0, 0, 0, 0});
    queue(1, token(SETUP, 8), kSetupData);
    put32(kQueue + 24, TOGGLE);
    advance(kMicroframe);
    EXPECT_EQ(overlay() & TOGGLE, 0U); // was 1, and a packet went
}

TEST_F(EhciScheduleTest, TheDoorbellTellsAndLeavesWhatWasRemoved) {
    running_with_tablet_at(1);
    for (unsigned n = 0; n < 3; ++n) {
        advance(kMicroframe);
        reg(USBCMD, RS | ASE | IAAD);
        EXPECT_EQ(reg(USBSTS) & IAA, IAA);
        EXPECT_TRUE(irq());
        EXPECT_EQ(reg(USBCMD) & IAAD, 0U);
        EXPECT_EQ(reg(ASYNCLISTADDR), kHead); // the head of the ring stays
        reg(USBSTS, IAA);
    }
}

TEST_F(EhciScheduleTest, TheDoorbellLeavesWhatWasRemovedAlsoWhenNobodyIsThereAnyMore) {
    running_with_tablet_at(1);
    for (unsigned n = 0; n < 4 && reg(ASYNCLISTADDR) != kQueue; ++n)
        advance(kMicroframe);
    ASSERT_EQ(reg(ASYNCLISTADDR), kQueue);
    dev.detach(0);
    put32(kHead, kHead | QH);
    reg(USBCMD, RS | ASE | IAAD);
    EXPECT_EQ(reg(USBSTS) & IAA, IAA);
    EXPECT_EQ(reg(ASYNCLISTADDR), kHead);
}

TEST_F(EhciScheduleTest, QueuesThatLeadInCirclesEnd) {
    running_with_tablet_at(1);
    put_queue(kQueue, kQueue | QH, 9, 0, 64); // the head leads here, and here to itself
    put_queue(kInterruptQueue, kInterruptQueue | QH, 9, 1, 8);
    put_qtd(kQtds, kQtds, T, token(SETUP, 8) & ~THREE_ERRORS, kSetupData);
    put32(kQueue + 16, kQtds);
    frames(5);
    EXPECT_EQ(reg(USBSTS) & HCHALTED, 0U);
    put32(kFrameList, 0x6000 | FSTN); // a node that is its own successor
    put32(0x6000, 0x6000 | FSTN);
    advance(1100 * kMillisecond);
    EXPECT_EQ(reg(USBSTS) & HCHALTED, 0U);
}

TEST_F(EhciScheduleTest, AStructureOutsideOfMemoryHaltsTheController) {
    running_with_tablet_at(1);
    put32(kQueue, 0xf0000000 | QH);
    frames(1);
    EXPECT_EQ(reg(USBSTS) & (HSE | HCHALTED), HSE | HCHALTED);
    EXPECT_TRUE(irq());
    EXPECT_FALSE(timers.next_deadline().has_value());
}

TEST_F(EhciScheduleTest, ABufferOutsideOfMemoryHaltsTheController) {
    running_with_tablet_at(1);
    queue(1, token(SETUP, 8), 0xf0000000);
    frames(1);
    EXPECT_EQ(reg(USBSTS) & (HSE | HCHALTED), HSE | HCHALTED);
}

TEST_F(EhciScheduleTest, IsochronousDescriptorsEndWithNobodyThere) {
    running_with_tablet_at(1);
    constexpr u32 kItd = 0x6000, kSitd = 0x6100;
    for (u32 at = kItd; at < kSitd + 28; at += 4)
        put32(at, 0);
    put32(kItd, kSitd | SITD);
    put32(kItd + 4 * 3, 0x80000000 | 100U << 16 | IOC);
    put32(kItd + 4 * 10, 0x800 | 512); // IN
    put32(kSitd, kInterruptQueue | QH);
    put32(kSitd + 12, 0x80000080);
    for (u32 i = 0; i < 1024; ++i)
        put32(kFrameList + 4 * i, kItd);
    frames(1);
    EXPECT_EQ(get32(kItd + 12), 0x10000000U | IOC); // error, nothing came
    EXPECT_EQ(get32(kSitd + 12), 0x80000008U);
    EXPECT_EQ(reg(USBSTS) & USBINT, USBINT);
    poll(1);
    tablet.pointer(3, 4, 800, 600, 0);
    frames(2);
    EXPECT_TRUE(report().has_value()); // what is behind them is served
}

// -------------------------------------------------------------------------------------------- disk and hub

TEST_F(EhciScheduleTest, ADiskReadsAndWritesInPacketsOf512) {
    ASSERT_TRUE(power_up_disk());
    EXPECT_EQ(run(block_command(0x28, 3, 36), 36 * 512), 0);
    EXPECT_EQ(moved, 36U * 512);
    const Bytes data = bytes_at(kBulkData, std::size_t{36} * 512);
    EXPECT_TRUE(std::equal(data.begin(), data.end(), disk.data.begin() + 3 * 512));
    EXPECT_EQ(run(block_command(0x2a, 200, 36), 36 * 512, false), 0);
    EXPECT_TRUE(std::equal(data.begin(), data.end(), disk.data.begin() + 200 * 512));
    const auto all = control(kDiskAddress, {0x80, 6, 0x0200, 0, 255});
    ASSERT_TRUE(all);
    EXPECT_EQ((*all)[22] | (*all)[23] << 8, 512);
}

TEST_F(EhciScheduleTest, ATransferCrossesPagesFromAnyOffset) {
    ASSERT_TRUE(power_up_disk());
    u32 bytes = 0;
    put_command(block_command(0x28, 0, 32), 32 * 512, true);
    bulk(kDiskAddress, OUT, kData, 31, bytes);
    EXPECT_EQ(bulk(kDiskAddress, IN, kBulkData + 4001, 32 * 512, bytes) & (ACTIVE | HALTED), 0U);
    EXPECT_EQ(bytes, 32U * 512);
    const Bytes data = bytes_at(kBulkData + 4001, std::size_t{32} * 512);
    EXPECT_TRUE(std::equal(data.begin(), data.end(), disk.data.begin()));
}

TEST_F(EhciScheduleTest, AQueueWaitsForTheMediumAndGoesOnAtOnce) {
    ASSERT_TRUE(power_up_disk());
    disk.hold = true;
    put_command(block_command(0x28, 0, 1), 512, true);
    u32 bytes = 0;
    bulk(kDiskAddress, OUT, kData, 31, bytes);
    EXPECT_EQ(bulk(kDiskAddress, IN, kBulkData, 512, bytes) & (ACTIVE | HALTED), ACTIVE);
    disk.complete();
    advance(kMicroframe);
    EXPECT_EQ(overlay() & (ACTIVE | HALTED), 0U);
}

TEST_F(EhciScheduleTest, AHighSpeedHubTellsOfHighSpeedDevices) {
    start();
    ASSERT_TRUE(configure(2, 4));
    ASSERT_TRUE(control(4, {0x23, 3, 8, 3, 0})); // power
    ASSERT_TRUE(control(4, {0x23, 3, 4, 3, 0})); // reset
    const auto status = control(4, {0xa3, 0, 0, 3, 4});
    ASSERT_TRUE(status);
    EXPECT_EQ((*status)[1], 5); // power, high speed
    ASSERT_TRUE(set_up(6));
    EXPECT_EQ((*control(6, {0x80, 6, 0x0100, 0, 18}))[7], 64);
}

} // namespace
} // namespace dm::test
