// What the tests of the xHCI controller have in common.
#pragma once

#include "tests/devices/xhci_rig.hpp"

#include <gtest/gtest.h>

namespace dm::test {

struct XhciTest : testing::Test, XhciTabletRig {
    static constexpr unsigned kPort = xhci_rig::kFirstUsb2; ///< the tablet's
    u8 slot = 0;
    void running_with_tablet() {
        start();
        slot = set_up(kPort);
        ASSERT_NE(slot, 0);
    }
    void move(unsigned x) { tablet.pointer(x, 10, 800, 600, 0); }
    u32 endpoint_state(unsigned context) { return get32(device_context(slot) + 32 * context) & 7; }
    u32 slot_state() { return get32(device_context(slot) + 12) >> 27; }
    u64 dequeue(unsigned context) { return get32(device_context(slot) + 32 * context + 8); }
};

/// States of an endpoint.
inline constexpr u32 kRunning = 1, kHalted = 2, kStopped = 3, kError = 4;

} // namespace dm::test
