// Sound cards as the toolstack and the guest of a whole machine see them.
#include "tests/board/machine_rig.hpp"

namespace dm::test {
namespace {

using testing::HasSubstr;

constexpr u32 kList = 0x100000;
constexpr u32 kData = 0x110000;
constexpr u16 kNabm = 0xc400;
constexpr u16 kEs1370 = 0xc800;

struct SoundMachineTest : MachineRig {
    void card(const std::string& driver, unsigned slot, const std::string& audiodev = {}) {
        toolstack::DeviceOptions device;
        device.driver = driver;
        device.pci_slot = slot;
        if (!audiodev.empty()) device.properties.emplace_back("audiodev", audiodev);
        options.devices.push_back(device);
    }
    std::string wav(const std::string& id) {
        const std::string path = folder / (id + ".wav");
        options.audio.push_back({.kind = AudioKind::Wav, .id = id, .path = path, .text = "-audiodev wav"});
        return path;
    }
    void tell(const std::string& line) {
        guest->send(line + "\n");
        EXPECT_THAT(guest->line(), HasSubstr("OK")) << line;
    }
    void outl(u16 port, u32 value) { tell(fmt::format("outl {:#x} {:#x}", port, value)); }
    u32 config(unsigned slot, unsigned reg) {
        outl(0xcf8, 0x80000000 | slot << 11 | reg);
        return in(0xcfc, "inl");
    }
    void set_config(unsigned slot, unsigned reg, u32 value) {
        outl(0xcf8, 0x80000000 | slot << 11 | reg);
        outl(0xcfc, value);
    }
    /// 10 ms of sevens.
    void play_ac97(unsigned slot) {
        set_config(slot, 0x14, kNabm);
        set_config(slot, 0x04, 5);
        tell(fmt::format("writel {:#x} {:#x}", kList, kData));
        tell(fmt::format("writel {:#x} {:#x}", kList + 4, 960));
        tell(fmt::format("memset {:#x} 1920 0x07", kData));
        outl(kNabm + 0x10, kList);
        out(kNabm + 0x1b, 1);
        tell("clock_step 20000000");
    }
    void play_es1370(unsigned slot) {
        set_config(slot, 0x10, kEs1370);
        set_config(slot, 0x04, 5);
        tell(fmt::format("memset {:#x} 4096 0x09", kData));
        outl(kEs1370 + 0x0c, 0xc);
        outl(kEs1370 + 0x38, kData);
        outl(kEs1370 + 0x3c, 1023);
        outl(kEs1370 + 0x20, 0x0c);
        outl(kEs1370, 30U << 16 | 0x20);
        tell("clock_step 10000000");
        outl(kEs1370, 0);
    }
    /// 10 ms of fives to the codec at address 0.
    void play_hda(unsigned slot) {
        constexpr u32 kBar = 0xf1000000;
        const auto write = [&](char width, u32 offset, u32 value) {
            tell(fmt::format("write{} {:#x} {:#x}", width, kBar + offset, value));
        };
        const auto verb = [&](u32 word) {
            write('l', 0x60, word);
            write('w', 0x68, 1);
        };
        set_config(slot, 0x10, kBar);
        set_config(slot, 0x04, 6);
        write('b', 0x08, 1);
        verb(0x00270650);
        tell(fmt::format("writeq {:#x} {:#x}", kList, kData));
        tell(fmt::format("writel {:#x} 1920", kList + 8));
        tell(fmt::format("memset {:#x} 1920 0x05", kData));
        write('b', 0x102, 0x50);
        write('l', 0x108, 1920);
        write('w', 0x112, 0x0011);
        write('l', 0x118, kList);
        write('b', 0x100, 2);
        tell("clock_step 10000000");
        write('b', 0x100, 0);
    }
    static std::string content(const std::string& path) {
        std::ifstream file(path, std::ios::binary);
        return {std::istreambuf_iterator<char>(file), std::istreambuf_iterator<char>()};
    }
};

TEST_F(SoundMachineTest, CardsStandWhereTheyWerePutAndPlayToTheirBackEnds) {
    const std::string first = wav("a");
    const std::string second = wav("b");
    card("AC97", 5);
    card("ES1370", 7, "b");
    start();
    EXPECT_EQ(config(5, 0), 0x24158086U);
    EXPECT_EQ(config(7, 0), 0x50001274U);
    play_ac97(5);
    play_es1370(7);
    machine.reset();
    EXPECT_EQ(content(first).substr(44), std::string(1920, '\x07')) << "the first one, as none was named";
    EXPECT_EQ(content(second).substr(44), std::string(441 * 4, '\x09'));
}

TEST_F(SoundMachineTest, ACodecPlaysToItsBackEnd) {
    wav("a");
    const std::string second = wav("b");
    card("AC97", 4);
    card("intel-hda", 5);
    toolstack::DeviceOptions codec;
    codec.driver = "hda-output";
    codec.properties.emplace_back("audiodev", "b");
    codec.hda_place = {.controller = 1, .address = 0};
    options.devices.push_back(codec);
    start();
    EXPECT_EQ(config(5, 0), 0x26688086U);
    play_hda(5);
    machine.reset();
    EXPECT_EQ(content(second).substr(44), std::string(1920, '\x05'));
}

TEST_F(SoundMachineTest, WithoutABackEndTheSoundGoesNowhere) {
    card("AC97", 4);
    start();
    play_ac97(4);
    EXPECT_EQ(in(kNabm + 0x16, "inw"), 0x07U) << "the last buffer was played";
}

TEST_F(SoundMachineTest, AFileThatCannotBeMadeIsAnErrorAtTheStart) {
    options.audio.push_back(
        {.kind = AudioKind::Wav, .id = "a", .path = folder / "no" / "x", .text = "-audiodev wav,id=a"});
    const UniqueFd listener = listen();
    const auto made = Machine::create(loop, options);
    ASSERT_FALSE(made.ok());
    EXPECT_THAT(made.error().message, HasSubstr("-audiodev wav,id=a"));
}

} // namespace
} // namespace dm::test
