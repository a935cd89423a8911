#include "dm/devices/usb/usb_storage.hpp"

namespace dm {

using usb::Answer;
using usb::Handshake;
using usb::Setup;
using Kind = ScsiAction::Kind;

namespace {

enum Text : u8 { kManufacturer = 1, kProduct, kSerial, kFullName, kHighName };

constexpr std::array<u8, 18> device_descriptor(u8 packet0) {
    return {18,       usb::kDevice, 0x00, 0x02, 0,    0,
            0,        packet0,      0xf4, // USB 2.0; 46f4:0001
            0x46,     0x01,         0x00, 0x00, 0x00, kManufacturer,
            kProduct, kSerial,      1};
}
constexpr std::array<u8, 32> configuration_descriptor(u8 text, u16 packet) {
    const u8 high = static_cast<u8>(packet >> 8);
    const u8 low = static_cast<u8>(packet);
    return {9, usb::kConfiguration, 32,   0, 1,   1,    text, 0xc0, 0, // its own power
            9, usb::kInterface,     0,    0, 2,   8,    6,    0x50, 0, // mass storage, SCSI, bulk-only
            7, usb::kEndpoint,      0x81, 2, low, high, 0,             //
            7, usb::kEndpoint,      0x02, 2, low, high, 0};
}
constexpr auto kDeviceDescriptor = device_descriptor(8);
constexpr auto kConfiguration = configuration_descriptor(kFullName, UsbStorage::kFullPacket);
constexpr auto kHighDevice = device_descriptor(64);
constexpr auto kHighConfiguration = configuration_descriptor(kHighName, UsbStorage::kHighPacket);
constexpr std::array<std::string_view, 5> kStrings{
    "QEMU", "QEMU USB HARDDRIVE", "1", "Full speed config (usb 1.1)", "High speed config (usb 2.0)"};
constexpr usb::Description kDescription{.device = kDeviceDescriptor,
                                        .configuration = kConfiguration,
                                        .strings = kStrings,
                                        .in_endpoints = 1U << UsbStorage::kIn,
                                        .out_endpoints = 1U << UsbStorage::kOut,
                                        .high_device = kHighDevice,
                                        .high_configuration = kHighConfiguration};

/// Requests of the class (section 3).
constexpr u16 kReset = usb::request_code(usb::kClass | usb::kToInterface, 0xff);
constexpr u16 kGetMaxLun = usb::request_code(usb::kToHost | usb::kClass | usb::kToInterface, 0xfe);

constexpr std::size_t kCbwLength = 31;
constexpr std::size_t kCswLength = 13;
constexpr u32 kCbwSignature = 0x43425355;
constexpr u32 kCswSignature = 0x53425355;
constexpr u8 kCbwToHost = 0x80;

u32 le32(std::span<const u8> bytes, std::size_t at) {
    return bytes[at] | u32{bytes[at + 1]} << 8 | u32{bytes[at + 2]} << 16 | u32{bytes[at + 3]} << 24;
}
void put_le32(std::span<u8> bytes, std::size_t at, u32 value) {
    for (unsigned i = 0; i < 4; ++i)
        bytes[at + i] = static_cast<u8>(value >> (8 * i));
}

} // namespace

UsbStorage::UsbStorage(std::string_view device_name, std::string serial, std::unique_ptr<ScsiTarget> target)
    : UsbDevice(device_name, kDescription, std::move(serial)), target_(std::move(target)) {}

std::optional<std::size_t> UsbStorage::control_in(const Setup& s, std::span<u8> reply) {
    if (s.code() != kGetMaxLun || s.index != 0) return std::nullopt;
    reply[0] = 0;
    return 1;
}

bool UsbStorage::control_out(const Setup& s, std::span<const u8>) {
    if (s.code() != kReset || s.index != 0 || s.value != 0) return false;
    cancel();
    s_ = {};
    return true;
}

Answer UsbStorage::data_in(unsigned, std::span<u8> bytes) {
    switch (s_.stage) {
    case Stage::DataIn: return data_from_target(bytes);
    case Stage::Csw: return status(bytes);
    case Stage::Command:
    case Stage::DataOut:
    case Stage::Working:
    case Stage::Broken: break;
    }
    return {Handshake::Nak};
}

Answer UsbStorage::data_out(unsigned, std::span<const u8> bytes) {
    switch (s_.stage) {
    case Stage::Command: return command(bytes);
    case Stage::DataOut: return data_to_target(bytes);
    case Stage::DataIn:
    case Stage::Working:
    case Stage::Csw:
    case Stage::Broken: break;
    }
    return {Handshake::Nak};
}

/// The host and we have lost each other: both pipes stall until it resets us.
void UsbStorage::break_down() {
    log_.guest("a transfer that makes no sense");
    cancel();
    s_ = {};
    s_.stage = Stage::Broken;
    halt(kIn, true);
    halt(kOut, false);
}

void UsbStorage::halt_cleared(unsigned endpoint, bool in) {
    if (s_.stage == Stage::Broken) halt(endpoint, in);
}

Answer UsbStorage::command(std::span<const u8> bytes) {
    const bool good = bytes.size() == kCbwLength && le32(bytes, 0) == kCbwSignature && bytes[13] == 0 &&
                      bytes[14] >= 1 && bytes[14] <= s_.cdb.size();
    if (!good) {
        break_down();
        return {Handshake::Stall, 0, true};
    }
    s_ = {};
    s_.tag = le32(bytes, 4);
    s_.expected = le32(bytes, 8);
    s_.to_host = (bytes[12] & kCbwToHost) != 0;
    std::copy_n(bytes.begin() + 15, bytes[14], s_.cdb.begin());
    apply(target_->start(s_.cdb, 0, std::span(s_.chunk).first<ScsiTarget::kBufferSize>()));
    return {Handshake::Ack, 0, true};
}

/// What the target wants next. The host has said already what it will send or take (6.7).
void UsbStorage::apply(const ScsiAction& action) {
    s_.kind = action.kind;
    s_.offset = action.offset;
    s_.length = action.length;
    s_.unmap = action.unmap;
    s_.done = s_.chunk_at = s_.chunk_end = 0;
    switch (action.kind) {
    case Kind::Done:
        if (action.status == scsi::Status::CheckCondition) target_->keep_sense(action.sense);
        if (s_.result == Result::Passed && action.status != scsi::Status::Good) s_.result = Result::Failed;
        return end_data();
    case Kind::Reply:
    case Kind::Read: return begin_data(Stage::DataIn);
    case Kind::Parameters:
    case Kind::Write: return begin_data(Stage::DataOut);
    case Kind::Verify:
    case Kind::Flush:
    case Kind::Discard:
    case Kind::Zero: s_.stage = Stage::Working; return request();
    }
}

void UsbStorage::begin_data(Stage stage) {
    if (s_.length == 0) {
        if (s_.kind == Kind::Reply) return apply(ScsiAction::good());
        return apply(s_.kind == Kind::Parameters ? target_->parameters(s_.cdb, {})
                                                 : target_->finished(s_.cdb, s_.kind, 0));
    }
    const bool wrong_way = s_.to_host != (stage == Stage::DataIn) || s_.expected == s_.moved;
    const bool too_much = s_.length > s_.expected;
    if (wrong_way || too_much) s_.result = Result::PhaseError;
    if (wrong_way || (too_much && s_.kind != Kind::Reply)) return end_data();
    s_.stage = stage;
    if (s_.kind == Kind::Reply) s_.chunk_end = static_cast<u32>(wanted());
    if (s_.kind == Kind::Read) request();
}

/// A host that waits for more data than there is hears it by a STALL, unless a short packet has told.
void UsbStorage::end_data() {
    s_.stage = Stage::Csw;
    s_.chunk_at = s_.chunk_end = 0;
    if (s_.expected == s_.moved) return;
    if (!s_.to_host)
        halt(kOut, false);
    else if (s_.moved % packet_size() == 0)
        halt(kIn, true);
}

Answer UsbStorage::data_from_target(std::span<u8> bytes) {
    if (s_.chunk_at == s_.chunk_end) {
        if (!in_flight_) request(); // after a restore
        return {Handshake::Nak};
    }
    const std::size_t packet = std::min<std::size_t>(packet_size(), s_.chunk_end - s_.chunk_at);
    if (packet > bytes.size()) return {Handshake::Babble};
    std::copy_n(s_.chunk.begin() + s_.chunk_at, packet, bytes.begin());
    s_.chunk_at += static_cast<u32>(packet);
    s_.moved += static_cast<u32>(packet);
    if (s_.moved == wanted())
        apply(s_.kind == Kind::Read ? target_->finished(s_.cdb, Kind::Read, 0) : ScsiAction::good());
    else if (s_.chunk_at == s_.chunk_end)
        request();
    return {Handshake::Ack, static_cast<u32>(packet), true};
}

Answer UsbStorage::data_to_target(std::span<const u8> bytes) {
    if (in_flight_) return {Handshake::Nak};
    if (bytes.size() > packet_size() || bytes.size() > wanted() - s_.moved ||
        bytes.size() > kChunk - s_.chunk_end) {
        break_down();
        return {Handshake::Stall, 0, true};
    }
    std::copy(bytes.begin(), bytes.end(), s_.chunk.begin() + s_.chunk_end);
    s_.chunk_end += static_cast<u32>(bytes.size());
    s_.moved += static_cast<u32>(bytes.size());
    const bool all = s_.moved == wanted();
    if (s_.kind == Kind::Write && (all || kChunk - s_.chunk_end < packet_size()))
        request();
    else if (s_.kind == Kind::Parameters && all)
        apply(target_->parameters(s_.cdb, std::span(s_.chunk).first(s_.chunk_end)));
    return {Handshake::Ack, 0, true};
}

Answer UsbStorage::status(std::span<u8> bytes) {
    if (bytes.size() < kCswLength) return {Handshake::Babble};
    put_le32(bytes, 0, kCswSignature);
    put_le32(bytes, 4, s_.tag);
    put_le32(bytes, 8, s_.expected - s_.moved);
    bytes[12] = static_cast<u8>(s_.result);
    s_.stage = Stage::Command;
    return {Handshake::Ack, kCswLength, true};
}

} // namespace dm
