// Ports that guests touch and that hold nothing: known to be harmless, each with the reason why.
//
// Writes vanish and reads give ones, which is also what Xen does by itself where no device model listens, and
// much faster (Linux writes to port 0x80 to pass time). So they are mapped without being routed to us; here
// they serve front ends that do send everything, and keep the log quiet about them.
// See docs/devices/misc_ports.md.
#pragma once

#include "dm/core/io_space.hpp"

#include <array>
#include <string_view>
#include <vector>

namespace dm {

struct NopPort {
    Port base = 0;
    u16 length = 1;
    std::string_view reason;
};

inline constexpr std::array kNopPorts{
    NopPort{0x22, 2, "IMCR and Cyrix configuration: written by kernels that look for them"},
    NopPort{0x2e, 2, "Super I/O configuration, first place: none"},
    NopPort{0x4e, 2, "Super I/O configuration, second place: none"},
    NopPort{0x5e, 2, "hvmloader's debug build tests string reads here and expects ones"},
    NopPort{0x80, 1, "POST codes; Linux writes here to pass time"},
    NopPort{0xed, 1, "Linux's other port to pass time"},
    NopPort{0xf0, 2, "clear FPU busy and reset FPU: SeaBIOS and old systems write them once"},
    NopPort{0x402, 1, "SeaBIOS debug output: goes to Xen's 0xe9 instead"},
    NopPort{0x510, 2, "fw_cfg: SeaBIOS looks for its signature, hvmloader supplies the tables instead"},
    NopPort{0x5658, 4, "VMware back door: probed by open-vm-tools and kernels, off under Xen"},
    NopPort{0xb040, 9, "debug output of libacpi's AML"},
};

class MiscPorts final : public IoHandler {
public:
    explicit MiscPorts(IoSpace& ports);
    u64 read(u64 offset, unsigned size) override;
    void write(u64 offset, unsigned size, u64 value) override;

private:
    std::vector<IoWindow> windows_;
};

} // namespace dm
