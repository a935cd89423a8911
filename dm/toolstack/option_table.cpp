// All options. To switch one on, make its row Implemented and let its handler fill in MachineOptions.
//
// Rows marked Implemented without a handler are accepted because what they ask for is so anyway.
#include "dm/toolstack/command_line.hpp"

#include <algorithm>
#include <array>

namespace dm::toolstack {
namespace {

constexpr bool kValue = true;
constexpr bool kAlone = false;
constexpr auto kDone = Support::Implemented;
constexpr auto kLog = Support::Logged;
constexpr auto kNo = Support::Refused;

constexpr std::string_view kXens = "this is Xen's, the option has no effect";
constexpr std::string_view kNoEffect = "not supported, has no effect";
constexpr std::string_view kNoUsb = "no USB controller is emulated yet, the guest has a PS/2 mouse only";
constexpr std::string_view kNoKernel =
    "direct kernel boot is not supported yet; take kernel=, ramdisk= and cmdline= out and boot from a disk";
constexpr std::string_view kNoFloppy = "no floppy drive is emulated";
constexpr std::string_view kNoRestrict = "not supported yet; take dm_restrict and device_model_user out";

constexpr std::array kRows{
    // The domain
    OptionRow{"xen-domid", kValue, kDone, take_domid, {}, "N  the domain to serve (always given by xl)"},
    OptionRow{"xen-attach", kAlone, kNo, nullptr,
              "hvmdm serves HVM guests only; PV guests and the disks of domain 0 need qemu-system-i386"},
    OptionRow{"xen-domid-restrict", kAlone, kNo, take_restrict, kNoRestrict, "touch no other domain",
              "dm_restrict"},
    OptionRow{"name",
              kValue,
              kDone,
              take_name,
              {},
              "NAME  name of the guest",
              "name",
              "guest process debug-threads"},
    OptionRow{"machine",
              kValue,
              kDone,
              take_machine,
              {},
              "xenfv | pc,accel=xen  with or without the Xen platform device",
              "xen_platform_pci mmio_hole gfx_passthru",
              "type accel max-ram-below-4g igd-passthru suppress-vmdesc usb"},
    OptionRow{"M", kValue, kDone, take_machine},
    OptionRow{"accel",
              kValue,
              kDone,
              take_accel,
              {},
              "xen | qtest  a guest of Xen, or a test program",
              {},
              "accel"},
    OptionRow{"m",
              kValue,
              kDone,
              take_memory,
              {},
              "MIB  guest memory without video memory",
              "maxmem memory",
              "size slots maxmem"},
    OptionRow{"smp",
              kValue,
              kDone,
              take_smp,
              {},
              "N,maxcpus=M  CPUs now and at most",
              "vcpus maxvcpus",
              "cpus maxcpus sockets dies clusters cores threads"},
    OptionRow{"boot",
              kValue,
              kDone,
              take_boot,
              {},
              "order=LETTERS  a floppy, c disk, d CD, n network",
              "boot",
              "order once menu splash strict"},
    OptionRow{"no-acpi",
              kAlone,
              kLog,
              take_no_acpi,
              "the power management chip stays, the guest is not told of it",
              {},
              "acpi"},

    // Its devices
    OptionRow{"device",
              kValue,
              kDone,
              take_device,
              {},
              "DRIVER,id=ID,...  add a device; see -device help",
              "vga vif hdtype soundhw usbversion vendor_device",
              "driver id bus addr"},
    OptionRow{"drive",
              kValue,
              kDone,
              take_drive,
              {},
              "file=F,format=raw|qcow2|...,if=ide,index=0..3,media=disk|cdrom,cache=writeback|none|...,"
              "discard=unmap  a disk on "
              "IDE",
              "disk",
              "file format if index bus unit id media readonly cache discard detect-zeroes aio serial"},
    OptionRow{"blockdev",
              kValue,
              kDone,
              take_blockdev,
              {},
              "driver=file,node-name=F,filename=PATH; driver=raw|qcow2,node-name=ID,file=F  an image for a "
              "-device"},
    OptionRow{"hda", kValue, kDone, take_hda, {}, "F  short for -drive file=F,if=ide,index=0"},
    OptionRow{"hdb", kValue, kDone, take_hdb},
    OptionRow{"hdc", kValue, kDone, take_hdc},
    OptionRow{"hdd", kValue, kDone, take_hdd},
    OptionRow{
        "cdrom", kValue, kDone, take_cdrom, {}, "F  short for -drive file=F,if=ide,index=2,media=cdrom"},
    OptionRow{"netdev",
              kValue,
              kDone,
              take_netdev,
              {},
              "tap,id=ID,ifname=NAME  far end of a network card",
              "vif",
              "type id ifname fd br script downscript"},
    OptionRow{"net", kValue, kDone, take_net, {}, "none  no network card", "vif"},
    OptionRow{"nic", kValue, kDone, take_net},
    OptionRow{"serial",
              kValue,
              kDone,
              take_serial,
              {},
              "none | null | pty | stdio | file:F | pipe:F | unix:F | tcp:H:P | /dev/...  next COM port",
              "serial"},
    OptionRow{"chardev",
              kValue,
              kDone,
              take_chardev,
              {},
              "TYPE,id=ID,...  a character device; see -chardev help",
              "channel",
              "backend id path host port fd server wait append"},
    OptionRow{"vnc",
              kValue,
              kDone,
              take_vnc,
              {},
              "none | ADDRESS:DISPLAY[,to=N][,password=on] | unix:F",
              "vnc vnclisten vncdisplay vncunused vncpasswd",
              "vnc to password share"},
    OptionRow{"display", kValue, kDone, take_display, {}, "none | vnc=...", "sdl"},
    OptionRow{"nographic", kAlone, kDone, nullptr, {}, {}, "nographic"},
    OptionRow{"k",
              kValue,
              kDone,
              take_keymap,
              {},
              "LAYOUT  keyboard layout of the viewers, for example de",
              "keymap"},
    OptionRow{"vga", kValue, kDone, take_vga, {}, "std | cirrus | qxl | none  graphics card"},
    OptionRow{"usb", kAlone, kLog, take_usb, kNoUsb, {}, "usb"},
    OptionRow{"usbdevice", kValue, kLog, take_usbdevice, kNoUsb, {}, "usbdevice"},
    OptionRow{"spice", kValue, kLog, nullptr, "there is no SPICE server; use vnc=1", {}, "spice and spice*"},
    OptionRow{"parallel", kValue, kDone, take_parallel},
    OptionRow{"fda", kValue, kLog, nullptr, kNoFloppy},
    OptionRow{"fdb", kValue, kLog, nullptr, kNoFloppy},
    OptionRow{"soundhw", kValue, kLog, nullptr, "the guest has no sound card", {}, "soundhw"},
    OptionRow{"audiodev", kValue, kLog, nullptr, "the guest has no sound card"},
    OptionRow{"audio", kValue, kLog, nullptr, "the guest has no sound card"},

    // What it boots
    OptionRow{"kernel", kValue, kNo, take_kernel, kNoKernel, "F  Linux kernel to boot", "kernel"},
    OptionRow{"initrd", kValue, kNo, take_initrd, kNoKernel, "F  its initial ram disk", "ramdisk"},
    OptionRow{"append", kValue, kNo, take_append, kNoKernel, "TEXT  its command line", "cmdline root extra"},
    OptionRow{"L", kValue, kDone, take_firmware_dir, {}, "DIR  look for option ROMs there first"},

    // How it starts
    OptionRow{"mon",
              kValue,
              kDone,
              take_mon,
              {},
              "chardev=ID,mode=control  QMP on a -chardev socket",
              {},
              "chardev mode pretty"},
    OptionRow{"qmp", kValue, kDone, take_qmp, {}, "unix:F,server=on  QMP on a socket of its own"},
    OptionRow{"qmp-pretty", kValue, kDone, take_qmp},
    OptionRow{"monitor", kValue, kDone, take_monitor},
    OptionRow{"incoming", kValue, kNo, take_incoming,
              "restoring and migrating are not supported yet; create the guest anew",
              "fd:N  continue from a saved state"},
    OptionRow{"S", kAlone, kDone, take_start_paused, {}, "wait for QMP cont", "dm_restrict"},
    OptionRow{"no-shutdown",
              kAlone,
              kDone,
              take_no_shutdown,
              {},
              "stay when the guest powers off (always given by xl)"},
    OptionRow{"add-fd",
              kValue,
              kDone,
              take_add_fd,
              {},
              "fd=N,set=M  make N known as /dev/fdset/M",
              {},
              "fd set opaque"},
    OptionRow{"qtest",
              kValue,
              kDone,
              take_qtest,
              {},
              "unix:F  with -accel qtest: serve the test that listens there"},
    OptionRow{"qtest-log", kValue, kDone, take_qtest_log},
    OptionRow{"nodefaults", kAlone, kDone},
    OptionRow{"no-user-config", kAlone, kDone},
    OptionRow{"nodefconfig", kAlone, kDone},
    OptionRow{"no-fd-bootchk", kAlone, kDone},
    OptionRow{"no-hpet", kAlone, kDone},
    OptionRow{"d", kValue, kDone, take_debug, {}, "all  write more to the log"},
    OptionRow{"hvmdm-record",
              kValue,
              kDone,
              take_record,
              {},
              "FILE  record all that the guest does, for hvmdm-replay; %p: the process id",
              "device_model_args"},

    // How it is locked up
    OptionRow{"chroot", kValue, kNo, take_chroot, kNoRestrict, "DIR  root directory after the start",
              "dm_restrict"},
    OptionRow{"runas", kValue, kNo, take_runas, kNoRestrict, "USER | UID:GID  user after the start",
              "device_model_user dm_restrict"},
    OptionRow{"run-with", kValue, kNo, take_run_with, kNoRestrict, "chroot=DIR,user=USER  both of them",
              "dm_restrict", "chroot user"},
    OptionRow{"sandbox", kValue, kLog, nullptr, "no system calls are filtered yet"},

    // What people ask
    OptionRow{"help", kAlone, kDone, take_help, {}, "this text"},
    OptionRow{"h", kAlone, kDone, take_help},
    OptionRow{"version", kAlone, kDone, take_version, {}, "the version"},

    // What QEMU has besides and what is Xen's here
    OptionRow{"cpu", kValue, kLog, nullptr, "the CPU is Xen's; see cpuid= in xl.cfg"},
    OptionRow{"rtc", kValue, kLog, nullptr,
              "the clock is Xen's; see localtime= and rtc_timeoffset= in xl.cfg"},
    OptionRow{"bios", kValue, kLog, nullptr,
              "firmware comes from hvmloader; see firmware= and bios_path_override= in xl.cfg"},
    OptionRow{"pflash", kValue, kLog, nullptr,
              "firmware comes from hvmloader; see firmware= and bios_path_override= in xl.cfg"},
    OptionRow{"smbios", kValue, kLog, nullptr,
              "these tables are made by hvmloader; see smbios_firmware= in xl.cfg"},
    OptionRow{"acpitable", kValue, kLog, nullptr,
              "these tables are made by hvmloader; see acpi_firmware= in xl.cfg"},
    OptionRow{"gdb", kValue, kLog, nullptr, "debug the guest with gdbsx"},
    OptionRow{"s", kAlone, kLog, nullptr, "debug the guest with gdbsx"},
    OptionRow{"no-reboot", kAlone, kLog, nullptr, "xl decides; see on_reboot= in xl.cfg"},
    OptionRow{"action", kValue, kLog, nullptr,
              "xl decides; see on_poweroff=, on_reboot= and on_crash= in xl.cfg"},
    OptionRow{"watchdog", kValue, kLog, nullptr,
              "the guest has no watchdog of ours; see on_watchdog= in xl.cfg"},
    OptionRow{"watchdog-action", kValue, kLog, nullptr, "see on_watchdog= in xl.cfg"},
    OptionRow{"uuid", kValue, kLog, nullptr, kXens},
    OptionRow{"numa", kValue, kLog, nullptr, kXens},
    OptionRow{"mem-path", kValue, kLog, nullptr, kXens},
    OptionRow{"mem-prealloc", kAlone, kLog, nullptr, kXens},
    OptionRow{"overcommit", kValue, kLog, nullptr, kXens},
    OptionRow{"icount", kValue, kLog, nullptr, kXens},
    OptionRow{"singlestep", kAlone, kLog, nullptr, kXens},
    OptionRow{"global",
              kValue,
              kDone,
              take_global,
              {},
              "DRIVER.PROPERTY=VALUE  for all devices of a driver: serial, ver and model of disks",
              {},
              "driver property value"},
    OptionRow{"set", kValue, kLog, nullptr, kNoEffect},
    OptionRow{"object", kValue, kLog, nullptr, kNoEffect, {}, {}, "qom-type id"},
    OptionRow{"trace", kValue, kLog, nullptr, kNoEffect},
    OptionRow{"dfilter", kValue, kLog, nullptr, kNoEffect},
    OptionRow{"seed", kValue, kLog, nullptr, kNoEffect},
    OptionRow{"compat", kValue, kLog, nullptr, kNoEffect},
    OptionRow{"plugin", kValue, kLog, nullptr, kNoEffect},
    OptionRow{"only-migratable", kAlone, kLog, nullptr, kNoEffect},
    OptionRow{"async-teardown", kAlone, kLog, nullptr, kNoEffect},
    OptionRow{"enable-sync-profile", kAlone, kLog, nullptr, kNoEffect},
    OptionRow{"echr", kValue, kLog, nullptr, kNoEffect},
    OptionRow{"win2k-hack", kAlone, kLog, nullptr, kNoEffect},
    OptionRow{"full-screen", kAlone, kLog, nullptr, kNoEffect},
    OptionRow{"rotate", kValue, kLog, nullptr, kNoEffect},
    OptionRow{"portrait", kAlone, kLog, nullptr, kNoEffect},
    OptionRow{"iscsi", kValue, kLog, nullptr, kNoEffect},
    OptionRow{"option-rom", kValue, kLog, nullptr, kNoEffect},
    OptionRow{"fw_cfg", kValue, kLog, nullptr, "Xen guests have no fw_cfg"},
    OptionRow{"dtb", kValue, kLog, nullptr, kNoEffect},
    OptionRow{"fsdev", kValue, kLog, nullptr, "no files of the host are shared with the guest"},
    OptionRow{"virtfs", kValue, kLog, nullptr, "no files of the host are shared with the guest"},
    OptionRow{"tpmdev", kValue, kLog, nullptr, "the guest has no TPM of ours; see vtpm= in xl.cfg"},
    OptionRow{"debugcon", kValue, kLog, nullptr, "no debug console is emulated; use a serial port"},
    OptionRow{"mtdblock", kValue, kLog, nullptr, "no such card is emulated"},
    OptionRow{"sd", kValue, kLog, nullptr, "no such card is emulated"},
    OptionRow{"msg", kValue, kLog, nullptr, "log lines keep their form"},
    OptionRow{"D", kValue, kLog, nullptr, "the log stays where xl put it"},
    OptionRow{"pidfile", kValue, kLog, nullptr, "no file is written; xl keeps the pid in xenstore"},
    OptionRow{"daemonize", kAlone, kNo, nullptr, "xl watches the process that it started; leave this out"},
    OptionRow{"enable-kvm", kAlone, kNo, nullptr, "hvmdm runs guests of Xen only"},
    OptionRow{"preconfig", kAlone, kNo, nullptr, "the machine comes from the command line; leave this out"},
    OptionRow{"snapshot", kAlone, kNo, nullptr, "the guest's writes would reach the images; copy them first"},
    OptionRow{"loadvm", kValue, kNo, nullptr, "snapshots inside images are not supported; use xl restore"},
    OptionRow{"readconfig", kValue, kNo, nullptr, "give the options on the command line"},
    OptionRow{"dump-vmstate", kValue, kNo, nullptr, "there is no such description"},
};

} // namespace

std::string_view word_of(Support support) {
    switch (support) {
    case Support::Implemented: return "implemented";
    case Support::Logged: return "logged";
    case Support::Refused: return "refused";
    }
    return "";
}

std::span<const OptionRow> option_rows() {
    return kRows;
}

const OptionRow* find_option(std::string_view name) {
    const auto found =
        std::find_if(kRows.begin(), kRows.end(), [&](const OptionRow& row) { return row.name == name; });
    return found == kRows.end() ? nullptr : &*found;
}

} // namespace dm::toolstack
