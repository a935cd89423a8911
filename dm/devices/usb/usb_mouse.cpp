#include "dm/devices/usb/usb_hid_descriptors.hpp"
#include "dm/devices/usb/usb_pointer.hpp"

#include <algorithm>

namespace dm {
namespace {

using namespace usb_hid;

constexpr auto kDeviceDescriptor = device_descriptor();
constexpr auto kConfiguration = configuration_descriptor(kBootMouse, kMouseReport.size(), 4);
constexpr auto kHighDevice = high_device_descriptor();
constexpr auto kHighConfiguration =
    configuration_descriptor(kBootMouse, kMouseReport.size(), 4, kHighEightMilliseconds);
constexpr std::array<std::string_view, 4> kStrings{"QEMU", "QEMU USB Mouse", "89126", "HID Mouse"};
constexpr usb::Description kDescription{.device = kDeviceDescriptor,
                                        .configuration = kConfiguration,
                                        .strings = kStrings,
                                        .in_endpoints = 2,
                                        .high_device = kHighDevice,
                                        .high_configuration = kHighConfiguration,
                                        .os_string = kOsString};

constexpr s32 kMostCounts = 127;
constexpr std::size_t kBootReport = 3;

/// Takes as much of `counter` as one report can carry.
s32 take_counts(s32& counter) {
    const s32 taken = std::clamp(counter, -kMostCounts, kMostCounts);
    counter -= taken;
    return taken;
}

bool possible(const UsbMouse::Motion& m) {
    const auto near = [](s32 v) { return v >= -UsbMouse::kFarthest && v <= UsbMouse::kFarthest; };
    return near(m.dx) && near(m.dy) && near(m.wheel) && m.buttons < 32;
}

} // namespace

UsbMouse::UsbMouse(std::string_view device_name, std::string serial, TimerQueue& timers)
    : UsbHid(device_name, kDescription, std::move(serial), kMouseReport, true, timers) {}

void UsbMouse::pointer(unsigned x, unsigned y, unsigned width, unsigned height, u8 buttons) {
    const PointerMotion moved = motion_to(s_, x, y, width, height);
    record({.dx = moved.dx, .dy = moved.dy}, buttons);
}

void UsbMouse::motion(s32 dx, s32 dy, u8 buttons) {
    record({.dx = limited_motion(dx), .dy = limited_motion(dy)}, buttons);
}

void UsbMouse::release_all() {
    s_.wheel_held = 0;
    record({}, 0);
}

/// Movements add up while the guest is away; each change of the buttons is a report of its own as long as
/// there is room, and the last state of the buttons always gets through.
void UsbMouse::record(Motion motion, u8 pointer_buttons) {
    motion.buttons = numbered_buttons(pointer_buttons);
    motion.wheel = wheel_notches(s_.wheel_held, pointer_buttons);
    s_.wheel_held = pointer_buttons & kWheelButtons;
    const bool clicked = motion.buttons != s_.buttons;
    s_.buttons = motion.buttons;
    if (!configured() || (!clicked && motion.dx == 0 && motion.dy == 0 && motion.wheel == 0)) return;
    Fifo<Motion, kMotions>& waiting = s_.waiting;
    motion.kept = clicked;
    if (waiting.empty() || ((clicked || waiting.back().kept) && !waiting.full())) {
        waiting.push(motion);
    } else {
        Motion& last = waiting.back();
        last.dx = limited_motion(last.dx + motion.dx);
        last.dy = limited_motion(last.dy + motion.dy);
        last.wheel = limited_motion(last.wheel + motion.wheel);
        last.buttons = motion.buttons;
        last.kept |= motion.kept;
    }
    reported();
}

void UsbMouse::drop_reports() {
    s_.waiting.clear();
    s_.waiting.push({.buttons = s_.buttons});
}

std::size_t UsbMouse::put(const Motion& m, std::span<u8> out) const {
    const std::array<u8, 4> bytes{m.buttons, static_cast<u8>(m.dx), static_cast<u8>(m.dy),
                                  static_cast<u8>(m.wheel)};
    const std::size_t length = protocol() == Protocol::Boot ? kBootReport : bytes.size();
    std::copy_n(bytes.begin(), length, out.begin());
    if (protocol() == Protocol::Boot) out[0] &= kThreeButtons;
    return length;
}

std::size_t UsbMouse::report(std::span<u8> out) const {
    return put({.buttons = s_.buttons}, out);
}

/// As much of the oldest motion as fits; the rest follows.
std::size_t UsbMouse::next_report(std::span<u8> out) {
    Motion rest = s_.waiting.pop();
    Motion sent = rest;
    sent.dx = take_counts(rest.dx);
    sent.dy = take_counts(rest.dy);
    sent.wheel = take_counts(rest.wheel);
    rest.kept = false;
    if (rest.dx != 0 || rest.dy != 0 || rest.wheel != 0) s_.waiting.push_front(rest);
    return put(sent, out);
}

void UsbMouse::save(StateWriter& out) const {
    UsbHid::save(out);
    out.section(name(), s_);
}

Status UsbMouse::prepare(StateReader& in) {
    DM_TRY(UsbHid::prepare(in));
    return load_section(in, name(), loaded_, [this](const State& s) -> Status {
        const auto most = static_cast<u32>(kFarthest);
        bool good = s.buttons < 32 && (s.wheel_held & ~kWheelButtons) == 0 && s.x <= most && s.y <= most &&
                    s.width <= most && s.height <= most;
        for (std::size_t i = 0; i < s.waiting.size(); ++i)
            good = good && possible(s.waiting.at(i));
        if (!good) return fail("saved state: {}: impossible movement", name());
        return {};
    });
}

void UsbMouse::commit() {
    UsbHid::commit();
    s_ = loaded_;
}

} // namespace dm
