#include "dm/replay/record.hpp"

namespace dm::replay {
namespace {

constexpr auto kIn = Role::Entrance;
constexpr auto kInput = Role::Input;
constexpr auto kEffect = Role::Effect;

// In the order of Kind: name, role, moves, value, extra, content.
constexpr std::array<KindInfo, kKinds> kTable{{
    {"in", kIn, false, true, false, false},
    {"out", kIn, false, true, false, false},
    {"in-string", kIn, false, false, false, true},
    {"out-string", kIn, false, false, false, true},
    {"read", kIn, true, true, false, false},
    {"write", kIn, true, true, false, false},
    {"read-span", kIn, true, false, false, true},
    {"write-span", kIn, true, false, false, true},
    {"config-read", kIn, false, true, false, false},
    {"config-write", kIn, false, true, false, false},
    {"timers", kIn, false, false, false, false},
    {"completed", kIn, false, true, true, true},
    {"received", kIn, false, false, false, true},
    {"writable", kIn, false, false, false, false},
    {"break-received", kIn, false, false, false, false},
    {"key", kIn, false, true, false, false},
    {"pointer", kIn, false, false, false, true},
    {"end", kIn, false, false, false, false},
    {"time", kInput, false, true, false, false},
    {"guest-read", kInput, true, false, false, true},
    {"map", kInput, true, true, true, false},
    {"video-changed", kInput, true, false, false, true},
    {"taken", kInput, false, true, false, false},
    {"reply", kEffect, false, true, false, false},
    {"reply-string", kEffect, false, false, false, true},
    {"line", kEffect, false, true, false, false},
    {"route-link", kEffect, false, true, false, false},
    {"shutdown", kEffect, false, true, false, false},
    {"lock-roms", kEffect, false, true, false, false},
    {"sleep-state", kEffect, false, true, false, false},
    {"range", kEffect, true, true, false, false},
    {"function", kEffect, false, true, false, false},
    {"place-video", kEffect, false, true, false, false},
    {"guest-write", kEffect, true, false, false, true},
    {"submit", kEffect, true, true, false, true},
    {"drain", kEffect, false, false, false, false},
    {"sent", kEffect, false, false, false, true},
    {"accept-input", kEffect, false, false, false, false},
    {"line-settings", kEffect, false, false, false, true},
    {"break", kEffect, false, true, false, false},
    {"modem-outputs", kEffect, false, true, false, false},
    {"modem-inputs", kInput, false, true, false, false},
}};

} // namespace

const KindInfo& info(Kind kind) {
    return kTable[static_cast<unsigned>(kind)];
}

} // namespace dm::replay
