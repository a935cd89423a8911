// One IDE cable: the command and control block of two devices, the data port, the interrupt line and the
// bus master's channel (ATA/ATAPI-6, T13 1410D).
//
// Quirks: an 8-bit read of the data port consumes a word (Solaris boot loader). An absent device 1 beside a
// present device 0 reads status 0 (FreeBSD's probe), an empty cable reads 0 everywhere.
// Notes: docs/devices/ata_disk.md
#pragma once

#include "dm/core/io_space.hpp"
#include "dm/core/irq.hpp"
#include "dm/core/log.hpp"
#include "dm/devices/ide/ata.hpp"
#include "dm/devices/ide/ata_link.hpp"
#include "dm/devices/ide/bus_master.hpp"
#include "dm/devices/ide/dma_list.hpp"
#include "dm/devices/ide/medium_io.hpp"

#include <array>
#include <memory>

namespace dm {

class AtaChannel final : public AtaLink {
public:
    /// One transfer at a time: registers of both devices are locked while the selected one is busy.
    struct State {
        std::array<ata::TaskFile, 2> task;
        u8 selected = 0;
        Bits<ata::ControlBit> control;
        bool irq_pending = false;
        Phase phase = Phase::None;
        u32 position = 0;  ///< in `buffer`: the next word of the block
        u32 block_end = 0; ///< the block that the host moves ends here
        bool dma_wanted = false;
        DmaDirection dma_direction = DmaDirection::FromGuest;
        u64 dma_bytes = 0;
        bool stalled = false; ///< the host failed the request; it is repeated when the machine goes on
        std::array<u8, kBufferSize> buffer{};

        bool operator==(const State&) const = default;
        static constexpr void fields(auto&& v, auto& s) {
            v("task", s.task);
            v("selected", s.selected);
            v("control", s.control);
            v("irq_pending", s.irq_pending);
            v("phase", s.phase);
            v("position", s.position);
            v("block_end", s.block_end);
            v("dma_wanted", s.dma_wanted);
            v("dma_direction", s.dma_direction);
            v("dma_bytes", s.dma_bytes);
            v("stalled", s.stalled);
            v("buffer", s.buffer);
        }
    };

    AtaChannel(std::string_view name, GuestMemory& memory, IrqLine irq);
    ~AtaChannel() override;
    AtaChannel(const AtaChannel&) = delete;
    AtaChannel& operator=(const AtaChannel&) = delete;

    void install(unsigned unit, std::unique_ptr<AtaDrive> drive);
    AtaDrive* drive(unsigned unit) const { return drives_[unit].get(); }

    // The host's side.
    IoHandler& command_block() { return command_block_; }
    IoHandler& control_block() { return control_block_; }
    BusMaster& bus_master() { return bus_master_; }
    void write_bus_master(unsigned reg, u8 value);

    void power_on();
    /// Waits until no request is in flight; commands that run now finish, with their interrupt.
    void quiesce();
    /// The machine goes on: repeats the request that stall() left behind.
    void retry();
    void save(StateWriter& out) const;
    /// Reads and judges the state; commit() takes it over.
    Status load(StateReader& in);
    void commit();

    // For the drives.
    const std::string& name() const override { return log_.tag(); }
    unsigned queue_depth() const override { return 0; }
    ata::TaskFile& task(unsigned unit) override { return s_.task[unit]; }
    std::span<u8, kBufferSize> buffer() override { return s_.buffer; }
    u32 position() const override { return s_.position; }
    void interrupt() override;
    void end_command(unsigned unit, Bits<ata::StatusBit> status) override;
    void set_busy(unsigned unit) override;
    void offer(unsigned unit, Phase phase, u32 begin, u32 end) override;
    void submit(BlockBackend& medium, BlockIo::Op op, u64 offset, std::span<const iovec> iov,
                AtaDrive& drive) override {
        io_.submit(medium, op, offset, iov, drive);
    }
    void discard(BlockBackend& medium, u64 offset, u64 length, AtaDrive& drive) override {
        io_.discard(medium, offset, length, drive);
    }
    void want_dma(unsigned unit, DmaDirection direction, u64 bytes) override;
    void move_piece(BlockBackend& medium, BlockIo::Op op, u64 offset, u64 limit, AtaDrive& drive) override;
    u64 end_piece() override;
    void copy_to_guest(std::span<const u8> bytes) override { list_.copy_to_guest(memory_, bytes); }
    void copy_from_guest(std::span<u8> bytes) override { list_.copy_from_guest(memory_, bytes); }
    void stall() override { s_.stalled = true; }
    void stall_dma(DmaDirection direction, u64 bytes) override;
    void end_dma(bool complete) override;
    void cancel_transfer() override;
    void drop_command(unsigned unit) override;

private:
    struct CommandBlock final : IoHandler {
        explicit CommandBlock(AtaChannel& c) : channel(c) {}
        u64 read(u64 offset, unsigned size) override;
        void write(u64 offset, unsigned size, u64 value) override;
        void read_string(u64 offset, unsigned size, std::span<u8> bytes) override;
        void write_string(u64 offset, unsigned size, std::span<const u8> bytes) override;
        AtaChannel& channel;
    };
    struct ControlBlock final : IoHandler {
        explicit ControlBlock(AtaChannel& c) : channel(c) {}
        u64 read(u64, unsigned) override { return channel.status(); }
        void write(u64, unsigned, u64 value) override { channel.write_control(static_cast<u8>(value)); }
        AtaChannel& channel;
    };

    bool present(unsigned unit) const { return drives_[unit] != nullptr && drives_[unit]->attached(); }
    bool locked(unsigned unit) const;
    AtaDrive& selected_drive() { return *drives_[s_.selected]; }

    u8 read_register(ata::Reg reg);
    void write_register(ata::Reg reg, u8 value);
    void write_command(u8 opcode);
    void write_control(u8 value);
    u8 status() const;
    void read_data(std::span<u8> out);
    void write_data(std::span<const u8> in);

    void begin_soft_reset();
    void end_soft_reset();
    void execute_diagnostic();
    void try_dma();
    void update_irq() { irq_.set(s_.irq_pending && !s_.control.has(ata::ControlBit::nIEN)); }
    Status valid(const State& state) const;

    Log log_;
    GuestMemory& memory_;
    IrqLine irq_;
    CommandBlock command_block_{*this};
    ControlBlock control_block_{*this};
    BusMaster bus_master_;
    std::array<std::unique_ptr<AtaDrive>, 2> drives_;
    State s_;
    // In flight only: empty whenever the state is saved.
    DmaList list_;
    BusMaster::Reach reach_ = BusMaster::Reach::Exact;
    MediumIo io_; // last: its destructor waits for a request that uses the members above
    // Between load() and commit().
    State loaded_;
    BusMaster::State loaded_bus_master_;
};
static_assert(covers_every_field<AtaChannel::State>);

} // namespace dm
