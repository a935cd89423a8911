#include "dm/devices/input/scan_codes.hpp"

#include <gmock/gmock.h>
#include <set>
#include <vector>

namespace dm {
namespace {

using testing::ElementsAre;
using testing::IsEmpty;

std::vector<u8> list(ScanBytes bytes) {
    std::vector<u8> out;
    while (!bytes.empty())
        out.push_back(bytes.pop());
    return out;
}

constexpr KeyEvent down(KeyCode code, Bits<KeyModifier> with = {}) {
    return {.code = code, .down = true, .repeat = false, .modifiers = with};
}
constexpr KeyEvent up(KeyCode code, Bits<KeyModifier> with = {}) {
    return {.code = code, .down = false, .repeat = false, .modifiers = with};
}

TEST(ScanCodes, Set1IsTheKeyCodeWithBit7ForBreaks) {
    EXPECT_THAT(list(set1_bytes(down(0x1e))), ElementsAre(0x1e));
    EXPECT_THAT(list(set1_bytes(up(0x1e))), ElementsAre(0x9e));
    EXPECT_THAT(list(set1_bytes(down(0xc8))), ElementsAre(0xe0, 0x48));
    EXPECT_THAT(list(set1_bytes(up(0xc8))), ElementsAre(0xe0, 0xc8));
}

TEST(ScanCodes, Set2PutsF0InFrontOfBreaks) {
    EXPECT_THAT(list(set2_bytes(down(0x1e))), ElementsAre(0x1c)); // A
    EXPECT_THAT(list(set2_bytes(up(0x1e))), ElementsAre(0xf0, 0x1c));
    EXPECT_THAT(list(set2_bytes(down(0xc8))), ElementsAre(0xe0, 0x75)); // cursor up
    EXPECT_THAT(list(set2_bytes(up(0xc8))), ElementsAre(0xe0, 0xf0, 0x75));
    EXPECT_THAT(list(set2_bytes(down(0x41))), ElementsAre(0x83)); // F7
}

TEST(ScanCodes, Set2OfMultimediaKeysIsAsMicrosoftListsIt) {
    EXPECT_THAT(list(set2_bytes(down(0xa0))), ElementsAre(0xe0, 0x23)); // mute
    EXPECT_THAT(list(set2_bytes(down(0xae))), ElementsAre(0xe0, 0x21)); // volume down
    EXPECT_THAT(list(set2_bytes(down(0xb0))), ElementsAre(0xe0, 0x32)); // volume up
    EXPECT_THAT(list(set2_bytes(down(0xa2))), ElementsAre(0xe0, 0x34)); // play
    EXPECT_THAT(list(set2_bytes(down(0xdb))), ElementsAre(0xe0, 0x1f)); // left Windows key
    EXPECT_THAT(list(set2_bytes(down(0xe5))), ElementsAre(0xe0, 0x10)); // search
    EXPECT_THAT(list(set2_bytes(down(0xdf))), ElementsAre(0xe0, 0x3f)); // sleep
}

TEST(ScanCodes, TheControllerTurnsEverySet2KeyBackIntoItsSet1Code) {
    std::set<u8> seen;
    for (unsigned code = 1; code < 128; ++code) {
        const auto key = static_cast<KeyCode>(code);
        const auto bytes = list(set2_bytes(down(key)));
        ASSERT_EQ(bytes.size(), 1U) << code;
        EXPECT_EQ(translate_set2(bytes[0]), code);
        EXPECT_TRUE(seen.insert(bytes[0]).second) << "two keys share " << int{bytes[0]};
    }
}

TEST(ScanCodes, TheControllerPassesRepliesAndPrefixesUnchanged) {
    for (const unsigned byte : {0xe0U, 0xe1U, 0xaaU, 0xabU, 0xeeU, 0xfaU, 0xfeU})
        EXPECT_EQ(translate_set2(static_cast<u8>(byte)), byte);
    EXPECT_EQ(translate_set2(0x83), 0x41) << "second byte of the keyboard's id";
    EXPECT_EQ(translate_set2(0x00), 0xff) << "overrun";
}

TEST(ScanCodes, PauseSendsMakeAndBreakAtOnceAndNothingWhenReleased) {
    EXPECT_THAT(list(set1_bytes(down(kKeyPause))), ElementsAre(0xe1, 0x1d, 0x45, 0xe1, 0x9d, 0xc5));
    EXPECT_THAT(list(set2_bytes(down(kKeyPause))),
                ElementsAre(0xe1, 0x14, 0x77, 0xe1, 0xf0, 0x14, 0xf0, 0x77));
    EXPECT_THAT(list(set2_bytes(up(kKeyPause))), IsEmpty());
}

TEST(ScanCodes, CtrlPauseIsBreak) {
    EXPECT_THAT(list(set1_bytes(down(kKeyPause, KeyModifier::Ctrl))), ElementsAre(0xe0, 0x46, 0xe0, 0xc6));
    EXPECT_THAT(list(set2_bytes(down(kKeyPause, KeyModifier::Ctrl))),
                ElementsAre(0xe0, 0x7e, 0xe0, 0xf0, 0x7e));
}

TEST(ScanCodes, PrintScreenComesWithAShiftThatNobodyPressed) {
    EXPECT_THAT(list(set1_bytes(down(kKeyPrintScreen))), ElementsAre(0xe0, 0x2a, 0xe0, 0x37));
    EXPECT_THAT(list(set1_bytes(up(kKeyPrintScreen))), ElementsAre(0xe0, 0xb7, 0xe0, 0xaa));
    EXPECT_THAT(list(set2_bytes(down(kKeyPrintScreen))), ElementsAre(0xe0, 0x12, 0xe0, 0x7c));
    EXPECT_THAT(list(set2_bytes(up(kKeyPrintScreen))), ElementsAre(0xe0, 0xf0, 0x7c, 0xe0, 0xf0, 0x12));
}

TEST(ScanCodes, PrintScreenWithModifiers) {
    EXPECT_THAT(list(set2_bytes(down(kKeyPrintScreen, KeyModifier::Shift))), ElementsAre(0xe0, 0x7c));
    EXPECT_THAT(list(set2_bytes(down(kKeyPrintScreen, KeyModifier::Ctrl))), ElementsAre(0xe0, 0x7c));
    EXPECT_THAT(list(set2_bytes(down(kKeyPrintScreen, KeyModifier::Alt))), ElementsAre(0x84));
    EXPECT_THAT(list(set1_bytes(up(kKeyPrintScreen, KeyModifier::Alt))), ElementsAre(0xd4));
}

TEST(ScanCodes, Set3HasOneCodeForEveryKeyOfTheStandardKeyboard) {
    std::set<u8> seen;
    for (unsigned code = 0x01; code <= 0x53; ++code)
        EXPECT_TRUE(seen.insert(set3_code(static_cast<KeyCode>(code))).second) << code;
    for (const int code : {0x56, 0x57, 0x58, 0x9c, 0x9d, 0xb5, 0xb7, 0xb8, 0xc6, 0xc7, 0xc8,
                           0xc9, 0xcb, 0xcd, 0xcf, 0xd0, 0xd1, 0xd2, 0xd3, 0xdb, 0xdc, 0xdd})
        EXPECT_TRUE(seen.insert(set3_code(static_cast<KeyCode>(code))).second) << code;
    EXPECT_FALSE(seen.contains(0));
    EXPECT_EQ(set3_code(0x01), 0x08);
    EXPECT_EQ(set3_code(kKeyRightCtrl), 0x58);
    EXPECT_EQ(set3_code(0xa0), 0) << "mute";
}

TEST(ScanCodes, NoSequenceOverflowsItsBuffer) {
    for (unsigned code = 0; code < 256; ++code) {
        for (unsigned with = 0; with < 8; ++with) {
            for (const bool is_down : {false, true}) {
                const KeyEvent event{static_cast<KeyCode>(code), is_down, false,
                                     Bits<KeyModifier>{static_cast<u8>(with)}};
                const auto last = list(set2_bytes(event));
                EXPECT_LE(last.size(), 8U);
                if (!last.empty()) {
                    EXPECT_NE(last.back(), 0xf0);
                }
            }
        }
    }
}

TEST(ScanCodes, ShiftsThatKeyboardsMakeUpAreNoKeys) {
    EXPECT_FALSE(is_key(0x00));
    EXPECT_FALSE(is_key(0x80));
    EXPECT_FALSE(is_key(0xaa));
    EXPECT_FALSE(is_key(0xb6));
    EXPECT_TRUE(is_key(kKeyPause));
}

} // namespace
} // namespace dm
