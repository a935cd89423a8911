// One port of an AHCI controller and the Serial ATA device on it (AHCI 1.3.1, 3.3 and 5; Serial ATA 3.1).
//
// The drives are those of the IDE channels; the port fetches their commands from memory, moves their data to
// the command's scatter list and posts their answers as frames. Queued commands go past the drive.
#pragma once

#include "dm/core/clock.hpp"
#include "dm/core/log.hpp"
#include "dm/devices/ahci/fis.hpp"
#include "dm/devices/ahci/ncq.hpp"
#include "dm/devices/ide/ata_link.hpp"
#include "dm/devices/ide/drive_config.hpp"

#include <optional>

namespace dm {

class AtaDisk;
class AtapiCdrom;

class AhciPort final : public AtaLink, private ahci::CommandQueue::Owner {
public:
    /// Commands, and blocks of PIO data in them, of one access or event; the rest goes on soon, after others
    /// had their turn. With a medium that answers at once a full command list has two million.
    static constexpr unsigned kMostSteps = 4096;

    /// The controller around it.
    class Hba {
    public:
        virtual ~Hba() = default;
        /// The function may reach memory.
        virtual bool bus_enabled() const = 0;
        /// interrupt_pending() may have changed.
        virtual void port_changed() = 0;
    };

    struct State {
        u32 clb = 0;
        u32 clbu = 0;
        u32 fb = 0;
        u32 fbu = 0;
        Bits<ahci::PortIrq> is;
        Bits<ahci::PortIrq> ie;
        Bits<ahci::PortCmd> cmd; ///< what software writes there
        u32 tfd = ahci::kTfdNoDevice;
        u32 sig = ahci::kNoSignature;
        u32 sctl = 0;
        u32 serr = 0;
        u32 sact = 0;
        u32 ci = 0;
        u8 ccs = 0;                ///< slot of the last command that was fetched
        u8 next = 0;               ///< slot that is looked at first
        bool fatal = false;        ///< no command is fetched until software stops the port
        bool signature_due = true; ///< the device's first frame after a reset was not sent yet
        bool soft_reset = false;   ///< SRST is set in the device
        ata::TaskFile task;        ///< of the device
        ahci::QueueError queue_error;

        bool operator==(const State&) const = default;
        static constexpr void fields(auto&& v, auto& s) {
            v("clb", s.clb);
            v("clbu", s.clbu);
            v("fb", s.fb);
            v("fbu", s.fbu);
            v("is", s.is);
            v("ie", s.ie);
            v("cmd", s.cmd);
            v("tfd", s.tfd);
            v("sig", s.sig);
            v("sctl", s.sctl);
            v("serr", s.serr);
            v("sact", s.sact);
            v("ci", s.ci);
            v("ccs", s.ccs);
            v("next", s.next);
            v("fatal", s.fatal);
            v("signature_due", s.signature_due);
            v("soft_reset", s.soft_reset);
            v("task", s.task);
            v("queue_error", s.queue_error);
        }
    };

    AhciPort(std::string_view name, GuestMemory& memory, TimerQueue& timers, Hba& hba);
    ~AhciPort() override;
    AhciPort(const AhciPort&) = delete;
    AhciPort& operator=(const AhciPort&) = delete;

    void install(const DriveConfig& config);
    /// What hangs here, if it is of that kind and still there.
    AtaDisk* disk() const;
    AtapiCdrom* cdrom() const { return cdrom_; }

    // The controller's side. `offset` is that of a register.
    u32 read(u64 offset) const;
    /// Bits outside `mask` were not written.
    void write(u64 offset, u32 value, u32 mask);
    bool interrupt_pending() const { return (s_.is.raw() & s_.ie.raw()) != 0; }
    /// Fetches what waited for the bus.
    void bus_changed();

    void power_on();
    /// GHC.HR: all but the addresses of the structures in memory.
    void reset_registers();
    /// Waits until no request is in flight; commands that run now, and those behind them, finish.
    void quiesce();
    /// The machine goes on: commands that the host failed are fetched again.
    void retry();
    void save(StateWriter& out) const;
    /// Reads and judges the state; commit() takes it over.
    Status load(StateReader& in);
    void commit();

    // For the drive (AtaLink).
    const std::string& name() const override { return log_.tag(); }
    unsigned queue_depth() const override { return ahci::kSlots; }
    ata::TaskFile& task(unsigned) override { return s_.task; }
    std::span<u8, kBufferSize> buffer() override { return buffer_; }
    u32 position() const override { return position_; }
    void interrupt() override;
    void end_command(unsigned unit, Bits<ata::StatusBit> status) override;
    void set_busy(unsigned unit) override;
    void offer(unsigned unit, Phase phase, u32 begin, u32 end) override;
    void submit(BlockBackend& medium, BlockIo::Op op, u64 offset, std::span<const iovec> iov,
                AtaDrive& drive) override;
    void want_dma(unsigned unit, DmaDirection direction, u64 bytes) override;
    void move_piece(BlockBackend& medium, BlockIo::Op op, u64 offset, u64 limit, AtaDrive& drive) override;
    u64 end_piece() override;
    void discard(BlockBackend& medium, u64 offset, u64 length, AtaDrive& drive) override;
    void copy_to_guest(std::span<const u8> bytes) override;
    void copy_from_guest(std::span<u8> bytes) override;
    void stall() override { held_ = true; }
    void stall_dma(DmaDirection, u64) override { held_ = true; }
    void end_dma(bool complete) override;
    void cancel_transfer() override;
    void drop_command(unsigned unit) override;

private:
    /// While one lives, what the drive and the medium report is only taken note of; the last to go does what
    /// has become possible, so that nothing nests however fast a medium answers.
    class Entry {
    public:
        explicit Entry(AhciPort& port) : port_(port) { ++port_.depth_; }
        ~Entry() { port_.leave(); }
        Entry(const Entry&) = delete;
        Entry& operator=(const Entry&) = delete;

    private:
        AhciPort& port_;
    };
    struct DriveIo final : MediumIo::Client {
        explicit DriveIo(AhciPort& p) : port(p) {}
        void io_done(int error) override;
        AhciPort& port;
    };
    /// A command that is not queued, from its fetch to its last frame.
    struct Active {
        u8 slot = 0;
        GuestPhys header = 0;
        u32 moved = 0; ///< bytes
        std::array<u8, 16> packet{};
        bool packet_sent = false;
    };

    bool attached() const { return drive_ != nullptr && drive_->attached(); }
    bool running() const { return s_.cmd.has(ahci::PortCmd::ST); }
    u32 ssts() const;

    // ahci_port.cpp: registers and resets
    void write_cmd(u32 value);
    void write_sctl(u32 value);
    void abandon();
    void reset_device();
    Status valid(const State& state) const;

    // ahci_port_commands.cpp: from the command list to the device, and frames back
    void leave();
    void do_steps() { const Entry entry(*this); }
    bool step();
    bool ready() const;
    bool fetch_next();
    bool fetch(GuestPhys addr, std::span<u8> out);
    void bus_failed(GuestPhys addr);
    void control(u8 slot, const ahci::CommandHeader& header, u8 value);
    void run_command(u8 opcode);
    void read_log();
    void diagnose();
    void abort_command();
    void complete();
    void put_back();
    void send_signature();
    void post(u32 offset, std::span<const u8> frame);
    void post_registers(bool interrupt);
    void post_device_bits(u32 finished);
    void show_status(u8 kept);

    // ahci_port_link.cpp
    void move_block();

    // ahci_port_queue.cpp
    void start_queued(u8 slot, const ahci::CommandHeader& header,
                      std::span<const u8, ahci::kFrameSize> frame);
    u8 refusal(const ahci::QueuedCommand& command, const ahci::CommandHeader& header);
    void fail_queue(const ahci::QueuedCommand& command, u8 error, u64 moved);
    void queued_command_done(const ahci::QueuedCommand& command, const ahci::QueuedResult& result) override;
    void report_queue_error();

    Log log_;
    GuestMemory& memory_;
    Hba& hba_;
    std::unique_ptr<AtaDrive> drive_;
    AtaDisk* disk_ = nullptr;     // the drive, by its kind
    AtapiCdrom* cdrom_ = nullptr; // likewise
    State s_;
    // In flight only: empty whenever the state is saved.
    unsigned depth_ = 0; ///< of Entry
    std::optional<Active> active_;
    bool ended_ = false; ///< the drive is done with the command
    bool held_ = false;  ///< until retry(): the host failed a command, which is in PxCI again
    bool interrupt_ = false;
    Phase phase_ = Phase::None;
    u32 position_ = 0; ///< in `buffer_`
    u32 block_end_ = 0;
    DmaDirection direction_ = DmaDirection::FromGuest;
    std::optional<ahci::QueueError> queue_failure_; ///< told when the rest of the queue is done
    std::array<u8, kBufferSize> buffer_{};
    ahci::CommandData data_;
    DriveIo drive_io_{*this};
    State loaded_; ///< between load() and commit()
    TimerQueue& timers_;
    Timer go_on_{timers_, [this] { do_steps(); }}; ///< armed: steps are left
    // Last: their destructors wait for requests that use the members above.
    MediumIo io_;
    ahci::CommandQueue queue_;
};
static_assert(covers_every_field<AhciPort::State>);

} // namespace dm
