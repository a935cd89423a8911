#include "firmware/rom_files.hpp"

#include <filesystem>
#include <fstream>
#include <gmock/gmock.h>
#include <numeric>
#include <unistd.h>

namespace dm::firmware {
namespace {

using testing::HasSubstr;

class RomFiles : public testing::Test {
protected:
    RomFiles() : dir_(std::filesystem::path(testing::TempDir()) / fmt::format("roms-{}", ::getpid())) {
        std::filesystem::create_directories(dir_);
    }
    ~RomFiles() override { std::filesystem::remove_all(dir_); }
    void put(const std::string& name, std::vector<u8> bytes) const {
        std::ofstream(dir_ / name, std::ios::binary)
            .write(reinterpret_cast<const char*>(bytes.data()), static_cast<std::streamsize>(bytes.size()));
    }
    static std::vector<u8> rom(std::size_t size, u8 units) {
        std::vector<u8> bytes(size, 0x90);
        bytes[0] = 0x55;
        bytes[1] = 0xaa;
        bytes[2] = units;
        return bytes;
    }
    std::filesystem::path dir_;
};

TEST_F(RomFiles, ARomIsPaddedToAPowerOfTwo) {
    put("vgabios-stdvga.bin", rom(39936, 78));
    const auto loaded = load_rom("vgabios-stdvga.bin", {"/nonexistent", dir_});
    ASSERT_TRUE(loaded.ok()) << loaded.error().message;
    EXPECT_EQ(loaded.value().size(), 65536U);
    EXPECT_EQ(loaded.value()[39935], 0x90);
    EXPECT_EQ(loaded.value()[39936], 0);
}

TEST_F(RomFiles, AMissingRomNamesFilePlacesAndPackage) {
    const auto loaded = load_rom("vgabios-stdvga.bin", {dir_});
    ASSERT_FALSE(loaded.ok());
    EXPECT_THAT(loaded.error().message, HasSubstr("vgabios-stdvga.bin"));
    EXPECT_THAT(loaded.error().message, HasSubstr(dir_.string()));
    EXPECT_THAT(loaded.error().message, HasSubstr("install package seabios"));
}

TEST_F(RomFiles, WhatIsNoRomIsRefused) {
    put("vgabios-a.bin", {});
    put("vgabios-b.bin", std::vector<u8>(4096, 0));
    put("vgabios-c.bin", rom(1024, 78));
    put("vgabios-d.bin", rom(2 << 20, 1));
    for (const char* name : {"vgabios-a.bin", "vgabios-b.bin", "vgabios-c.bin", "vgabios-d.bin"})
        EXPECT_FALSE(load_rom(name, {dir_}).ok()) << name;
}

/// An image of one unit with a PCI data structure.
std::vector<u8> image(u8 code, bool last) {
    std::vector<u8> bytes(512, 0x90);
    const std::vector<u8> data{
        'P', 'C', 'I', 'R', 0x86, 0x80, 0x0e, 0x10, 0, 0,    24,
        0,   0,   0,   0,   2,    1,    0,    0,    0, code, static_cast<u8>(last ? 0x80 : 0),
        0,   0};
    bytes[0] = 0x55;
    bytes[1] = 0xaa;
    bytes[2] = 1;
    bytes[0x18] = 0x40;
    bytes[0x19] = 0;
    std::ranges::copy(data, bytes.begin() + 0x40);
    return bytes;
}

TEST(SetRomDevice, RelabelsEveryImageAndKeepsTheSumOfTheBiosOnes) {
    std::vector<u8> rom = image(0, false);
    const std::vector<u8> efi = image(3, true);
    rom.insert(rom.end(), efi.begin(), efi.end());
    rom.resize(2048, 0);
    const std::vector<u8> before = rom;
    set_rom_device(rom, {0x10ec, 0x100f});
    for (const unsigned place : {0x44U, 0x244U})
        EXPECT_THAT(std::span(rom).subspan(place, 4), testing::ElementsAre(0xec, 0x10, 0x0f, 0x10));
    const auto sum = [](std::span<const u8> bytes) {
        return static_cast<u8>(std::accumulate(bytes.begin(), bytes.end(), 0));
    };
    EXPECT_EQ(sum(std::span(rom).first(512)), sum(std::span(before).first(512)));
    EXPECT_EQ(rom[0x206], before[0x206]) << "UEFI's have no sum";
}

TEST(SetRomDevice, LeavesAloneWhatIsNoImage) {
    for (const std::size_t size : {0U, 2U, 0x19U, 0x1aU, 0x57U}) {
        std::vector<u8> cut = image(0, true);
        cut.resize(size);
        const std::vector<u8> before = cut;
        set_rom_device(cut, {0x8086, 0x100f});
        EXPECT_EQ(cut, before) << size;
    }
    std::vector<u8> far_away = image(0, true);
    far_away[0x18] = far_away[0x19] = 0xff;
    const std::vector<u8> before = far_away;
    set_rom_device(far_away, {0x8086, 0x100f});
    EXPECT_EQ(far_away, before);
    std::vector<u8> endless = image(0, false);
    endless[0x50] = 0; // an image of no length
    set_rom_device(endless, {0x8086, 0x100f});
    EXPECT_EQ(endless[0x46], 0x0f);
}

} // namespace
} // namespace dm::firmware
