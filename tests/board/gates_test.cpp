#include "dm/board/char_gate.hpp"
#include "dm/board/input_gate.hpp"

#include "tests/support/fakes.hpp"

#include <gmock/gmock.h>

namespace dm {
namespace {

using testing::ElementsAre;
using testing::IsEmpty;
using testing::Pair;

struct Port final : CharFrontend {
    std::size_t can_receive() const override { return room; }
    void receive(std::span<const u8> bytes) override { got.append(bytes.begin(), bytes.end()); }
    void writable() override { ++writable_calls; }
    void break_received() override { ++breaks; }
    std::string got;
    std::size_t room = 16;
    unsigned writable_calls = 0;
    unsigned breaks = 0;
};

struct CharGateTest : testing::Test {
    CharGateTest() {
        auto far_end = std::make_unique<test::FakeChar>();
        wire = far_end.get();
        gate = std::make_unique<CharGate>(std::move(far_end));
        gate->set_frontend(&port);
    }
    test::FakeChar* wire = nullptr; // the gate owns it
    Port port;
    std::unique_ptr<CharGate> gate;
};

TEST_F(CharGateTest, LetsInputThroughWhenOpenOnly) {
    EXPECT_EQ(wire->send("early"), 0U);
    gate->open();
    EXPECT_EQ(wire->send("abc"), 3U);
    wire->frontend->break_received();
    gate->close();
    EXPECT_EQ(wire->send("def"), 0U);
    wire->frontend->break_received();
    EXPECT_EQ(port.got, "abc");
    EXPECT_EQ(port.breaks, 1U);
}

TEST_F(CharGateTest, AsksForWhatWaitedWhenItOpens) {
    gate->open();
    gate->close();
    const unsigned before = wire->accept_calls;
    gate->open();
    EXPECT_EQ(wire->accept_calls, before + 1);
}

TEST_F(CharGateTest, OutputPassesWhileClosedAndRoomIsToldOnceItOpens) {
    const std::array<u8, 2> text{'h', 'i'};
    EXPECT_EQ(gate->write(text), 2U);
    EXPECT_EQ(wire->sent, "hi");
    wire->frontend->writable();
    EXPECT_EQ(port.writable_calls, 0U);
    gate->open();
    EXPECT_EQ(port.writable_calls, 1U);
    gate->open();
    EXPECT_EQ(port.writable_calls, 1U);
}

TEST_F(CharGateTest, ModemLinesPass) {
    EXPECT_EQ(gate->modem_inputs(), std::nullopt);
    EXPECT_FALSE(gate->set_modem_outputs(1));
    wire->lines = 0x30;
    EXPECT_EQ(gate->modem_inputs(), 0x30);
    EXPECT_TRUE(gate->set_modem_outputs(3));
    EXPECT_EQ(wire->outputs, 3);
}

struct Devices final : InputSink {
    void key(KeyCode code, bool down) override { keys.emplace_back(code, down); }
    bool key_room() const override { return room; }
    void pointer(unsigned x, unsigned, unsigned, unsigned, u8 now) override {
        places.push_back(x);
        buttons.push_back(now);
    }
    void motion(s32 dx, s32, u8 now) override {
        moves.push_back(dx);
        buttons.push_back(now);
    }
    InputStatus status() const override { return {4, true}; }
    void observe(InputObserver* who) override { observer = who; }
    bool room = true;
    std::vector<std::pair<unsigned, bool>> keys;
    std::vector<unsigned> places;
    std::vector<s32> moves;
    std::vector<unsigned> buttons; ///< of places and moves
    InputObserver* observer = nullptr;
};

struct Observer final : InputObserver {
    void input_status(const InputStatus&) override {}
};

struct InputGateTest : testing::Test {
    Devices devices;
    InputGate gate{devices};
};

TEST_F(InputGateTest, LetsKeysAndPointerThroughWhenOpenOnly) {
    gate.key(1, true);
    gate.key(1, false);
    gate.pointer(5, 0, 10, 10, 0);
    EXPECT_THAT(devices.keys, IsEmpty());
    gate.open();
    EXPECT_THAT(devices.keys, IsEmpty()) << "a key pressed while the machine stood still never was";
    gate.key(2, true);
    gate.pointer(6, 0, 10, 10, 0);
    EXPECT_THAT(devices.keys, ElementsAre(Pair(2, true)));
    EXPECT_THAT(devices.places, ElementsAre(6));
}

TEST_F(InputGateTest, MovementsStopWhileItIsClosedAndTheLightsShow) {
    gate.motion(5, 0, 0);
    EXPECT_THAT(devices.moves, IsEmpty());
    gate.open();
    gate.motion(-6, 0, 0);
    EXPECT_THAT(devices.moves, ElementsAre(-6));
    EXPECT_EQ(gate.status(), (InputStatus{4, true}));
    Observer observer;
    gate.observe(&observer);
    EXPECT_EQ(devices.observer, &observer);
}

TEST_F(InputGateTest, WhileItIsClosedThereIsNoRoomForKeys) {
    EXPECT_FALSE(gate.key_room());
    EXPECT_TRUE(gate.stands_still());
    gate.open();
    EXPECT_TRUE(gate.key_room());
    EXPECT_FALSE(gate.stands_still());
    devices.room = false;
    EXPECT_FALSE(gate.key_room());
}

TEST_F(InputGateTest, AKeyReleasedMeanwhileGoesUpWhenItOpens) {
    gate.open();
    gate.key(0x1d, true);
    gate.key(0x2a, true);
    gate.close();
    gate.key(0x1d, false);
    EXPECT_EQ(devices.keys.size(), 2U);
    gate.open();
    EXPECT_THAT(devices.keys, ElementsAre(Pair(0x1d, true), Pair(0x2a, true), Pair(0x1d, false)));
    gate.close();
    gate.open();
    EXPECT_EQ(devices.keys.size(), 3U);
}

TEST_F(InputGateTest, AButtonReleasedMeanwhileGoesUpWhenItOpens) {
    gate.open();
    gate.pointer(5, 0, 10, 10, 3);
    gate.close();
    gate.pointer(6, 0, 10, 10, 2);
    gate.pointer(7, 0, 10, 10, 6);
    EXPECT_THAT(devices.places, ElementsAre(5));
    gate.open();
    EXPECT_THAT(devices.places, ElementsAre(5, 7)) << "it goes up where the pointer is by now";
    EXPECT_THAT(devices.buttons, ElementsAre(3, 2)) << "one pressed while the machine stood still never was";
    gate.close();
    gate.pointer(8, 0, 10, 10, 2);
    gate.open();
    EXPECT_THAT(devices.places, ElementsAre(5, 7));
}

TEST_F(InputGateTest, AButtonThatWentUpIsUpAlthoughItWentDownAgain) {
    gate.open();
    gate.pointer(5, 0, 10, 10, 1);
    gate.close();
    gate.pointer(5, 0, 10, 10, 0);
    gate.pointer(5, 0, 10, 10, 1);
    gate.open();
    EXPECT_THAT(devices.buttons, ElementsAre(1, 0));
}

TEST_F(InputGateTest, AMousesButtonGoesUpWithoutAMovement) {
    gate.open();
    gate.motion(4, 0, 1);
    gate.close();
    gate.pointer(5, 0, 10, 10, 1);
    gate.motion(3, 0, 0);
    gate.open();
    EXPECT_THAT(devices.moves, ElementsAre(4, 0));
    EXPECT_THAT(devices.buttons, ElementsAre(1, 0));
    EXPECT_THAT(devices.places, IsEmpty());
}

} // namespace
} // namespace dm
