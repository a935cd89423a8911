#include "dm/board/board.hpp"
#include "dm/board/board_names.hpp"

#include "tests/support/fake_audio.hpp"
#include "tests/support/fake_net.hpp"
#include "tests/support/fakes.hpp"

#include <gmock/gmock.h>

namespace dm {
namespace {

using testing::ElementsAre;

/// A whole machine on a hypervisor that only takes notes.
struct BoardTest : testing::Test {
    BoardTest() { build(); }
    void build(const std::function<void(BoardParts&)>& change = {}) {
        board.reset();
        BoardParts parts;
        parts.cpus = 2;
        parts.max_cpus = 4;
        parts.boot_order = "dc";
        parts.ram_below_4g = 256 << 20;
        parts.serials[0] = &com1;
        parts.ide.drives[0].emplace().medium = &disk;
        auto memory = std::make_unique<test::FakeVideoMemory>(StdVga::memory_size(16));
        video = memory.get();
        parts.vga = BoardParts::Vga{.memory = std::move(memory), .rom = rom, .slot = {}};
        parts.on_shutdown = [this](ShutdownReason) { ++told; };
        if (change) change(parts);
        auto made = Board::create(timers, hypervisor, std::move(parts));
        ASSERT_TRUE(made.ok()) << made.error().message;
        board = std::move(made).value();
    }
    u64 in(u64 port, unsigned size = 1) { return board->ports().read(port, size); }
    void out(u64 port, u64 value, unsigned size = 1) { board->ports().write(port, size, value); }
    u32 config(u8 dev, u8 fn, unsigned reg, unsigned size = 4) {
        return board->pci().config_read({0, dev, fn}, reg, size);
    }
    void set_config(u8 dev, u8 fn, unsigned reg, u32 value, unsigned size = 4) {
        board->pci().config_write({0, dev, fn}, reg, size, value);
    }
    /// The BAR at `base`, as firmware does it: sized with decoding off, then switched on.
    void place(u8 dev, unsigned reg, u32 base) {
        set_config(dev, 0, pci::COMMAND, 0, 2);
        set_config(dev, 0, reg, base);
        set_config(dev, 0, pci::COMMAND, 7, 2);
    }

    test::FakeClock clock;
    TimerQueue timers{clock};
    test::FakeHypervisor hypervisor{1 << 20};
    test::FakeBlock disk{1 << 20};
    test::FakeChar com1;
    std::vector<u8> rom = std::vector<u8>(65536, 0x55);
    test::FakeVideoMemory* video = nullptr; ///< the board owns it
    unsigned told = 0;
    std::unique_ptr<Board> board;
};

TEST_F(BoardTest, HasTheFunctionsThatGuestsOfXenKnowAtTheirPlaces) {
    std::vector<std::string> found;
    for (const PciDeviceInfo& d : board->pci_devices())
        found.push_back(fmt::format("{}.{} {:04x}:{:04x}", d.slot, d.function, d.vendor, d.device));
    EXPECT_THAT(found, ElementsAre("0.0 8086:1237", "1.0 8086:7000", "1.1 8086:7010", "1.3 8086:7113",
                                   "2.0 5853:0001", "3.0 1234:1111"));
}

TEST_F(BoardTest, WithoutThePlatformDeviceTheGraphicsAdapterMovesUp) {
    build([](BoardParts& parts) { parts.xen_platform = false; });
    EXPECT_EQ(config(2, 0, 0), 0x11111234U);
    EXPECT_EQ(in(0x10, 2), 0xffffU);
}

TEST_F(BoardTest, TheUsbControllerIsAFunctionOfThePiix3AndInterruptsByPinD) {
    build([](BoardParts& parts) {
        parts.usb.emplace().devices = {{UsbModel::Tablet, "", ""}, {UsbModel::Keyboard, "", ""}};
    });
    EXPECT_EQ(config(1, 2, 0), 0x70208086U);
    EXPECT_EQ(config(1, 2, 0x3d, 1), 4U);
    EXPECT_EQ(config(3, 0, 0), 0x11111234U); // others stay where they were
    set_config(1, 2, 0x20, 0xc040);
    set_config(1, 2, pci::COMMAND, 5, 2);
    EXPECT_EQ(in(0xc050, 2), 0x93U); // the tablet
    out(0xc044, 2, 2);               // resume
    out(0xc040, 8, 2);               // asleep
    ASSERT_TRUE(board->plug_usb({UsbModel::Mouse, "m", ""}).ok());
    EXPECT_FALSE(hypervisor.intx.level(7)); // behind the hub, which has no power
    build([](BoardParts& parts) { parts.usb.emplace().controllers = {{.place = Bdf{0, 4, 0}}}; });
    EXPECT_EQ(config(4, 0, 0), 0x70208086U);
    EXPECT_EQ(config(1, 2, 0), 0xffffffffU);
}

TEST_F(BoardTest, AnAhciControllerComesBehindTheGraphicsAdapterOrWhereItIsTold) {
    build([this](BoardParts& parts) { parts.ahci.emplace().config.drives[0].emplace().medium = &disk; });
    EXPECT_EQ(config(4, 0, 0), 0x29228086U);
    build([](BoardParts& parts) { parts.ahci.emplace().place = Bdf{0, 0x1f, 2}; });
    EXPECT_EQ(config(4, 0, 0), 0xffffffffU);
    EXPECT_EQ(config(0x1f, 2, 0), 0x29228086U);
}

TEST_F(BoardTest, APcnetIsBuiltAsItsModelSays) {
    test::FakeNet net;
    build([&net](BoardParts& parts) {
        NicParts& nic = parts.nics.emplace_back();
        nic.model = NicParts::Model::Pcnet;
        nic.config = {.mac = {0x00, 0x16, 0x3e, 0, 0, 1}, .cable = &net, .rom = {}};
    });
    EXPECT_EQ(config(4, 0, 0), 0x2000'1022U);
    board.reset();
}

TEST_F(BoardTest, SoundCardsHaveSlotsNamesAndABackEnd) {
    test::FakeAudio audio;
    build([&](BoardParts& parts) {
        parts.sounds = {{.model = SoundParts::Model::Es1370, .audio = nullptr, .place = {}},
                        {.model = SoundParts::Model::Ac97, .audio = &audio, .place = Bdf{0, 9, 0}}};
    });
    EXPECT_EQ(config(4, 0, 0), 0x50001274U);
    EXPECT_EQ(config(9, 0, 0), 0x24158086U);
    place(4, pci::BAR0, 0xc800);
    place(9, pci::BAR0, 0xc000);
    place(9, pci::BAR0 + 4, 0xc400);
    const BoardNames names(*board);
    EXPECT_EQ(names.port(0xc800), "es1370.CONTROL");
    EXPECT_EQ(names.port(0xc82a), "es1370.DAC2_SCOUNT+2");
    EXPECT_EQ(names.port(0xc01a), "ac97@1.RECORD_SELECT");
    EXPECT_EQ(names.port(0xc07e), "ac97@1.VENDOR_ID2");
    EXPECT_EQ(names.port(0xc416), "ac97@1.PO_SR");
    EXPECT_EQ(names.port(0xc42e), "ac97@1.GLOB_CNT+2");
    out(0xc410, 0, 4);
    out(0xc41b, 1); // descriptors of zeros: empty buffers, the first one is the last
    EXPECT_EQ(in(0xc416, 2), 0x07U);
    EXPECT_EQ(audio.total, 0U);
    board.reset();
}

TEST_F(BoardTest, ALinkOfSoundHasCodecsWithTheirOwnBackEnds) {
    test::FakeAudio audio;
    build([&](BoardParts& parts) {
        SoundParts& sound = parts.sounds.emplace_back();
        sound.model = SoundParts::Model::Ich9IntelHda;
        sound.codecs[2] = {HdaCodec::Model::Output, &audio};
    });
    EXPECT_EQ(config(4, 0, 0), 0x293e8086U);
    place(4, pci::BAR0, 0xf1000000);
    IoSpace& memory = board->memory();
    memory.write(0xf1000008, 1, 1);
    EXPECT_EQ(memory.read(0xf100000e, 2), 4U);
    memory.write(0xf1000060, 4, 0x200f0000);
    memory.write(0xf1000068, 2, 1);
    EXPECT_EQ(memory.read(0xf1000064, 4), 0x1af40012U);
    const BoardNames names(*board);
    EXPECT_EQ(names.memory(0xf1000000), "intel-hda.GCAP");
    EXPECT_EQ(names.memory(0xf100005d), "intel-hda.RIRBSTS");
    EXPECT_EQ(names.memory(0xf1000083), "intel-hda.SD0STS");
    EXPECT_EQ(names.memory(0xf1000105), "intel-hda.SD4LPIB+1");
    EXPECT_EQ(names.memory(0xf1002030), "intel-hda.WALCLK");
    EXPECT_EQ(names.memory(0xf1000180), "intel-hda.BAR0+180");
    board.reset();
}

TEST_F(BoardTest, ASoundBlasterIsAtItsOldPlace) {
    test::FakeAudio audio;
    EXPECT_EQ(in(0x22f), 0xffU);
    build([&](BoardParts& parts) { parts.sb16 = Sb16Parts{&audio}; });
    out(0x226, 1);
    out(0x226, 0);
    EXPECT_EQ(in(0x22e), 0x80U);
    EXPECT_EQ(in(0x22a), 0xaaU);
    out(0x22c, 0xf2);
    EXPECT_TRUE(hypervisor.isa.level(5));
    EXPECT_EQ(in(0x22e), 0U);
    EXPECT_FALSE(hypervisor.isa.level(5));
    out(0xd4, 0xc0); // the second DMA controller takes requests of the first
    out(0x02, 0), out(0x02, 0), out(0x03, 99), out(0x03, 0), out(0x83, 0);
    out(0x0b, 0x49);
    out(0x0a, 1);
    for (const unsigned byte : {0x14U, 99U, 0U})
        out(0x22c, byte);
    clock.now += 10 * kMillisecond;
    timers.run_due();
    EXPECT_TRUE(hypervisor.isa.level(5));
    EXPECT_EQ(audio.total, 100U);
    EXPECT_EQ(fixed_port_name(0x22a), "sb16.DSP_READ");
    board.reset();
}

TEST_F(BoardTest, UnplugTakesTheAhciDisksToo) {
    test::FakeBlock second{1 << 20};
    build([&](BoardParts& parts) {
        parts.ide.drives[0].reset();
        parts.ahci.emplace().config.drives[0].emplace().medium = &disk;
        parts.ahci->config.drives[1].emplace().medium = &second;
    });
    out(0x10, 4, 2); // all but the first
    EXPECT_NE(board->ahci()->disk(0), nullptr);
    EXPECT_EQ(board->ahci()->disk(1), nullptr);
    EXPECT_EQ(second.flushes, 1U);
    out(0x10, 1, 2);
    EXPECT_EQ(board->ahci()->disk(0), nullptr);
}

TEST_F(BoardTest, ATakenPciPlaceIsAnError) {
    BoardParts parts;
    parts.vga = BoardParts::Vga{.memory = std::make_unique<test::FakeVideoMemory>(StdVga::memory_size(16)),
                                .rom = rom,
                                .slot = u8{1}};
    const auto made = Board::create(timers, hypervisor, std::move(parts));
    ASSERT_FALSE(made.ok());
    EXPECT_THAT(made.error().message, testing::HasSubstr("01.0 is taken"));
}

TEST_F(BoardTest, AGuestThatSleepsWakesUpWithItsBarsButWithoutItsTransfers) {
    unsigned slept = 0;
    build([&](BoardParts& parts) { parts.on_sleep = [&] { ++slept; }; });
    set_config(1, 3, 0x40, 0xb001);
    set_config(1, 3, 0x80, 1, 1);
    place(3, pci::BAR0, 0xf0000000);
    set_config(1, 1, 0x40, 0x80008000);
    out(0x3ff, 0x77); // a scratch register
    out(0xb004, 0x2401, 2);
    EXPECT_EQ(slept, 1U);
    EXPECT_EQ(hypervisor.sleep_state, 3U);
    EXPECT_TRUE(board->asleep());
    board->wake();
    EXPECT_FALSE(board->asleep());
    EXPECT_EQ(hypervisor.sleep_state, 0U);
    EXPECT_EQ(config(3, 0, pci::BAR0), 0xf0000008U);
    EXPECT_EQ(config(3, 0, pci::COMMAND, 2), 7U);
    EXPECT_EQ(config(1, 1, 0x40), 0x80008000U) << "IDE timing, which no system restores";
    EXPECT_EQ(in(0x3ff), 0U);
    EXPECT_EQ(in(0xb004, 2) & 1, 1U) << "SCI_EN";
    out(0x70, 0x0f);
    EXPECT_EQ(in(0x71), 0xfeU) << "SeaBIOS goes to the waking vector";
}

/// Xen's saved state does not say that the domain sleeps.
TEST_F(BoardTest, AGuestThatWasSavedAsleepIsPutToSleepAgainOrWoken) {
    const auto restored = [&](bool can, bool may) {
        build({});
        set_config(1, 3, 0x40, 0xb001);
        set_config(1, 3, 0x80, 1, 1);
        hypervisor.can_sleep = true;
        out(0xb004, 0x2401, 2);
        StateWriter writer;
        board->save(writer);
        const std::vector<u8> image = std::move(writer).take();
        build({});
        hypervisor.sleep_state = 0;
        hypervisor.can_sleep = can;
        auto reader = StateReader::open(image);
        ASSERT_TRUE(reader.ok() && board->load(*reader).ok());
        ASSERT_TRUE(board->asleep());
        board->sleep_again(may);
    };
    restored(true, true);
    EXPECT_TRUE(board->asleep());
    EXPECT_EQ(hypervisor.sleep_state, 3U);
    restored(false, true);
    EXPECT_FALSE(board->asleep());
    restored(true, false);
    EXPECT_FALSE(board->asleep());
    EXPECT_EQ(hypervisor.sleep_state, 0U);
    out(0x70, 0x0f);
    EXPECT_EQ(in(0x71), 0xfeU);
    build({});
    board->sleep_again(true);
    EXPECT_EQ(hypervisor.sleep_state, 0U) << "who did not sleep is left alone";
}

TEST_F(BoardTest, AProcessorIsPluggedInOnceAndTheGuestHears) {
    EXPECT_EQ(board->hotplug().cpus(), 2U);
    out(0xafe2, 4, 2);
    ASSERT_TRUE(board->hotplug().cpu_online(2).ok());
    EXPECT_EQ(board->hotplug().cpus(), 3U);
    EXPECT_EQ(in(0xaf00), 7U);
    EXPECT_TRUE(hypervisor.isa.level(9));
    EXPECT_FALSE(board->hotplug().cpu_online(4).ok());
}

TEST_F(BoardTest, SeaBiosFindsTheBootOrderInTheCmos) {
    out(0x70, 0x3d);
    EXPECT_EQ(in(0x71), 0x23U); // CD first, then disk
    out(0x70, 0x5f);
    EXPECT_EQ(in(0x71), 1U); // CPUs - 1
}

TEST_F(BoardTest, SeaBiosFindsTheTranslationOfLargeDisksInTheCmos) {
    test::FakeBlock large{0};
    large.claimed_size = u64{20} << 30;
    build([&](BoardParts& parts) { parts.ide.drives[3].emplace().medium = &large; });
    out(0x70, 0x39);
    EXPECT_EQ(in(0x71), 0x40U) << "none for the small one, LBA for the secondary slave";
    out(0x70, 0x12);
    EXPECT_EQ(in(0x71), 0xf0U) << "one disk on the primary channel";
}

TEST_F(BoardTest, EveryWayToResetEndsTheDomainWithReasonReboot) {
    out(0xcf9, 6);
    out(0x64, 0xfe);
    out(0x92, 1);
    EXPECT_THAT(hypervisor.shutdowns,
                ElementsAre(ShutdownReason::Reboot, ShutdownReason::Reboot, ShutdownReason::Reboot));
    EXPECT_EQ(told, 3U);
}

TEST_F(BoardTest, AcpiPowerOffEndsTheDomainWithReasonPoweroff) {
    set_config(1, 3, 0x40, 0xb001);
    set_config(1, 3, 0x80, 1, 1);
    out(0xb004, 0x2000, 2);
    EXPECT_THAT(hypervisor.shutdowns, ElementsAre(ShutdownReason::PowerOff));
}

TEST_F(BoardTest, TheKeyboardsLightsReachWhoeverWatchesTheInput) {
    struct Observer final : InputObserver {
        void input_status(const InputStatus& now) override { seen.push_back(now.leds); }
        std::vector<unsigned> seen;
    } observer;
    board->input().observe(&observer);
    out(0x60, 0xed);
    out(0x60, 0x06);
    EXPECT_THAT(observer.seen, ElementsAre(6U));
    EXPECT_EQ(board->input().status(), (InputStatus{6, false}));
    board->input().observe(nullptr);
    out(0x60, 0xed);
    out(0x60, 0x00);
    EXPECT_THAT(observer.seen, ElementsAre(6U));
}

TEST_F(BoardTest, HvmloadersLinkRoutesReachTheHypervisor) {
    set_config(1, 0, 0x60, 0x0b0a0a05);
    EXPECT_EQ(hypervisor.links[0], 5);
    EXPECT_EQ(hypervisor.links[3], 11);
}

TEST_F(BoardTest, TheDiskAnswersOnThePrimaryChannelAndRaisesIrq14) {
    out(0x1f6, 0xa0);
    out(0x1f7, 0xec);
    EXPECT_EQ(in(0x1f7) & 0x08, 0x08U) << "DRQ";
    EXPECT_TRUE(hypervisor.isa.changes[14] > 0);
}

TEST_F(BoardTest, SerialOutputGoesToItsBackEndAndAbsentPortsReadAsOnes) {
    out(0x3f8, 'h');
    out(0x3f8, 'i');
    EXPECT_EQ(com1.sent, "hi");
    EXPECT_EQ(in(0x2fd), 0xffU);
}

TEST_F(BoardTest, TheFrameBufferFollowsItsBar) {
    place(3, pci::BAR0, 0xf1000000);
    EXPECT_EQ(video->placed, 0xf1000000U);
    place(3, pci::BAR0, 0xf2000000);
    EXPECT_EQ(video->placed, 0xf2000000U);
}

TEST_F(BoardTest, AFixedPortStaysOnTopOfABarThatIsLaidOverIt) {
    set_config(1, 1, 0x20, 0x60); // the bus master's BAR4 over the keyboard controller
    set_config(1, 1, pci::COMMAND, 5, 2);
    EXPECT_EQ(in(0x64) & 0x10, 0x10U) << "the 8042's own status";
}

struct ScsiBoardTest : BoardTest {
    ScsiBoardTest() {
        build([this](BoardParts& parts) {
            parts.scsi.emplace().disks.drives[2].emplace().medium = &scsi_disk;
        });
    }
    ~ScsiBoardTest() override { board.reset(); }
    std::vector<u8> saved() {
        StateWriter writer;
        board->save(writer);
        return std::move(writer).take();
    }
    test::FakeBlock scsi_disk{1 << 20};
};

TEST_F(ScsiBoardTest, TheScsiAdapterTakesTheFirstFreePlace) {
    EXPECT_EQ(config(3, 0, 0), 0x0012'1000U);
    EXPECT_EQ(config(4, 0, 0), 0x1111'1234U);
    place(3, 0x10, 0xc000);
    EXPECT_EQ(in(0xc000), 0xc0U); // SCNTL0
}

TEST_F(ScsiBoardTest, UnplugTakesTheAdapterAwayWithItsDisksAlsoInARestoredMachine) {
    place(3, 0x10, 0xc000);
    out(0x10, 4, 2); // IDE disks but the first: nothing of SCSI
    EXPECT_EQ(config(3, 0, 0), 0x0012'1000U);
    out(0x10, 1, 2);
    EXPECT_EQ(config(3, 0, 0), 0xffff'ffffU);
    EXPECT_FALSE(board->ports().answers(0xc000, 1));
    EXPECT_EQ(scsi_disk.flushes, 1U);
    board->reset();
    EXPECT_EQ(config(3, 0, 0), 0xffff'ffffU);
    const std::vector<u8> image = saved();
    build([this](BoardParts& parts) { parts.scsi.emplace().disks.drives[2].emplace().medium = &scsi_disk; });
    auto reader = StateReader::open(image);
    ASSERT_TRUE(reader.ok());
    ASSERT_TRUE(board->load(*reader).ok());
    EXPECT_EQ(config(3, 0, 0), 0xffff'ffffU);
}

/// With one network card of each model.
struct NicBoardTest : BoardTest {
    NicBoardTest() { build_with_cards(); }
    ~NicBoardTest() override { board.reset(); }
    void build_with_cards() {
        build([this](BoardParts& parts) {
            for (u8 i = 0; i < nets.size(); ++i) {
                NicParts& nic = parts.nics.emplace_back();
                nic.model = i == 0 ? NicParts::Model::Rtl8139 : NicParts::Model::I82540em;
                nic.config = {.mac = {0x00, 0x16, 0x3e, 0, 0, i}, .cable = &nets[i], .rom = {}};
            }
        });
    }
    std::vector<u8> saved() {
        StateWriter writer;
        board->save(writer);
        return std::move(writer).take();
    }
    Status load(const std::vector<u8>& image) {
        DM_TRY_ASSIGN(StateReader reader, StateReader::open(image));
        return board->load(reader);
    }
    void expect_cards(bool there) {
        EXPECT_EQ(config(4, 0, 0), there ? 0x8139'10ecU : 0xffff'ffffU);
        EXPECT_EQ(config(5, 0, 0), there ? 0x100e'8086U : 0xffff'ffffU);
        for (const test::FakeNet& net : nets)
            EXPECT_EQ(net.frontend != nullptr, there);
    }
    void advance(u64 ns) {
        clock.now += ns;
        timers.run_due();
    }
    std::array<test::FakeNet, 2> nets;
};

TEST_F(NicBoardTest, UnplugTakesTheCardsAwayAlsoInARestoredMachine) {
    const std::vector<u8> fresh = saved();
    place(4, pci::BAR0, 0xc300);
    place(5, pci::BAR0, 0xf3000000);
    out(0x10, 1, 2); // disks
    expect_cards(true);
    EXPECT_TRUE(board->ports().answers(0xc300, 1));
    EXPECT_TRUE(board->memory().answers(0xf3000000, 4));
    out(0x10, 2, 2);
    expect_cards(false);
    EXPECT_FALSE(board->ports().answers(0xc300, 1));
    EXPECT_FALSE(board->memory().answers(0xf3000000, 4));
    board->reset();
    expect_cards(false);
    const std::vector<u8> image = saved();
    EXPECT_FALSE(load(fresh).ok()) << "they do not come back";

    build_with_cards();
    expect_cards(true);
    const Status loaded = load(image);
    ASSERT_TRUE(loaded.ok()) << loaded.error().message;
    expect_cards(false);
    EXPECT_EQ(saved(), image);
}

TEST_F(NicBoardTest, CardsAnnounceAGuestThatHasMovedAFewTimes) {
    place(5, pci::BAR0, 0xf3000000);
    board->memory().write(0xf3005404, 4, 0x80000907); // RAH: the guest gives the card another address
    board->announce_nics();
    for (u8 i = 0; i < nets.size(); ++i) {
        ASSERT_EQ(nets[i].sent.size(), 1U);
        const std::vector<u8>& frame = nets[i].sent[0].bytes;
        const std::vector<u8> own{0x00, 0x16, 0x3e, 0, u8(i == 0 ? 0 : 7), u8(i == 0 ? 0 : 9)};
        std::vector<u8> wanted(6, 0xff); // RFC 903
        const auto add = [&wanted](const std::vector<u8>& bytes) {
            wanted.insert(wanted.end(), bytes.begin(), bytes.end());
        };
        add(own), add({0x80, 0x35, 0, 1, 8, 0, 6, 4, 0, 3}), add(own), add({0, 0, 0, 0}), add(own);
        wanted.resize(60);
        EXPECT_EQ(frame, wanted);
    }
    for (int i = 0; i < 6; ++i)
        advance(100 * kMillisecond);
    EXPECT_EQ(nets[0].count, 5U);
    advance(100 * kSecond);
    EXPECT_EQ(nets[0].count, 5U);
    EXPECT_EQ(nets[1].count, 5U);
}

TEST_F(NicBoardTest, ACardThatIsUnpluggedAnnouncesNothing) {
    board->announce_nics();
    out(0x10, 2, 2);
    for (int i = 0; i < 10; ++i)
        advance(kSecond);
    board->announce_nics();
    EXPECT_EQ(nets[0].count, 1U);
    EXPECT_EQ(nets[1].count, 1U);
}

TEST_F(NicBoardTest, AnAddressThatIsNoCardsIsNotAnnounced) {
    place(4, pci::BAR0 + 4, 0xf3020000);
    for (const u64 address : {u64{0}, u64{1}, ~u64{0}}) {
        board->memory().write(0xf3020000, 4, address & 0xffffffff);
        board->memory().write(0xf3020004, 4, address >> 32);
        board->announce_nics();
    }
    EXPECT_EQ(nets[0].count, 0U);
}

TEST_F(BoardTest, AnNe2000ComesAndGoesLikeTheOtherCards) {
    test::FakeNet net;
    build([&net](BoardParts& parts) {
        NicParts& nic = parts.nics.emplace_back();
        nic.model = NicParts::Model::Ne2kPci;
        nic.config = {.mac = {0x00, 0x16, 0x3e, 0, 0, 1}, .cable = &net, .rom = {}};
    });
    EXPECT_EQ(config(4, 0, 0), 0x8029'10ecU);
    place(4, pci::BAR0, 0xc300);
    EXPECT_EQ(board->ports().read(0xc30a, 1), 'P');
    out(0x10, 2, 2);
    EXPECT_EQ(config(4, 0, 0), 0xffff'ffffU);
    EXPECT_EQ(net.frontend, nullptr);
    board.reset();
}

TEST_F(BoardTest, UnplugTakesTheDisksAwayBeforeTheWriteReturns) {
    EXPECT_EQ(in(0x10, 2), 0x49d2U);
    out(0x10, 1, 2);
    out(0x1f6, 0xa0);
    EXPECT_EQ(in(0x1f7), 0U) << "no device";
    EXPECT_GT(disk.flushes, 0U);
}

TEST_F(BoardTest, TheHostsBlackListReachesTheGuestsDrivers) {
    hypervisor.refused = {1, 77};
    out(0x12, 1, 2);
    out(0x10, 77, 4);
    EXPECT_EQ(in(0x10, 2), 0xd249U);
    out(0x10, 78, 4);
    EXPECT_EQ(in(0x10, 2), 0x49d2U);
}

TEST_F(BoardTest, PlatformDeviceLocksTheRoms) {
    out(0x10, 1);
    EXPECT_TRUE(hypervisor.roms_locked);
    out(0x10, 0);
    EXPECT_FALSE(hypervisor.roms_locked);
}

TEST_F(BoardTest, ASavedMachineLoadsIntoAnotherOneAndSavesTheSame) {
    out(0x70, 0x20);
    out(0x71, 0x77);
    set_config(1, 0, 0x60, 0x0b, 1);
    place(3, pci::BAR0, 0xf1000000);
    const auto image = [this] {
        StateWriter out;
        board->save(out);
        return std::move(out).take();
    };
    const std::vector<u8> saved = image();
    EXPECT_LT(saved.size(), 100U * 1024) << "budget of a saved machine beyond RAM";
    build();
    auto reader = StateReader::open(saved);
    ASSERT_TRUE(reader.ok());
    const Status loaded = board->load(*reader);
    ASSERT_TRUE(loaded.ok()) << loaded.error().message;
    EXPECT_EQ(image(), saved);
    out(0x70, 0x20);
    EXPECT_EQ(in(0x71), 0x77U);
}

TEST_F(BoardTest, TrafficToEveryPortAndAddressKeepsTheMachineStanding) {
    for (u64 port = 0; port < 0x10000; port += 3) {
        in(port, 4);
        out(port, 0x5a5a5a5a, 4);
        in(port, 1);
    }
    for (u64 at = 0xa0000; at < 0xc0000; at += 509)
        board->memory().write(at, 4, at);
    board->quiesce();
    board->reset();
    EXPECT_EQ(config(1, 0, 0), 0x70008086U);
}

} // namespace
} // namespace dm
