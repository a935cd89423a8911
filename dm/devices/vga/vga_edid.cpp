#include "dm/devices/vga/vga_edid.hpp"

#include <algorithm>
#include <numeric>
#include <span>
#include <string_view>

namespace dm {
namespace {

// Sizes that a detailed timing can name (twelve bits) in steps that every driver takes.
constexpr ScreenMode kLeast{320, 200};
constexpr ScreenMode kMost{4088, 4095};
constexpr unsigned kWidthStep = 8;
constexpr unsigned kBytesPerPixel = 4;
constexpr unsigned kRefresh = 60;

// Offsets in the block.
constexpr unsigned kVendor = 8;
constexpr unsigned kVersion = 18;
constexpr unsigned kEstablished = 35;
constexpr unsigned kStandard = 38;
constexpr unsigned kDescriptors = 54;
constexpr unsigned kDescriptorBytes = 18;
constexpr unsigned kChecksum = 127;

constexpr std::array<u8, 8> kHeader = {0x00, 0xff, 0xff, 0xff, 0xff, 0xff, 0xff, 0x00};
// "HVM", product 1, no serial number; made in week 1 of 2024.
constexpr std::array<u8, 10> kIdentity = {0x22, 0xcd, 0x01, 0x00, 0x00, 0x00, 0x00, 0x00, 1, 2024 - 1990};
// sRGB.
constexpr std::array<u8, 10> kChromaticity = {0xee, 0x91, 0xa3, 0x54, 0x4c, 0x99, 0x26, 0x0f, 0x50, 0x54};

constexpr u8 kDigital8BitsDisplayPort = 0xa5;
constexpr u8 kGamma22 = 120;
constexpr u8 kSrgbAndNativeMode = 0x06;
constexpr std::array<u8, 3> kEstablishedTimings = {0xa1, 0x08, 0x00}; // 720x400, 640x480, 800x600, 1024x768
constexpr std::array<ScreenMode, 8> kStandardTimings = {{{1920, 1080},
                                                         {1920, 1200},
                                                         {1680, 1050},
                                                         {1600, 1200},
                                                         {1440, 900},
                                                         {1280, 1024},
                                                         {1280, 800},
                                                         {1280, 720}}};
constexpr ScreenMode kLargest{2560, 1600};

// Tags of display descriptors.
constexpr u8 kRangeLimits = 0xfd;
constexpr u8 kProductName = 0xfc;
constexpr u8 kDummy = 0x10;

bool fits(ScreenMode mode, u64 memory_bytes) {
    return u64{mode.width} * mode.height * kBytesPerPixel <= memory_bytes;
}

u8 low(unsigned value) {
    return static_cast<u8>(value);
}

unsigned centimetres(unsigned pixels) { // at 100 pixels an inch
    return std::min(pixels * 254 / 10000, 255U);
}

// Aspect ratios as standard timings number them.
enum class Aspect : u8 { R16x10, R4x3, R5x4, R16x9 };
Aspect aspect_of(ScreenMode mode) {
    if (mode.width * 3 == mode.height * 4) return Aspect::R4x3;
    if (mode.width * 4 == mode.height * 5) return Aspect::R5x4;
    if (mode.width * 9 == mode.height * 16) return Aspect::R16x9;
    return Aspect::R16x10;
}

/// Lines of vertical sync, by which CVT tells aspect ratios apart.
unsigned sync_lines(ScreenMode mode) {
    if (mode.width * 10 == mode.height * 16) return 6;
    switch (aspect_of(mode)) {
    case Aspect::R4x3: return 4;
    case Aspect::R16x9: return 5;
    case Aspect::R5x4: return 7;
    case Aspect::R16x10: break;
    }
    return 10;
}

// VESA CVT 1.2 with reduced blanking.
void detailed_timing(std::span<u8> at, ScreenMode mode) {
    constexpr unsigned kBlank = 160;
    constexpr unsigned kFrontPorch = 48;
    constexpr unsigned kSync = 32;
    constexpr unsigned kLinesFront = 3;
    constexpr unsigned kLinesBackLeast = 6;
    constexpr unsigned kLeastBlankUs = 460;
    constexpr unsigned kFrameUs = 1'000'000 / kRefresh;
    constexpr unsigned kClockUnit = 10'000; // Hz
    const unsigned sync = sync_lines(mode);
    const unsigned blank_lines = std::max(kLeastBlankUs * mode.height / (kFrameUs - kLeastBlankUs) + 1,
                                          kLinesFront + sync + kLinesBackLeast);
    const u64 clock = u64{kRefresh} * (mode.width + kBlank) * (mode.height + blank_lines) / kClockUnit;
    const unsigned units = static_cast<unsigned>(std::min<u64>(clock, 0xffff));
    const unsigned h_mm = centimetres(mode.width) * 10;
    const unsigned v_mm = centimetres(mode.height) * 10;
    const std::array<u8, kDescriptorBytes> bytes = {
        low(units),
        low(units >> 8),
        low(mode.width),
        low(kBlank),
        low(mode.width >> 8 << 4 | kBlank >> 8),
        low(mode.height),
        low(blank_lines),
        low(mode.height >> 8 << 4 | blank_lines >> 8),
        low(kFrontPorch),
        low(kSync),
        low(kLinesFront << 4 | (sync & 0xf)),
        0,
        low(h_mm),
        low(v_mm),
        low(h_mm >> 8 << 4 | v_mm >> 8),
        0,
        0,
        0x1a, // separate digital sync, horizontal positive
    };
    std::copy(bytes.begin(), bytes.end(), at.begin());
}

void descriptor(std::span<u8> at, u8 tag, std::string_view text) {
    std::fill(at.begin(), at.end(), u8{0});
    at[3] = tag;
    if (text.empty()) return;
    std::fill(at.begin() + 5, at.end(), u8{' '});
    std::copy(text.begin(), text.end(), at.begin() + 5);
    at[5 + text.size()] = '\n';
}

void range_limits(std::span<u8> at) {
    descriptor(at, kRangeLimits, "");
    constexpr std::array<u8, 7> kLimits = {50, 125, 30, 160, 60, 0x01, '\n'}; // Hz, kHz, 10 MHz; no formula
    std::copy(kLimits.begin(), kLimits.end(), at.begin() + 5);
    std::fill(at.begin() + 5 + kLimits.size(), at.end(), u8{' '});
}

void standard_timings(std::span<u8> at, u64 memory_bytes) {
    std::fill(at.begin(), at.end(), u8{1}); // unused
    std::size_t next = 0;
    for (const ScreenMode mode : kStandardTimings) {
        if (!fits(mode, memory_bytes)) continue;
        at[next++] = low(mode.width / 8 - 31);
        at[next++] = low(static_cast<unsigned>(aspect_of(mode)) << 6 | (kRefresh - 60));
    }
}

} // namespace

ScreenMode possible_mode(ScreenMode wanted, u64 memory_bytes) {
    const unsigned width = std::clamp(wanted.width, kLeast.width, kMost.width) & ~(kWidthStep - 1);
    const u64 lines = memory_bytes / (width * kBytesPerPixel);
    const unsigned most = static_cast<unsigned>(std::min<u64>(lines, kMost.height));
    return {width, std::min(std::max(wanted.height, kLeast.height), most)};
}

EdidBlock make_edid(ScreenMode preferred, u64 memory_bytes) {
    EdidBlock block{};
    const auto part = [&](std::size_t offset, std::size_t length) {
        return std::span(block).subspan(offset, length);
    };
    std::copy(kHeader.begin(), kHeader.end(), block.begin());
    std::copy(kIdentity.begin(), kIdentity.end(), block.begin() + kVendor);
    const std::array<u8, 7> basics = {1,
                                      4,
                                      kDigital8BitsDisplayPort,
                                      low(centimetres(preferred.width)),
                                      low(centimetres(preferred.height)),
                                      kGamma22,
                                      kSrgbAndNativeMode};
    auto next = std::copy(basics.begin(), basics.end(), block.begin() + kVersion);
    std::copy(kChromaticity.begin(), kChromaticity.end(), next);
    std::copy(kEstablishedTimings.begin(), kEstablishedTimings.end(), block.begin() + kEstablished);
    standard_timings(part(kStandard, 2 * kStandardTimings.size()), memory_bytes);

    const auto slot = [&](unsigned n) {
        return part(kDescriptors + std::size_t{n} * kDescriptorBytes, kDescriptorBytes);
    };
    detailed_timing(slot(0), preferred);
    if (fits(kLargest, memory_bytes) && preferred != kLargest)
        detailed_timing(slot(1), kLargest);
    else
        descriptor(slot(1), kDummy, "");
    range_limits(slot(2));
    descriptor(slot(3), kProductName, "hvmdm");
    block[kChecksum] = static_cast<u8>(-std::accumulate(block.begin(), block.end() - 1, 0));
    return block;
}

} // namespace dm
