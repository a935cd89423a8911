// LSI53C895A PCI to Ultra2 SCSI controller, PCI 1000:0012 (technical manual DB14-000164): registers in BAR0
// and BAR1, 8 KiB of script RAM in BAR2, a SCRIPTS processor, one SCSI bus.
//
// Missing: target mode, low-level mode, arbitration by hand, the handshake timer, parity, wide residues (the
// bus is always narrow), memory moves to I/O space (a bus fault), data phases to the script RAM.
// DMA reaches guest RAM and the chip's own script RAM, never registers of any device.
// Quirks: an instruction of all zeros is skipped by four bytes, and SRST clears itself (SeaBIOS); a selection
// that nobody answers times out at once, whatever STIME0 says (SeaBIOS sets none); command and message blocks
// longer than what the target takes end without phase mismatch (SeaBIOS).
// Notes: docs/devices/lsi53c895a.md
#pragma once

#include "dm/core/clock.hpp"
#include "dm/core/pci.hpp"
#include "dm/devices/ide/drive_config.hpp"
#include "dm/devices/scsi/lsi53c895a_regs.hpp"
#include "dm/devices/scsi/scsi_bus.hpp"

namespace dm {

class Lsi53c895a final : public PciFunction, private ScsiBus::Initiator {
public:
    static constexpr u8 kHostId = 7; ///< no target has it
    static constexpr unsigned kRamSize = 8192;
    /// What a script may do in one go: an instruction costs 1, and so do 64 bytes that it copies or 4096 that
    /// it has a medium move; a command costs 16 more. A script that does not end by itself goes on after a
    /// pause, so that the machine is served.
    static constexpr u32 kBudget = 8192;
    static constexpr u64 kPause = 500 * kMicrosecond;

    struct Config {
        std::array<std::optional<DriveConfig>, scsi::kIds> drives;
    };

    enum class Wait : u8 {
        None,
        Phase,      ///< the target asks for nothing yet: the instruction is done again when it does
        Rest,       ///< the target has no more data for a block move: a phase mismatch as soon as it asks
        Disconnect, ///< WAIT DISCONNECT
        Reselection ///< WAIT RESELECT
    };
    /// Interrupt status registers, and what waits behind them until they were read.
    struct Causes {
        u8 dstat = 0;
        u8 sist0 = 0;
        u8 sist1 = 0;

        bool operator==(const Causes&) const = default;
        static constexpr void fields(auto&& v, auto& s) {
            v("dstat", s.dstat);
            v("sist0", s.sist0);
            v("sist1", s.sist1);
        }
        bool any() const { return (dstat | sist0 | sist1) != 0; }
    };
    struct State {
        lsi::RegisterFile regs = lsi::kResetValues;
        Causes causes;
        Causes stacked;
        u8 phase = 0; ///< that the target asked for last
        bool acknowledge = false;
        bool carry = false;
        bool running = false; ///< SCRIPTS: at work, or waiting
        Wait wait = Wait::None;
        bool nobody =
            false; ///< selected a target that does not exist: times out with the next use of the bus
        u32 instruction = 0;           ///< where the one that waits is
        std::optional<u64> resume_at;  ///< end of a pause
        std::optional<u64> general_at; ///< the general purpose timer expires
        bool unplugged = false;
        std::array<u8, kRamSize> ram{};

        bool operator==(const State&) const = default;
        static constexpr void fields(auto&& v, auto& s) {
            v("regs", s.regs);
            v("causes", s.causes);
            v("stacked", s.stacked);
            v("phase", s.phase);
            v("acknowledge", s.acknowledge);
            v("carry", s.carry);
            v("running", s.running);
            v("wait", s.wait);
            v("nobody", s.nobody);
            v("instruction", s.instruction);
            v("resume_at", s.resume_at);
            v("general_at", s.general_at);
            v("unplugged", s.unplugged);
            v("ram", s.ram);
        }
    };

    Lsi53c895a(std::string_view name, const Config& config, GuestMemory& memory, TimerQueue& timers,
               PciWiring wiring);

    void reset() override;
    void save(StateWriter& out) const override;
    Status load(StateReader& in) override;

    /// Waits until nothing is in flight: before the machine stops, is saved, or its memory map changes.
    void quiesce();
    /// The machine goes on: drives repeat the requests that they kept when the host failed them.
    void retry() { bus_.retry(); }

    /// The xen-platform device's unplug protocol: drops what the targets do, flushes their media, which may
    /// be closed or opened elsewhere when this returns. The function is to leave the PCI bus with it. It
    /// lasts as long as the domain. The error says that a flush failed.
    Status unplug();
    bool unplugged() const { return s_.unplugged; }

private:
    /// BAR0 and, four times over, BAR1.
    struct Registers final : IoHandler {
        explicit Registers(Lsi53c895a& l) : chip(l) {}
        u64 read(u64 offset, unsigned size) override { return chip.read(offset, size); }
        void write(u64 offset, unsigned size, u64 value) override { chip.write(offset, size, value); }
        Lsi53c895a& chip;
    };
    /// BAR2.
    struct Ram final : IoHandler {
        explicit Ram(Lsi53c895a& l) : chip(l) {}
        u64 read(u64 offset, unsigned size) override;
        void write(u64 offset, unsigned size, u64 value) override;
        void read_span(u64 offset, unsigned size, std::span<u8> bytes) override;
        void write_span(u64 offset, unsigned size, std::span<const u8> bytes) override;
        Lsi53c895a& chip;
    };

    void config_written(unsigned reg, unsigned size) override;

    // lsi53c895a.cpp: resets, interrupts, timers
    void soft_reset();
    void raise_dma(u8 cause);
    void raise_scsi(u8 sist0, u8 sist1);
    bool scsi_pending() const;
    bool interrupt_level() const;
    void unstack();
    void derive();
    void general_timer_expired();
    void bus_changed() override;
    Status valid(const State& state) const;

    // lsi53c895a_io.cpp: registers as the host, or a script, reads and writes them
    u64 read(u64 offset, unsigned size);
    void write(u64 offset, unsigned size, u64 value);
    u8 peek(unsigned reg) const;
    u8 bus_lines() const;
    void read_effects(unsigned reg, unsigned size);
    void write_register(unsigned reg, u8 value);
    void write_istat0(u8 value);
    void write_scntl1(u8 before);
    void start_general_timer();

    // lsi53c895a_scripts.cpp: the processor
    void start();
    void stop();
    bool may_go_on() const;
    void go_on();
    void run();
    u32 step();
    u32 io_instruction(u32 insn, u32 addr);
    void select(u32 insn, u32 addr);
    void wait_disconnect();
    void wait_reselect();
    void reselected();
    void read_modify_write(u32 insn);
    void transfer_control(u32 insn, u32 addr);
    bool condition(u32 insn) const;
    void wait_for(Wait what);
    bool selection_times_out();
    std::optional<scsi::Phase> sample_phase();

    // lsi53c895a_moves.cpp: instructions that move bytes
    struct Move {
        u64 addr = 0;
        u32 count = 0;
        u8 upper = 0; ///< bits 24 to 31 of a table entry
    };
    bool read_memory(u64 addr, std::span<u8> bytes);
    bool write_memory(u64 addr, std::span<const u8> bytes);
    std::span<u8> script_ram(u64 addr, u64 length);
    std::optional<u32> read_word(u64 addr);
    std::optional<Move> decode_move(u32 insn, u32 addr);
    u64 selected_upper(u8 upper) const;
    u32 block_move(u32 insn, u32 addr);
    u32 data_move(const Move& move, scsi::Phase phase);
    void send_command(const Move& move);
    void send_message(const Move& move);
    void receive_status(const Move& move);
    void receive_message(const Move& move);
    void moved(const Move& move, u32 bytes);
    void phase_mismatch();
    u32 load_store(u32 insn, u32 addr);
    u32 memory_move(u32 insn, u32 addr);

    GuestMemory& memory_;
    TimerQueue& timers_;
    Log log_;
    Registers registers_{*this};
    Ram ram_{*this};
    ScsiBus bus_;
    State s_;
    State loaded_;
    bool in_run_ = false;
    Timer pause_timer_;
    Timer general_timer_;
};
static_assert(covers_every_field<Lsi53c895a::Causes>);
static_assert(covers_every_field<Lsi53c895a::State>);

} // namespace dm
