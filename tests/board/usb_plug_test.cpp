// USB controllers, and devices of the host, that come and go while the guest runs.
#include "dm/board/board.hpp"
#include "tests/support/fake_usb_link.hpp"
#include "tests/support/fakes.hpp"

#include <gmock/gmock.h>

namespace dm::test {
namespace {

using testing::ElementsAre;
using testing::HasSubstr;
using testing::IsEmpty;
using Controller = BoardParts::Usb::Controller;

constexpr u64 kSts = GpeHotplug::kGpeBase;
constexpr u64 kPciu = GpeHotplug::kPciBase + GpeHotplug::PCIU;
constexpr u64 kPcid = GpeHotplug::kPciBase + GpeHotplug::PCID;
constexpr u64 kB0ej = GpeHotplug::kPciBase + GpeHotplug::B0EJ;
constexpr u64 kB0rm = GpeHotplug::kPciBase + GpeHotplug::B0RM;
constexpr u8 kSlot = 4; ///< the first that is empty, behind the graphics adapter
constexpr u32 kBase = 0xc200;

const Controller kUhciController{.model = Controller::Model::Piix3Uhci, .id = "xenusb-0"};
const Controller kXhciController{
    .model = Controller::Model::NecXhci, .id = "xenusb-1", .usb2_ports = 8, .usb3_ports = 8};

struct UsbPlugTest : testing::Test {
    UsbPlugTest() { board = build(); }
    std::unique_ptr<Board> build() {
        BoardParts parts;
        parts.vga = BoardParts::Vga{
            .memory = std::make_unique<FakeVideoMemory>(StdVga::memory_size(16)), .rom = rom, .slot = {}};
        parts.on_device_gone = [this](const std::string& id) { gone.push_back(id); };
        auto made = Board::create(timers, hypervisor, std::move(parts));
        DM_CHECK(made.ok());
        return std::move(made).value();
    }
    u64 in(u64 port, unsigned size = 4) { return board->ports().read(port, size); }
    void out(u64 port, u64 value, unsigned size = 4) { board->ports().write(port, size, value); }
    u32 ids(u8 slot) { return board->pci().config_read({0, slot, 0}, 0, 4); }
    void eject(u8 slot) { out(kB0ej, u32{1} << slot); }
    /// A UHCI controller's registers, where its guest puts them.
    void enable() {
        board->pci().config_write({0, kSlot, 0}, pci::BAR0 + 16, 4, kBase);
        board->pci().config_write({0, kSlot, 0}, pci::COMMAND, 2, 5);
    }
    Status add_host_device(const char* id, const char* port, const char* bus = "xenusb-0.0") {
        return board->plug_usb_host(std::make_unique<FakeUsbLink>(host),
                                    {.id = id, .port = port, .bus = bus});
    }
    std::vector<u8> saved() const {
        StateWriter state;
        board->save(state);
        return std::move(state).take();
    }
    Status load(const std::vector<u8>& image) {
        DM_TRY_ASSIGN(StateReader reader, StateReader::open(image));
        return board->load(reader);
    }
    /// What is plugged in is gone, and comes back with the state.
    void restore() {
        const std::vector<u8> image = saved();
        board = build();
        const Status loaded = load(image);
        ASSERT_TRUE(loaded.ok()) << loaded.error().message;
    }

    FakeClock clock;
    TimerQueue timers{clock};
    FakeHypervisor hypervisor{1 << 20};
    std::vector<u8> rom = std::vector<u8>(65536, 0x55);
    FakeUsbHost host;
    std::vector<std::string> gone;
    std::unique_ptr<Board> board;
};

TEST_F(UsbPlugTest, AControllerTakesTheFirstEmptySlotAndTheGuestIsTold) {
    EXPECT_EQ(in(kB0rm), 0xfffffff0U) << "but the board's own";
    EXPECT_FALSE(board->has_usb());
    ASSERT_TRUE(board->plug_usb_controller(kUhciController).ok());
    EXPECT_EQ(ids(kSlot), 0x70208086U);
    EXPECT_EQ(in(kPciu), 1U << kSlot);
    EXPECT_EQ(in(kSts, 2), 2U);
    ASSERT_TRUE(board->plug_usb_controller(kXhciController).ok());
    EXPECT_EQ(ids(kSlot + 1), 0x01941033U);
    EXPECT_EQ(in(kPciu), 3U << kSlot);
    EXPECT_TRUE(board->has_usb_controller("xenusb-1"));
    Controller piix4{.model = Controller::Model::Piix4Uhci, .id = "p"};
    ASSERT_TRUE(board->plug_usb_controller(piix4).ok());
    EXPECT_EQ(ids(kSlot + 2), 0x71128086U);
}

TEST_F(UsbPlugTest, PortsAreAsTheToolstackCountsThem) {
    ASSERT_TRUE(board->plug_usb_controller(kUhciController).ok());
    enable();
    ASSERT_TRUE(
        board->plug_usb({.model = UsbModel::Tablet, .id = "t", .port = "2", .bus = "xenusb-0.0"}).ok());
    EXPECT_EQ(in(kBase + 0x10, 2) & 1, 0U);
    EXPECT_EQ(in(kBase + 0x12, 2) & 3, 3U);
    EXPECT_THAT(board->plug_usb({.model = UsbModel::Mouse, .port = "3", .bus = "xenusb-0.0"}).error().message,
                HasSubstr("no USB port 3"));
    EXPECT_THAT(board->plug_usb({.model = UsbModel::Mouse, .bus = "xenusb-7.0"}).error().message,
                HasSubstr("xenusb-7.0"));
}

TEST_F(UsbPlugTest, AControllerGoesWhenTheGuestLetsItWithAllThatIsPluggedIntoIt) {
    ASSERT_TRUE(board->plug_usb_controller(kUhciController).ok());
    ASSERT_TRUE(add_host_device("xenusb-1-5", "1").ok());
    enable();
    ASSERT_TRUE(board->unplug_usb_controller("xenusb-0").ok());
    EXPECT_EQ(in(kPcid), 1U << kSlot);
    EXPECT_TRUE(board->has_usb_controller("xenusb-0"));
    EXPECT_THAT(gone, IsEmpty());
    eject(kSlot);
    EXPECT_THAT(gone, ElementsAre("xenusb-1-5", "xenusb-0"));
    EXPECT_FALSE(host.there);
    EXPECT_EQ(ids(kSlot), 0xffffffffU);
    EXPECT_EQ(in(kBase, 2), 0xffffU);
    EXPECT_EQ(in(kPcid), 0U);
    eject(kSlot);
    eject(3); // the board's own
    EXPECT_NE(ids(3), 0xffffffffU);
    EXPECT_THAT(board->unplug_usb_controller("xenusb-0").error().message, HasSubstr("xenusb-0"));
    ASSERT_TRUE(board->plug_usb_controller(kUhciController).ok());
    EXPECT_EQ(ids(kSlot), 0x70208086U);
    board->reset();
}

TEST_F(UsbPlugTest, ItsInterruptFallsWhenItGoes) {
    ASSERT_TRUE(board->plug_usb_controller(kUhciController).ok());
    enable();
    out(kBase + 4, 2, 2); // resume
    out(kBase, 8, 2);     // asleep
    ASSERT_TRUE(add_host_device("h", "1").ok());
    EXPECT_TRUE(hypervisor.intx.level(kSlot * 4 + 3));
    eject(kSlot);
    EXPECT_FALSE(hypervisor.intx.level(kSlot * 4 + 3));
}

TEST_F(UsbPlugTest, AGuestThatStartsAnewHasLetGo) {
    ASSERT_TRUE(board->plug_usb_controller(kUhciController).ok());
    ASSERT_TRUE(board->plug_usb_controller(kXhciController).ok());
    ASSERT_TRUE(board->unplug_usb_controller("xenusb-0").ok());
    board->reset();
    EXPECT_THAT(gone, ElementsAre("xenusb-0"));
    EXPECT_EQ(ids(kSlot), 0xffffffffU);
    EXPECT_EQ(ids(kSlot + 1), 0x01941033U);
}

TEST_F(UsbPlugTest, WhenAllSlotsAreTakenTheToolstackIsTold) {
    unsigned count = 0;
    Status status;
    while (status.ok() && count < 40)
        status =
            board->plug_usb_controller({.model = Controller::Model::Ehci, .id = fmt::format("e{}", count++)});
    EXPECT_THAT(status.error().message, HasSubstr("no PCI place"));
    EXPECT_EQ(count, 29U);
    restore();
    EXPECT_EQ(ids(31), 0x24cd8086U);
}

// ------------------------------------------------------------------------------------------------ saved
// state

TEST_F(UsbPlugTest, ASavedMachineHasItsControllersAgainAndTheToolstackMayAskForThem) {
    ASSERT_TRUE(board->plug_usb_controller(kUhciController).ok());
    ASSERT_TRUE(board->plug_usb_controller(kXhciController).ok());
    enable();
    eject(kSlot + 1);
    ASSERT_TRUE(board->plug_usb_controller(kXhciController).ok());
    ASSERT_TRUE(
        board->plug_usb({.model = UsbModel::Tablet, .id = "t", .port = "2", .bus = "xenusb-0.0"}).ok());
    restore();
    EXPECT_EQ(ids(kSlot), 0x70208086U);
    EXPECT_EQ(in(kBase + 0x12, 2) & 1, 1U) << "and its tablet";
    EXPECT_TRUE(board->awaits_usb_controller(kXhciController));
    Controller other = kXhciController;
    other.usb2_ports = 4;
    EXPECT_FALSE(board->awaits_usb_controller(other));
    ASSERT_TRUE(board->plug_usb_controller(kXhciController).ok());
    EXPECT_FALSE(board->awaits_usb_controller(kXhciController));
    EXPECT_EQ(ids(kSlot + 2), 0xffffffffU) << "no second one";
    restore();
    eject(kSlot);
    EXPECT_EQ(gone.back(), "xenusb-0");
}

TEST_F(UsbPlugTest, WithoutThemTheStateIsAsItAlwaysWas) {
    const std::vector<u8> image = saved();
    const std::string text(image.begin(), image.end());
    EXPECT_EQ(text.find("\7plugged"), text.npos) << "the section, by its length and name";
    ASSERT_TRUE(board->plug_usb_controller(kUhciController).ok());
    ASSERT_TRUE(load(image).ok());
    EXPECT_EQ(ids(kSlot), 0xffffffffU);
}

TEST_F(UsbPlugTest, ARestoredGuestHearsThatTheHostsDeviceWasPulledOut) {
    ASSERT_TRUE(board->plug_usb_controller(kUhciController).ok());
    enable();
    ASSERT_TRUE(add_host_device("xenusb-1-5", "1").ok());
    out(kBase + 0x10, 2, 2); // its arrival is known
    out(kBase + 0x10, 4, 2); // enabled
    EXPECT_EQ(in(kBase + 0x10, 2) & 0xf, 5U);
    restore();
    EXPECT_EQ(in(kBase + 0x10, 2) & 0xf, 0xaU) << "not there, not enabled, and both are news";
    EXPECT_FALSE(board->has_usb_device("xenusb-1-5"));
    ASSERT_TRUE(add_host_device("xenusb-1-5", "1").ok()) << "libxl does this";
    EXPECT_EQ(in(kBase + 0x10, 2) & 1, 1U);
    EXPECT_THAT(gone, IsEmpty());
}

// ------------------------------------------------------------------------------------------- the host's
// devices

TEST_F(UsbPlugTest, ADeviceThatIsPulledOutOfTheHostIsUnplugged) {
    ASSERT_TRUE(board->plug_usb_controller(kUhciController).ok());
    enable();
    ASSERT_TRUE(add_host_device("xenusb-1-5", "1").ok());
    host.user->gone();
    EXPECT_THAT(gone, ElementsAre("xenusb-1-5"));
    EXPECT_FALSE(host.there);
    EXPECT_EQ(in(kBase + 0x10, 2) & 3, 2U);
    ASSERT_TRUE(add_host_device("xenusb-1-6", "1").ok());
    ASSERT_TRUE(board->unplug_usb("xenusb-1-6").ok());
    EXPECT_FALSE(host.there);
}

TEST_F(UsbPlugTest, ADeviceThatTheControllerCannotServeIsRefused) {
    ASSERT_TRUE(board->plug_usb_controller({.model = Controller::Model::Ehci, .id = "xenusb-0"}).ok());
    ASSERT_TRUE(board->plug_usb_controller(kXhciController).ok());
    host.identity.speed = UsbHostSpeed::Full;
    EXPECT_THAT(add_host_device("h", "1").error().message, HasSubstr("speed mismatch"));
    EXPECT_FALSE(host.there);
    EXPECT_TRUE(add_host_device("h", "1", "xenusb-1.0").ok());
    EXPECT_THAT(add_host_device("i", "1", "xenusb-1.0").error().message, HasSubstr("taken"));
    EXPECT_THAT(add_host_device("i", "1", "nix.0").error().message, HasSubstr("nix.0"));
}

TEST_F(UsbPlugTest, WithoutABusItGoesWhereThereIsRoom) {
    EXPECT_THAT(add_host_device("h", "", "").error().message, HasSubstr("no USB controller"));
    ASSERT_TRUE(board->plug_usb_controller({.model = Controller::Model::Ehci, .id = "xenusb-0"}).ok());
    ASSERT_TRUE(board->plug_usb_controller(kXhciController).ok());
    host.identity.speed = UsbHostSpeed::Full;
    EXPECT_TRUE(add_host_device("h", "", "").ok());
}

} // namespace
} // namespace dm::test
