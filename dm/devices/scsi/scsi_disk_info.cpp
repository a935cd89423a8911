// SCSI disk: what it says of itself, and what can be set.
#include "dm/devices/scsi/scsi_disk.hpp"
#include "dm/devices/scsi/scsi_reply.hpp"

#include <algorithm>

namespace dm {

using scsi::be;
using scsi::Cdb;

namespace {

constexpr std::string_view kVendor = "HVMDM";
constexpr u8 kDirectAccess = 0x00;
constexpr u8 kSpc3 = 0x05;
constexpr u8 kWriteProtect = 0x80; // of the device-specific parameter
constexpr u8 kDpoFua = 0x10;

// What BIOSes make of large disks; nothing else about a geometry is true.
constexpr u64 kHeads = 255;
constexpr u64 kSectorsPerTrack = 63;

enum Vpd : u8 {
    PAGES = 0x00,
    SERIAL = 0x80,
    IDENTIFICATION = 0x83,
    BLOCK_LIMITS = 0xb0,
    PROVISIONING = 0xb2
};
enum ModePage : u8 {
    RECOVERY = 0x01,
    FORMAT = 0x03,
    GEOMETRY = 0x04,
    CACHING = 0x08,
    CONTROL = 0x0a,
    ALL = 0x3f
};
constexpr std::array<u8, 5> kModePages{RECOVERY, FORMAT, GEOMETRY, CACHING, CONTROL};
constexpr u8 kWriteCacheEnable = 0x04; // byte 2 of the caching page
constexpr std::size_t kLongestPage = 24;

/// A mode parameter list before its first page.
struct ModeHeader {
    std::size_t length; ///< without block descriptors
    std::size_t descriptors;
};
ModeHeader mode_header(std::span<const u8> list, bool wide) {
    return wide ? ModeHeader{8, be(list, 6, 2)} : ModeHeader{4, list[3]};
}

} // namespace

ScsiAction ScsiDisk::inquiry(const Cdb& cdb, Buffer buffer) {
    const bool vital = (cdb[1] & 0x01) != 0;
    if (vital) return vital_product_data(cdb, buffer);
    if (cdb[2] != 0) return ScsiAction::check(scsi::kInvalidField);
    ScsiReply reply(buffer);
    reply.u8s(
        {kDirectAccess, 0, kSpc3, 0x12, 31, 0, 0, 0x02}); // hierarchical LUNs, format 2; tagged queueing
    return reply.text(kVendor, 8).text(model_, 16).text(firmware_, 4).take(be(cdb, 3, 2));
}

ScsiAction ScsiDisk::vital_product_data(const Cdb& cdb, Buffer buffer) {
    ScsiReply reply(buffer);
    reply.u8s({kDirectAccess, cdb[2], 0, 0});
    switch (cdb[2]) {
    case PAGES: reply.u8s({PAGES, SERIAL, IDENTIFICATION, BLOCK_LIMITS, PROVISIONING}); break;
    case SERIAL: reply.text(serial_, serial_.size()); break;
    case IDENTIFICATION: add_identification(reply); break;
    case BLOCK_LIMITS: add_block_limits(reply); break;
    case PROVISIONING:
        // UNMAP and WRITE SAME (16) with UNMAP; what was unmapped may read as anything.
        reply.u8s({0, static_cast<u8>(can_discard() ? 0xc0 : 0), static_cast<u8>(can_discard() ? 2 : 0), 0});
        break;
    default: return ScsiAction::check(scsi::kInvalidField);
    }
    return reply.count(2, 2, 4).take(be(cdb, 3, 2));
}

void ScsiDisk::add_identification(ScsiReply& reply) const {
    constexpr u8 kAscii = 0x02;
    constexpr u8 kT10Vendor = 0x01;
    reply.u8s({kAscii, kT10Vendor, 0, static_cast<u8>(8 + std::min<std::size_t>(serial_.size(), 64))});
    reply.text(kVendor, 8).text(serial_, std::min<std::size_t>(serial_.size(), 64));
}

void ScsiDisk::add_block_limits(ScsiReply& reply) const {
    const u32 granularity = medium_ != nullptr ? medium_->discard_granularity() / kBlockSize : 0;
    constexpr u8 kNoZeroCount = 0x01; // WRITE SAME of 0 blocks does not mean "up to the end"
    reply.u8s({kNoZeroCount, 0, 0, 0}).be(kMostBlocks, 4).be(0, 8);
    reply.be(can_discard() ? kMostDiscarded : 0, 4).be(can_discard() ? 1 : 0, 4);
    reply.be(can_discard() ? granularity : 0, 4).be(0, 4).be(kMostBlocks, 8).zeros(20);
}

ScsiAction ScsiDisk::read_capacity_10(const Cdb& cdb, Buffer buffer) const {
    const bool partial = (cdb[8] & 0x01) != 0;
    if (!partial && be(cdb, 2, 4) != 0) return ScsiAction::check(scsi::kInvalidField);
    const u64 last = std::min<u64>(capacity() - 1, 0xffff'ffff);
    return ScsiReply(buffer).be(last, 4).be(kBlockSize, 4).take(8);
}

ScsiAction ScsiDisk::read_capacity_16(const Cdb& cdb, Buffer buffer) const {
    constexpr u8 kReadCapacity = 0x10; // the only service action there is
    if ((cdb[1] & 0x1f) != kReadCapacity) return ScsiAction::check(scsi::kInvalidField);
    ScsiReply reply(buffer);
    reply.be(capacity() - 1, 8).be(kBlockSize, 4).u8s({0, 0, static_cast<u8>(can_discard() ? 0x80 : 0)});
    return reply.zeros(17).take(be(cdb, 10, 4));
}

bool ScsiDisk::add_mode_page(ScsiReply& reply, u8 page, PageControl control) const {
    const std::size_t start = reply.length();
    const u64 cylinders = std::clamp<u64>(capacity() / (kHeads * kSectorsPerTrack), 1, 0xff'ffff);
    const bool cached = control == PageControl::Default || s_.write_cache;
    switch (page) {
    case RECOVERY: reply.u8s({RECOVERY, 10, 0xc0, 1}).zeros(4).u8s({1}).zeros(3); break;
    case FORMAT:
        reply.u8s({FORMAT, 22}).zeros(8).be(kSectorsPerTrack, 2).be(kBlockSize, 2).be(1, 2).zeros(4);
        reply.u8s({0x40, 0, 0, 0}); // sectors are made by hardware
        break;
    case GEOMETRY:
        reply.u8s({GEOMETRY, 22}).be(cylinders, 3).be(kHeads, 1).zeros(12).be(0, 2).be(7200, 2).zeros(2);
        break;
    case CACHING: reply.u8s({CACHING, 18, static_cast<u8>(cached ? kWriteCacheEnable : 0)}).zeros(17); break;
    case CONTROL: reply.u8s({CONTROL, 10, 0, 0x10}).zeros(8); break; // commands may be done in any order
    default: return false;
    }
    for (std::size_t i = start + 2; control == PageControl::Changeable && i < reply.length(); ++i)
        reply.at(i) = page == CACHING && i == start + 2 ? kWriteCacheEnable : u8{0};
    return true;
}

ScsiAction ScsiDisk::mode_sense(const Cdb& cdb, Buffer buffer, bool wide) const {
    const auto control = static_cast<PageControl>(cdb[2] >> 6);
    const u8 page = cdb[2] & 0x3f;
    const u8 subpage = cdb[3];
    const bool no_descriptor = (cdb[1] & 0x08) != 0;
    if (control == PageControl::Saved) return ScsiAction::check(scsi::kSavingUnsupported);
    if (subpage != 0 && !(subpage == 0xff && page == ALL)) return ScsiAction::check(scsi::kInvalidField);
    const bool protect = medium_ != nullptr && medium_->read_only();
    const u8 parameter = static_cast<u8>((protect ? kWriteProtect : 0) | kDpoFua);
    const u8 descriptor = no_descriptor ? 0 : 8;
    ScsiReply reply(buffer);
    if (wide)
        reply.u8s({0, 0, 0, parameter, 0, 0, 0, descriptor});
    else
        reply.u8s({0, 0, parameter, descriptor});
    if (!no_descriptor) reply.be(std::min<u64>(capacity(), 0xffff'ffff), 4).be(kBlockSize, 4);
    bool known = page == ALL;
    for (const u8 candidate : kModePages)
        if (page == candidate || page == ALL) known = add_mode_page(reply, candidate, control) || known;
    if (!known) return ScsiAction::check(scsi::kInvalidField);
    return wide ? reply.count(0, 2, 2).take(be(cdb, 7, 2)) : reply.count(0, 1, 1).take(cdb[4]);
}

ScsiAction ScsiDisk::mode_select(const Cdb& cdb, bool wide) {
    const bool save = (cdb[1] & 0x01) != 0;
    const u64 length = wide ? be(cdb, 7, 2) : cdb[4];
    if (save) return ScsiAction::check(scsi::kInvalidField);
    if (length > kBufferSize) return ScsiAction::check(scsi::kParameterListLength);
    return length == 0 ? ScsiAction::good() : ScsiAction::parameters(length);
}

/// Why a page cannot be set so; nothing when only the write cache differs, or nothing at all.
std::optional<scsi::Sense> ScsiDisk::check_page(std::span<const u8> given) const {
    std::array<u8, kLongestPage> current{};
    std::array<u8, kLongestPage> mask{};
    ScsiReply now(current);
    ScsiReply changeable(mask);
    const u8 page = given[0] & 0x3f;
    if (!add_mode_page(now, page, PageControl::Current)) return scsi::kInvalidParameter;
    add_mode_page(changeable, page, PageControl::Changeable);
    if (given.size() != now.length()) return scsi::kInvalidParameter;
    for (std::size_t i = 2; i < given.size(); ++i)
        if (((given[i] ^ current[i]) & ~mask[i]) != 0) return scsi::kInvalidParameter;
    return std::nullopt;
}

/// Everything is judged before anything is set.
ScsiAction ScsiDisk::set_modes(std::span<const u8> list, bool wide) {
    if (list.size() < (wide ? 8U : 4U)) return ScsiAction::check(scsi::kParameterListLength);
    const ModeHeader header = mode_header(list, wide);
    if (header.length + header.descriptors > list.size())
        return ScsiAction::check(scsi::kParameterListLength);
    if (header.descriptors != 0 && header.descriptors != 8) return ScsiAction::check(scsi::kInvalidParameter);
    if (header.descriptors == 8 && be(list, header.length + 5, 3) != kBlockSize)
        return ScsiAction::check(scsi::kInvalidParameter);
    bool write_cache = s_.write_cache;
    for (auto rest = list.subspan(header.length + header.descriptors); !rest.empty();) {
        if (rest.size() < 2 || rest.size() - 2 < rest[1])
            return ScsiAction::check(scsi::kParameterListLength);
        const auto page = rest.first(std::size_t{2} + rest[1]);
        if (const auto sense = check_page(page)) return ScsiAction::check(*sense);
        if ((page[0] & 0x3f) == CACHING) write_cache = (page[2] & kWriteCacheEnable) != 0;
        rest = rest.subspan(page.size());
    }
    const bool switched_off = s_.write_cache && !write_cache;
    s_.write_cache = write_cache;
    return switched_off ? ScsiAction::flush() : ScsiAction::good();
}

} // namespace dm
