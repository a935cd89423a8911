#include "dm/devices/fw_cfg/fw_cfg.hpp"

#include "dm/core/bits.hpp"

#include <algorithm>
#include <array>

namespace dm {
namespace {

enum class PortReg : u8 { SELECTOR = 0, DATA = 1 };

constexpr u16 kWriteChannel = 0x4000; // of the selector: items for writing, of which there are none

/// The guest's description of an access, in big endian.
struct DmaAccess {
    static constexpr std::size_t kBytes = 16;
    enum Control : u8 { ERROR = 0x01, READ = 0x02, SKIP = 0x04, SELECT = 0x08, WRITE = 0x10 };

    u16 key = 0;
    u8 control = 0;
    u32 length = 0;
    GuestPhys address = 0;
};

template <std::size_t N> u64 big_endian(std::span<const u8, N> bytes) {
    u64 value = 0;
    for (const u8 byte : bytes)
        value = value << 8 | byte;
    return value;
}

std::array<u8, 4> big_endian_bytes(u32 value) {
    return {byte_of(value, 3), byte_of(value, 2), byte_of(value, 1), byte_of(value, 0)};
}

DmaAccess fetch_access(GuestMemory& memory, GuestPhys at) {
    std::array<u8, DmaAccess::kBytes> raw{};
    memory.read(at, raw);
    const std::span<const u8, DmaAccess::kBytes> bytes(raw);
    const u64 control = big_endian(bytes.first<4>());
    return {.key = static_cast<u16>(control >> 16),
            .control = byte_of(control, 0),
            .length = static_cast<u32>(big_endian(bytes.subspan<4, 4>())),
            .address = big_endian(bytes.last<8>())};
}

/// The register is big endian, the bus is not.
u32 swapped(u64 value) {
    return static_cast<u32>(__builtin_bswap32(static_cast<u32>(value)));
}

} // namespace

Status FwCfg::load(StateReader& in) {
    return load_section(in, name(), state_);
}

void FwCfg::select(u16 key) {
    state_.selected = key;
    state_.position = 0;
}

/// The next bytes of the selected item; zeros behind its end.
void FwCfg::fetch(std::span<u8> out) {
    const FwCfgItem* item = contents_.find(state_.selected);
    const u64 size = item != nullptr ? item->size : 0;
    const u64 left = size - std::min(state_.position, size);
    const std::size_t there = std::min<u64>(left, out.size());
    if (there > 0) item->read(state_.position, out.first(there));
    std::ranges::fill(out.subspan(there), u8{0});
    state_.position += there;
}

u64 FwCfg::Ports::read(u64 offset, unsigned size) {
    if (static_cast<PortReg>(offset) != PortReg::DATA || size != 1) return ones(size);
    u8 byte = 0;
    device.fetch({&byte, 1});
    return byte;
}

void FwCfg::Ports::read_string(u64 offset, unsigned size, std::span<u8> bytes) {
    if (static_cast<PortReg>(offset) != PortReg::DATA || size != 1)
        return IoHandler::read_string(offset, size, bytes);
    device.fetch(bytes);
}

/// Writes to the data port are ignored: nothing is for writing.
void FwCfg::Ports::write(u64 offset, unsigned size, u64 value) {
    if (static_cast<PortReg>(offset) == PortReg::SELECTOR && size == 2)
        device.select(static_cast<u16>(value & ~u64{kWriteChannel}));
}

/// The device's mark, by which software knows that DMA is there.
u64 FwCfg::Dma::read(u64 offset, unsigned size) {
    constexpr std::string_view kMark = "QEMU CFG";
    u64 value = 0;
    for (unsigned i = 0; i < size; ++i)
        value |= u64{static_cast<u8>(kMark[offset + i])} << (i * 8);
    return value;
}

/// Writing the low half starts the access.
void FwCfg::Dma::write(u64 offset, unsigned size, u64 value) {
    if (size != 4) return;
    if (offset == 0) {
        device.state_.dma_address_high = swapped(value);
    } else if (offset == 4) {
        const GuestPhys command = u64{device.state_.dma_address_high} << 32 | swapped(value);
        device.state_.dma_address_high = 0;
        device.run_dma(command);
    }
}

void FwCfg::run_dma(GuestPhys command) {
    const DmaAccess access = fetch_access(memory_, command);
    if ((access.control & DmaAccess::SELECT) != 0) select(static_cast<u16>(access.key & ~kWriteChannel));

    bool ok = true;
    if ((access.control & DmaAccess::READ) != 0)
        ok = copy_to_guest(access.address, access.length);
    else if ((access.control & DmaAccess::WRITE) != 0)
        ok = access.length == 0;
    else if ((access.control & DmaAccess::SKIP) != 0)
        state_.position += access.length;
    memory_.write(command, big_endian_bytes(ok ? 0 : DmaAccess::ERROR));
}

bool FwCfg::copy_to_guest(GuestPhys addr, u32 length) {
    const FwCfgItem* item = contents_.find(state_.selected);
    const u64 left = item != nullptr ? item->size - std::min<u64>(state_.position, item->size) : 0;
    if (length > left + kMostPadding) {
        log_.guest("DMA of {} bytes from item {:#x}, which has {} left", length, state_.selected, left);
        return false;
    }
    std::array<u8, 16 << 10> piece;
    for (u32 done = 0; done < length;) {
        const std::span bytes(piece.data(), std::min<std::size_t>(piece.size(), length - done));
        fetch(bytes);
        if (addr + done < addr) return false; // nothing wraps around to address 0
        memory_.write(addr + done, bytes);
        done += static_cast<u32>(bytes.size());
    }
    return true;
}

} // namespace dm
