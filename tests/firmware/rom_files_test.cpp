#include "firmware/rom_files.hpp"

#include <filesystem>
#include <fstream>
#include <gmock/gmock.h>
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

} // namespace
} // namespace dm::firmware
