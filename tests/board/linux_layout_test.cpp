// Where a directly booted Linux goes, and what its header tells it (the kernel's boot.rst).
#include "dm/board/direct_boot.hpp"

#include <gtest/gtest.h>

namespace dm {
namespace {

constexpr u64 kMib = 1 << 20;

/// A kernel that is nothing but a header.
struct Kernel {
    std::vector<u8> bytes = std::vector<u8>(64 << 10);
    u64 size = 8 * kMib;
    u64 initrd = 0;
    u64 ram = 512 * kMib;

    Kernel() {
        put(0x1f1, 27, 1);
        put(0x1fe, 0xaa55, 2);
        put(0x202, 0x53726448, 4);
        put(0x206, 0x20f, 2);
        put(0x211, 0x01, 1);
        put(0x22c, 0x7fffffff, 4);
        put(0x238, 2047, 4);
        put(0x260, 32 * kMib, 4);
    }
    void put(std::size_t at, u64 value, unsigned size_of) {
        for (unsigned i = 0; i < size_of; ++i)
            bytes[at + i] = static_cast<u8>(value >> (i * 8));
    }
    Result<LinuxLayout> lay_out(std::string_view command_line = "") const {
        return lay_out_linux({.head = bytes, .kernel_bytes = size, .initrd_bytes = initrd}, command_line,
                             ram);
    }
    std::string refusal(std::string_view command_line = "") const {
        const auto layout = lay_out(command_line);
        return layout.ok() ? "accepted" : layout.error().message;
    }
};

u32 get(const LinuxLayout& layout, std::size_t at, unsigned size) {
    u32 value = 0;
    for (unsigned i = 0; i < size; ++i)
        value |= u32{layout.setup[at + i]} << (i * 8);
    return value;
}

TEST(LinuxLayout, TheSetupIsTheBootSectorAndTheSectorsThatItCounts) {
    Kernel k;
    EXPECT_EQ(k.lay_out()->setup.size(), 28 * 512U);
    k.put(0x1f1, 0, 1);
    EXPECT_EQ(k.lay_out()->setup.size(), 5 * 512U) << "0 means 4";
}

TEST(LinuxLayout, TellsTheKernelOfItsLoaderCommandLineAndHeap) {
    auto layout = Kernel{}.lay_out("console=ttyS0");
    ASSERT_TRUE(layout.ok());
    EXPECT_NE(get(*layout, 0x210, 1), 0U);
    EXPECT_EQ(get(*layout, 0x211, 1), 0x81U);
    EXPECT_EQ(get(*layout, 0x224, 2), 0xfe00U);
    EXPECT_EQ(get(*layout, 0x228, 4), LinuxLayout::kCmdlineAddr);
}

TEST(LinuxLayout, TheRamdiskLiesAsHighAsFirmwareAllows) {
    Kernel k;
    k.initrd = 10 * kMib + 5;
    auto layout = k.lay_out();
    ASSERT_TRUE(layout.ok());
    EXPECT_EQ(layout->initrd_addr % 4096, 0U);
    EXPECT_LE(layout->initrd_addr + k.initrd, k.ram - 2 * kMib);
    EXPECT_GT(layout->initrd_addr + k.initrd + 4096, k.ram - 2 * kMib);
    EXPECT_EQ(get(*layout, 0x218, 4), layout->initrd_addr);
    EXPECT_EQ(get(*layout, 0x21c, 4), k.initrd);
}

TEST(LinuxLayout, TheRamdiskStaysBelowTheKernelsLimit) {
    Kernel k;
    k.initrd = kMib;
    k.ram = 3072 * kMib;
    EXPECT_EQ(k.lay_out()->initrd_addr, 2047 * kMib);
    k.put(0x206, 0x202, 2); // before the field
    EXPECT_EQ(k.lay_out()->initrd_addr, 0x38000000 - kMib);
}

TEST(LinuxLayout, WithoutARamdiskTheHeaderSaysSo) {
    Kernel k;
    k.put(0x218, 0x12345678, 4);
    auto layout = k.lay_out();
    EXPECT_EQ(layout->initrd_addr, 0U);
    EXPECT_EQ(get(*layout, 0x218, 4), 0U);
    EXPECT_EQ(get(*layout, 0x21c, 4), 0U);
}

TEST(LinuxLayout, VgaOnTheCommandLineBecomesTheVideoMode) {
    const Kernel k;
    EXPECT_EQ(get(*k.lay_out("vga=791"), 0x1fa, 2), 791U);
    EXPECT_EQ(get(*k.lay_out("quiet vga=0x317 ro"), 0x1fa, 2), 0x317U);
    EXPECT_EQ(get(*k.lay_out("vga=ask"), 0x1fa, 2), 0xfffdU);
    EXPECT_EQ(get(*k.lay_out("vga=normal"), 0x1fa, 2), 0xffffU);
    EXPECT_EQ(get(*k.lay_out("vga=ext"), 0x1fa, 2), 0xfffeU);
    for (const char* none : {"", "xvga=5", "vga=", "vga=5x", "vga=99999"})
        EXPECT_EQ(get(*k.lay_out(none), 0x1fa, 2), 0U) << none;
}

TEST(LinuxLayout, RefusesWhatIsNoKernelAndSaysWhatItIs) {
    Kernel k;
    k.bytes.resize(100);
    EXPECT_NE(k.refusal().find("bzImage"), std::string::npos);
    k = {};
    k.put(0x202, 0, 4);
    EXPECT_NE(k.refusal().find("bzImage"), std::string::npos);
    k.put(0, 0x464c457f, 4);
    EXPECT_NE(k.refusal().find("ELF"), std::string::npos);
    k = {};
    k.put(0x206, 0x201, 2);
    EXPECT_NE(k.refusal().find("2.01"), std::string::npos);
    k = {};
    k.put(0x211, 0, 1);
    EXPECT_NE(k.refusal().find("disk"), std::string::npos) << "a zImage";
}

TEST(LinuxLayout, RefusesAKernelThatIsCutOff) {
    Kernel k;
    k.size = 28 * 512;
    EXPECT_NE(k.refusal().find("cut off"), std::string::npos);
    k = {};
    k.bytes.resize(20 * 512);
    k.size = k.bytes.size();
    EXPECT_NE(k.refusal().find("cut off"), std::string::npos);
}

TEST(LinuxLayout, RefusesWhatDoesNotFitIntoTheGuest) {
    Kernel k;
    k.initrd = 480 * kMib;
    EXPECT_NE(k.refusal().find("memory below 4 GiB is too small"), std::string::npos);
    k.initrd = 470 * kMib;
    EXPECT_EQ(k.refusal(), "accepted");
    k.initrd = 0;
    k.ram = 8 * kMib;
    EXPECT_NE(k.refusal().find("too small"), std::string::npos);
}

TEST(LinuxLayout, RefusesACommandLineThatTheKernelCannotTake) {
    Kernel k;
    EXPECT_EQ(k.refusal(std::string(2047, 'x')), "accepted");
    EXPECT_NE(k.refusal(std::string(2048, 'x')).find("2047 bytes"), std::string::npos);
    k.put(0x206, 0x205, 2);
    EXPECT_NE(k.refusal(std::string(256, 'x')).find("255 bytes"), std::string::npos);
    k.put(0x206, 0x20f, 2);
    k.put(0x238, 0xffffffff, 4);
    EXPECT_NE(k.refusal(std::string(0x10001, 'x')).find("65536 bytes"), std::string::npos);
}

} // namespace
} // namespace dm
