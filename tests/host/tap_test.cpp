#ifdef __linux__ // what it looks at the host with is
#include "dm/host/tap.hpp"

#include <array>
#include <gmock/gmock.h>
#include <linux/if_packet.h>
#include <net/if.h>
#include <netinet/in.h>
#include <sys/ioctl.h>
#include <sys/socket.h>
#include <unistd.h>

namespace dm::host {
namespace {

using testing::HasSubstr;

/// Needs /dev/net/tun and the right to use it.
struct TapTest : testing::Test {
    std::string name = "hvmdm" + std::to_string(::getpid() % 100000);

    void SetUp() override {
        auto probe = Tap::open({.interface = name});
        if (!probe.ok()) GTEST_SKIP() << probe.error().message;
    }
    void bring_up() const {
        const UniqueFd control(::socket(AF_INET, SOCK_DGRAM, 0));
        ifreq request{};
        name.copy(request.ifr_name, IFNAMSIZ - 1);
        ASSERT_EQ(::ioctl(control.get(), SIOCGIFFLAGS, &request), 0);
        request.ifr_flags = static_cast<short>(request.ifr_flags | IFF_UP);
        ASSERT_EQ(::ioctl(control.get(), SIOCSIFFLAGS, &request), 0);
    }
};

constexpr u16 kTestType = 0x88b5; // EtherType for local experiments

/// Broadcast of that type.
constexpr std::array<u8, 60> kFrame{0xff, 0xff, 0xff, 0xff, 0xff, 0xff, 0x02, 0, 0, 0, 0, 1, 0x88, 0xb5};

TEST_F(TapTest, TheInterfaceExistsUnderItsNameWhileTheObjectDoes) {
    {
        auto tap = Tap::open({.interface = name});
        ASSERT_TRUE(tap.ok()) << tap.error().message;
        EXPECT_NE(::if_nametoindex(name.c_str()), 0U);
    }
    EXPECT_EQ(::if_nametoindex(name.c_str()), 0U);
}

TEST_F(TapTest, AnInterfaceInUseIsNamedWithARemedy) {
    auto tap = Tap::open({.interface = name});
    ASSERT_TRUE(tap.ok());
    auto again = Tap::open({.interface = name});
    ASSERT_FALSE(again.ok());
    EXPECT_THAT(again.error().message, testing::AllOf(HasSubstr(name), HasSubstr("still running")));
}

TEST_F(TapTest, FramesForAnInterfaceThatIsDownAreTakenAndLost) {
    auto tap = Tap::open({.interface = name});
    ASSERT_TRUE(tap.ok());
    auto sent = tap->write(kFrame);
    ASSERT_TRUE(sent.ok()) << sent.error().message;
    EXPECT_EQ(sent.value(), Tap::Sent::Yes);
    std::array<u8, 2048> buffer{};
    auto got = tap->read(buffer);
    ASSERT_TRUE(got.ok()) << got.error().message;
    EXPECT_EQ(got.value(), 0U);
}

TEST_F(TapTest, FramesGoBothWays) {
    auto tap = Tap::open({.interface = name});
    ASSERT_TRUE(tap.ok());
    bring_up();
    const UniqueFd host(::socket(AF_PACKET, SOCK_RAW | SOCK_NONBLOCK, htons(kTestType)));
    ASSERT_TRUE(host);
    sockaddr_ll address{};
    address.sll_family = AF_PACKET;
    address.sll_protocol = htons(kTestType);
    address.sll_ifindex = static_cast<int>(::if_nametoindex(name.c_str()));
    ASSERT_EQ(::bind(host.get(), reinterpret_cast<sockaddr*>(&address), sizeof(address)), 0);

    auto sent = tap->write(kFrame);
    ASSERT_TRUE(sent.ok()) << sent.error().message;
    EXPECT_EQ(sent.value(), Tap::Sent::Yes);
    std::array<u8, 2048> buffer{};
    EXPECT_EQ(::recv(host.get(), buffer.data(), buffer.size(), 0), 60);

    ASSERT_TRUE(tap->discard().ok()); // what the host says by itself when an interface comes up
    ASSERT_EQ(::send(host.get(), kFrame.data(), 60, 0), 60);
    auto got = tap->read(buffer);
    ASSERT_TRUE(got.ok());
    EXPECT_EQ(got.value(), 60U);
    EXPECT_TRUE(std::equal(kFrame.begin(), kFrame.end(), buffer.begin()));
}

TEST_F(TapTest, DiscardEmptiesTheQueue) {
    auto tap = Tap::open({.interface = name, .vnet_header = true});
    ASSERT_TRUE(tap.ok()) << tap.error().message;
    EXPECT_TRUE(tap->has_vnet_header());
    bring_up();
    ASSERT_TRUE(tap->discard().ok());
    std::array<u8, 2048> buffer{};
    auto got = tap->read(buffer);
    ASSERT_TRUE(got.ok());
    EXPECT_EQ(got.value(), 0U);
}

TEST(Tap, ANameThatIsTooLongIsRefusedBeforeAnythingIsOpened) {
    auto tap = Tap::open({.interface = "sixteen-letters!"});
    ASSERT_FALSE(tap.ok());
    EXPECT_THAT(tap.error().message, HasSubstr("sixteen-letters!"));
}

} // namespace
} // namespace dm::host
#endif
