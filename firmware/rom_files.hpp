// Option ROMs come from the distribution's packages: where they lie, and whether what lies there is one.
#pragma once

#include "dm/core/result.hpp"
#include "dm/core/types.hpp"

#include <span>
#include <string>
#include <string_view>
#include <vector>

namespace dm::firmware {

/// Folders that packages put ROMs in, on Debian and FreeBSD.
std::vector<std::string> default_directories();

/// Reads ROM `name` ("vgabios-stdvga.bin") from the first of `directories` that has it, padded with zeros to
/// a power of two so that it fits a ROM BAR. The error names the file and the package that brings it.
Result<std::vector<u8>> load_rom(std::string_view name, const std::vector<std::string>& directories);

struct PciId {
    u16 vendor = 0;
    u16 device = 0;
};

/// The PCI device that its images say they are for becomes `id`: firmware runs none that is for another. For
/// a ROM whose program serves more chips than the one that it names, as iPXE's do. What is no image stays as
/// it is.
void set_rom_device(std::span<u8> rom, PciId id);

} // namespace dm::firmware
