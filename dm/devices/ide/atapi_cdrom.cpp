// ATAPI CD-ROM: task file commands and data transfer.
#include "dm/devices/ide/atapi_cdrom.hpp"

#include <algorithm>
#include <cerrno>
#include <cstring>
#include <limits>
#include <utility>

namespace dm {

using Phase = AtaLink::Phase;

namespace {

enum class Opcode : u8 {
    READ_SECTORS = 0x20,
    CHECK_POWER_MODE_OLD = 0x98,
    PACKET = 0xa0,
    IDENTIFY_PACKET_DEVICE = 0xa1,
    STANDBY_IMMEDIATE = 0xe0,
    IDLE_IMMEDIATE = 0xe1,
    STANDBY = 0xe2,
    IDLE = 0xe3,
    CHECK_POWER_MODE = 0xe5,
    SLEEP = 0xe6,
    IDENTIFY_DEVICE = 0xec,
    SET_FEATURES = 0xef,
};

enum class Feature : u8 { SET_TRANSFER_MODE = 0x03, DISABLE_REVERTING = 0x66, ENABLE_REVERTING = 0xcc };

/// Bits of the interrupt reason, which the sector count register holds in packet commands.
constexpr u8 kCommandData = 0x01; // C/D
constexpr u8 kToHost = 0x02;      // I/O
constexpr u8 kFeatureDma = 0x01;
constexpr u8 kFeatureOverlap = 0x02;
constexpr u8 kActiveOrIdle = 0xff;
constexpr u32 kPacketSize = 12;
/// What the buffer can always hold in one piece while sectors come in whole.
constexpr u32 kLargestBlock = (AtaLink::kBufferSize - mmc::kRawSectorSize) & ~1U;
static_assert(kLargestBlock >= mmc::kRawSectorSize);

std::string or_default(const std::string& given, std::string_view fallback) {
    return given.empty() ? std::string(fallback) : given;
}

} // namespace

AtapiCdrom::AtapiCdrom(AtaLink& channel, unsigned unit, const DriveConfig& config)
    : channel_(channel), unit_(unit), medium_(config.medium),
      log_(fmt::format("{}/{}", channel.name(), unit)), serial_(config.serial),
      model_(or_default(config.model, "HVMDM DVD-ROM")), firmware_(config.firmware), errors_(config.errors),
      events_(config.events) {
    power_on();
}

u32 AtapiCdrom::sectors() const {
    if (medium_ == nullptr) return 0;
    return static_cast<u32>(
        std::min<u64>(medium_->size_bytes() / mmc::kSectorSize, std::numeric_limits<u32>::max()));
}

void AtapiCdrom::command(u8 opcode) {
    task().error = 0;
    switch (static_cast<Opcode>(opcode)) {
    case Opcode::PACKET: return packet();
    case Opcode::IDENTIFY_PACKET_DEVICE: return identify();
    case Opcode::READ_SECTORS:
    case Opcode::IDENTIFY_DEVICE:
        // Hosts tell packet devices from disks by this refusal.
        task().set_signature(true);
        return aborted();
    case Opcode::CHECK_POWER_MODE_OLD:
    case Opcode::CHECK_POWER_MODE: task().count.now = kActiveOrIdle; return end(ata::kReady);
    case Opcode::STANDBY_IMMEDIATE:
    case Opcode::IDLE_IMMEDIATE:
    case Opcode::STANDBY:
    case Opcode::IDLE:
    case Opcode::SLEEP: return end(ata::kReady);
    case Opcode::SET_FEATURES: return set_features() ? end(ata::kReady) : aborted();
    }
    log_.guest("command {:#04x}, which no packet device has", opcode);
    aborted();
}

bool AtapiCdrom::set_features() {
    switch (static_cast<Feature>(task().features.now)) {
    case Feature::DISABLE_REVERTING:
    case Feature::ENABLE_REVERTING: return true;
    case Feature::SET_TRANSFER_MODE:
        if (const auto mode = ata::decode_transfer_mode(task().count.now)) {
            s_.mode = *mode;
            return true;
        }
        return false;
    }
    return false;
}

void AtapiCdrom::identify() {
    const ata::IdentifyData data = ata::identify_cdrom({serial_, firmware_, model_}, s_.mode);
    s_.op = Op::Identify;
    std::copy(data.begin(), data.end(), channel_.buffer().begin());
    channel_.offer(unit_, Phase::DataIn, 0, data.size());
    channel_.interrupt();
}

void AtapiCdrom::packet() {
    ata::TaskFile& t = task();
    if ((t.features.now & kFeatureOverlap) != 0) return aborted();
    s_.op = Op::Packet;
    s_.dma = (t.features.now & kFeatureDma) != 0;
    s_.byte_limit = static_cast<u16>(t.mid.now | t.high.now << 8);
    if (s_.byte_limit == 0xffff) s_.byte_limit = 0xfffe;
    t.count.now = kCommandData;
    channel_.set_busy(unit_);
    channel_.offer(unit_, Phase::DataOut, 0, kPacketSize);
}

void AtapiCdrom::block_moved() {
    switch (s_.op) {
    case Op::Packet: {
        mmc::Cdb cdb{};
        std::copy_n(channel_.buffer().begin(), cdb.size(), cdb.begin());
        channel_.set_busy(unit_);
        run(cdb);
        break;
    }
    case Op::Reply:
    case Op::Read:
        if (s_.bytes_left > 0)
            offer_block();
        else
            good();
        break;
    case Op::Identify: // not a packet: the interrupt came with the data
    case Op::None:
        forget_packet();
        channel_.end_command(unit_, ata::kReady);
        break;
    }
}

/// The next block for the host, out of the buffer, which is filled again first when it holds too little.
void AtapiCdrom::offer_block() {
    u32 size = static_cast<u32>(std::min<u64>({s_.bytes_left, s_.byte_limit, kLargestBlock}));
    if (size % 2 != 0 && s_.bytes_left > size) --size;
    const u32 held = s_.end - s_.begin;
    if (held < size) {
        std::memmove(channel_.buffer().data(), channel_.buffer().data() + s_.begin, held);
        s_.begin = 0;
        s_.end = held;
        return fetch();
    }
    const u32 first = s_.begin;
    const u32 last = first + size + size % 2;
    if (size == 0 || last > AtaLink::kBufferSize) return check_condition(mmc::kReadError); // made-up state
    if (size % 2 != 0) channel_.buffer()[last - 1] = 0;
    s_.begin += size;
    s_.bytes_left -= size;
    task().mid.now = byte_of(size, 0);
    task().high.now = byte_of(size, 1);
    task().count.now = kToHost;
    channel_.offer(unit_, Phase::DataIn, first, last);
    channel_.interrupt();
}

/// Reads as many sectors as fit behind what the buffer holds.
void AtapiCdrom::fetch() {
    const u32 room = AtaLink::kBufferSize - s_.end;
    fetching_ = std::min(s_.sectors_left, room / s_.sector_size);
    if (fetching_ == 0 || medium_ == nullptr) return check_condition(no_medium()); // made-up state
    channel_.set_busy(unit_);
    const bool raw = s_.sector_size == mmc::kRawSectorSize;
    for (u32 i = 0; i < fetching_; ++i) {
        u8* place = &channel_.buffer()[s_.end + i * s_.sector_size];
        if (raw) {
            mmc::raw_sector_frame(std::span<u8, mmc::kRawSectorSize>(place, mmc::kRawSectorSize), s_.lba + i);
            place += mmc::kRawUserData;
        }
        vectors_[i] = {place, mmc::kSectorSize};
    }
    channel_.submit(*medium_, BlockIo::Op::Read, u64{s_.lba} * mmc::kSectorSize,
                    std::span(vectors_).first(fetching_), *this);
}

void AtapiCdrom::dma_ready() {
    dma_open_ = true;
    if (s_.op == Op::Reply) {
        const u64 size = std::min<u64>(s_.bytes_left, AtaLink::kBufferSize);
        channel_.copy_to_guest(std::span<const u8>(channel_.buffer()).first(size));
        return good();
    }
    next_piece();
}

/// Sectors of user data go straight from the medium to guest RAM, raw ones by way of the buffer.
void AtapiCdrom::next_piece() {
    if (s_.bytes_left == 0) return good();
    if (medium_ == nullptr) return check_condition(no_medium());
    if (s_.sector_size == mmc::kRawSectorSize) {
        s_.begin = 0;
        s_.end = 0;
        return fetch();
    }
    const u64 total = u64{s_.sectors_left} * mmc::kSectorSize;
    const u64 offset = u64{s_.lba} * mmc::kSectorSize + (total - s_.bytes_left);
    channel_.move_piece(*medium_, BlockIo::Op::Read, offset, s_.bytes_left, *this);
}

void AtapiCdrom::io_done(int error) {
    const bool direct = dma_open_ && s_.sector_size == mmc::kSectorSize;
    const u64 moved = direct ? channel_.end_piece() : 0;
    if (direct && moved == 0) return check_condition(mmc::kReadError);
    if (error != 0 && medium_failed(error)) return;
    if (direct) {
        s_.bytes_left -= std::min(moved, s_.bytes_left);
        return next_piece();
    }
    const u32 fetched = fetching_ * s_.sector_size;
    s_.end += fetched;
    s_.lba += fetching_;
    s_.sectors_left -= fetching_;
    if (!dma_open_) return offer_block();
    channel_.copy_to_guest(std::span<const u8>(channel_.buffer()).first(fetched));
    s_.bytes_left -= std::min<u64>(fetched, s_.bytes_left);
    next_piece();
}

/// False: the policy is to go on as if nothing had happened.
bool AtapiCdrom::medium_failed(int error) {
    OnError action = errors_.action(BlockIo::Op::Read, false);
    // Where nobody can stop the machine, the request would wait for ever.
    if (action == OnError::Stop && events_ == nullptr) action = OnError::Report;
    if (action == OnError::Stop) keep_request();
    if (events_ != nullptr) events_->medium_failed(BlockIo::Op::Read, error, action);
    if (action == OnError::Report) {
        log_.guest("the medium failed a read near sector {}: errno {}", s_.lba, error);
        check_condition(mmc::kReadError);
    }
    return action != OnError::Ignore;
}

/// Until retry(). What the bus master transfers is transferred again from its beginning.
void AtapiCdrom::keep_request() {
    if (!std::exchange(dma_open_, false)) return channel_.stall();
    s_.lba -= s_.sectors_total - s_.sectors_left;
    s_.sectors_left = s_.sectors_total;
    s_.bytes_left = u64{s_.sectors_total} * s_.sector_size;
    s_.begin = 0;
    s_.end = 0;
    channel_.stall_dma(DmaDirection::ToGuest, s_.bytes_left);
}

void AtapiCdrom::retry() {
    if (s_.op != Op::Read) return check_condition(mmc::kReadError); // made-up state
    fetch();
}

void AtapiCdrom::dma_too_short() {
    log_.guest("the PRD table is shorter than the transfer");
    s_.op = Op::None;
    task().count.now = kCommandData | kToHost;
    channel_.end_command(unit_, ata::kReady);
}

void AtapiCdrom::good() {
    task().count.now = kCommandData | kToHost;
    end(ata::kReady);
}

void AtapiCdrom::check_condition(const mmc::Sense& sense) {
    s_.sense = sense;
    task().error = static_cast<u8>(sense.key << 4 | static_cast<u8>(ata::ErrorBit::ABRT));
    task().count.now = kCommandData | kToHost;
    end(ata::kReady | ata::StatusBit::ERR);
}

void AtapiCdrom::aborted() {
    task().error = static_cast<u8>(ata::ErrorBit::ABRT);
    end(ata::kReady | ata::StatusBit::ERR);
}

void AtapiCdrom::end(Bits<ata::StatusBit> status) {
    const bool failed = status.has(ata::StatusBit::ERR);
    if (std::exchange(dma_open_, false)) channel_.end_dma(!failed);
    forget_packet();
    channel_.end_command(unit_, status);
    channel_.interrupt();
}

void AtapiCdrom::soft_reset() {
    forget_packet();
}

void AtapiCdrom::forget_packet() {
    s_.op = Op::None;
    s_.dma = false;
    s_.lba = 0;
    s_.sectors_left = 0;
    s_.sectors_total = 0;
    s_.bytes_left = 0;
    s_.begin = 0;
    s_.end = 0;
    dma_open_ = false;
}

} // namespace dm
