#include "dm/devices/ahci/fis.hpp"

namespace dm::ahci {
namespace {

constexpr u8 kToHost = 0x20;
constexpr u8 kInterrupt = 0x40;
constexpr u8 kSetBits = 0x77; // BSY and DRQ are not in a Set Device Bits frame

u8 flags(bool interrupt) {
    return interrupt ? kInterrupt : u8{0};
}

Frame registers(FrameType type, const ata::TaskFile& task) {
    Frame f{};
    f[0] = static_cast<u8>(type);
    f[2] = task.status.raw();
    f[3] = task.error;
    f[4] = task.low.now;
    f[5] = task.mid.now;
    f[6] = task.high.now;
    f[7] = task.device;
    f[8] = task.low.before;
    f[9] = task.mid.before;
    f[10] = task.high.before;
    f[12] = task.count.now;
    f[13] = task.count.before;
    return f;
}

} // namespace

void take_registers(std::span<const u8, kFrameSize> frame, ata::TaskFile& task) {
    task.features = {frame[3], frame[11]};
    task.low = {frame[4], frame[8]};
    task.mid = {frame[5], frame[9]};
    task.high = {frame[6], frame[10]};
    task.device = frame[7];
    task.count = {frame[12], frame[13]};
}

Frame register_to_host(const ata::TaskFile& task, bool interrupt) {
    Frame f = registers(FrameType::RegisterToHost, task);
    f[1] = flags(interrupt);
    return f;
}

Frame pio_setup(const ata::TaskFile& task, PioDirection direction, bool interrupt,
                Bits<ata::StatusBit> end_status, u16 bytes) {
    Frame f = registers(FrameType::PioSetup, task);
    f[1] = static_cast<u8>(flags(interrupt) | (direction == PioDirection::ToHost ? kToHost : u8{0}));
    f[15] = end_status.raw();
    f[16] = byte_of(bytes, 0);
    f[17] = byte_of(bytes, 1);
    return f;
}

DeviceBitsFrame set_device_bits(Bits<ata::StatusBit> status, u8 error, u32 finished) {
    return {static_cast<u8>(FrameType::SetDeviceBits),
            flags(true),
            static_cast<u8>(status.raw() & kSetBits),
            error,
            byte_of(finished, 0),
            byte_of(finished, 1),
            byte_of(finished, 2),
            byte_of(finished, 3)};
}

} // namespace dm::ahci
