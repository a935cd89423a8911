// The screen of a whole machine as the toolstack asks for it, with nobody watching.
#include "tests/board/machine_rig.hpp"
#include "tests/support/png.hpp"

namespace dm::test {
namespace {

using testing::AllOf;
using testing::HasSubstr;
using testing::StartsWith;

struct ScreenTest : MachineRig {
    ScreenTest() {
        options.vga.model = toolstack::VgaModel::Std;
        options.vga.pci_slot = 3;
    }
    /// 640x480 with 32 bits, the first pixel through the window at A0000.
    void show_a_pixel() {
        out(0x3c2, 1);
        in(0x3da);
        out(0x3c0, 0x20);
        for (const auto& [reg, value] : {std::pair{4U, 0U}, {1U, 640U}, {2U, 480U}, {3U, 32U}, {4U, 0x41U}}) {
            outw(0x1ce, reg);
            outw(0x1cf, value);
        }
        guest->send("writel 0xa0000 0x00aabbcc\n");
        EXPECT_EQ(guest->line(), "OK");
    }
};

TEST_F(ScreenTest, ScreendumpWritesWhatTheGuestShowsThoughNobodyLooks) {
    start();
    show_a_pixel();
    const std::string png = folder / "a.png";
    EXPECT_EQ(say("screendump", {{"filename", png}, {"format", "png"}})["return"], Json::object());
    const auto picture = PngReader::read(png);
    ASSERT_TRUE(picture);
    EXPECT_EQ(picture->width, 640U);
    EXPECT_EQ(picture->height, 480U);
    EXPECT_EQ(picture->pixels[0], 0xaabbccU);
    EXPECT_EQ(picture->pixels[1], 0U);
    const std::string ppm = folder / "a.ppm";
    EXPECT_EQ(say("screendump", {{"filename", ppm}})["return"], Json::object());
    EXPECT_EQ(std::filesystem::file_size(ppm), 640U * 480 * 3 + 15);
}

TEST_F(ScreenTest, AStoppedMachineHasAPictureToo) {
    start();
    show_a_pixel();
    say("stop");
    const std::string path = folder / "a.ppm";
    EXPECT_EQ(say("screendump", {{"filename", path}})["return"], Json::object());
    EXPECT_EQ(std::filesystem::file_size(path), 640U * 480 * 3 + 15);
}

TEST_F(ScreenTest, WhatCannotBeWrittenIsAnErrorWithItsName) {
    start();
    const std::string path = folder / "nowhere" / "a.png";
    EXPECT_THAT(error_of("screendump", {{"filename", path}}),
                AllOf(StartsWith("GenericError: screendump: "), HasSubstr(path)));
    EXPECT_THAT(error_of("screendump", {{"filename", path}, {"device", "gone"}}),
                StartsWith("DeviceNotFound: "));
}

TEST_F(ScreenTest, WithoutAnAdapterThereIsNothingToWrite) {
    options.vga.model = toolstack::VgaModel::None;
    start();
    EXPECT_THAT(error_of("screendump", {{"filename", std::string(folder / "a")}}),
                HasSubstr("no display adapter"));
    EXPECT_FALSE(std::filesystem::exists(folder / "a"));
}

} // namespace
} // namespace dm::test
