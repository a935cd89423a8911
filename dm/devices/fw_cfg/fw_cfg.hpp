// Firmware configuration device: what SeaBIOS and a boot ROM fetch that lies in files of the host
// (docs/specs/ fw_cfg of QEMU, which defined it): a selector, a data port and a DMA interface.
//
// Missing: writable items. Guests of Xen have this device only when they boot a kernel directly: hvmloader
// brings everything else that firmware wants to know.
// Quirks: SeaBIOS and the boot ROM use DMA whenever ID says that it is there, so the ports see few bytes.
// Notes: docs/devices/fw_cfg.md
#pragma once

#include "dm/core/device.hpp"
#include "dm/core/guest_memory.hpp"
#include "dm/core/io_space.hpp"
#include "dm/core/log.hpp"

#include <functional>
#include <map>
#include <string>
#include <vector>

namespace dm {

/// Bytes that the guest can fetch. `read` fills `out` with those from `offset` on; never asked beyond `size`.
struct FwCfgItem {
    u32 size = 0;
    std::function<void(u64 offset, std::span<u8> out)> read;
};

/// What the device holds, by key and by name of a file.
class FwCfgContents {
public:
    enum Key : u16 {
        SIGNATURE = 0x00,
        ID = 0x01,
        NB_CPUS = 0x05,
        KERNEL_ADDR = 0x07,
        KERNEL_SIZE = 0x08,
        INITRD_ADDR = 0x0a,
        INITRD_SIZE = 0x0b,
        KERNEL_DATA = 0x11,
        INITRD_DATA = 0x12,
        CMDLINE_ADDR = 0x13,
        CMDLINE_SIZE = 0x14,
        CMDLINE_DATA = 0x15,
        SETUP_ADDR = 0x16,
        SETUP_SIZE = 0x17,
        SETUP_DATA = 0x18,
        FILE_DIR = 0x19,
        FILE_FIRST = 0x20,
    };
    static constexpr std::size_t kMostNameBytes = 55; ///< 56 with the zero behind it

    FwCfgContents();
    void put(u16 key, FwCfgItem item) { items_[key] = std::move(item); }
    void put_bytes(u16 key, std::vector<u8> bytes);
    void put_u16(u16 key, u16 value);
    void put_u32(u16 key, u32 value);
    /// A file of the directory; `name` has at most kMostNameBytes.
    void add_file(std::string_view name, std::vector<u8> bytes);

    /// Null: there is no such item.
    const FwCfgItem* find(u16 key) const;

private:
    std::map<u16, FwCfgItem> items_;
    std::vector<u8> directory_;
    u16 files_ = 0;
};

class FwCfg final : public Device {
public:
    static constexpr Port kBase = 0x510;
    static constexpr u16 kPorts = 2;
    static constexpr Port kDmaBase = 0x514;
    static constexpr u16 kDmaPorts = 8;
    /// What a DMA access may ask for beyond the end of an item, where there are zeros.
    static constexpr u32 kMostPadding = 64 << 10;

    struct State {
        u16 selected = 0;
        u64 position = 0;         ///< in the selected item
        u32 dma_address_high = 0; ///< written before the low half, which starts the access

        bool operator==(const State&) const = default;
        static constexpr void fields(auto&& v, auto& s) {
            v("selected", s.selected);
            v("position", s.position);
            v("dma_address_high", s.dma_address_high);
        }
    };

    FwCfg(std::string_view name, FwCfgContents contents, GuestMemory& memory)
        : Device(name), contents_(std::move(contents)), memory_(memory), log_(name) {}

    IoHandler& ports() { return ports_; } ///< kPorts at kBase, width 2
    IoHandler& dma() { return dma_; }     ///< kDmaPorts at kDmaBase, width 4

    void reset() override { state_ = {}; }
    void save(StateWriter& out) const override { out.section(name(), state_); }
    Status load(StateReader& in) override;

private:
    struct Ports final : IoHandler {
        explicit Ports(FwCfg& d) : device(d) {}
        u64 read(u64 offset, unsigned size) override;
        void write(u64 offset, unsigned size, u64 value) override;
        void read_string(u64 offset, unsigned size, std::span<u8> bytes) override;
        FwCfg& device;
    };
    struct Dma final : IoHandler {
        explicit Dma(FwCfg& d) : device(d) {}
        u64 read(u64 offset, unsigned size) override;
        void write(u64 offset, unsigned size, u64 value) override;
        FwCfg& device;
    };

    void select(u16 key);
    void fetch(std::span<u8> out);
    void run_dma(GuestPhys command);
    bool copy_to_guest(GuestPhys addr, u32 length);

    FwCfgContents contents_;
    GuestMemory& memory_;
    Log log_;
    Ports ports_{*this};
    Dma dma_{*this};
    State state_;
};
static_assert(covers_every_field<FwCfg::State>);

} // namespace dm
