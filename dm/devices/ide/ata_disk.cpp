// ATA disk: commands that move sectors.
#include "dm/devices/ide/ata_disk.hpp"

#include <algorithm>
#include <cerrno>
#include <utility>

namespace dm {

using ata::ErrorBit;
using Phase = AtaLink::Phase;

namespace {

enum class Opcode : u8 {
    DATA_SET_MANAGEMENT = 0x06,
    READ_SECTORS = 0x20,
    READ_SECTORS_NO_RETRY = 0x21,
    READ_SECTORS_EXT = 0x24,
    READ_DMA_EXT = 0x25,
    READ_MULTIPLE_EXT = 0x29,
    WRITE_SECTORS = 0x30,
    WRITE_SECTORS_NO_RETRY = 0x31,
    WRITE_SECTORS_EXT = 0x34,
    WRITE_DMA_EXT = 0x35,
    WRITE_MULTIPLE_EXT = 0x39,
    WRITE_VERIFY = 0x3c,
    READ_VERIFY_SECTORS = 0x40,
    READ_VERIFY_SECTORS_NO_RETRY = 0x41,
    READ_VERIFY_SECTORS_EXT = 0x42,
    READ_MULTIPLE = 0xc4,
    WRITE_MULTIPLE = 0xc5,
    READ_DMA = 0xc8,
    READ_DMA_NO_RETRY = 0xc9,
    WRITE_DMA = 0xca,
    WRITE_DMA_NO_RETRY = 0xcb,
    FLUSH_CACHE = 0xe7,
    FLUSH_CACHE_EXT = 0xea,
};

constexpr u8 kIdentifyPacketDevice = 0xa1; // how firmware asks whether a drive is a CD-ROM

constexpr u32 kBufferSectors = AtaLink::kBufferSize / ata::kSectorSize;
static_assert(kBufferSectors % ata::kMostSectorsPerBlock == 0);

std::string or_default(const std::string& given, std::string_view fallback) {
    return given.empty() ? std::string(fallback) : given;
}

} // namespace

AtaDisk::AtaDisk(AtaLink& channel, unsigned unit, const DriveConfig& config)
    : channel_(channel), unit_(unit), medium_(config.medium),
      log_(fmt::format("{}/{}", channel.name(), unit)), serial_(config.serial),
      model_(or_default(config.model, "HVMDM HARDDISK")), firmware_(config.firmware),
      physical_(config.geometry.value_or(ata::default_geometry(capacity()))), errors_(config.errors),
      events_(config.events) {
    power_on();
}

void AtaDisk::command(u8 opcode) {
    task().error = 0;
    if (transfer_command(opcode)) return;
    if (non_data_command(opcode)) return;
    if (opcode != kIdentifyPacketDevice) log_.guest("unknown command {:#04x}", opcode);
    aborted();
}

bool AtaDisk::transfer_command(u8 opcode) {
    using enum Direction;
    const u8 multiple = s_.sectors_per_block;
    switch (static_cast<Opcode>(opcode)) {
    case Opcode::READ_SECTORS:
    case Opcode::READ_SECTORS_NO_RETRY: begin(Op::PioRead, Read, false, 1); return true;
    case Opcode::READ_SECTORS_EXT: begin(Op::PioRead, Read, true, 1); return true;
    case Opcode::READ_MULTIPLE: begin(Op::PioRead, Read, false, multiple); return true;
    case Opcode::READ_MULTIPLE_EXT: begin(Op::PioRead, Read, true, multiple); return true;
    case Opcode::WRITE_SECTORS:
    case Opcode::WRITE_SECTORS_NO_RETRY:
    case Opcode::WRITE_VERIFY: begin(Op::PioWrite, Write, false, 1); return true;
    case Opcode::WRITE_SECTORS_EXT: begin(Op::PioWrite, Write, true, 1); return true;
    case Opcode::WRITE_MULTIPLE: begin(Op::PioWrite, Write, false, multiple); return true;
    case Opcode::WRITE_MULTIPLE_EXT: begin(Op::PioWrite, Write, true, multiple); return true;
    case Opcode::READ_DMA:
    case Opcode::READ_DMA_NO_RETRY: begin(Op::DmaRead, Read, false, 1); return true;
    case Opcode::READ_DMA_EXT: begin(Op::DmaRead, Read, true, 1); return true;
    case Opcode::WRITE_DMA:
    case Opcode::WRITE_DMA_NO_RETRY: begin(Op::DmaWrite, Write, false, 1); return true;
    case Opcode::WRITE_DMA_EXT: begin(Op::DmaWrite, Write, true, 1); return true;
    case Opcode::READ_VERIFY_SECTORS:
    case Opcode::READ_VERIFY_SECTORS_NO_RETRY: begin(Op::Verify, Read, false, 1); return true;
    case Opcode::READ_VERIFY_SECTORS_EXT: begin(Op::Verify, Read, true, 1); return true;
    case Opcode::DATA_SET_MANAGEMENT: trim(); return true;
    case Opcode::FLUSH_CACHE:
    case Opcode::FLUSH_CACHE_EXT: flush(); return true;
    }
    return false;
}

std::optional<u64> AtaDisk::start_lba(bool extended) {
    const ata::TaskFile& t = task();
    if (extended) return t.lba48();
    if ((t.device & ata::kDeviceLba) != 0) return t.lba28();
    // CHS in the translation that INITIALIZE DEVICE PARAMETERS set; sectors count from 1.
    if (t.low.now == 0 || t.low.now > s_.sectors || t.head() >= s_.heads) return std::nullopt;
    return (u64{t.cylinder()} * s_.heads + t.head()) * s_.sectors + t.low.now - 1;
}

std::optional<AtaDisk::Extent> AtaDisk::extent(bool extended) {
    const ata::TaskFile& t = task();
    u32 count = extended ? t.count.now | u32{t.count.before} << 8 : t.count.now;
    if (count == 0) count = extended ? 0x10000 : 0x100;
    const std::optional<u64> first = start_lba(extended);
    if (!first || *first >= capacity() || count > capacity() - *first) return std::nullopt;
    return Extent{*first, count};
}

void AtaDisk::begin(Op op, Direction direction, bool extended, u8 per_block) {
    if (per_block == 0 || (direction == Direction::Write && medium_->read_only())) return aborted();
    const std::optional<Extent> where = extent(extended);
    if (!where) return out_of_range();
    s_.op = op;
    s_.extended = extended;
    s_.lba = where->lba;
    s_.left = where->sectors;
    s_.per_block = per_block;
    s_.in_buffer = 0;
    bytes_done_ = 0;
    channel_.set_busy(unit_);
    const u64 bytes = u64{s_.left} * ata::kSectorSize;
    switch (op) {
    case Op::PioRead:
    case Op::Verify: fill_buffer(); break;
    case Op::PioWrite: offer_block(Phase::DataOut, std::min<u32>(s_.per_block, s_.left)); break;
    case Op::DmaRead: channel_.want_dma(unit_, DmaDirection::ToGuest, bytes); break;
    case Op::DmaWrite: channel_.want_dma(unit_, DmaDirection::FromGuest, bytes); break;
    case Op::None:
    case Op::Flush:
    case Op::WriteThrough:
    case Op::Reply:
    case Op::Trim: break;
    }
}

void AtaDisk::flush() {
    s_.op = Op::Flush;
    channel_.set_busy(unit_);
    submit(BlockIo::Op::Flush, 0, 0);
}

/// Between the medium and the first `sectors` of the channel's buffer.
void AtaDisk::submit(BlockIo::Op op, u64 lba, u32 sectors) {
    if (medium_ == nullptr) return io_done(ENODEV);
    vector_ = {channel_.buffer().data(), std::size_t{sectors} * ata::kSectorSize};
    const std::span<const iovec> iov(&vector_, op == BlockIo::Op::Flush ? 0 : 1);
    channel_.submit(*medium_, op, lba * ata::kSectorSize, iov, *this);
}

/// Reads ahead as much as the buffer takes; the host gets it block by block.
void AtaDisk::fill_buffer() {
    s_.in_buffer = static_cast<u8>(std::min(s_.left, kBufferSectors));
    submit(BlockIo::Op::Read, s_.lba, s_.in_buffer);
}

/// The block follows the one before it in the buffer.
void AtaDisk::offer_block(Phase phase, u32 sectors) {
    const u32 begin = channel_.position();
    const u32 end = begin + sectors * ata::kSectorSize;
    if (sectors == 0 || end > AtaLink::kBufferSize) return aborted(); // only from a made-up saved state
    channel_.offer(unit_, phase, begin, end);
}

void AtaDisk::block_moved() {
    switch (s_.op) {
    case Op::PioRead: block_read_by_host(); break;
    case Op::PioWrite: block_written_by_host(); break;
    case Op::Reply:
    case Op::None:
    case Op::DmaRead:
    case Op::DmaWrite:
    case Op::Verify:
    case Op::Flush:
    case Op::WriteThrough:
    case Op::Trim: done(false); break;
    }
}

void AtaDisk::block_read_by_host() {
    const u32 moved = std::min<u32>(s_.per_block, s_.in_buffer);
    s_.lba += moved;
    s_.left -= moved;
    s_.in_buffer = static_cast<u8>(s_.in_buffer - moved);
    if (s_.left == 0) return done(false); // the last block's interrupt came with its data
    if (s_.in_buffer == 0) {
        channel_.set_busy(unit_);
        return fill_buffer();
    }
    offer_block(Phase::DataIn, std::min<u32>(s_.per_block, s_.in_buffer));
    channel_.interrupt();
}

void AtaDisk::block_written_by_host() {
    const u32 moved = std::min<u32>(s_.per_block, s_.left - s_.in_buffer);
    const u32 filled = s_.in_buffer + moved;
    if (filled * ata::kSectorSize != channel_.position()) return aborted(); // only from a made-up state
    s_.in_buffer = static_cast<u8>(filled);
    const u32 next = std::min<u32>(s_.per_block, s_.left - filled);
    if (next == 0 || filled + next > kBufferSectors) {
        channel_.set_busy(unit_);
        return submit(BlockIo::Op::Write, s_.lba, filled);
    }
    offer_block(Phase::DataOut, next);
    channel_.interrupt();
}

void AtaDisk::sectors_written() {
    if (s_.write_cache) return done();
    s_.op = Op::WriteThrough;
    submit(BlockIo::Op::Flush, 0, 0);
}

void AtaDisk::dma_ready() {
    if (s_.op == Op::Trim) return take_ranges();
    if (s_.op != Op::DmaRead && s_.op != Op::DmaWrite) return aborted(); // only from a made-up saved state
    dma_open_ = true;
    bytes_done_ = 0;
    next_piece();
}

void AtaDisk::next_piece() {
    if (medium_ == nullptr) return report(ENODEV);
    const u64 limit = u64{s_.left} * ata::kSectorSize - bytes_done_;
    const auto op = s_.op == Op::DmaRead ? BlockIo::Op::Read : BlockIo::Op::Write;
    channel_.move_piece(*medium_, op, s_.lba * ata::kSectorSize + bytes_done_, limit, *this);
}

void AtaDisk::piece_moved(int error) {
    const u64 bytes = channel_.end_piece();
    if (bytes == 0) return report(EIO);
    if (error != 0 && medium_failed(error)) return;
    bytes_done_ += bytes;
    if (bytes_done_ < u64{s_.left} * ata::kSectorSize) return next_piece();
    s_.lba += s_.left;
    s_.left = 0;
    if (s_.op == Op::DmaWrite) return sectors_written();
    done();
}

void AtaDisk::dma_too_short() {
    log_.guest("the PRD table is shorter than the transfer");
    s_.op = Op::None;
    channel_.end_command(unit_, ata::kReady);
}

void AtaDisk::io_done(int error) {
    const Op op = s_.op;
    if (op == Op::DmaRead || op == Op::DmaWrite) return piece_moved(error);
    if (op == Op::Trim) return range_discarded(error);
    if (error != 0 && medium_failed(error)) return;
    switch (op) {
    case Op::PioRead:
        offer_block(Phase::DataIn, std::min<u32>(s_.per_block, s_.in_buffer));
        channel_.interrupt();
        break;
    case Op::PioWrite:
        s_.lba += s_.in_buffer;
        s_.left -= s_.in_buffer;
        s_.in_buffer = 0;
        if (s_.left == 0) return sectors_written();
        offer_block(Phase::DataOut, std::min<u32>(s_.per_block, s_.left));
        channel_.interrupt();
        break;
    case Op::Verify:
        s_.lba += s_.in_buffer;
        s_.left -= s_.in_buffer;
        if (s_.left == 0) return done();
        fill_buffer();
        break;
    case Op::Flush:
    case Op::WriteThrough:
    case Op::None:
    case Op::Reply:
    case Op::DmaRead:
    case Op::DmaWrite:
    case Op::Trim: done(); break;
    }
}

/// Puts `lba` into the address registers, in the form of the command.
void AtaDisk::show_address(u64 lba) {
    ata::TaskFile& t = task();
    if (s_.extended) return t.set_lba48(lba);
    if ((t.device & ata::kDeviceLba) != 0) return t.set_lba28(lba);
    const u64 cylinder = lba / s_.sectors / s_.heads;
    t.low.now = static_cast<u8>(lba % s_.sectors + 1);
    t.mid.now = byte_of(cylinder, 0);
    t.high.now = byte_of(cylinder, 1);
    t.device = static_cast<u8>((t.device & 0xf0) | (lba / s_.sectors % s_.heads & 0x0f));
}

void AtaDisk::done(bool interrupt) {
    const Op op = s_.op;
    const bool moved = op != Op::Flush && op != Op::Reply && op != Op::Trim && op != Op::None;
    if (moved && s_.lba > 0) {
        show_address(s_.lba - 1);
        task().count = {};
    }
    if (std::exchange(dma_open_, false)) channel_.end_dma(true);
    s_.op = Op::None;
    s_.in_buffer = 0;
    channel_.end_command(unit_, ata::kReady);
    if (interrupt) channel_.interrupt();
}

void AtaDisk::soft_reset() {
    s_.op = Op::None;
    s_.left = 0;
    s_.in_buffer = 0;
    dma_open_ = false;
    ranges_.clear();
}

} // namespace dm
