#include "dm/devices/usb/usb_keyboard.hpp"

#include "dm/devices/usb/hid_usages.hpp"
#include "dm/devices/usb/usb_hid_descriptors.hpp"

#include <algorithm>

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
                                        .high_configuration = kHighConfiguration};

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

void UsbKeyboard::key(KeyCode code, bool down) {
    const u8 usage = usage_of(code);
    if (usage == 0 || test(s_.down, usage) == down || !configured()) return;
    if (down && s_.waiting.full()) return; // as if it had not been pressed
    set(s_.down, usage, down);
    if (!s_.waiting.full()) s_.waiting.push({usage, down}); // else catch_up() tells of the release
    reported();
}

void UsbKeyboard::release_all() {
    s_.down = {};
    if (s_.waiting.empty()) catch_up();
    reported();
}

/// Releases that found no room while the guest was away.
void UsbKeyboard::catch_up() {
    for (unsigned usage = 0; usage < 256 && !s_.waiting.full(); ++usage)
        if (test(s_.reported, static_cast<u8>(usage)) && !test(s_.down, static_cast<u8>(usage)))
            s_.waiting.push({static_cast<u8>(usage), false});
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
    const Event event = s_.waiting.pop();
    set(s_.reported, event.usage, event.down);
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
