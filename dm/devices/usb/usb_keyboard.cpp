#include "dm/devices/usb/usb_keyboard.hpp"

#include "dm/devices/usb/hid_usages.hpp"
#include "dm/devices/usb/usb_hid_descriptors.hpp"

#include <algorithm>
#include <bit>

namespace dm {
namespace {

using namespace usb_hid;

constexpr auto kDeviceDescriptor = device_descriptor();
constexpr auto kConfiguration = configuration_descriptor(kBootKeyboard, kKeyboardReport.size(), 8);
constexpr auto kHighDevice = high_device_descriptor();
constexpr auto kHighConfiguration =
    configuration_descriptor(kBootKeyboard, kKeyboardReport.size(), 8, kHighEightMilliseconds);
constexpr std::array<std::string_view, 4> kStrings{"QEMU", "QEMU USB Keyboard", "68284", "HID Keyboard"};
constexpr usb::Description kDescription{.device = kDeviceDescriptor,
                                        .configuration = kConfiguration,
                                        .strings = kStrings,
                                        .in_endpoints = 2,
                                        .high_device = kHighDevice,
                                        .high_configuration = kHighConfiguration,
                                        .os_string = kOsString};

constexpr u8 kLeds = 0x1f;

/// Bits of the output report (HID Usage Tables, page 8).
enum HidLed : u8 { kNumLock = 1, kCapsLock = 2, kScrollLock = 4 };

bool test(const UsbKeyboard::Usages& keys, u8 usage) {
    return (keys[usage / 8U] >> (usage % 8U) & 1) != 0;
}
void set(UsbKeyboard::Usages& keys, u8 usage, bool on) {
    const unsigned bit = 1U << (usage % 8U);
    keys[usage / 8U] = static_cast<u8>(on ? keys[usage / 8U] | bit : keys[usage / 8U] & ~bit);
}

} // namespace

UsbKeyboard::UsbKeyboard(std::string_view device_name, std::string serial, TimerQueue& timers)
    : UsbHid(device_name, kDescription, std::move(serial), kKeyboardReport, true, timers) {}

/// A key goes down only while there is room for its release, and for those of all that are down.
bool UsbKeyboard::can_press(std::size_t reserve) const {
    std::size_t down = 0;
    for (const u8 eight : s_.down)
        down += static_cast<std::size_t>(std::popcount(eight));
    return s_.waiting.size() + 1 + down + 1 + reserve <= kEvents;
}

void UsbKeyboard::key(KeyCode code, bool down) {
    const u8 usage = usage_of(code);
    if (usage == 0 || test(s_.down, usage) == down || !configured()) return;
    if (down && !can_press(0)) return; // as if it had not been pressed
    note(usage, down);
    reported();
}

/// In a loaded state there may be less room than we leave: then catch_up() tells of a release.
void UsbKeyboard::note(u8 usage, bool down) {
    set(s_.down, usage, down);
    s_.waiting.push({usage, down});
}

void UsbKeyboard::release_all() {
    for (unsigned usage = 0; usage < 256; ++usage)
        if (test(s_.down, static_cast<u8>(usage))) note(static_cast<u8>(usage), false);
    if (s_.waiting.empty()) catch_up();
    reported();
}

/// Whoever has the keys now gets those that the guest did not come for.
void UsbKeyboard::drop_reports() {
    Fifo<Event, kEvents> missed = s_.waiting;
    s_.waiting.clear();
    s_.down = {};
    catch_up();
    while (!missed.empty()) {
        const Event event = missed.pop();
        if (const KeyCode code = code_of(event.usage)) unread(code, event.down);
    }
}

/// Keys that the guest believes to be down without an event that says otherwise.
void UsbKeyboard::catch_up() {
    for (unsigned usage = 0; usage < 256 && !s_.waiting.full(); ++usage)
        if (test(s_.reported, static_cast<u8>(usage)) && !test(s_.down, static_cast<u8>(usage)))
            s_.waiting.push({static_cast<u8>(usage), false});
}

/// Guests take a report's modifiers first, then what went up, then what went down. So a key that goes down
/// takes along what was before it, if each happened in that order and to another key: a system that fetches
/// 125 reports a second reads as many letters, not half of them. (A modifier that goes up after another key
/// may as well do so before it.)
std::size_t UsbKeyboard::events_together() const {
    Usages seen{};
    bool went_up = false;
    for (std::size_t i = 0; i < s_.waiting.size(); ++i) {
        const Event event = s_.waiting.at(i);
        if (test(seen, event.usage)) break;
        set(seen, event.usage, true);
        if (!is_modifier(event.usage)) {
            if (event.down) return i + 1;
            went_up = true;
        } else if (event.down && went_up) {
            break;
        }
    }
    return 1;
}

std::size_t UsbKeyboard::report(std::span<u8> out) const {
    std::array<u8, 2 + kKeys> bytes{};
    bytes[0] = s_.reported[kFirstModifier / 8];
    std::size_t keys = 0;
    for (unsigned usage = 0; usage < kFirstModifier; ++usage) {
        if (!test(s_.reported, static_cast<u8>(usage))) continue;
        if (keys < kKeys) bytes[2 + keys] = static_cast<u8>(usage);
        ++keys;
    }
    if (keys > kKeys) std::fill(bytes.begin() + 2, bytes.end(), kErrorRollOver);
    std::copy(bytes.begin(), bytes.end(), out.begin());
    return bytes.size();
}

std::size_t UsbKeyboard::next_report(std::span<u8> out) {
    for (std::size_t n = events_together(); n > 0; --n) {
        const Event event = s_.waiting.pop();
        set(s_.reported, event.usage, event.down);
    }
    if (s_.waiting.empty()) catch_up();
    return report(out);
}

bool UsbKeyboard::output_report(std::span<const u8> bytes) {
    if (bytes.size() != 1) return false;
    s_.leds = bytes[0] & kLeds;
    tell();
    return true;
}

InputStatus UsbKeyboard::status() const {
    const auto bit = [&](HidLed led, KeyboardLed as) {
        return (s_.leds & led) != 0 ? static_cast<unsigned>(as) : 0U;
    };
    return {.leds =
                static_cast<u8>(bit(kNumLock, KeyboardLed::NumLock) | bit(kCapsLock, KeyboardLed::CapsLock) |
                                bit(kScrollLock, KeyboardLed::ScrollLock))};
}

void UsbKeyboard::save(StateWriter& out) const {
    UsbHid::save(out);
    out.section(name(), s_);
}

Status UsbKeyboard::prepare(StateReader& in) {
    DM_TRY(UsbHid::prepare(in));
    return load_section(in, name(), loaded_, [this](const State& s) -> Status {
        if ((s.leds & ~kLeds) != 0) return fail("saved state: {}: there are no such lights", name());
        return {};
    });
}

void UsbKeyboard::commit() {
    UsbHid::commit();
    s_ = loaded_;
}

} // namespace dm
