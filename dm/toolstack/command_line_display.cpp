// -display, -k, -vga and the VGA devices.
#include "dm/toolstack/command_line.hpp"

#include <bit>

namespace dm::toolstack {
namespace {

constexpr unsigned kMostVideoMib = 256;

VgaModel model_of(std::string_view driver) {
    if (driver == "cirrus-vga") return VgaModel::Cirrus;
    if (driver == "qxl-vga") return VgaModel::Qxl;
    return VgaModel::Std;
}

} // namespace

Status take_keymap(CommandLineDraft& draft, const std::string& value) {
    if (value.empty() || value.find('/') != std::string::npos)
        return fail("expected the name of a keyboard layout, for example de");
    draft.keymap = value;
    return {};
}

Status take_display(CommandLineDraft& draft, const std::string& value) {
    if (value == "none") return {};
    if (value.starts_with("vnc=")) return take_vnc(draft, value.substr(4));
    draft.note("there are no windows on the host's screen; use vnc=1");
    return {};
}

Status take_vga(CommandLineDraft& draft, const std::string& value) {
    if (value == "none") return {};
    if (value == "std") return take_device(draft, "VGA");
    if (value == "cirrus" || value == "qxl") return take_device(draft, value + "-vga");
    return fail("there is no such graphics card: use std, cirrus, qxl or none");
}

Status finish_vga(CommandLineDraft& draft, DeviceDraft& device) {
    VgaOptions& vga = draft.out.vga;
    if (vga.requested != VgaModel::None) return fail("there is a graphics card already");
    vga.requested = model_of(device.row->driver);
    vga.model = device.row->support == Support::Implemented ? vga.requested : VgaModel::Std;
    vga.pci_slot = device.pci_slot;

    DM_TRY_ASSIGN(const auto memory, device.opts.take_number("vgamem_mb"));
    if (memory) {
        if (*memory < 1 || *memory > kMostVideoMib)
            return fail("vgamem_mb must be from 1 to {} (videoram in xl.cfg)", kMostVideoMib);
        // A BAR is a power of two; xl keeps no more memory aside for it than it said.
        vga.memory_mib = std::bit_floor(static_cast<unsigned>(*memory));
    }
    device.opts.ignore({"id", "bus", "addr", "vram_size_mb", "ram_size_mb", "romfile", "rombar", "edid",
                        "xres", "yres", "global-vmstate", "refresh_rate", "blitter", "multifunction"});
    return device.opts.finish();
}

} // namespace dm::toolstack
