// The 82078's registers, its resets, and the drives on it.
#include "dm/devices/floppy/fdc_82078.hpp"

namespace dm {
namespace {

constexpr u8 kBootSelect = 0x04; ///< of TDR: units 0 and 1 change places
constexpr u8 kRateBits = 0x03;
constexpr u8 kSwReset = 0x80; ///< of DSR
constexpr u8 kDiskChanged = 0x80;
constexpr u8 kStatusBAlways = 0xc0;
constexpr u8 kFifoSettings = 0x2f; ///< EFIFO and FIFOTHR of CONFIGURE: those that LOCK keeps
constexpr u8 kDefaultConfigure = 0x20;
constexpr u8 kGapAndWrite = 0x03; ///< of PERPENDICULAR MODE

} // namespace

Fdc82078::Fdc82078(std::string_view name, const Drives& drives, IrqLine irq, TimerQueue& timers,
                   DmaChannel& dma)
    : Device(name), log_(name), irq_(std::move(irq)), timers_(timers), dma_(dma),
      spin_timer_(timers, [this] { read_id_over(); }) {
    for (unsigned n = 0; n < kDrives; ++n) {
        if (!drives[n]) continue;
        const FloppyConfig& config = *drives[n];
        const u64 bytes = config.medium != nullptr ? config.medium->size_bytes() : 0;
        Drive& d = drives_[n];
        d.type = config.type.value_or(floppy::drive_for(bytes).value_or(config.fallback));
        d.events = config.events;
        take_medium(d, config.medium);
    }
    dma_.connect(this);
}

Fdc82078::~Fdc82078() {
    dma_.connect(nullptr);
}

// ------------------------------------------------------------------------------------------- drives and
// media

/// Where the unit that a command names is on the cable.
unsigned Fdc82078::place(unsigned unit) const {
    return unit < kDrives && (state_.tdr & kBootSelect) != 0 ? unit ^ 1U : unit;
}

const Fdc82078::Drive* Fdc82078::drive(unsigned unit) const {
    const unsigned at = place(unit);
    return at < kDrives && drives_[at].type != floppy::DriveType::None ? &drives_[at] : nullptr;
}

floppy::DriveType Fdc82078::type(unsigned drive) const {
    return drives_[drive].type;
}

void Fdc82078::take_medium(Drive& drive, BlockBackend* medium) {
    drive.medium = medium;
    drive.geometry =
        medium != nullptr ? floppy::geometry_of(medium->size_bytes(), drive.type) : floppy::Geometry{};
}

u64 Fdc82078::medium_bytes(unsigned number) const {
    const BlockBackend* medium = drives_[number].medium;
    return medium != nullptr ? medium->size_bytes() : 0;
}

/// A transfer that goes on finds no more address marks.
void Fdc82078::insert(unsigned number, BlockBackend* medium) {
    State& s = state_;
    if (s.phase == Phase::Execution && place(unit()) == number) {
        io_.cancel();
        terminate(fdc::ST0_ABNORMAL, fdc::ST1_MA);
    }
    take_medium(drives_[number], medium);
    s.disks[number] = {.changed = true, .bytes = medium_bytes(number)};
    sync();
}

// --------------------------------------------------------------------------------------------------
// registers

u64 Fdc82078::read(u64 offset, unsigned) {
    switch (offset) {
    case SRB: return status_b();
    case DOR: return state_.dor.raw();
    case TDR: return state_.tdr;
    case MSR_DSR: return main_status().raw();
    case FIFO: return read_fifo();
    case DIR_CCR: return digital_input();
    default: return ones(1);
    }
}

void Fdc82078::write(u64 offset, unsigned, u64 value) {
    const u8 byte = byte_of(value, 0);
    switch (offset) {
    case DOR: return write_dor(byte);
    case TDR:
        if (!in_reset() && state_.phase != Phase::Execution) state_.tdr = byte & kBootSelect;
        return;
    case MSR_DSR: return write_dsr(byte);
    case FIFO: return write_fifo(byte);
    case DIR_CCR:
        if (!in_reset()) state_.rate = byte & kRateBits;
        return;
    default: return;
    }
}

/// Motors and selected drive, as DOR drives them.
u8 Fdc82078::status_b() const {
    const unsigned dor = state_.dor.raw();
    return static_cast<u8>(kStatusBAlways | (dor >> 4 & 0x03U) | (dor & 1U) << 5);
}

Bits<Fdc82078::Msr> Fdc82078::main_status() const {
    Bits<Msr> msr;
    if (in_reset()) return msr;
    switch (state_.phase) {
    case Phase::Command:
        msr.set(Msr::RQM);
        msr.set(Msr::CMD_BUSY, state_.have > 0);
        return msr;
    case Phase::Execution: {
        msr.set(Msr::CMD_BUSY);
        const bool fifo = by_fifo() && fdc::moves_data(code()) && code() != fdc::Code::Verify;
        msr.set(Msr::NON_DMA, fifo);
        msr.set(Msr::RQM, fifo && host_waits());
        msr.set(Msr::DIO, fifo && host_waits() && !fdc::writes(code()) && !fdc::scans(code()));
        return msr;
    }
    case Phase::Result: return Bits<Msr>(Msr::RQM) | Msr::DIO | Msr::CMD_BUSY;
    }
    return msr;
}

/// Of the drive that DOR selects. Where none is nobody pulls DSKCHG low.
u8 Fdc82078::digital_input() const {
    const unsigned selected = state_.dor.raw() % kUnits;
    const bool changed = drive(selected) == nullptr || state_.disks[place(selected)].changed;
    return changed ? kDiskChanged : 0;
}

void Fdc82078::write_dor(u8 value) {
    State& s = state_;
    const bool was_in_reset = in_reset();
    s.dor = Bits<Dor>{value};
    if (in_reset() || was_in_reset) {
        software_reset();
        if (!in_reset()) {
            s.reset_senses = kUnits;
            s.sense_irq = true;
        }
    }
    sync();
    advance(); // DMAGATE may have changed the way of a transfer
}

void Fdc82078::write_dsr(u8 value) {
    if (in_reset()) return;
    state_.rate = value & kRateBits;
    if ((value & kSwReset) == 0) return;
    software_reset();
    state_.reset_senses = kUnits;
    state_.sense_irq = true;
    sync();
}

/// By DOR or DSR. What LOCK protects stays.
void Fdc82078::software_reset() {
    io_.cancel();
    State& s = state_;
    command_over();
    s.result.clear();
    s.due_ns.reset();
    s.tracks = {};
    s.seek_ended = s.seek_failed = s.reset_senses = 0;
    s.sense_irq = s.result_irq = false;
    s.perpendicular = static_cast<u8>(s.perpendicular & ~kGapAndWrite);
    if (!s.lock) s.pretrk = 0;
    s.configure = s.lock ? s.configure & kFifoSettings : kDefaultConfigure;
}

u8 Fdc82078::read_fifo() {
    State& s = state_;
    if (s.phase == Phase::Result && !in_reset()) {
        const u8 byte = s.result.pop();
        if (s.result.empty()) {
            command_over();
            s.result_irq = false;
            sync();
        }
        return byte;
    }
    const Bits<Msr> msr = main_status();
    if (!msr.has(Msr::RQM) || !msr.has(Msr::DIO)) return 0;
    const u8 byte = s.buffer[s.at++];
    if (s.at >= kSector) host_over();
    advance();
    return byte;
}

void Fdc82078::write_fifo(u8 value) {
    const Bits<Msr> msr = main_status();
    if (!msr.has(Msr::RQM) || msr.has(Msr::DIO)) return;
    if (state_.phase == Phase::Command)
        take_command_byte(value);
    else {
        take_from_host({&value, 1});
        if (state_.at >= host_bytes()) host_over();
    }
    advance();
}

/// All outputs. Through the FIFO the interrupt asks for each sector's bytes.
void Fdc82078::sync() {
    const State& s = state_;
    irq_.set(!in_reset() && (s.sense_irq || s.result_irq || (host_waits() && by_fifo())));
    spin_timer_.arm(s.due_ns);
    dma_.set_request(host_waits() && !by_fifo());
}

// -------------------------------------------------------------------------------------------------- life
// cycle

void Fdc82078::reset() {
    io_.cancel();
    state_ = {};
    for (unsigned n = 0; n < kDrives; ++n)
        state_.disks[n].bytes = medium_bytes(n);
    sync();
}

Status Fdc82078::judge(const State& s) const {
    const bool executing = s.phase == Phase::Execution;
    const fdc::Code code = fdc::code_of(s.command[0]);
    const unsigned all = 1 + fdc::parameters_of(s.command[0]);
    if (s.phase > Phase::Result || s.step > Step::Spin || s.order > Order::DiskHigher || s.rate > kRateBits ||
        (s.tdr & ~kBootSelect) != 0 || s.perpendicular > 0x3f)
        return fail("saved state: {}: a value that no register has", name());
    if ((s.step != Step::None) != executing || s.result.empty() == (s.phase == Phase::Result) ||
        s.due_ns.has_value() != (s.step == Step::Spin))
        return fail("saved state: {}: the phase is none", name());
    if (s.phase == Phase::Command ? s.have > 0 && s.have >= all : s.have > all)
        return fail("saved state: {}: the command has too many bytes", name());
    const bool spins = code == fdc::Code::ReadId;
    const bool by_host = s.step == Step::Host && code == fdc::Code::Verify;
    if (executing &&
        (s.have != all || by_host || spins != (s.step == Step::Spin) || (!spins && !fdc::moves_data(code))))
        return fail("saved state: {}: no command does this", name());
    const std::size_t most = code == fdc::Code::FormatTrack ? fdc::kFormatId : kSector;
    if (s.at > kSector || (s.step == Step::Host && s.at >= most))
        return fail("saved state: {}: the buffer is used past its end", name());
    if (executing && code == fdc::Code::FormatTrack && s.left == 0)
        return fail("saved state: {}: a format that is over", name());
    const bool senses = s.seek_ended != 0 || s.reset_senses == kUnits;
    if (s.seek_ended >> kUnits != 0 || (s.seek_failed & ~s.seek_ended) != 0 || s.reset_senses > kUnits ||
        s.sense_irq != senses || (s.result_irq && s.phase != Phase::Result))
        return fail("saved state: {}: an interrupt that nothing can end", name());
    if (!s.dor.has(Dor::nRESET) && (s.phase != Phase::Command || s.have > 0 || s.sense_irq))
        return fail("saved state: {}: it works while it is being reset", name());
    return {};
}

Status Fdc82078::load(StateReader& in) {
    State loaded;
    DM_TRY(load_section(in, name(), loaded, [this](const State& s) { return judge(s); }));
    io_.cancel();
    state_ = loaded;
    State& s = state_;
    for (unsigned n = 0; n < kDrives; ++n) {
        if (s.disks[n].bytes == medium_bytes(n)) continue;
        // Another disk than the guest knows: as if it had been changed just now.
        s.disks[n] = {.changed = true, .bytes = medium_bytes(n)};
        if (s.phase == Phase::Execution && place(unit()) == n) terminate(fdc::ST0_ABNORMAL, fdc::ST1_MA);
    }
    sync();
    advance();
    return {};
}

} // namespace dm
