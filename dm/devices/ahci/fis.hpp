// Frames of Serial ATA, in the order of their bytes (Serial ATA 3.1, 10.5).
#pragma once

#include "dm/devices/ide/ata.hpp"

#include <array>
#include <span>

namespace dm::ahci {

inline constexpr std::size_t kFrameSize = 20;
using Frame = std::array<u8, kFrameSize>;
using DeviceBitsFrame = std::array<u8, 8>;

enum class FrameType : u8 {
    RegisterToDevice = 0x27,
    RegisterToHost = 0x34,
    PioSetup = 0x5f,
    SetDeviceBits = 0xa1,
};

inline constexpr u8 kFrameIsCommand = 0x80; ///< byte 1 of a frame to the device: COMMAND was written
inline constexpr std::size_t kFrameCommand = 2;
inline constexpr std::size_t kFrameControl = 15;

/// The task file as a frame to the device carries it.
void take_registers(std::span<const u8, kFrameSize> frame, ata::TaskFile& task);

Frame register_to_host(const ata::TaskFile& task, bool interrupt);

enum class PioDirection : u8 { ToDevice, ToHost };
/// `task` has the status of the block; `end_status` is the one after it.
Frame pio_setup(const ata::TaskFile& task, PioDirection direction, bool interrupt,
                Bits<ata::StatusBit> end_status, u16 bytes);

/// `finished`: queued commands that are done, a bit for each tag.
DeviceBitsFrame set_device_bits(Bits<ata::StatusBit> status, u8 error, u32 finished);

} // namespace dm::ahci
