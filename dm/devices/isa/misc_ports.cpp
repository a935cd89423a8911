#include "dm/devices/isa/misc_ports.hpp"

namespace dm {

MiscPorts::MiscPorts(IoSpace& ports) {
    for (const NopPort& nop : kNopPorts)
        windows_.push_back(ports.map({.base = nop.base, .length = nop.length, .routed = false}, *this));
}

u64 MiscPorts::read(u64, unsigned size) {
    return ones(size);
}

void MiscPorts::write(u64, unsigned, u64) {}

} // namespace dm
