// The CRT controller's address and row scan counters, line by line from the top of the screen.
#pragma once

#include "dm/devices/vga/vga_frame.hpp"

namespace dm {

class VgaScan {
public:
    explicit VgaScan(const VgaFrame& frame) : f_(frame), row_(frame.start), scan_(frame.preset_scan) {}

    /// Cell that the current line starts with.
    u32 address() const {
        u32 address = row_;
        if ((f_.mode_control & 1) == 0) address = replace(address, f_.bank_bit, scan_ & 1);
        if ((f_.mode_control & 2) == 0) address = replace(address, f_.bank_bit << 1, scan_ & 2);
        return address;
    }
    unsigned scan() const { return scan_; }
    bool below_split() const { return below_; }
    /// Dots to shift out on the left of this line.
    unsigned pan() const { return below_ && !f_.pan_below ? 0 : f_.pan; }

    void next() {
        if (y_++ == f_.line_compare) {
            row_ = 0;
            scan_ = 0;
            repeated_ = 0;
            below_ = true;
            return;
        }
        if (++repeated_ < f_.repeat) return;
        repeated_ = 0;
        if (scan_ == f_.max_scan) {
            scan_ = 0;
            row_ += f_.pitch;
        } else {
            scan_ = (scan_ + 1) & 0x1f;
        }
    }

private:
    static u32 replace(u32 address, u32 bit, unsigned on) { return on != 0 ? address | bit : address & ~bit; }

    const VgaFrame& f_;
    u32 row_;
    unsigned scan_;
    unsigned repeated_ = 0;
    unsigned y_ = 0;
    bool below_ = false;
};

} // namespace dm
