// A whole machine without Xen, driven as one device.
#pragma once

#include "dm/board/board.hpp"
#include "dm/core/check.hpp"
#include "tests/devices/vga_rig.hpp"
#include "tests/support/rig.hpp"

namespace dm::test {

/// The rig's space in front of the board's.
class SpaceRelay final : public IoHandler {
public:
    explicit SpaceRelay(IoSpace& space) : space_(space) {}
    u64 read(u64 offset, unsigned size) override { return space_.read(offset, size); }
    void write(u64 offset, unsigned size, u64 value) override { space_.write(offset, size, value); }
    void read_string(u64 offset, unsigned size, std::span<u8> bytes) override {
        space_.read_string(offset, size, bytes);
    }
    void write_string(u64 offset, unsigned size, std::span<const u8> bytes) override {
        space_.write_string(offset, size, bytes);
    }
    void read_span(u64 offset, unsigned size, std::span<u8> bytes) override {
        space_.read_span(offset, size, bytes);
    }
    void write_span(u64 offset, unsigned size, std::span<const u8> bytes) override {
        space_.write_span(offset, size, bytes);
    }

private:
    IoSpace& space_;
};

/// All devices of a board as one.
class WholeBoard final : public Device {
public:
    explicit WholeBoard(Board& board) : Device("board"), board_(board) {}
    void reset() override { board_.reset(); }
    void save(StateWriter& out) const override { board_.save(out); }
    /// All of them or none; a machine that fails to load does not run, this one goes on.
    Status load(StateReader& in) override {
        StateWriter writer;
        board_.save(writer);
        Status status = board_.load(in);
        if (status.ok()) return status;
        const std::vector<u8> before = std::move(writer).take();
        auto reader = StateReader::open(before);
        DM_CHECK(reader.ok() && board_.load(*reader).ok());
        return status;
    }

private:
    Board& board_;
};

struct BoardRig : Rig {
    static constexpr u64 kDisk = u64{64} * 1024;
    static constexpr u64 kVideo = 1 << 20;
    static constexpr u32 kIdePorts = 0xc100;
    static constexpr u32 kPlatformPorts = 0xc000;
    static constexpr u32 kUsbPorts = 0xc120;
    static constexpr u32 kVgaRegisters = 0xf3000000;
    static constexpr Port kPmBase = 0xb000;

    BoardRig() : Rig(u64{256} * 1024) {
        BoardParts parts;
        parts.cpus = 2;
        parts.max_cpus = 4;
        parts.ram_below_4g = u64{256} << 20;
        parts.serials[0] = &com1;
        parts.serials[2] = &com3; // shares its interrupt
        parts.ide.drives[0].emplace().medium = &disk;
        parts.ide.drives[2] =
            DriveConfig{.kind = DriveKind::Cdrom, .medium = &disc, .serial = "", .model = "", .geometry = {}};
        auto memory_of_vga = std::make_unique<FakeVideoMemory>(kVideo);
        video = memory_of_vga.get();
        parts.vga = BoardParts::Vga{.memory = std::move(memory_of_vga), .rom = rom, .slot = {}};
        parts.usb.emplace().devices = {{UsbModel::Tablet, "", ""}, {UsbModel::Keyboard, "", ""}};
        auto made = Board::create(timers, hypervisor, std::move(parts));
        DM_CHECK(made.ok());
        board = std::move(made).value();
        whole.emplace(*board);
        ports_relay.emplace(board->ports());
        memory_relay.emplace(board->memory());
        all_ports = ports.map({.base = 0, .length = 0x10000, .max_width = 4}, *ports_relay);
        all_memory = memory.map({.base = 0, .length = ~u64{0}, .max_width = 8}, *memory_relay);
        for (u8 dev = 0; dev < 32; ++dev)
            for (u8 fn = 0; fn < 8; ++fn)
                if (PciFunction* function = board->pci().at({0, dev, fn}))
                    pci.attach({0, dev, fn}, *function);
        as_hvmloader();
    }
    /// BARs and decoding, as the firmware of a guest of Xen leaves them.
    void as_hvmloader() {
        pci.config_write({0, 1, 1}, pci::BAR0 + 16, 4, kIdePorts);
        pci.config_write({0, 1, 1}, pci::COMMAND, 2, 5);
        pci.config_write({0, 1, 2}, pci::BAR0 + 16, 4, kUsbPorts);
        pci.config_write({0, 1, 2}, pci::COMMAND, 2, 5);
        pci.config_write({0, 1, 3}, Piix4Pm::PMBA, 4, kPmBase | 1);
        pci.config_write({0, 1, 3}, Piix4Pm::PMREGMISC, 1, 1);
        pci.config_write({0, 2, 0}, pci::BAR0, 4, kPlatformPorts);
        pci.config_write({0, 3, 0}, pci::BAR0, 4, 0xf0000000);
        pci.config_write({0, 3, 0}, pci::BAR0 + 8, 4, kVgaRegisters);
        pci.config_write({0, 3, 0}, pci::COMMAND, 2, 3);
    }

    Device& device() override { return *whole; }
    std::vector<Target> targets() const override {
        using Kind = Target::Kind;
        return {{Kind::Ports, 0x00, 0x100},       {Kind::Ports, 0x1f0, 8},
                {Kind::Ports, 0x170, 8},          {Kind::Ports, 0x3f0, 0x10},
                {Kind::Ports, kIdePorts, 16},     {Kind::Ports, kUsbPorts, 32},
                {Kind::Ports, 0x3b0, 0x30},       {Kind::Ports, 0x1ce, 4},
                {Kind::Ports, 0xcf8, 8},          {Kind::Ports, 0xae00, 0x200},
                {Kind::Ports, kPmBase, 64},       {Kind::Ports, 0x3e8, 8},
                {Kind::Memory, 0xa0000, 0x20000}, {Kind::Memory, kVgaRegisters, 0x800},
                {Kind::Config, 0x00, 256},        {Kind::Config, 0x08, 256},
                {Kind::Config, 0x09, 256},        {Kind::Config, 0x0a, 256},
                {Kind::Config, 0x0b, 256},        {Kind::Config, 0x10, 256},
                {Kind::Config, 0x18, 256}};
    }
    void quiesce() override { board->quiesce(); }
    bool resets_to_power_on() const override { return board->ide().disk(0) != nullptr; } // not unplugged
    void copy_surroundings(Rig& from) override {
        Rig::copy_surroundings(from);
        auto& other = dynamic_cast<BoardRig&>(from);
        video->memory = other.video->memory;
        disk.data = other.disk.data;
        disk.hold = other.disk.hold;
        disc.hold = other.disc.hold;
    }
    /// Something that is not the guest: a key, a character, a medium, a viewer, the toolstack.
    void stimulate(Rng& rng) override {
        switch (rng.below(10)) {
        case 0: board->input().key(static_cast<KeyCode>(rng.below(256)), rng.one_in(2)); break;
        case 1:
            board->input().pointer(static_cast<unsigned>(rng.below(800)),
                                   static_cast<unsigned>(rng.below(600)), 800, 600,
                                   static_cast<u8>(rng.next()));
            break;
        case 2: com1.send("typed by somebody"); break;
        case 3: com3.send("and by somebody else"); break;
        case 4: disk.hold = disc.hold = rng.one_in(2); break;
        case 5:
            if (!disk.held.empty()) disk.complete();
            break;
        case 6:
            if (!disc.held.empty()) disc.complete();
            break;
        case 7:
            screen.most_width = screen.most_height = 64;
            board->display()->refresh(screen, rng.one_in(4));
            break;
        case 8: static_cast<void>(board->hotplug().cpu_online(static_cast<unsigned>(rng.below(6)))); break;
        case 9: as_hvmloader(); break;
        }
    }

    FakeBlock disk{kDisk};
    FakeBlock disc{kDisk};
    FakeChar com1;
    FakeChar com3;
    std::vector<u8> rom = std::vector<u8>(4096, 0x55);
    FakeVideoMemory* video = nullptr; ///< the board owns it
    Picture screen;
    std::unique_ptr<Board> board;
    std::optional<WholeBoard> whole;
    std::optional<SpaceRelay> ports_relay;
    std::optional<SpaceRelay> memory_relay;
    IoWindow all_ports;
    IoWindow all_memory;
};

} // namespace dm::test
