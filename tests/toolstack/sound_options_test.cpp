#include "tests/toolstack/command_lines.hpp"

namespace dm::toolstack::test {
namespace {

using testing::AllOf;
using testing::ElementsAre;
using testing::HasSubstr;
using testing::IsEmpty;
using testing::SizeIs;

std::vector<std::string> drivers(const MachineOptions& m) {
    std::vector<std::string> names;
    for (const DeviceOptions& device : m.devices)
        names.push_back(device.driver);
    return names;
}

TEST(SoundOption, ACardMayNameWhereItsSoundGoes) {
    const MachineOptions m =
        machine("-device AC97,audiodev=b,id=x -audiodev none,id=a -audiodev wav,id=b,path=/tmp/x.wav");
    ASSERT_THAT(m.audio, SizeIs(2));
    EXPECT_EQ(m.audio[0].kind, AudioKind::None);
    EXPECT_EQ(m.audio[1].kind, AudioKind::Wav);
    EXPECT_EQ(m.audio[1].path, "/tmp/x.wav");
    EXPECT_THAT(m.audio[1].text, HasSubstr("-audiodev wav"));
    ASSERT_THAT(m.devices, SizeIs(1));
    EXPECT_EQ(m.devices[0].property("audiodev"), "b");
    EXPECT_EQ(m.devices[0].pci_slot, 3U);
    EXPECT_TRUE(m.devices[0].emulated);
    EXPECT_THAT(m.unsupported, IsEmpty());
}

TEST(SoundOption, ABackEndThatIsNotThereIsAnErrorThatNamesIt) {
    for (const char* const card : {"AC97", "es1370", "hda-duplex"})
        EXPECT_THAT(error(fmt::format("-audiodev none,id=a -device {},audiodev=b", card)),
                    AllOf(HasSubstr(card), HasSubstr("id=b")));
}

TEST(SoundOption, DriversOfQemuAreAcceptedAndSaidToBeSilent) {
    for (const char* const driver : {"alsa", "pa", "sdl", "spice", "oss", "pipewire"}) {
        const MachineOptions m =
            machine(fmt::format("-audiodev {},id=a,out.dev=default -device AC97,audiodev=a", driver));
        EXPECT_THAT(m.unsupported,
                    ElementsAre(AllOf(HasSubstr(driver), HasSubstr("nowhere"), HasSubstr("wav"))));
        EXPECT_EQ(m.audio.at(0).kind, AudioKind::None);
    }
}

TEST(SoundOption, MistakesAreNamed) {
    EXPECT_THAT(error("-audiodev none"), HasSubstr("id="));
    EXPECT_THAT(error("-audiodev wav,id=a"), HasSubstr("path="));
    EXPECT_THAT(error("-audiodev wav,id=a,path=/x,colour=red"), HasSubstr("colour"));
    EXPECT_THAT(error("-audiodev trumpet,id=a"), AllOf(HasSubstr("'trumpet'"), HasSubstr("wav")));
    EXPECT_THAT(error("-audiodev none,id=a -audiodev none,id=a"), HasSubstr("in use"));
    EXPECT_THAT(error("-soundhw trumpet"), HasSubstr("'trumpet'"));
    EXPECT_THAT(error("-audio none,model=trumpet"), HasSubstr("'trumpet'"));
}

TEST(SoundOption, WhatFollowsTheStreamIsLogged) {
    const MachineOptions m = machine("-audiodev wav,id=a,path=/x,out.frequency=44100,timer-period=1000");
    EXPECT_THAT(m.unsupported, ElementsAre(HasSubstr("out.frequency has no effect"),
                                           HasSubstr("timer-period has no effect")));
}

TEST(SoundOption, SoundhwMakesTheSameDevicesBeforeAllOthers) {
    const MachineOptions m = machine("-device e1000,id=n -soundhw ac97,es1370 -soundhw pcspk");
    EXPECT_THAT(drivers(m), ElementsAre("AC97", "ES1370"));
    EXPECT_EQ(m.devices[0].pci_slot, 3U);
    EXPECT_EQ(m.devices[1].pci_slot, 4U);
    EXPECT_EQ(m.nics.at(0).pci_slot, 5U);
    EXPECT_THAT(m.unsupported, ElementsAre(HasSubstr("PC speaker")));
    EXPECT_THAT(drivers(machine("-soundhw hda")), ElementsAre("intel-hda", "hda-duplex"));
    EXPECT_THAT(drivers(machine("-soundhw all")), SizeIs(8));
}

/// Controller and address of each codec.
std::vector<std::pair<std::size_t, unsigned>> places(std::string_view line) {
    std::vector<std::pair<std::size_t, unsigned>> found;
    for (const DeviceOptions& device : machine(line).devices)
        if (device.hda_place) found.emplace_back(device.hda_place->controller, device.hda_place->address);
    return found;
}

TEST(SoundOption, CodecsAreOnTheLinkOfAController) {
    using testing::Pair;
    EXPECT_THAT(places("-device intel-hda -device hda-duplex"), ElementsAre(Pair(0, 0)));
    EXPECT_THAT(places("-soundhw hda"), ElementsAre(Pair(0, 0)));
    EXPECT_THAT(places("-audio none,model=hda"), ElementsAre(Pair(0, 0)));
    EXPECT_THAT(places("-device AC97 -device ich9-intel-hda -device hda-output -device hda-micro,cad=3 "
                       "-device hda-duplex"),
                ElementsAre(Pair(1, 0), Pair(1, 3), Pair(1, 4)));
    EXPECT_THAT(
        places("-device intel-hda,id=a -device intel-hda -device intel-hda -device hda-duplex,bus=a.0 "
               "-device hda-duplex,bus=hda.0 -device hda-duplex -device hda-output,bus=hda.1,cad=14"),
        ElementsAre(Pair(0, 0), Pair(1, 0), Pair(2, 0), Pair(2, 14)));
}

TEST(SoundOption, ACodecWithoutALinkIsAnError) {
    EXPECT_THAT(error("-device hda-duplex"), AllOf(HasSubstr("hda-duplex"), HasSubstr("-device intel-hda")));
    EXPECT_THAT(error("-device hda-duplex -device intel-hda"), HasSubstr("before"));
    EXPECT_THAT(error("-device intel-hda,id=a -device hda-duplex,bus=b.0"), HasSubstr("bus=b.0"));
    EXPECT_THAT(error("-device intel-hda,id=a -device hda-duplex,bus=hda.0"), HasSubstr("bus=hda.0"));
    EXPECT_THAT(error("-device intel-hda -device hda-duplex,cad=15"), HasSubstr("cad=15"));
    EXPECT_THAT(error("-device intel-hda -device hda-duplex,cad=x"), HasSubstr("cad=x"));
    EXPECT_THAT(error("-device intel-hda -device hda-duplex -device hda-duplex,cad=0"), HasSubstr("taken"));
    EXPECT_THAT(error("-device intel-hda -device hda-duplex,cad=14 -device hda-duplex"), HasSubstr("cad="));
}

TEST(SoundOption, ThereIsOneSoundBlasterWhereItAlwaysIs) {
    EXPECT_THAT(error("-device sb16 -device sb16"), HasSubstr("one sb16"));
    const MachineOptions m = machine("-device sb16,irq=7,dma=3 -device AC97");
    EXPECT_THAT(m.unsupported, ElementsAre(HasSubstr("irq has no effect"), HasSubstr("dma has no effect")));
    EXPECT_FALSE(m.devices[0].pci_slot);
    EXPECT_EQ(m.devices[1].pci_slot, 3U);
}

TEST(SoundOption, AudioIsABackEndAndItsCard) {
    const MachineOptions m = machine("-audio driver=wav,path=/x.wav,model=es1370");
    ASSERT_THAT(m.audio, SizeIs(1));
    EXPECT_EQ(m.audio[0].path, "/x.wav");
    ASSERT_THAT(m.devices, SizeIs(1));
    EXPECT_EQ(m.devices[0].driver, "ES1370");
    EXPECT_EQ(m.devices[0].property("audiodev"), m.audio[0].id);
    EXPECT_THAT(machine("-audio none").devices, IsEmpty());
}

TEST(SoundOption, ListsAreShown) {
    EXPECT_THAT(*parse_line("-audiodev help")->print, HasSubstr("wav"));
    EXPECT_THAT(*parse_line("-audio help")->print, HasSubstr("wav"));
    EXPECT_THAT(*parse_line("-soundhw help")->print, HasSubstr("es1370"));
}

} // namespace
} // namespace dm::toolstack::test
