// Requests that drivers of USB devices make, whatever the controller.
#pragma once

#include "dm/core/bits.hpp"
#include "tests/support/rng.hpp"

#include <array>

namespace dm::test {

/// The setup stage of a control transfer (USB 2.0, 9.3).
struct UsbSetup {
    u8 type;
    u8 request;
    u16 value;
    u16 index;
    u16 length;

    std::array<u8, 8> bytes() const {
        return {type,
                request,
                byte_of(value, 0),
                byte_of(value, 1),
                byte_of(index, 0),
                byte_of(index, 1),
                byte_of(length, 0),
                byte_of(length, 1)};
    }
    bool reads() const { return (type & 0x80) != 0 && length > 0; }
};

inline UsbSetup some_setup(Rng& rng) {
    return {static_cast<u8>(rng.next()), static_cast<u8>(rng.below(16)), static_cast<u16>(rng.next()),
            static_cast<u16>(rng.below(4)), static_cast<u16>(rng.below(80))};
}

} // namespace dm::test
