// What an adapter shows, for the one who draws it: the frame, and the cursor that some lay over it.
#pragma once

#include "dm/devices/vga/vga_cursor.hpp"
#include "dm/devices/vga/vga_frame.hpp"

namespace dm {

class VgaScreen {
public:
    virtual ~VgaScreen() = default;
    virtual VgaFrame frame() const = 0;
    /// Asked for in graphics modes only.
    virtual VgaCursor cursor() const { return {}; }
};

} // namespace dm
