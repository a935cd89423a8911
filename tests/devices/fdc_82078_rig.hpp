// A floppy controller with its DMA channel and one or two drives, and what a driver does with it.
#pragma once

#include "dm/devices/floppy/fdc_82078.hpp"
#include "dm/devices/isa/dma_8257.hpp"
#include "tests/support/device_duo.hpp"
#include "tests/support/rig.hpp"

#include <initializer_list>

namespace dm::test {

/// Hears of what the host failed.
struct FloppyEvents final : DriveEvents {
    void medium_failed(BlockIo::Op op, int error, OnError) override { failed.emplace_back(op, error); }
    void tray_moved(bool) override {}
    void tray_locked(bool) override {}
    std::vector<std::pair<BlockIo::Op, int>> failed;
};

struct FdcRig : Rig {
    static constexpr u64 k1440 = u64{1440} * 1024;
    static constexpr u64 k720 = u64{720} * 1024;
    static constexpr GuestPhys kBuffer = 0x4000;
    static constexpr unsigned kIrq = 6;
    enum : Port {
        kSrb = 0x3f1,
        kDor = 0x3f2,
        kTdr = 0x3f3,
        kMsr = 0x3f4,
        kDsr = 0x3f4,
        kFifo = 0x3f5,
        kDir = 0x3f7
    };
    enum : u8 { kToMemory = 0x46, kFromMemory = 0x4a };
    using Bytes = std::vector<u8>;

    explicit FdcRig(u64 size = k1440, std::optional<floppy::DriveType> type = std::nullopt, u64 second = 0)
        : disk(size), disk2(second),
          dev("fdc",
              {FloppyConfig{.medium = size != 0 ? &disk : nullptr, .type = type, .events = &events},
               second != 0 ? std::optional(FloppyConfig{.medium = &disk2}) : std::nullopt},
              IrqLine{isa, kIrq}, timers, dma.channel(2)) {
        for (std::size_t at = 0; at < disk.data.size(); ++at)
            disk.data[at] = static_cast<u8>(at / 512 * 7 + at % 512);
        reset_all();
    }
    Device& device() override { return duo; }
    std::vector<Target> targets() const override {
        return {
            {Target::Kind::Ports, 0x3f1, 7}, {Target::Kind::Ports, kFifo, 1}, {Target::Kind::Ports, 0x04, 9}};
    }
    void quiesce() override { dev.quiesce(); }
    void copy_surroundings(Rig& from) override {
        Rig::copy_surroundings(from);
        auto& other = dynamic_cast<FdcRig&>(from);
        disk.data = other.disk.data;
        disk2.data = other.disk2.data;
    }
    void stimulate(Rng& rng) override {
        switch (rng.below(4)) {
        case 0: program(rng.one_in(2) ? kToMemory : kFromMemory, kBuffer, 1 + rng.below(4096)); break;
        case 1: leave_reset(); break;
        default: some_command(rng); break;
        }
    }
    /// What a driver does, with parameters that are often good.
    void some_command(Rng& rng) {
        constexpr std::array<u8, 13> kFirst{0xe6, 0xc5, 0x46, 0x42, 0x4a, 0x4d, 0x0f,
                                            0x07, 0x08, 0x16, 0x51, 0xcc, 0x1d};
        if (rng.one_in(2)) leave_reset();
        const u8 first = kFirst[rng.below(kFirst.size())];
        const auto head = static_cast<u8>(rng.below(2));
        out(kFifo, first);
        const Bytes rest{static_cast<u8>(head << 2 | (rng.one_in(4) ? 1 : 0)),
                         static_cast<u8>(rng.below(3)),
                         head,
                         static_cast<u8>(1 + rng.below(18)),
                         2,
                         static_cast<u8>(1 + rng.below(18)),
                         0x1b,
                         0xff};
        const unsigned parameters = fdc::parameters_of(first);
        for (unsigned n = 0; n < parameters; ++n)
            out(kFifo, rng.one_in(16) ? static_cast<u8>(rng.next()) : rest[n]);
    }

    void reset_all() { duo.reset(); }
    u8 msr() { return static_cast<u8>(in(kMsr)); }
    u8 dir() { return static_cast<u8>(in(kDir)); }
    bool irq() const { return isa.level(kIrq); }
    void leave_reset() {
        out(kDor, 0x00);
        out(kDor, 0x1c);
    }
    /// After leave_reset(): takes the four answers of the polled drives.
    void take_reset() {
        for (unsigned n = 0; n < 4; ++n)
            ask({0x08});
    }
    void send(std::initializer_list<u8> bytes) {
        for (const u8 byte : bytes)
            out(kFifo, byte);
    }
    Bytes result() {
        Bytes bytes;
        while ((msr() & 0xd0) == 0xd0 && (msr() & 0x20) == 0)
            bytes.push_back(static_cast<u8>(in(kFifo)));
        return bytes;
    }
    Bytes ask(std::initializer_list<u8> bytes) {
        send(bytes);
        return result();
    }
    void seek(u8 cylinder, u8 unit = 0) {
        send({0x0f, unit, cylinder});
        ask({0x08});
    }
    /// The channel, for `bytes` of them.
    void program(u8 mode, GuestPhys address, u64 bytes) {
        out(0x0a, 0x06);
        out(0x0c, 0);
        out(0x0b, mode);
        out(0x04, address & 0xff);
        out(0x04, address >> 8 & 0xff);
        out(0x05, (bytes - 1) & 0xff);
        out(0x05, (bytes - 1) >> 8 & 0xff);
        out(0x81, address >> 16 & 0xff);
        out(0x0a, 0x02);
    }
    Bytes memory_at(GuestPhys at, std::size_t bytes) const {
        return {ram.begin() + static_cast<long>(at), ram.begin() + static_cast<long>(at + bytes)};
    }
    Bytes on_disk(std::size_t sector, std::size_t sectors = 1) const {
        return {disk.data.begin() + static_cast<long>(sector * 512),
                disk.data.begin() + static_cast<long>((sector + sectors) * 512)};
    }

    FakeBlock disk;
    FakeBlock disk2;
    FloppyEvents events;
    Dma8257 dma{"dma", hypervisor.ram};
    Fdc82078 dev;
    DeviceDuo duo{dma, dev};
    IoWindow low = ports.map({.base = 0x3f1, .length = 5, .max_width = 1, .first_offset = 1}, dev);
    IoWindow high = ports.map({.base = 0x3f7, .length = 1, .max_width = 1, .first_offset = 7}, dev);
    IoWindow channels = ports.map({.base = 0x00, .length = 16, .max_width = 1}, dma.first_controller());
    IoWindow pages =
        ports.map({.base = 0x81, .length = 15, .max_width = 1, .first_offset = 1}, dma.page_registers());
};

} // namespace dm::test
