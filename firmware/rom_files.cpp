#include "firmware/rom_files.hpp"

#include "dm/core/bits.hpp"

#include <bit>
#include <cerrno>
#include <cstring>
#include <filesystem>
#include <fmt/ranges.h>
#include <fstream>

namespace dm::firmware {
namespace {

constexpr std::size_t kMostBytes = 1 << 20; // the largest packaged one, iPXE with UEFI, is a quarter of that
constexpr std::size_t kLeastBytes = 2048;   // smallest ROM BAR

std::string package_of(std::string_view name) {
    if (name.starts_with("vgabios")) return "seabios";
    return name.starts_with("linuxboot") ? "qemu-system-data" : "ipxe-qemu";
}

/// PCI Firmware Specification 3.0, 5.1: signature, length in units of 512 bytes.
Status check(const std::string& path, const std::vector<u8>& rom) {
    if (rom.size() < 512 || rom[0] != 0x55 || rom[1] != 0xaa || rom[2] == 0)
        return fail("{} is not an option ROM (it does not begin with 55 aa)", path);
    if (std::size_t{rom[2]} * 512 > rom.size()) return fail("{} is cut off: reinstall its package", path);
    return {};
}

// In an image (PCI Firmware Specification 3.0, 5.1), and in its PCI data structure.
constexpr std::size_t kUnused = 6; // of a BIOS image; iPXE and QEMU balance the sum there
constexpr std::size_t kDataPointer = 0x18;
constexpr std::size_t kDataVendor = 4;    // and device
constexpr std::size_t kDataLength = 0x10; // of the image, in units of 512 bytes
constexpr std::size_t kDataCode = 0x14;
constexpr std::size_t kDataIndicator = 0x15;
constexpr std::size_t kDataEnd = 0x18;
constexpr u8 kBiosCode = 0;
constexpr u8 kLastImage = 0x80;

std::size_t word_at(std::span<const u8> bytes, std::size_t place) {
    return static_cast<std::size_t>(bytes[place] | bytes[place + 1] << 8);
}

/// The image's data structure; empty if there is none.
std::span<u8> data_of(std::span<u8> image) {
    if (image.size() < kDataPointer + 2 || word_at(image, 0) != 0xaa55) return {};
    const std::size_t place = word_at(image, kDataPointer);
    if (place + kDataEnd > image.size() || std::memcmp(image.data() + place, "PCIR", 4) != 0) return {};
    return image.subspan(place, kDataEnd);
}

Result<std::vector<u8>> read_file(const std::string& path) {
    std::error_code error;
    const auto size = std::filesystem::file_size(path, error);
    if (error) return fail("{}: {}", path, error.message());
    if (size > kMostBytes) return fail("{} has {} bytes, more than any option ROM", path, size);
    std::ifstream file(path, std::ios::binary);
    std::vector<u8> bytes(size);
    if (!file.read(reinterpret_cast<char*>(bytes.data()), static_cast<std::streamsize>(size)))
        return fail("{} cannot be read: {}", path, std::strerror(errno));
    return bytes;
}

} // namespace

std::vector<std::string> default_directories() {
    return {"/usr/share/seabios",       "/usr/lib/ipxe/qemu",    "/usr/share/qemu",
            "/usr/local/share/seabios", "/usr/local/share/qemu", "/usr/local/share/hvmdm"};
}

Result<std::vector<u8>> load_rom(std::string_view name, const std::vector<std::string>& directories) {
    for (const std::string& directory : directories) {
        const std::string path = directory + "/" + std::string(name);
        std::error_code ignored;
        if (!std::filesystem::exists(path, ignored)) continue;
        DM_TRY_ASSIGN(std::vector<u8> rom, read_file(path));
        DM_TRY(check(path, rom));
        rom.resize(std::max(kLeastBytes, std::bit_ceil(rom.size())), 0);
        return rom;
    }
    return fail("option ROM {} is in none of {}: install package {}", name, fmt::join(directories, ", "),
                package_of(name));
}

void set_rom_device(std::span<u8> rom, PciId id) {
    while (true) {
        const std::span<u8> data = data_of(rom);
        if (data.empty()) return;
        u8& balance = rom[kUnused];
        const u32 both = id.vendor | u32{id.device} << 16;
        for (unsigned i = 0; i < 4; ++i) {
            u8& byte = data[kDataVendor + i];
            const u8 wanted = byte_of(both, i);
            if (data[kDataCode] == kBiosCode) balance = static_cast<u8>(balance + byte - wanted);
            byte = wanted;
        }
        const std::size_t length = word_at(data, kDataLength) * 512;
        if (length == 0 || length >= rom.size() || (data[kDataIndicator] & kLastImage) != 0) return;
        rom = rom.subspan(length);
    }
}

} // namespace dm::firmware
