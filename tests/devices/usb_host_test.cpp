#include "dm/devices/usb/usb_host_device.hpp"

#include "tests/devices/ehci_rig.hpp"
#include "tests/devices/usb_rig.hpp"
#include "tests/devices/xhci_rig.hpp"
#include "tests/support/fake_usb_link.hpp"

#include <gmock/gmock.h>
#include <numeric>

namespace dm::test {
namespace {

using testing::ElementsAre;
using testing::IsEmpty;
using usb::Answer;
using usb::Handshake;
using usb::Pid;
using Bytes = std::vector<u8>;

Bytes pattern(std::size_t length) {
    Bytes bytes(length);
    std::iota(bytes.begin(), bytes.end(), u8{1});
    return bytes;
}

/// The device alone, in a port of the speed that the test says.
struct UsbHostTest : testing::Test, private UsbUpstream {
    UsbHostTest() { plug(); }
    void plug() {
        device.reset();
        device = std::make_unique<UsbHostDevice>("usb-host/1", std::make_unique<FakeUsbLink>(host), timers,
                                                 [this] { ++lost; });
        device->plug_into(static_cast<UsbUpstream*>(this));
    }
    void device_ready(UsbDevice&) override { ++told; }
    bool listens_to(const UsbDevice&) const override { return true; }
    usb::Speed speed() const override { return port_speed; }

    Answer setup(u8 type, u8 request, u16 value, u16 index, u16 length) {
        std::array<u8, 8> raw{type,
                              request,
                              byte_of(value, 0),
                              byte_of(value, 1),
                              byte_of(index, 0),
                              byte_of(index, 1),
                              byte_of(length, 0),
                              byte_of(length, 1)};
        return device->transact(Pid::Setup, 0, raw, 0);
    }
    Answer in(unsigned endpoint, std::size_t room, u32 wanted = 0) {
        got.assign(room, 0);
        const Answer answer = device->transact(Pid::In, endpoint, got, wanted);
        got.resize(answer.handshake == Handshake::Ack ? answer.length : 0);
        return answer;
    }
    Answer out(unsigned endpoint, Bytes bytes, u32 wanted = 0) {
        return device->transact(Pid::Out, endpoint, bytes, wanted);
    }
    Handshake status_in() { return in(0, 0).handshake; }

    test::FakeClock clock;
    TimerQueue timers{clock};
    FakeUsbHost host;
    usb::Speed port_speed = usb::Speed::High;
    unsigned told = 0;
    unsigned lost = 0;
    std::unique_ptr<UsbHostDevice> device;
    Bytes got;
};

// ------------------------------------------------------------------------------------------ control
// transfers

TEST_F(UsbHostTest, ARequestGoesToTheDeviceAndItsAnswerComesInPackets) {
    EXPECT_EQ(setup(0xc0, 0x33, 0x1234, 0x5678, 100).handshake, Handshake::Ack);
    ASSERT_EQ(host.kept.size(), 1U);
    EXPECT_THAT(host.kept[0].transfer.setup, ElementsAre(0xc0, 0x33, 0x34, 0x12, 0x78, 0x56, 100, 0));
    EXPECT_EQ(host.kept[0].transfer.room, 100U);
    EXPECT_EQ(in(0, 64).handshake, Handshake::Nak);
    host.answer(UsbHostResult::Done, pattern(70));
    EXPECT_EQ(told, 1U);
    EXPECT_EQ(in(0, 64).length, 64U);
    EXPECT_EQ(got, pattern(64));
    EXPECT_EQ(in(0, 64).length, 6U);
    EXPECT_EQ(in(0, 64).length, 0U);
    EXPECT_EQ(out(0, {}).handshake, Handshake::Ack);
    EXPECT_EQ(in(0, 64).handshake, Handshake::Stall) << "the transfer is over";
}

TEST_F(UsbHostTest, DataForTheDeviceIsGatheredAndItsStatusWaits) {
    setup(0x40, 0x22, 0, 0, 70);
    EXPECT_EQ(out(0, pattern(64)).handshake, Handshake::Ack);
    EXPECT_THAT(host.kept, IsEmpty());
    EXPECT_EQ(out(0, pattern(6)).handshake, Handshake::Ack);
    ASSERT_EQ(host.kept.size(), 1U);
    EXPECT_EQ(host.kept[0].out.size(), 70U);
    EXPECT_EQ(status_in(), Handshake::Nak);
    host.answer();
    EXPECT_EQ(status_in(), Handshake::Ack);
    setup(0x40, 0x22, 0, 0, 8);
    EXPECT_EQ(out(0, pattern(9)).handshake, Handshake::Stall) << "more than was said";
    setup(0x40, 0x22, 0, 0, UsbHostDevice::kMostControl + 1);
    EXPECT_EQ(out(0, pattern(8)).handshake, Handshake::Stall);
    EXPECT_THAT(host.kept, IsEmpty());
}

TEST_F(UsbHostTest, AStallOfTheDeviceIsOneForTheGuestAndTheNextSetupEndsIt) {
    setup(0x80, 6, 0x0600, 0, 10);
    host.answer(UsbHostResult::Stall);
    EXPECT_EQ(in(0, 64).handshake, Handshake::Stall);
    setup(0x00, 0x30, 0, 0, 0);
    EXPECT_EQ(status_in(), Handshake::Nak);
    setup(0x00, 0x31, 0, 0, 0);
    EXPECT_THAT(host.calls, ElementsAre("cancel 0"));
    ASSERT_EQ(host.kept.size(), 1U);
    host.answer();
    EXPECT_EQ(status_in(), Handshake::Ack);
    host.refuses = true;
    setup(0x00, 0x31, 0, 0, 0);
    EXPECT_EQ(status_in(), Handshake::Stall);
}

TEST_F(UsbHostTest, TheAddressIsTheGuestsAffair) {
    setup(0x00, 5, 77, 0, 0);
    EXPECT_EQ(device->find(77), nullptr) << "from the status stage on";
    EXPECT_EQ(status_in(), Handshake::Ack);
    EXPECT_EQ(device->find(77), device.get());
    EXPECT_THAT(host.kept, IsEmpty());
    setup(0x00, 5, 128, 0, 0);
    EXPECT_EQ(status_in(), Handshake::Stall);
}

TEST_F(UsbHostTest, WhatTheHostsKernelMustKnowGoesThroughIt) {
    setup(0x00, 9, 1, 0, 0);
    EXPECT_EQ(status_in(), Handshake::Ack);
    setup(0x01, 11, 2, 3, 0);
    EXPECT_EQ(status_in(), Handshake::Ack);
    setup(0x02, 1, 0, 0x81, 0);
    EXPECT_EQ(status_in(), Handshake::Ack);
    EXPECT_THAT(host.calls, ElementsAre("configuration 1", "interface 3 2", "clear halt 81"));
    EXPECT_THAT(host.kept, IsEmpty());
    host.refuses = true;
    setup(0x00, 9, 2, 0, 0);
    EXPECT_EQ(status_in(), Handshake::Stall);
}

TEST_F(UsbHostTest, ABusResetReachesTheDeviceOnlyWhenItWasInUseAndNotTooOften) {
    device->bus_reset();
    EXPECT_THAT(host.calls, IsEmpty());
    const auto use = [&] {
        setup(0x00, 5, 3, 0, 0);
        status_in();
        device->bus_reset();
        EXPECT_EQ(device->find(0), device.get());
    };
    use();
    use();
    EXPECT_THAT(host.calls, ElementsAre("reset"));
    clock.now += UsbHostDevice::kResetPause;
    use();
    EXPECT_THAT(host.calls, ElementsAre("reset", "reset"));
}

TEST_F(UsbHostTest, RemoteWakeupIsKnownToThePortAndToTheDevice) {
    setup(0x00, 3, 1, 0, 0);
    EXPECT_EQ(host.kept.size(), 1U);
    EXPECT_TRUE(device->may_wake());
    StateWriter out;
    device->save(out);
    const std::vector<u8> image = std::move(out).take();
    UsbHostDevice twin("usb-host/1", nullptr, timers, {});
    auto reader = StateReader::open(image);
    ASSERT_TRUE(reader.ok());
    EXPECT_TRUE(twin.load(*reader).ok());
}

// --------------------------------------------------------------------------------------------------
// endpoints

TEST_F(UsbHostTest, ABulkReadAsksForWhatTheGuestWantsAndComesInPackets) {
    EXPECT_EQ(in(1, 512, 4096).handshake, Handshake::Nak);
    EXPECT_EQ(in(1, 512, 4096).handshake, Handshake::Nak);
    ASSERT_EQ(host.kept.size(), 1U);
    EXPECT_EQ(host.kept[0].transfer.endpoint, 0x81);
    EXPECT_EQ(host.kept[0].transfer.room, 4096U);
    host.answer(UsbHostResult::Done, pattern(4096));
    for (int i = 0; i < 8; ++i)
        EXPECT_EQ(in(1, 512, 4096).length, 512U);
    EXPECT_EQ(in(1, 31, 31).handshake, Handshake::Nak) << "the next transfer";
    EXPECT_EQ(host.kept[0].transfer.room, 512U) << "whole packets, or the device's could be too long";
    host.answer(UsbHostResult::Done, pattern(13));
    EXPECT_EQ(in(1, 31, 31).length, 13U);
    in(1, 512, 1 << 20);
    EXPECT_EQ(host.kept[0].transfer.room, UsbHostDevice::kMostBytes);
}

TEST_F(UsbHostTest, AReadThatEndsEarlyOnAWholePacketIsEndedByAnEmptyOne) {
    in(1, 512, 4096);
    host.answer(UsbHostResult::Done, pattern(512));
    EXPECT_EQ(in(1, 512).length, 512U);
    const Answer end = in(1, 512);
    EXPECT_EQ(end.handshake, Handshake::Ack);
    EXPECT_EQ(end.length, 0U);
    in(1, 512, 512);
    host.answer(UsbHostResult::Done, pattern(512));
    EXPECT_EQ(in(1, 512).length, 512U);
    EXPECT_EQ(in(1, 512).handshake, Handshake::Nak) << "all that was wanted came: no empty packet";
}

TEST_F(UsbHostTest, ErrorsComeBehindTheDataThatCameBeforeThem) {
    in(1, 512, 1024);
    host.answer(UsbHostResult::Stall, pattern(512));
    EXPECT_EQ(in(1, 512).length, 512U);
    EXPECT_EQ(in(1, 512).handshake, Handshake::Stall);
    EXPECT_THAT(host.kept, IsEmpty());
    in(1, 512, 512);
    host.answer(UsbHostResult::Failed);
    EXPECT_EQ(in(1, 512).handshake, Handshake::None);
    in(1, 512, 512);
    host.answer(UsbHostResult::Done, pattern(100));
    EXPECT_EQ(in(1, 99).handshake, Handshake::Babble);
}

TEST_F(UsbHostTest, ABulkWriteIsOneTransferAndItsLastPacketWaits) {
    EXPECT_EQ(out(2, pattern(512), 1024).handshake, Handshake::Ack);
    EXPECT_THAT(host.kept, IsEmpty());
    EXPECT_EQ(out(2, pattern(512), 512).handshake, Handshake::Nak);
    ASSERT_EQ(host.kept.size(), 1U);
    EXPECT_EQ(host.kept[0].out.size(), 1024U);
    EXPECT_EQ(out(2, pattern(512), 512).handshake, Handshake::Nak);
    host.answer();
    EXPECT_EQ(out(2, pattern(512), 512).handshake, Handshake::Ack);
    EXPECT_EQ(out(2, pattern(31), 31).handshake, Handshake::Nak);
    host.answer(UsbHostResult::Stall);
    EXPECT_EQ(out(2, pattern(31), 31).handshake, Handshake::Stall);
    EXPECT_THAT(host.kept, IsEmpty());
}

TEST_F(UsbHostTest, AWriteThatTheGuestDroppedIsNotMixedIntoTheNext) {
    out(2, pattern(512), 4096);
    EXPECT_EQ(out(2, Bytes(31, 7), 31).handshake, Handshake::Nak);
    ASSERT_EQ(host.kept.size(), 1U);
    EXPECT_EQ(host.kept[0].out, Bytes(31, 7));
    host.answer();
    EXPECT_EQ(out(2, Bytes(31, 8), 31).handshake, Handshake::Nak) << "another one than was answered";
    EXPECT_EQ(host.kept.back().out, Bytes(31, 8));
}

TEST_F(UsbHostTest, AnInterruptEndpointTellsOneReportAtATime) {
    EXPECT_EQ(in(3, 8).handshake, Handshake::Nak);
    EXPECT_EQ(in(3, 8).handshake, Handshake::Nak);
    ASSERT_EQ(host.kept.size(), 1U);
    EXPECT_EQ(host.kept[0].transfer.kind, UsbHostKind::Interrupt);
    host.answer(UsbHostResult::Done, {1, 2, 3});
    EXPECT_EQ(told, 1U);
    EXPECT_EQ(in(3, 8).length, 3U);
    EXPECT_EQ(out(4, pattern(16)).handshake, Handshake::Nak);
    host.answer();
    EXPECT_EQ(out(4, pattern(16)).handshake, Handshake::Ack);
}

TEST_F(UsbHostTest, UnknownAndIsochronousEndpointsAnswerNothing) {
    host.endpoints.push_back({0x85, UsbHostKind::Isochronous, 192});
    setup(0x00, 9, 1, 0, 0);
    EXPECT_EQ(in(5, 192).handshake, Handshake::None);
    EXPECT_EQ(in(6, 8).handshake, Handshake::None);
    EXPECT_EQ(out(1, pattern(8)).handshake, Handshake::None);
    EXPECT_THAT(host.kept, IsEmpty());
}

TEST_F(UsbHostTest, ResetsAndConfigurationsCancelWhatIsInFlight) {
    in(1, 512);
    in(3, 8);
    setup(0x80, 6, 0x0100, 0, 18);
    device->bus_reset();
    EXPECT_THAT(host.kept, IsEmpty());
    EXPECT_THAT(host.calls, testing::UnorderedElementsAre("cancel 17", "cancel 19", "cancel 0"));
    in(1, 512);
    setup(0x00, 9, 1, 0, 0);
    EXPECT_THAT(host.kept, IsEmpty());
    host.user->transferred(17, UsbHostResult::Done, pattern(5)); // what nobody waits for
    EXPECT_EQ(in(1, 512).handshake, Handshake::Nak);
}

TEST_F(UsbHostTest, OnceGoneNobodyAnswers) {
    in(1, 512);
    host.user->gone();
    EXPECT_EQ(lost, 1U);
    device.reset();
    EXPECT_FALSE(host.there);
    UsbHostDevice absent("usb-host/1", nullptr, timers, {});
    EXPECT_EQ(absent.transact(Pid::In, 1, got, 0).handshake, Handshake::None);
    absent.bus_reset();
}

// -----------------------------------------------------------------------------------------------------
// speeds

TEST_F(UsbHostTest, DescriptorsTellThePacketsOfTheBusThatTheDeviceIsOn) {
    const Bytes configuration{9, 2,   25, 0, 1, 1, 0, 0x80, 50, 9, 4, 0, 0,
                              1, 255, 0,  0, 0, 7, 5, 0x81, 2,  0, 2, 0};
    const auto packet_at = [&](usb::Speed speed) {
        port_speed = speed;
        setup(0x80, 6, 0x0200, 0, 25);
        host.answer(UsbHostResult::Done, configuration);
        in(0, 64);
        return got.at(22) | got.at(23) << 8;
    };
    EXPECT_EQ(packet_at(usb::Speed::High), 512);
    EXPECT_EQ(packet_at(usb::Speed::Full), 64);
    EXPECT_TRUE(UsbHostDevice::speaks(*std::make_unique<FakeUsbLink>(host), usb::Speed::Full));
    host.endpoints.push_back({0x85, UsbHostKind::Isochronous, 192});
    EXPECT_FALSE(UsbHostDevice::speaks(*std::make_unique<FakeUsbLink>(host), usb::Speed::Full));
    host.identity.speed = UsbHostSpeed::Full;
    EXPECT_FALSE(UsbHostDevice::speaks(*std::make_unique<FakeUsbLink>(host), usb::Speed::High));
    EXPECT_TRUE(UsbHostDevice::speaks(*std::make_unique<FakeUsbLink>(host), usb::Speed::Full));
}

TEST_F(UsbHostTest, ASuperSpeedDeviceIsOneOfHighSpeed) {
    host.identity.speed = UsbHostSpeed::Super;
    host.identity.device[7] = 9; // 512, in powers of two
    host.endpoints[0].packet = 1024;
    plug();
    EXPECT_EQ(device->speed(), usb::Speed::High);
    setup(0x80, 6, 0x0100, 0, 18);
    host.answer(UsbHostResult::Done, {host.identity.device.begin(), host.identity.device.end()});
    in(0, 64);
    EXPECT_EQ(got.at(7), 64);
    in(1, 512, 512);
    EXPECT_EQ(host.kept[0].transfer.room, 1024U);
    host.answer(UsbHostResult::Done, pattern(1024));
    EXPECT_EQ(in(1, 512).length, 512U);
    EXPECT_EQ(in(1, 512).length, 512U);
    EXPECT_EQ(in(1, 512).handshake, Handshake::Nak);
}

/// UAS at SuperSpeed takes streams, which nobody carries here.
TEST_F(UsbHostTest, UasIsHiddenWhereItWouldNeedStreams) {
    const Bytes disk{9, 2, 48,   0, 1, 1, 0, 0x80, 50, // bulk-only, then UAS
                     9, 4, 0,    0, 2, 8, 6, 0x50, 0,  //
                     7, 5, 0x81, 2, 0, 4, 0, 7,    5,  0x02, 2, 0, 4, 0, 9, 4, 0, 1, 4, 8, 6, 0x62, 0, //
                     7, 5, 0x81, 2, 0, 4, 0};
    constexpr std::size_t kUas = 32 + 7; // its bInterfaceProtocol
    const auto read = [&](UsbHostSpeed speed, std::size_t length) {
        host.identity.speed = speed;
        plug();
        setup(0x80, 6, 0x0200, 0, static_cast<u16>(length));
        host.answer(UsbHostResult::Done, {disk.begin(), disk.begin() + static_cast<std::ptrdiff_t>(length)});
        in(0, 64);
        return got;
    };
    const Bytes super = read(UsbHostSpeed::Super, disk.size());
    ASSERT_EQ(super.size(), disk.size());
    EXPECT_EQ(super.at(kUas), 0xff);
    EXPECT_EQ(super.at(9 + 7), 0x50);
    EXPECT_EQ(read(UsbHostSpeed::High, disk.size()).at(kUas), 0x62);
    EXPECT_EQ(read(UsbHostSpeed::Super, kUas + 1).at(kUas), 0xff) << "all that the guest asked for";
    for (std::size_t length = 1; length <= kUas; ++length)
        EXPECT_EQ(read(UsbHostSpeed::Super, length).size(), length);
}

// ------------------------------------------------------------------------------------- behind the
// controllers

/// At full speed the device's packets of 512 bytes are eight of the bus.
TEST(UsbHostBehindUhci, QueuedDescriptorsAreOneTransfer) {
    FakeUsbHost host;
    UsbDiskRig r;
    r.dev.detach(0);
    r.dev.attach(0, std::make_unique<UsbHostDevice>("usb-host/1", std::make_unique<FakeUsbLink>(host),
                                                    r.timers, std::function<void()>()));
    r.start();
    r.reset_port(0);
    r.control(0, {0x00, 5, UsbDiskRig::kAddress, 0, 0});
    const auto address = UsbDiskRig::kAddress;
    u32 td = UsbDiskRig::kBulkTds;
    for (u32 at = 0; at < 1024; at += 64, td += 16)
        r.put_td(td, (td + 16) | usb_rig::VF, usb_rig::ACTIVE | usb_rig::THREE_ERRORS,
                 UsbRig::token(usb_rig::IN, address, 1, 64), UsbDiskRig::kBulkData + at);
    r.put32(td - 16, usb_rig::T);
    r.put32(usb_rig::kQueue + 4, UsbDiskRig::kBulkTds);
    r.frames(3);
    ASSERT_EQ(host.kept.size(), 1U);
    EXPECT_EQ(host.kept[0].transfer.room, 1024U);
    host.answer(UsbHostResult::Done, pattern(1024));
    r.frames(3);
    EXPECT_EQ(r.bytes_at(UsbDiskRig::kBulkData, 1024), pattern(1024));
    EXPECT_EQ(r.get32(td - 12) & usb_rig::ACTIVE, 0U);

    td = UsbDiskRig::kBulkTds;
    for (u32 at = 0; at < 600; at += 64, td += 16)
        r.put_td(td, (td + 16) | usb_rig::VF, usb_rig::ACTIVE | usb_rig::THREE_ERRORS,
                 UsbRig::token(usb_rig::OUT, address, 2, std::min<u32>(64, 600 - at)),
                 UsbDiskRig::kBulkData + at);
    r.put32(td - 16, usb_rig::T);
    r.put32(usb_rig::kQueue + 4, UsbDiskRig::kBulkTds);
    r.frames(400);
    ASSERT_EQ(host.kept.size(), 1U);
    Bytes sent = pattern(1024);
    sent.resize(600);
    EXPECT_EQ(host.kept[0].out, sent);
    EXPECT_NE(r.get32(td - 12) & usb_rig::ACTIVE, 0U);
    host.answer();
    r.frames(3);
    EXPECT_EQ(r.get32(td - 12) & usb_rig::ACTIVE, 0U);
}

TEST(UsbHostBehindEhci, ATransferDescriptorIsOneTransfer) {
    FakeUsbHost host;
    EhciRig r;
    r.dev.attach(0, std::make_unique<UsbHostDevice>("usb-host/1", std::make_unique<FakeUsbLink>(host),
                                                    r.timers, std::function<void()>()));
    r.start();
    ASSERT_TRUE(r.configure(0, 2));
    EXPECT_THAT(host.calls, ElementsAre("configuration 1"));
    u32 bytes = 0;
    r.bulk(2, ehci_rig::IN, ehci_rig::kBulkData, 4096, bytes);
    ASSERT_EQ(host.kept.size(), 1U);
    EXPECT_EQ(host.kept[0].transfer.room, 4096U);
    host.answer(UsbHostResult::Done, pattern(1000));
    r.frames(4);
    EXPECT_EQ(r.get32(ehci_rig::kQueue + 24) >> 16 & 0x7fff, 4096U - 1000U);
    EXPECT_EQ(r.bytes_at(ehci_rig::kBulkData, 1000), pattern(1000));
    r.bulk(2, ehci_rig::OUT, ehci_rig::kBulkData, 1000, bytes);
    ASSERT_EQ(host.kept.size(), 1U);
    EXPECT_EQ(host.kept[0].out, pattern(1000));
    host.answer();
    r.frames(4);
    EXPECT_EQ(r.get32(ehci_rig::kQueue + 24) >> 16 & 0x7fff, 0U);
}

TEST(UsbHostBehindXhci, ARequestBlockIsOneTransfer) {
    using namespace xhci_rig;
    FakeUsbHost host;
    XhciRig r;
    r.dev.attach(0, std::make_unique<UsbHostDevice>("usb-host/1", std::make_unique<FakeUsbLink>(host),
                                                    r.timers, std::function<void()>()));
    r.start();
    const u8 slot = r.set_up_bulk(kFirstUsb2);
    ASSERT_NE(slot, 0);
    r.queue(r.ring(slot, 3), kData, 2048, kind(TrbType::Normal) | IOC);
    r.doorbell(slot, 3);
    ASSERT_EQ(host.kept.size(), 1U);
    EXPECT_EQ(host.kept[0].transfer.room, 2048U);
    EXPECT_FALSE(r.event_of(TrbType::TransferEvent));
    host.answer(UsbHostResult::Done, pattern(2048));
    auto event = r.event_of(TrbType::TransferEvent);
    ASSERT_TRUE(event);
    EXPECT_EQ(code(*event), Code::Success);
    EXPECT_EQ(r.bytes_at(kData, 2048), pattern(2048));

    r.queue(r.ring(slot, 4), kData, 1024, kind(TrbType::Normal) | CH);
    r.queue(r.ring(slot, 4), kData + 1024, 31, kind(TrbType::Normal) | IOC);
    r.doorbell(slot, 4);
    ASSERT_EQ(host.kept.size(), 1U);
    EXPECT_EQ(host.kept[0].out.size(), 1024U);
    host.answer();
    ASSERT_EQ(host.kept.size(), 1U);
    EXPECT_EQ(host.kept[0].out.size(), 31U);
    host.answer(UsbHostResult::Stall);
    event = r.event_of(TrbType::TransferEvent);
    ASSERT_TRUE(event);
    EXPECT_EQ(code(*event), Code::StallError);
    r.dev.detach(0);
    EXPECT_FALSE(host.there);
}

} // namespace
} // namespace dm::test
