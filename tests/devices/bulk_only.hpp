// A USB disk for the rigs of all controllers, and what drivers send to it by the Bulk-Only Transport.
#pragma once

#include "dm/core/bits.hpp"
#include "dm/core/types.hpp"
#include "dm/devices/scsi/scsi_disk.hpp"
#include "dm/devices/usb/usb_storage.hpp"
#include "tests/support/fakes.hpp"

#include <algorithm>
#include <memory>
#include <span>
#include <vector>

namespace dm::test {

/// No two sectors of 256 KiB are alike.
inline void fill_usb_disk(FakeBlock& medium) {
    for (std::size_t i = 0; i < medium.data.size(); ++i)
        medium.data[i] = static_cast<u8>(i * 37 + i / 512 * 11);
}

/// `medium` outlives it.
inline std::unique_ptr<UsbStorage> make_usb_disk(FakeBlock& medium) {
    const DriveConfig config{.medium = &medium, .serial = "", .model = "", .geometry = {}};
    return std::make_unique<UsbStorage>("usb-disk", "1", std::make_unique<ScsiDisk>("usb-disk/scsi", config));
}

/// A command block wrapper (USB Mass Storage Class, Bulk-Only Transport 1.0, 5.1).
inline std::vector<u8> command_wrapper(std::span<const u8> cdb, u32 expected, bool to_host, u32 tag = 7) {
    std::vector<u8> wrapper(31);
    wrapper[0] = 'U', wrapper[1] = 'S', wrapper[2] = 'B', wrapper[3] = 'C';
    for (unsigned i = 0; i < 4; ++i) {
        wrapper[4 + i] = byte_of(tag, i);
        wrapper[8 + i] = byte_of(expected, i);
    }
    wrapper[12] = to_host ? 0x80 : 0;
    wrapper[14] = static_cast<u8>(cdb.size());
    std::copy(cdb.begin(), cdb.end(), wrapper.begin() + 15);
    return wrapper;
}

/// READ (10), or what else has the same shape.
inline std::vector<u8> block_command(u8 opcode, u32 lba, u16 blocks) {
    return {opcode,          0, byte_of(lba, 3),    byte_of(lba, 2),    byte_of(lba, 1),
            byte_of(lba, 0), 0, byte_of(blocks, 1), byte_of(blocks, 0), 0};
}

} // namespace dm::test
