#include "dm/host/disc_drive.hpp"

#include <cstdlib>
#include <fcntl.h>
#include <filesystem>
#include <fstream>
#include <gmock/gmock.h>

namespace dm::host {
namespace {

using testing::ElementsAre;
using Event = DiscDrive::Event;

/// A drive that people and the machine move.
struct FakeControl final : DiscControl {
    DiscState state() override { return now; }
    bool changed() override { return std::exchange(other_disc, false); }
    void lock(bool locked) override { moves.emplace_back(locked ? "lock" : "unlock"); }
    void move_tray(bool open) override { moves.emplace_back(open ? "open" : "close"); }
    DiscState now = DiscState::Empty;
    bool other_disc = false;
    std::vector<std::string> moves;
};

struct DiscDriveTest : testing::Test {
    DiscDriveTest() {
        std::string name = (std::filesystem::temp_directory_path() / "hvmdm-disc-XXXXXX").string();
        folder = ::mkdtemp(name.data());
        path = folder / "disc";
        std::ofstream{path};
        auto made = std::make_unique<FakeControl>();
        control = made.get();
        drive.emplace(path, UniqueFd(::open(path.c_str(), O_RDONLY | O_CLOEXEC)), std::move(made));
    }
    ~DiscDriveTest() override { std::filesystem::remove_all(folder); }

    std::filesystem::path folder;
    std::string path;
    FakeControl* control = nullptr; ///< the drive's
    std::optional<DiscDrive> drive;
};

TEST_F(DiscDriveTest, TheFirstLookSaysWhatThereIs) {
    EXPECT_EQ(drive->look(), Event::Removed);
    EXPECT_EQ(drive->look(), Event::None);
}

TEST_F(DiscDriveTest, WhatPeopleDoIsToldOnce) {
    drive->look();
    control->now = DiscState::TrayOpen;
    EXPECT_EQ(drive->look(), Event::TrayOpened);
    EXPECT_EQ(drive->look(), Event::None);
    control->now = DiscState::Disc;
    EXPECT_EQ(drive->look(), Event::Inserted);
    EXPECT_EQ(drive->look(), Event::None);
    control->other_disc = true; // taken out and another put in between two looks
    EXPECT_EQ(drive->look(), Event::Inserted);
    EXPECT_EQ(drive->look(), Event::None);
    control->now = DiscState::Empty;
    EXPECT_EQ(drive->look(), Event::Removed);
}

TEST_F(DiscDriveTest, TheTrayIsMovedOnlyWhenItIsNotThere) {
    control->now = DiscState::Disc;
    drive->look();
    drive->move_tray(false);
    drive->lock(true);
    drive->move_tray(true);
    control->now = DiscState::TrayOpen;
    drive->look();
    drive->move_tray(true);
    drive->move_tray(false);
    EXPECT_THAT(control->moves, ElementsAre("lock", "open", "close"));
}

TEST_F(DiscDriveTest, EachDiscIsOpenedAnewAndWithoutItsNameTheOldWay) {
    const auto size = [&] {
        const UniqueFd fd = drive->open_disc();
        return fd ? ::lseek(fd.get(), 0, SEEK_END) : -1;
    };
    std::filesystem::resize_file(path, 4096);
    EXPECT_EQ(size(), 4096);
    std::filesystem::resize_file(path, 20480);
    EXPECT_EQ(size(), 20480);
    std::filesystem::rename(path, folder / "elsewhere"); // as in a chroot
    EXPECT_EQ(size(), 20480);
}

TEST_F(DiscDriveTest, WithoutHelpFromTheSystemTheSizeTells) {
    const UniqueFd fd(::open(path.c_str(), O_RDONLY | O_CLOEXEC));
    DiscDrive simple(path, UniqueFd(::dup(fd.get())), make_size_disc_control(fd.get()));
    EXPECT_EQ(simple.look(), Event::Removed);
    std::filesystem::resize_file(path, 2048);
    EXPECT_EQ(simple.look(), Event::Inserted);
    EXPECT_EQ(simple.look(), Event::None);
    std::filesystem::resize_file(path, 4096);
    EXPECT_EQ(simple.look(), Event::Inserted);
    std::filesystem::resize_file(path, 0);
    EXPECT_EQ(simple.look(), Event::Removed);
    simple.lock(true);
    simple.move_tray(true);
}

TEST_F(DiscDriveTest, AnImageIsNoDrive) {
    EXPECT_EQ(DiscDrive::find(path), nullptr);
    EXPECT_EQ(DiscDrive::find(folder / "missing"), nullptr);
    EXPECT_EQ(DiscDrive::find(folder), nullptr);
    const UniqueFd fd(::open(path.c_str(), O_RDONLY | O_CLOEXEC));
    EXPECT_EQ(DiscDrive::find("whatever it was called", fd.get()), nullptr);
}

} // namespace
} // namespace dm::host
