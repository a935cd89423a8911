// A network card's cable. In place of the tap a pair of sockets that keep frames apart, as taps do; at the
// end a real one, where this machine lets us make it.
#include "dm/host/tap_cable.hpp"

#include "dm/host/loop.hpp"
#include "tests/support/frames.hpp"

#include <array>
#include <fcntl.h>
#include <gmock/gmock.h>
#include <sys/socket.h>
#include <unistd.h>
#ifdef __linux__
#include <linux/if_packet.h>
#include <linux/sockios.h>
#include <net/if.h>
#include <netinet/in.h>
#include <sys/ioctl.h>
#endif

namespace dm::host {
namespace {

using test::Bytes;
using test::FrameShape;
using test::make_frame;
using testing::HasSubstr;
using Sent = NetBackend::Sent;

struct FakeCard final : NetFrontend {
    bool can_receive() const override { return got.size() < room; }
    void receive(std::span<const u8> frame) override { got.emplace_back(frame.begin(), frame.end()); }
    void writable() override { ++writables; }
    void link_changed() override { ++link_changes; }

    std::vector<Bytes> got;
    std::size_t room = SIZE_MAX;
    unsigned writables = 0;
    unsigned link_changes = 0;
};

struct TapCableTest : testing::Test {
    void make(bool vnet_header, std::optional<std::array<u8, 6>> only_source = {}) {
        std::array<int, 2> ends{};
        ASSERT_EQ(::socketpair(AF_UNIX, SOCK_SEQPACKET | SOCK_NONBLOCK | SOCK_CLOEXEC, 0, ends.data()), 0);
        host = UniqueFd(ends[0]);
        cable.emplace(loop, Tap(UniqueFd(ends[1]), vnet_header),
                      TapCable::Options{.name = "tap test", .only_source = only_source});
        cable->set_frontend(&card);
        cable->open();
        card.writables = 0;
    }
    void from_host(const Bytes& frame) const {
        ASSERT_EQ(::send(host.get(), frame.data(), frame.size(), 0), static_cast<ssize_t>(frame.size()));
    }
    /// Empty: nothing has come.
    Bytes at_host() const {
        Bytes frame(70000);
        const ssize_t got = ::recv(host.get(), frame.data(), frame.size(), 0);
        frame.resize(got > 0 ? static_cast<std::size_t>(got) : 0);
        return frame;
    }
    Sent send(Bytes frame, const FrameOffload& offload = {}) {
        const iovec piece{frame.data(), frame.size()};
        return cable->send({&piece, 1}, offload);
    }
    void rounds(unsigned n = 4) {
        for (unsigned i = 0; i < n; ++i)
            loop.run_once(0);
    }

    Loop loop;
    UniqueFd host;
    FakeCard card;
    std::optional<TapCable> cable;
};

FrameOffload sum_of(const FrameShape& shape) {
    FrameOffload offload;
    offload.checksum = true;
    offload.checksum_start = static_cast<u16>(shape.l4());
    offload.checksum_offset = static_cast<u16>(shape.field() - shape.l4());
    return offload;
}
/// With the sum of the pseudo header in the checksum's place.
Bytes with_pseudo_sum(Bytes frame, const FrameShape& shape) {
    const u16 sum = test::pseudo_sum(frame, shape, frame.size() - shape.l4());
    test::put_be(frame, shape.field(), sum, 2);
    return frame;
}

TEST_F(TapCableTest, FramesGoBothWays) {
    make(false);
    EXPECT_EQ(send(make_frame(100)), Sent::Yes);
    EXPECT_EQ(at_host(), make_frame(100));
    from_host(make_frame(200));
    rounds();
    ASSERT_EQ(card.got.size(), 1U);
    EXPECT_EQ(card.got[0], make_frame(200));
}

TEST_F(TapCableTest, PiecesAreOneFrame) {
    make(false);
    Bytes frame = make_frame(100);
    const std::array<iovec, 3> pieces{iovec{frame.data(), 14}, iovec{frame.data() + 14, 1},
                                      iovec{frame.data() + 15, frame.size() - 15}};
    EXPECT_EQ(cable->send(pieces, {}), Sent::Yes);
    EXPECT_EQ(at_host(), frame);
}

TEST_F(TapCableTest, WhereThereIsAHeaderItSaysWhatIsLeftToTheHost) {
    make(true);
    EXPECT_EQ(send(make_frame(100)), Sent::Yes);
    Bytes plain = at_host();
    ASSERT_EQ(plain.size(), make_frame(100).size() + 10);
    EXPECT_EQ(Bytes(plain.begin(), plain.begin() + 10), Bytes(10, 0));
    FrameOffload offload = sum_of({});
    offload.segments = FrameOffload::Segments::Tcp4;
    offload.segment_size = 1448;
    offload.header_length = 54;
    EXPECT_EQ(send(make_frame(4000), offload), Sent::Yes);
    const Bytes got = at_host();
    ASSERT_EQ(got.size(), 4064U);
    const Bytes header{1, 1, 54, 0, 0xa8, 0x05, 34, 0, 16, 0}; // as the header's numbers are in memory here
    EXPECT_EQ(Bytes(got.begin(), got.begin() + 10), header);
    EXPECT_EQ(Bytes(got.begin() + 10, got.end()), make_frame(4000));
}

TEST_F(TapCableTest, SegmentsWithoutNumberAreNotTheHostsWork) {
    make(true);
    FrameOffload offload = sum_of({});
    offload.segments = FrameOffload::Segments::Tcp4;
    offload.segment_size = 1;
    offload.header_length = 54;
    EXPECT_EQ(send(make_frame(kOffloadSegmentsMax + 1), offload), Sent::Yes);
    EXPECT_EQ(at_host(), Bytes()) << "lost";
    EXPECT_EQ(send(make_frame(kOffloadSegmentsMax), offload), Sent::Yes);
    EXPECT_EQ(at_host().size(), kOffloadSegmentsMax + 54 + 10);
}

TEST_F(TapCableTest, AHeaderOfAFrameThatComesIsNotTheCards) {
    make(true);
    Bytes frame = make_frame(100);
    frame.insert(frame.begin(), 10, 0);
    from_host(frame);
    from_host(Bytes(10, 0)); // and nothing behind it
    rounds();
    ASSERT_EQ(card.got.size(), 1U);
    EXPECT_EQ(card.got[0], make_frame(100));
}

TEST_F(TapCableTest, WithoutAHeaderSumsAreMadeHere) {
    make(false);
    for (const FrameShape& shape : {FrameShape{}, FrameShape{.udp = true}, FrameShape{.six = true}}) {
        const Bytes right = make_frame(333, shape);
        EXPECT_EQ(send(with_pseudo_sum(right, shape), sum_of(shape)), Sent::Yes);
        EXPECT_EQ(at_host(), right);
    }
}

TEST_F(TapCableTest, WithoutAHeaderSegmentsAreMadeHere) {
    make(false);
    FrameOffload offload = sum_of({});
    offload.segments = FrameOffload::Segments::Tcp4;
    offload.segment_size = 1448;
    offload.header_length = 54;
    EXPECT_EQ(send(with_pseudo_sum(make_frame(4000), {}), offload), Sent::Yes);
    std::size_t payload = 0;
    for (unsigned i = 0; i < 3; ++i) {
        const Bytes frame = at_host();
        EXPECT_TRUE(test::well_summed(frame, {}));
        payload += frame.size() - 54;
    }
    EXPECT_EQ(payload, 4000U);
    EXPECT_TRUE(at_host().empty());
}

TEST_F(TapCableTest, AnOffloadThatMakesNoSenseIsALostFrame) {
    make(false);
    FrameOffload offload = sum_of({});
    offload.checksum_start = 5000;
    EXPECT_EQ(send(make_frame(100), offload), Sent::Yes);
    EXPECT_TRUE(at_host().empty());
}

TEST_F(TapCableTest, AFullQueueMakesTheCardWaitUntilThereIsRoom) {
    make(false);
    unsigned sent = 0;
    while (send(make_frame(1460)) == Sent::Yes && sent < 100000)
        ++sent;
    ASSERT_LT(sent, 100000U);
    EXPECT_EQ(send(make_frame(1)), Sent::Later); // nobody overtakes
    rounds();
    EXPECT_EQ(card.writables, 0U);
    while (!at_host().empty()) {
    }
    rounds();
    EXPECT_EQ(card.writables, 1U);
    EXPECT_EQ(send(make_frame(1)), Sent::Yes);
}

TEST_F(TapCableTest, FramesWaitInTheTapWhileTheCardHasNoRoom) {
    make(false);
    card.room = 2;
    for (unsigned i = 0; i < 5; ++i)
        from_host(make_frame(i));
    rounds();
    EXPECT_EQ(card.got.size(), 2U);
    card.room = 5;
    rounds();
    EXPECT_EQ(card.got.size(), 2U); // it has not said so
    cable->accept_input();
    rounds();
    ASSERT_EQ(card.got.size(), 5U);
    EXPECT_EQ(card.got[4], make_frame(4));
}

TEST_F(TapCableTest, AStormIsServedInBoundedPortions) {
    make(false);
    unsigned sent = 0;
    while (sent < 200 && ::send(host.get(), "01234567890123456789", 20, 0) == 20)
        ++sent;
    ASSERT_GT(sent, 70U);
    loop.run_once(0);
    EXPECT_EQ(card.got.size(), 64U);
    rounds(8);
    EXPECT_EQ(card.got.size(), sent);
}

TEST_F(TapCableTest, AStoppedMachineHearsNothing) {
    make(false);
    cable->close();
    from_host(make_frame(1));
    cable->set_link(false);
    rounds();
    EXPECT_TRUE(card.got.empty());
    EXPECT_EQ(card.link_changes, 0U);
    EXPECT_EQ(card.writables, 0U);
    cable->open();
    EXPECT_EQ(card.link_changes, 1U);
}

TEST_F(TapCableTest, APulledCableCarriesNothingAndKeepsNothing) {
    make(false);
    cable->set_link(false);
    EXPECT_FALSE(cable->link_up());
    EXPECT_EQ(card.link_changes, 1U);
    EXPECT_EQ(send(make_frame(1)), Sent::Yes);
    EXPECT_TRUE(at_host().empty());
    from_host(make_frame(2));
    rounds();
    cable->set_link(true);
    EXPECT_EQ(card.link_changes, 2U);
    rounds();
    EXPECT_TRUE(card.got.empty()); // what came meanwhile is gone
    from_host(make_frame(3));
    rounds();
    EXPECT_EQ(card.got.size(), 1U);
}

TEST_F(TapCableTest, AnInterfaceThatIsGoneIsACableThatWasPulledAndOneLine) {
    make(false);
    unsigned lines = 0;
    Log::set_sink([&](LogLevel, std::string_view line) {
        ++lines;
        EXPECT_THAT(std::string(line), HasSubstr("tap test"));
    });
    host.reset();
    rounds(10);
    Log::set_sink({});
    EXPECT_EQ(lines, 1U);
    EXPECT_FALSE(cable->link_up());
    EXPECT_EQ(card.link_changes, 1U);
    EXPECT_EQ(send(make_frame(1)), Sent::Yes);
}

TEST_F(TapCableTest, ACardThatWasTakenAwayGetsNoFrames) {
    make(false);
    from_host(make_frame(1));
    cable->set_frontend(nullptr);
    from_host(make_frame(2));
    rounds();
    EXPECT_TRUE(card.got.empty());
    cable->set_link(false); // nobody to tell
}

TEST_F(TapCableTest, AForeignSourceAddressDoesNotLeaveTheGuest) {
    make(false, std::array<u8, 6>{0x00, 0x16, 0x3e, 0x00, 0x00, 0x02});
    EXPECT_EQ(send(make_frame(1)), Sent::Yes);
    EXPECT_FALSE(at_host().empty());
    Bytes foreign = make_frame(1);
    foreign[11] = 9;
    EXPECT_EQ(send(foreign), Sent::Yes);
    EXPECT_TRUE(at_host().empty());
}

TEST_F(TapCableTest, FramesThatAreTooLongOrInTooManyPiecesAreLost) {
    make(false);
    EXPECT_EQ(send(Bytes(NetBackend::kFrameMax + 1)), Sent::Yes);
    Bytes frame = make_frame(100);
    const std::vector<iovec> pieces(NetBackend::kPiecesMax + 1, iovec{frame.data(), 1});
    EXPECT_EQ(cable->send(pieces, {}), Sent::Yes);
    EXPECT_TRUE(at_host().empty());
}

#ifdef __linux__

/// Needs /dev/net/tun and the right to use it.
struct RealTapCableTest : testing::Test {
    void SetUp() override {
        auto tap = Tap::open({.interface = name, .vnet_header = true});
        if (!tap.ok()) GTEST_SKIP() << tap.error().message;
        fd = tap->fd();
        cable.emplace(loop, std::move(tap).value(), TapCable::Options{.name = "tap " + name});
        switch_on(name);
        host = UniqueFd(::socket(AF_PACKET, SOCK_RAW | SOCK_NONBLOCK, htons(0x0800)));
        ASSERT_TRUE(host);
        sockaddr_ll address{};
        address.sll_family = AF_PACKET;
        address.sll_protocol = htons(0x0800);
        address.sll_ifindex = static_cast<int>(::if_nametoindex(name.c_str()));
        ASSERT_EQ(::bind(host.get(), reinterpret_cast<sockaddr*>(&address), sizeof(address)), 0);
    }
    ~RealTapCableTest() override {
        if (bridge.empty()) return;
        switch_on(bridge, false);
        EXPECT_EQ(::ioctl(control.get(), SIOCBRDELBR, bridge.c_str()), 0);
    }
    void switch_on(const std::string& interface, bool on = true) const {
        ifreq request{};
        interface.copy(request.ifr_name, IFNAMSIZ - 1);
        ASSERT_EQ(::ioctl(control.get(), SIOCGIFFLAGS, &request), 0);
        request.ifr_flags = static_cast<short>(on ? request.ifr_flags | IFF_UP : request.ifr_flags & ~IFF_UP);
        ASSERT_EQ(::ioctl(control.get(), SIOCSIFFLAGS, &request), 0);
    }
    void make_bridge() {
        const std::string made = "b" + name;
        if (::ioctl(control.get(), SIOCBRADDBR, made.c_str()) != 0)
            GTEST_SKIP() << "no bridges here: " << std::strerror(errno);
        bridge = made;
    }
    void join_bridge(bool join = true) const {
        ifreq request{};
        bridge.copy(request.ifr_name, IFNAMSIZ - 1);
        request.ifr_ifindex = static_cast<int>(::if_nametoindex(name.c_str()));
        ASSERT_EQ(::ioctl(control.get(), join ? SIOCBRADDIF : SIOCBRDELIF, &request), 0);
    }
    bool link() {
        for (unsigned i = 0; i < 4; ++i)
            loop.run_once(kMillisecond);
        return cable->link_up();
    }
    std::size_t frames_from_host() {
        const Bytes frame = make_frame(500);
        int down_before = 0;
        socklen_t length = sizeof down_before;
        EXPECT_EQ(::getsockopt(host.get(), SOL_SOCKET, SO_ERROR, &down_before, &length), 0);
        EXPECT_EQ(::send(host.get(), frame.data(), frame.size(), 0), static_cast<ssize_t>(frame.size()));
        for (unsigned i = 0; i < 20; ++i)
            loop.run_once(kMillisecond);
        const auto is_it = [&](const Bytes& got) { return got == frame; };
        return static_cast<std::size_t>(std::ranges::count_if(card.got, is_it));
    }

    std::string name = "hvmdmc" + std::to_string(::getpid() % 100000);
    std::string bridge; ///< empty: none was made
    UniqueFd control{::socket(AF_INET, SOCK_DGRAM | SOCK_CLOEXEC, 0)};
    Loop loop;
    FakeCard card;
    UniqueFd host;
    int fd = -1;
    std::optional<TapCable> cable;
};

TEST_F(RealTapCableTest, LargeSendsAndSumsAreTheKernelsWork) {
    cable->set_frontend(&card);
    cable->open();
    FrameOffload offload = sum_of({});
    offload.segments = FrameOffload::Segments::Tcp4;
    offload.segment_size = 1448;
    offload.header_length = 54;
    Bytes frame = with_pseudo_sum(make_frame(4000), {});
    const iovec piece{frame.data(), frame.size()};
    EXPECT_EQ(cable->send({&piece, 1}, offload), Sent::Yes);
    std::size_t payload = 0; // the host takes it in one piece or in several
    for (Bytes got(70000);; got.resize(70000)) {
        const ssize_t length = ::recv(host.get(), got.data(), got.size(), 0);
        if (length <= 54) break;
        payload += static_cast<std::size_t>(length) - 54;
    }
    EXPECT_EQ(payload, 4000U);
}

TEST_F(RealTapCableTest, WithoutACardTheTapQueuesNothing) {
    cable->open(); // no card was ever there
    std::array<u8, 2048> queued{};
    while (::read(fd, queued.data(), queued.size()) > 0) { // from when the interface came up
    }
    EXPECT_EQ(frames_from_host(), 0U);
    EXPECT_EQ(::read(fd, queued.data(), queued.size()), -1);
    EXPECT_EQ(errno, EAGAIN);
    cable->set_frontend(&card);
    EXPECT_EQ(frames_from_host(), 1U);
    cable->set_frontend(nullptr);
    EXPECT_EQ(frames_from_host(), 1U);
}

TEST_F(RealTapCableTest, AnInterfaceThatIsDownIsACableThatWasPulled) {
    switch_on(name, false);
    cable->set_frontend(&card);
    cable->open();
    EXPECT_FALSE(link());
    switch_on(name);
    EXPECT_TRUE(link());
    const unsigned told = card.link_changes;
    switch_on(name, false);
    EXPECT_FALSE(link());
    EXPECT_EQ(card.link_changes, told + 1);
    cable->set_link(false);
    switch_on(name);
    EXPECT_FALSE(link()) << "the cable is out";
    cable->set_link(true);
    EXPECT_TRUE(link());
    EXPECT_EQ(frames_from_host(), 1U);
}

TEST_F(RealTapCableTest, AnInterfaceIsFollowedUnderItsNewName) {
    cable->set_frontend(&card);
    switch_on(name, false);
    ifreq request{};
    name.copy(request.ifr_name, IFNAMSIZ - 1);
    name += 'x';
    name.copy(request.ifr_newname, IFNAMSIZ - 1);
    ASSERT_EQ(::ioctl(control.get(), SIOCSIFNAME, &request), 0);
    EXPECT_FALSE(link());
    cable->set_frontend(nullptr); // and a new card
    cable->set_frontend(&card);
    switch_on(name);
    EXPECT_TRUE(link());
}

TEST_F(RealTapCableTest, ABridgeThatIsDownIsOneTooUntilTheInterfaceLeavesIt) {
    make_bridge();
    if (IsSkipped()) return;
    join_bridge(); // before there is a card, and it is down
    cable->set_frontend(&card);
    cable->open();
    EXPECT_FALSE(link());
    switch_on(bridge);
    EXPECT_TRUE(link());
    switch_on(bridge, false);
    EXPECT_FALSE(link());
    join_bridge(false);
    EXPECT_TRUE(link());
    join_bridge();
    EXPECT_FALSE(link());
    switch_on(bridge);
    EXPECT_TRUE(link());
}

TEST_F(RealTapCableTest, NewsThatWasLostIsAskedFor) {
    cable->set_frontend(&card);
    cable->open();
    for (unsigned i = 0; i < 2000; ++i) // more than the socket keeps
        switch_on(name, i % 2 != 0);
    switch_on(name, false);
    EXPECT_FALSE(link());
}

#endif

} // namespace
} // namespace dm::host
