#include "dm/devices/usb/usb_hid_descriptors.hpp"
#include "dm/devices/usb/usb_pointer.hpp"

#include <algorithm>

namespace dm {
namespace {

using namespace usb_hid;

constexpr auto kDeviceDescriptor = device_descriptor();
constexpr auto kConfiguration = configuration_descriptor(kNoBoot, kTabletReport.size(), 8);
constexpr auto kHighDevice = high_device_descriptor();
constexpr auto kHighConfiguration =
    configuration_descriptor(kNoBoot, kTabletReport.size(), 8, kHighOneMillisecond);
constexpr std::array<std::string_view, 4> kStrings{"QEMU", "QEMU USB Tablet", "28754", "HID Tablet"};
constexpr usb::Description kDescription{.device = kDeviceDescriptor,
                                        .configuration = kConfiguration,
                                        .strings = kStrings,
                                        .in_endpoints = 2,
                                        .high_device = kHighDevice,
                                        .high_configuration = kHighConfiguration,
                                        .os_string = kOsString};

u16 scaled(unsigned at, unsigned size) {
    return static_cast<u16>(tablet_coordinate(at, size, UsbTablet::kMost));
}

std::size_t put(const UsbTablet::Report& r, std::span<u8> out) {
    const std::array<u8, 6> bytes{r.buttons,
                                  static_cast<u8>(r.x),
                                  static_cast<u8>(r.x >> 8),
                                  static_cast<u8>(r.y),
                                  static_cast<u8>(r.y >> 8),
                                  static_cast<u8>(r.wheel)};
    std::copy(bytes.begin(), bytes.end(), out.begin());
    return bytes.size();
}

bool possible(const UsbTablet::Report& r) {
    return r.x <= UsbTablet::kMost && r.y <= UsbTablet::kMost && r.buttons <= kThreeButtons && r.wheel > -128;
}

} // namespace

UsbTablet::UsbTablet(std::string_view device_name, std::string serial, TimerQueue& timers)
    : UsbHid(device_name, kDescription, std::move(serial), kTabletReport, false, timers) {}

void UsbTablet::pointer(unsigned x, unsigned y, unsigned width, unsigned height, u8 buttons) {
    record({.x = scaled(x, width), .y = scaled(y, height)}, buttons);
}

void UsbTablet::motion(s32, s32, u8 buttons) {
    record(s_.now, buttons);
}

void UsbTablet::release_all() {
    s_.wheel_held = 0;
    record(s_.now, 0);
}

/// Of several places only the last counts, but a click stays where it was.
void UsbTablet::record(Report next, u8 pointer_buttons) {
    next.buttons = numbered_buttons(pointer_buttons) & kThreeButtons;
    const int notches = wheel_notches(s_.wheel_held, pointer_buttons);
    s_.wheel_held = pointer_buttons & kWheelButtons;
    if (next == s_.now && notches == 0) return;
    const bool clicked = next.buttons != s_.now.buttons || notches != 0;
    s_.now = next;
    if (!configured()) return;
    Fifo<Report, kReports>& waiting = s_.waiting;
    const bool joins = !waiting.empty() && !clicked && !waiting.back().kept;
    if (!joins && !waiting.full()) waiting.push({});
    const int wheel = std::clamp(waiting.back().wheel + notches, -127, 127);
    next.kept = clicked || (!joins && waiting.back().kept);
    next.wheel = static_cast<s8>(wheel);
    waiting.back() = next;
    reported();
}

void UsbTablet::drop_reports() {
    s_.waiting.clear();
    s_.waiting.push(s_.now);
}

std::size_t UsbTablet::report(std::span<u8> out) const {
    return put(s_.now, out);
}
std::size_t UsbTablet::next_report(std::span<u8> out) {
    return put(s_.waiting.pop(), out);
}

void UsbTablet::save(StateWriter& out) const {
    UsbHid::save(out);
    out.section(name(), s_);
}

Status UsbTablet::prepare(StateReader& in) {
    DM_TRY(UsbHid::prepare(in));
    return load_section(in, name(), loaded_, [this](const State& s) -> Status {
        bool good =
            possible(s.now) && s.now.wheel == 0 && !s.now.kept && (s.wheel_held & ~kWheelButtons) == 0;
        for (std::size_t i = 0; i < s.waiting.size(); ++i)
            good = good && possible(s.waiting.at(i));
        if (!good) return fail("saved state: {}: impossible place", name());
        return {};
    });
}

void UsbTablet::commit() {
    UsbHid::commit();
    s_ = loaded_;
}

} // namespace dm
