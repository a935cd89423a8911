#include "dm/replay/player.hpp"

#include <utility>

namespace dm::replay {
namespace {

constexpr u64 kLongestString = 1 << 16; // Xen asks for 4096 elements at most

Bdf bdf_of(u64 place) {
    const auto address = static_cast<unsigned>(place >> 32);
    return {static_cast<u8>(address >> 8), static_cast<u8>(address >> 3 & 0x1f),
            static_cast<u8>(address & 7)};
}

} // namespace

Player::Player(const Recording& recording) : stage_(recording) {}

BlockBackend* Player::disk(const DiskShape& disk) {
    if (!disk.medium || disk.place >= disks_.size()) return nullptr;
    auto& place = disks_[disk.place];
    if (place == nullptr) place = std::make_unique<PlayedDisk>(stage_, memory_, disk);
    return place.get();
}

CharBackend* Player::serial(unsigned port) {
    auto& place = serials_[port];
    if (place == nullptr) place = std::make_unique<PlayedSerial>(stage_, port);
    return place.get();
}

void Player::run(const Entrances& board) {
    enter(board);
    stage_.set_perform([this](const Record& record) { perform(*board_, record); });
    if (between_) stage_.set_between([this] { look_between(); });
    stage_.run();
    stage_.set_between({});
    stage_.set_perform({});
    leave();
}

void Player::enter(const Entrances& board) {
    board_.emplace(board);
    board.ports.set_range_sink(&port_ranges_);
    board.memory.set_range_sink(&memory_ranges_);
    board.pci.set_function_sink(&functions_);
}

void Player::leave() {
    board_->ports.set_range_sink(nullptr);
    board_->memory.set_range_sink(nullptr);
    board_->pci.set_function_sink(nullptr);
}

void Player::look_between() {
    for (const auto& disk : disks_)
        if (disk != nullptr && !disk->idle()) return;
    if (const std::optional<Entrances> board = between_()) enter(*board);
}

void Player::route_pci_link(unsigned link, u8 isa_irq) {
    stage_.effect({.kind = Kind::RouteLink, .where = link, .value = isa_irq});
}

Result<std::unique_ptr<VideoMemory>> Player::make_video_memory(u64 size) {
    if (video_.empty()) video_.resize(size);
    return std::unique_ptr<VideoMemory>(std::make_unique<PlayedVideo>(stage_, video_));
}

void Player::shutdown(ShutdownReason reason) {
    stage_.effect({.kind = Kind::Shutdown, .value = static_cast<u64>(reason)});
}

void Player::lock_roms(bool locked) {
    stage_.effect({.kind = Kind::LockRoms, .value = locked ? 1U : 0U});
}

bool Player::set_acpi_sleep_state(unsigned state) {
    stage_.effect({.kind = Kind::SleepState, .value = state});
    return true;
}

PlayedSerial* Player::serial_at(const Record& record) {
    PlayedSerial* serial = record.where < serials_.size() ? serials_[record.where].get() : nullptr;
    if (serial != nullptr && serial->frontend() != nullptr) return serial;
    stage_.differ("the recording names a serial port that this machine does not have");
    return nullptr;
}

void Player::receive(const Record& record) {
    PlayedSerial* serial = serial_at(record);
    if (serial == nullptr) return;
    const std::size_t room = serial->frontend()->can_receive();
    if (record.bytes.size() > room)
        return stage_.differ(
            fmt::format("the port has room for {} characters, {} came", room, record.bytes.size()));
    serial->frontend()->receive(record.bytes);
}

void Player::complete(const Record& record) {
    PlayedDisk* disk = record.where < disks_.size() ? disks_[record.where].get() : nullptr;
    if (disk == nullptr) return stage_.differ("the recording names a disk that this machine does not have");
    disk->complete(record);
}

void Player::perform_string(const Entrances& board, const Record& r) {
    const bool port = r.kind == Kind::PortInString || r.kind == Kind::PortOutString;
    const bool in = r.kind == Kind::PortInString || r.kind == Kind::MemoryInSpan;
    if (r.length == 0 || r.length % r.size != 0 || r.length > kLongestString)
        return stage_.differ("the recording holds a string of an impossible length");
    if (in) {
        std::vector<u8> got(r.length);
        if (port)
            board.ports.read_string(r.where, r.size, got);
        else
            board.memory.read_span(r.where, r.size, got);
        return stage_.reply(r, got);
    }
    const std::vector<u8> bytes = stage_.content(r);
    if (port)
        board.ports.write_string(r.where, r.size, bytes);
    else
        board.memory.write_span(r.where, r.size, bytes);
}

void Player::perform(const Entrances& board, const Record& r) {
    auto number = [column = Column(r.bytes)]() mutable {
        return static_cast<unsigned>(column.number().value_or(0));
    };
    const auto reg = static_cast<unsigned>(r.where & 0xffffffff);
    switch (r.kind) {
    case Kind::PortIn: return stage_.reply(r, board.ports.read(r.where, r.size));
    case Kind::PortOut: return board.ports.write(r.where, r.size, r.value);
    case Kind::MemoryIn: return stage_.reply(r, board.memory.read(r.where, r.size));
    case Kind::MemoryOut: return board.memory.write(r.where, r.size, r.value);
    case Kind::PortInString:
    case Kind::PortOutString:
    case Kind::MemoryInSpan:
    case Kind::MemoryOutSpan: return perform_string(board, r);
    case Kind::ConfigIn: return stage_.reply(r, u64{board.pci.config_read(bdf_of(r.where), reg, r.size)});
    case Kind::ConfigOut:
        return board.pci.config_write(bdf_of(r.where), reg, r.size, static_cast<u32>(r.value));
    case Kind::Timers: return timers_.run_due();
    case Kind::Completed: return complete(r);
    case Kind::Received: return receive(r);
    case Kind::Writable:
        if (PlayedSerial* serial = serial_at(r)) serial->frontend()->writable();
        return;
    case Kind::BreakReceived:
        if (PlayedSerial* serial = serial_at(r)) serial->frontend()->break_received();
        return;
    case Kind::Key: return board.input.key(static_cast<KeyCode>(r.where), r.value != 0);
    case Kind::Pointer: {
        const unsigned x = number();
        const unsigned y = number();
        const unsigned width = number();
        const unsigned height = number();
        const u8 buttons = static_cast<u8>(number());
        if (width == 0) return board.input.motion(static_cast<s32>(x), static_cast<s32>(y), buttons);
        return board.input.pointer(x, y, width, height, buttons);
    }
    case Kind::End:
    case Kind::Look:
    case Kind::GuestRead:
    case Kind::Mapped:
    case Kind::VideoChanged:
    case Kind::Taken:
    case Kind::Reply:
    case Kind::ReplyString:
    case Kind::Line:
    case Kind::RouteLink:
    case Kind::Shutdown:
    case Kind::LockRoms:
    case Kind::SleepState:
    case Kind::Range:
    case Kind::Function:
    case Kind::PlaceVideo:
    case Kind::GuestWrite:
    case Kind::Submit:
    case Kind::Drain:
    case Kind::Sent:
    case Kind::AcceptInput:
    case Kind::LineSettings:
    case Kind::Break:
    case Kind::ModemOutputs:
    case Kind::ModemInputs: return;
    }
}

} // namespace dm::replay
