// Am79C970A: frames that go and come, in all styles of descriptors.
#include "tests/devices/pcnet_rig.hpp"

#include <gmock/gmock.h>

namespace dm::test {
namespace {

using namespace pcnet;

struct PcnetStyle : testing::TestWithParam<u16> {
    PcnetStyle() { r.set_bcr(SWSTYLE, GetParam()); }
    PcnetRig r;
};
INSTANTIATE_TEST_SUITE_P(All, PcnetStyle, testing::Values(0, 1, 2, 3));

TEST_P(PcnetStyle, SendsWhatIsDemanded) {
    r.start();
    const Bytes frame = make_frame(1000);
    r.send(0, frame);
    ASSERT_EQ(r.net.sent.size(), 1U);
    EXPECT_EQ(r.net.sent[0].bytes, frame);
    EXPECT_EQ(r.tx(0), STP | ENP);
    EXPECT_EQ(r.status() & (pcn::TINT | pcn::INTR | pcn::TDMD), pcn::TINT | pcn::INTR);
    EXPECT_TRUE(r.irq());
    for (u16 i = 1; i < 20; ++i)
        r.send(i % 8, make_frame(i));
    EXPECT_EQ(r.net.count, 20U) << "around the ring";
}

TEST_P(PcnetStyle, ReceivesIntoItsRing) {
    r.start();
    const Bytes frame = make_frame(1000);
    r.net.offer(frame);
    EXPECT_EQ(r.rx(0) & 0xff00, STP | ENP);
    EXPECT_EQ(r.rx(0) & 0xff, GetParam() == 0 ? 0 : PAM);
    EXPECT_EQ(r.rx_length(0), frame.size() + 4);
    EXPECT_EQ(r.rx_data(0, frame.size() + 4), with_fcs(frame));
    EXPECT_EQ(r.status() & (pcn::RINT | pcn::INTR), pcn::RINT | pcn::INTR);
    EXPECT_TRUE(r.irq());
    EXPECT_EQ(r.csr(RCVRC), 0x10000 - 7);
}

TEST_P(PcnetStyle, AFrameIsSentFromSeveralBuffers) {
    r.start();
    const Bytes frame = make_frame(1000);
    r.put_bytes(pcn::kTxData, frame);
    r.put_tx(2, OWN | ENP, pcn::kTxData + 500, frame.size() - 500);
    r.put_tx(1, OWN, pcn::kTxData + 14, 486);
    r.put_tx(0, OWN | STP, pcn::kTxData, 14);
    r.demand();
    ASSERT_EQ(r.net.sent.size(), 1U);
    EXPECT_EQ(r.net.sent[0].bytes, frame);
    EXPECT_EQ(r.tx(0), STP);
    EXPECT_EQ(r.tx(1), 0U);
    EXPECT_EQ(r.tx(2), ENP);
    EXPECT_EQ(r.csr(XMTRC), 0x10000 - 5);
}

TEST_P(PcnetStyle, AFrameIsReceivedIntoSeveralBuffers) {
    r.start();
    for (u16 i = 0; i < 8; ++i)
        r.put_rx(i, OWN, 300);
    const Bytes frame = make_frame(542); // 596 bytes: its FCS is in the third buffer
    r.net.offer(frame);
    EXPECT_EQ(r.rx(0) & 0xff00, STP);
    EXPECT_EQ(r.rx(1) & 0xff00, ENP);
    Bytes got = r.rx_data(0, 300);
    const Bytes rest = r.rx_data(1, 300);
    got.insert(got.end(), rest.begin(), rest.end());
    EXPECT_EQ(got, with_fcs(frame));
    EXPECT_EQ(r.rx_length(1), 600U);
    r.net.offer(make_frame(543));
    EXPECT_EQ(r.rx(2) & 0xff00, STP);
    EXPECT_EQ(r.rx(3) & 0xff00, 0);
    EXPECT_EQ(r.rx(4) & 0xff00, ENP);
    EXPECT_EQ(r.rx_length(4), 601U);
    EXPECT_EQ(r.rx(5), OWN);
}

TEST_P(PcnetStyle, AFrameWithoutAnEndIsAnUnderflow) {
    r.start();
    r.put_tx(1, OWN, pcn::kTxData, 100);
    r.put_tx(0, OWN | STP, pcn::kTxData, 100);
    r.demand();
    EXPECT_EQ(r.net.count, 0U);
    EXPECT_EQ(r.tx(0), STP);
    EXPECT_EQ(r.tx(1), ERR);
    EXPECT_EQ(r.message(pcn::kTxRing, 1), GetParam() == 0 ? 0xc000U : 0xc000'0000U); // BUFF, UFLO
    EXPECT_EQ(r.status() & (pcn::TINT | pcn::TXON | pcn::RXON), pcn::TINT | pcn::RXON);
}

} // namespace
} // namespace dm::test
