// Floppy disk controller (Intel 82078, 290468; its commands are those of the NEC uPD765 and the Intel
// 82077AA, 290166) with up to two drives, in AT mode: registers at offsets 1 to 5 and 7, an interrupt, a DMA
// channel. See docs/devices/fdc.md.
//
// Not here: deleted data marks and other sizes of sectors than 512 bytes (an image has none), FM, tapes,
// power management beyond the commands' answers, the time that heads and motors take: seeks end at once,
// transfers with the host's disk. READ ID alone waits for a sector to come by.
//
// Quirks: reads and writes go to the cylinder that they name whatever CONFIGURE says (SeaBIOS never seeks).
// Bytes go through the FIFO as well where DOR does not let DRQ and INT out, INT comes out all the same, and a
// transfer through the FIFO ends well at the last sector, as nobody can raise TC there: drivers written for
// virtual machines.
#pragma once

#include "dm/core/bits.hpp"
#include "dm/core/clock.hpp"
#include "dm/core/device.hpp"
#include "dm/core/fifo.hpp"
#include "dm/core/io_space.hpp"
#include "dm/core/irq.hpp"
#include "dm/core/log.hpp"
#include "dm/devices/floppy/fdc_commands.hpp"
#include "dm/devices/floppy/floppy_geometry.hpp"
#include "dm/devices/ide/drive_config.hpp"
#include "dm/devices/ide/medium_io.hpp"
#include "dm/devices/isa/dma_channel.hpp"

#include <array>
#include <optional>

namespace dm {

struct FloppyConfig {
    BlockBackend* medium = nullptr;          ///< outlives the drive or its change; null: the drive is empty
    std::optional<floppy::DriveType> type{}; ///< nothing: the one for `medium`
    floppy::DriveType fallback = floppy::DriveType::F2880K; ///< where the medium does not tell
    DriveEvents* events = nullptr;                          ///< outlives the drive; may be null
};

class Fdc82078 final : public Device, public IoHandler, private DmaClient, private MediumIo::Client {
public:
    static constexpr unsigned kDrives = 2;
    static constexpr unsigned kUnits = 4; ///< that commands can name
    static constexpr std::size_t kSector = floppy::kSectorSize;

    enum Reg : u8 { SRB = 1, DOR = 2, TDR = 3, MSR_DSR = 4, FIFO = 5, DIR_CCR = 7 };
    enum class Dor : u8 { SEL1 = 0x02, nRESET = 0x04, DMAGATE = 0x08, ME0 = 0x10, ME1 = 0x20 };
    enum class Msr : u8 { CMD_BUSY = 0x10, NON_DMA = 0x20, DIO = 0x40, RQM = 0x80 };
    enum class Configure : u8 { POLL = 0x10, EFIFO = 0x20, EIS = 0x40 };

    enum class Phase : u8 { Command, Execution, Result };
    /// What a command in its execution phase waits for.
    enum class Step : u8 {
        None,
        Medium, ///< a sector is read or written
        Host,   ///< bytes go through the FIFO or by DMA
        Spin    ///< the next sector comes by
    };
    /// How a sector compares with the host's bytes.
    enum class Order : u8 { Equal, DiskLower, DiskHigher };

    /// What the controller knows of a disk.
    struct Disk {
        bool changed = true; ///< DSKCHG: no step since another disk came
        u64 bytes = 0;       ///< 0: none
        bool operator==(const Disk&) const = default;
        static constexpr void fields(auto&& v, auto& s) {
            v("changed", s.changed);
            v("bytes", s.bytes);
        }
    };
    struct State {
        Bits<Dor> dor{0x0c};
        u8 tdr = 0;
        u8 rate = 0; ///< DRATE SEL
        u8 srt_hut = 0;
        u8 hlt_nd = 0;
        u8 configure = 0x20; ///< second byte of CONFIGURE
        u8 pretrk = 0;
        u8 perpendicular = 0;
        bool lock = false;
        u8 powerdown = 0;
        std::array<u8, kUnits> drive_spec{};
        std::array<u8, kUnits> tracks{}; ///< PCN
        std::array<Disk, kDrives> disks{};

        Phase phase = Phase::Command;
        std::array<u8, fdc::kMostBytes> command{};
        u8 have = 0; ///< bytes of it
        Fifo<u8, 16> result{};

        Step step = Step::None;
        // The ID of the sector that is next.
        u8 cylinder = 0;
        u8 head = 0;
        u8 sector = 0;
        u8 last_sector = 0; ///< EOT, or SC of a format
        u8 left = 0;        ///< sectors of a format or of a verification that counts
        bool sought = false;
        bool tc = false; ///< the host has had enough
        Order order = Order::Equal;
        std::array<u8, kSector> buffer{};
        u16 at = 0;                ///< how far into it the host is
        u8 passed = 0;             ///< the sector that came by last
        std::optional<u64> due_ns; ///< when the next one does

        u8 reset_senses = 0; ///< how many SENSE INTERRUPT still tell of the reset
        u8 seek_ended = 0;   ///< a bit for each unit
        u8 seek_failed = 0;  ///< no track 0 was found
        bool sense_irq = false;
        bool result_irq = false;

        bool operator==(const State&) const = default;
        static constexpr void fields(auto&& v, auto& s) {
            v("dor", s.dor);
            v("tdr", s.tdr);
            v("rate", s.rate);
            v("srt_hut", s.srt_hut);
            v("hlt_nd", s.hlt_nd);
            v("configure", s.configure);
            v("pretrk", s.pretrk);
            v("perpendicular", s.perpendicular);
            v("lock", s.lock);
            v("powerdown", s.powerdown);
            v("drive_spec", s.drive_spec);
            v("tracks", s.tracks);
            v("disks", s.disks);
            v("phase", s.phase);
            v("command", s.command);
            v("have", s.have);
            v("result", s.result);
            v("step", s.step);
            v("cylinder", s.cylinder);
            v("head", s.head);
            v("sector", s.sector);
            v("last_sector", s.last_sector);
            v("left", s.left);
            v("sought", s.sought);
            v("tc", s.tc);
            v("order", s.order);
            v("buffer", s.buffer);
            v("at", s.at);
            v("passed", s.passed);
            v("due_ns", s.due_ns);
            v("reset_senses", s.reset_senses);
            v("seek_ended", s.seek_ended);
            v("seek_failed", s.seek_failed);
            v("sense_irq", s.sense_irq);
            v("result_irq", s.result_irq);
        }
    };

    using Drives = std::array<std::optional<FloppyConfig>, kDrives>;

    /// Map 5 bytes from offset 1 on and one at offset 7, byte access. `dma` outlives this.
    Fdc82078(std::string_view name, const Drives& drives, IrqLine irq, TimerQueue& timers, DmaChannel& dma);
    ~Fdc82078() override;

    u64 read(u64 offset, unsigned size) override;
    void write(u64 offset, unsigned size, u64 value) override;

    void reset() override;
    void save(StateWriter& out) const override { out.section(name(), state_); }
    Status load(StateReader& in) override;
    /// Waits until no request to a medium is in flight.
    void quiesce() { io_.finish(); }

    /// None: there is no such drive.
    floppy::DriveType type(unsigned drive) const;
    const BlockBackend* medium(unsigned drive) const { return drives_[drive].medium; }
    /// Another disk, or, null, none.
    void insert(unsigned drive, BlockBackend* medium);

private:
    struct Drive {
        floppy::DriveType type = floppy::DriveType::None;
        BlockBackend* medium = nullptr;
        floppy::Geometry geometry;
        DriveEvents* events = nullptr;
    };

    // Registers
    u8 status_b() const;
    Bits<Msr> main_status() const;
    u8 digital_input() const;
    u8 read_fifo();
    void write_dor(u8 value);
    void write_dsr(u8 value);
    void write_fifo(u8 value);
    bool in_reset() const { return !state_.dor.has(Dor::nRESET); }
    void software_reset();
    void sync();

    // Commands
    void take_command_byte(u8 value);
    void execute();
    void execute_setting(fdc::Code code);
    void respond(std::initializer_list<u8> bytes);
    void command_over();
    void sense_drive_status();
    void sense_interrupt();
    void recalibrate();
    void seek(unsigned unit, unsigned track);
    void relative_seek();
    void drive_specification();
    void dump_registers();
    void save_registers();
    void restore_registers();

    // Transfers: fdc_transfer.cpp
    void begin_read_id();
    void read_id_over();
    void begin_format();
    void begin_transfer();
    void terminate(u8 st0, u8 st1 = 0, u8 st2 = 0);
    void advance();
    bool advance_once();
    void access_medium();
    void io_done(int error) override;
    bool move_by_dma();
    void take_from_host(std::span<const u8> bytes);
    void host_over();
    void take_format_id();
    void sector_over();
    bool next_sector();
    void wait_for_next();
    void dma_acknowledged() override { advance(); }

    // Computed from State
    fdc::Code code() const { return fdc::code_of(state_.command[0]); }
    u8 parameter(unsigned n) const { return state_.command[n]; }
    unsigned unit() const { return parameter(1) % kUnits; }
    unsigned place(unsigned unit) const;
    const Drive* drive(unsigned unit) const;
    const Drive* ready_drive() const;
    bool by_fifo() const { return (state_.hlt_nd & 1) != 0 || !state_.dor.has(Dor::DMAGATE); }
    std::size_t host_bytes() const { return code() == fdc::Code::FormatTrack ? fdc::kFormatId : kSector; }
    bool host_waits() const { return state_.phase == Phase::Execution && state_.step == Step::Host; }
    void take_medium(Drive& drive, BlockBackend* medium);
    u64 medium_bytes(unsigned number) const;
    Status judge(const State& s) const;

    Log log_;
    IrqLine irq_;
    TimerQueue& timers_;
    DmaChannel& dma_;
    Timer spin_timer_;
    std::array<Drive, kDrives> drives_{};
    MediumIo io_;
    iovec iov_{};
    bool advancing_ = false;
    State state_;
};
static_assert(covers_every_field<Fdc82078::Disk>);
static_assert(covers_every_field<Fdc82078::State>);

} // namespace dm
