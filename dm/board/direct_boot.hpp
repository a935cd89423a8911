// Booting a Linux kernel that lies in the host (`kernel=`, `ramdisk=`, `cmdline=`): where its parts go in
// guest RAM, and the firmware configuration from which SeaBIOS fetches the boot ROM, and the boot ROM the
// kernel. Source: the kernel's Documentation/x86/boot.rst (boot protocol 2.02 and later).
#pragma once

#include "dm/core/result.hpp"
#include "dm/devices/fw_cfg/fw_cfg.hpp"

#include <string>

namespace dm {

struct DirectBootOptions {
    std::string kernel; ///< path of a bzImage
    std::string initrd; ///< path; empty: none
    std::string command_line;
    u64 ram_below_4g = 0;
    unsigned cpus = 1;
    std::vector<u8> rom; ///< linuxboot_dma.bin
};

/// Opens the files and lays out the boot; the contents keep them open. Errors name the option and the remedy.
Result<FwCfgContents> direct_boot(DirectBootOptions options);

/// The name of the packaged ROM that starts the kernel.
inline constexpr std::string_view kLinuxBootRom = "linuxboot_dma.bin";

/// Where the parts of the boot go, and the kernel's first sectors with what the boot loader has to tell in
/// them.
struct LinuxLayout {
    static constexpr u32 kSetupAddr = 0x10000;
    static constexpr u32 kCmdlineAddr = 0x20000;
    static constexpr u32 kKernelAddr = 0x100000;

    std::vector<u8> setup;
    u32 initrd_addr = 0; ///< 0: none
};

/// What a layout needs to know of the kernel: its first bytes (at least kHeadBytes unless it is shorter) and
/// sizes.
struct LinuxImage {
    static constexpr std::size_t kHeadBytes = 64 << 10; ///< more than 64 setup sectors with the boot sector
    std::span<const u8> head;
    u64 kernel_bytes = 0;
    u64 initrd_bytes = 0;
};

/// Errors say what the kernel or the RAM lacks, without naming options.
Result<LinuxLayout> lay_out_linux(const LinuxImage& image, std::string_view command_line, u64 ram_below_4g);

} // namespace dm
