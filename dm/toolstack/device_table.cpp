// All devices that -device knows. To switch one on, make its row Implemented and teach the board to build it.
#include "dm/toolstack/support.hpp"

#include <algorithm>
#include <array>

namespace dm::toolstack {
namespace {

using enum DeviceKind;
constexpr auto kDone = Support::Implemented;
constexpr auto kLog = Support::Logged;
constexpr auto kNo = Support::Refused;

constexpr std::string_view kStdInstead = "not emulated yet, the guest gets a standard VGA instead";
constexpr std::string_view kPvNic = "not emulated yet, guest {id} has only the PV interface";
constexpr std::string_view kPvDisks = "not emulated yet, the guest sees disks on it as PV disks at most";
constexpr std::string_view kPvDisk = "not emulated yet, the guest sees it as a PV disk at most";
constexpr std::string_view kNoUsbDevice = "not emulated yet, nothing is plugged in";
constexpr std::string_view kNoSound = "not emulated yet, the guest has no sound card";
constexpr std::string_view kNoVirtio = "not emulated, the guest does without; Xen's PV drivers do the same";
constexpr std::string_view kNotThere = "not emulated, the guest does without";

constexpr std::array kRows{
    DeviceRow{"VGA", {}, Vga, kDone},
    DeviceRow{"cirrus-vga", {}, Vga, kDone},
    DeviceRow{"qxl-vga", {}, Vga, kLog, kStdInstead},

    DeviceRow{"ide-hd", "ide-drive", IdeDisk, kDone},
    DeviceRow{"ide-cd", {}, IdeCdrom, kDone},
    DeviceRow{"scsi-hd", "scsi-disk", ScsiDisk, kDone},
    DeviceRow{"scsi-cd", {}, ScsiDisk, kDone},
    DeviceRow{"lsi53c895a", "lsi", PciDevice, kDone},
    DeviceRow{"lsi53c810", {}, PciDevice, kLog, kPvDisks},
    DeviceRow{"ahci", "ich9-ahci", PciDevice, kDone},
    DeviceRow{"megasas", {}, PciDevice, kLog, kPvDisks},
    DeviceRow{"mptsas1068", {}, PciDevice, kLog, kPvDisks},
    DeviceRow{"pvscsi", {}, PciDevice, kLog, kPvDisks},
    DeviceRow{"nvme", {}, PciDevice, kLog, kPvDisks},
    DeviceRow{"virtio-scsi-pci", "virtio-scsi", PciDevice, kLog, kPvDisks},
    DeviceRow{"virtio-blk-pci", "virtio-blk", PciDevice, kLog, kPvDisk},
    DeviceRow{"floppy", {}, Floppy, kDone},
    DeviceRow{
        "isa-fdc", {}, OtherDevice, kLog, "the machine has one already; its properties are set with -global"},

    DeviceRow{"rtl8139", {}, Nic, kDone},
    DeviceRow{"e1000", "e1000-82540em", Nic, kDone},
    DeviceRow{"e1000-82544gc", {}, Nic, kDone},
    DeviceRow{"e1000-82545em", {}, Nic, kDone},
    DeviceRow{"e1000e", {}, Nic, kLog, kPvNic},
    DeviceRow{"i82550", {}, Nic, kLog, kPvNic},
    DeviceRow{"i82551", {}, Nic, kLog, kPvNic},
    DeviceRow{"i82557b", {}, Nic, kLog, kPvNic},
    DeviceRow{"i82559er", {}, Nic, kLog, kPvNic},
    DeviceRow{"ne2k_pci", {}, Nic, kDone},
    DeviceRow{"pcnet", {}, Nic, kDone},
    DeviceRow{"tulip", {}, Nic, kLog, kPvNic},
    DeviceRow{"vmxnet3", {}, Nic, kLog, kPvNic},
    DeviceRow{"virtio-net-pci", "virtio-net", Nic, kLog, kPvNic},

    DeviceRow{"piix3-usb-uhci", {}, PciDevice, kDone},
    DeviceRow{"piix4-usb-uhci", {}, PciDevice, kDone},
    DeviceRow{"usb-ehci", {}, PciDevice, kDone},
    DeviceRow{"ich9-usb-ehci1", {}, PciDevice, kDone},
    DeviceRow{"ich9-usb-uhci1", {}, PciDevice, kDone},
    DeviceRow{"ich9-usb-uhci2", {}, PciDevice, kDone},
    DeviceRow{"ich9-usb-uhci3", {}, PciDevice, kDone},
    DeviceRow{"nec-usb-xhci", {}, PciDevice, kDone},
    DeviceRow{"qemu-xhci", {}, PciDevice, kDone},
    DeviceRow{"usb-tablet", {}, OtherDevice, kDone},
    DeviceRow{"usb-mouse", {}, OtherDevice, kDone},
    DeviceRow{"usb-kbd", {}, OtherDevice, kDone},
    DeviceRow{"usb-wacom-tablet", {}, OtherDevice, kLog, kNoUsbDevice},
    DeviceRow{"usb-braille", {}, OtherDevice, kLog, kNoUsbDevice},
    DeviceRow{"usb-hub", {}, OtherDevice, kDone},
    DeviceRow{"usb-storage", {}, UsbDisk, kDone},
    DeviceRow{"usb-redir", {}, OtherDevice, kLog, kNoUsbDevice},
    DeviceRow{"usb-host", {}, OtherDevice, kDone},

    DeviceRow{"intel-hda", {}, PciDevice, kDone},
    DeviceRow{"ich9-intel-hda", {}, PciDevice, kDone},
    DeviceRow{"hda-duplex", {}, OtherDevice, kDone},
    DeviceRow{"hda-micro", {}, OtherDevice, kDone},
    DeviceRow{"hda-output", {}, OtherDevice, kDone},
    DeviceRow{"AC97", "ac97", PciDevice, kDone},
    DeviceRow{"ES1370", "es1370", PciDevice, kDone},
    DeviceRow{"adlib", {}, OtherDevice, kLog, kNoSound},
    DeviceRow{"cs4231a", {}, OtherDevice, kLog, kNoSound},
    DeviceRow{"gus", {}, OtherDevice, kLog, kNoSound},
    DeviceRow{"sb16", {}, OtherDevice, kDone},

    DeviceRow{"xen-platform", {}, XenPlatform, kDone},
    DeviceRow{"xen-pvdevice",
              {},
              PciDevice,
              kLog,
              "not emulated yet, the vendor's Windows update service does not find the guest"},
    DeviceRow{
        "xen-pci-passthrough", {}, PciDevice, kNo, "PCI pass-through is not supported yet; take pci= out"},

    DeviceRow{"virtio-serial-pci", "virtio-serial", PciDevice, kLog, kNoVirtio},
    DeviceRow{"virtio-balloon-pci", "virtio-balloon", PciDevice, kLog, kNoVirtio},
    DeviceRow{"virtio-rng-pci", "virtio-rng", PciDevice, kLog, kNoVirtio},
    DeviceRow{"virtserialport", {}, OtherDevice, kLog, kNoVirtio},
    DeviceRow{"virtconsole", {}, OtherDevice, kLog, kNoVirtio},
    DeviceRow{"isa-serial", {}, OtherDevice, kLog, "use -serial (serial= in xl.cfg)"},
    DeviceRow{"isa-parallel", {}, OtherDevice, kLog, "use -parallel"},
    DeviceRow{"isa-debugcon", {}, OtherDevice, kLog, kNotThere},
    DeviceRow{"isa-debug-exit", {}, OtherDevice, kLog, kNotThere},
    DeviceRow{"pvpanic", {}, OtherDevice, kLog, kNotThere},
    DeviceRow{"i6300esb", {}, PciDevice, kLog, kNotThere},
    DeviceRow{"ib700", {}, OtherDevice, kLog, kNotThere},
    DeviceRow{"tpm-tis", {}, OtherDevice, kLog, kNotThere},
    DeviceRow{"tpm-crb", {}, OtherDevice, kLog, kNotThere},
};

} // namespace

std::span<const DeviceRow> device_rows() {
    return kRows;
}

const DeviceRow* find_device(std::string_view driver) {
    const auto found = std::find_if(kRows.begin(), kRows.end(), [&](const DeviceRow& row) {
        return row.driver == driver || (!row.alias.empty() && row.alias == driver);
    });
    return found == kRows.end() ? nullptr : &*found;
}

} // namespace dm::toolstack
