// What a CPU's access meets on the board that the protocol drives: RAM, video memory, the chips that Xen
// would play, and the machine's own address spaces. Where nothing is, reads give ones and writes vanish.
#pragma once

#include "dm/core/hypervisor.hpp"
#include "dm/qtest/ram.hpp"

#include <vector>

namespace dm::qtest {

class Bus {
public:
    explicit Bus(Ram& ram) : ram_(ram) {}

    /// The machine. Until then only RAM answers.
    void connect(IoSpace& ports, IoSpace& memory, PciBus& pci);
    /// Ports of chips that are the hypervisor's: they come before the machine's.
    IoSpace& hypervisor_ports() { return hypervisor_ports_; }

    u32 in(u16 port, unsigned size);
    void out(u16 port, unsigned size, u32 value);
    void read(GuestPhys addr, std::span<u8> out);
    void write(GuestPhys addr, std::span<const u8> in);

    /// Writes to 0xc0000-0xfffff vanish.
    void lock_roms(bool locked) { roms_locked_ = locked; }

    /// Memory of the machine that the CPU reaches without a device: shown at `addr`, hidden without.
    Result<std::unique_ptr<VideoMemory>> make_video_memory(u64 size);

private:
    class Video;
    enum class Direction : u8 { Read, Write };
    /// Some bytes of one kind from an address on.
    struct Segment {
        std::span<u8> bytes; ///< empty: devices answer, or nobody
        u64 length = 0;
    };
    Segment segment(GuestPhys addr, u64 length, Direction direction);
    Segment rom_area(GuestPhys addr, u64 length, Direction direction);
    void read_devices(GuestPhys addr, std::span<u8> out);
    void write_devices(GuestPhys addr, std::span<const u8> in);

    Ram& ram_;
    IoSpace hypervisor_ports_{"hypervisor", 0xffff};
    IoSpace* ports_ = nullptr;
    IoSpace* memory_ = nullptr;
    PciBus* pci_ = nullptr;
    std::vector<Video*> videos_;
    bool roms_locked_ = false;
};

} // namespace dm::qtest
