#include "dm/xen/pv/blkif.hpp"

#include <algorithm>
#include <cstring>

namespace dm::xen {
namespace {

// From the id on the structures of both layouts are the same, but for the alignment of what follows.
constexpr std::size_t kSectorAfterId = 8;
constexpr std::size_t kBodyAfterId = 16;
constexpr std::size_t kGrefsInBody = 4; // behind a 16-bit handle
constexpr std::size_t kResponseOperation = 8;
constexpr std::size_t kResponseStatus = 10;

template <class T> T field(std::span<const u8> bytes, std::size_t offset) {
    T value{};
    std::memcpy(&value, bytes.data() + offset, sizeof(T));
    return value;
}

void decode_body(std::span<const u8> body, BlkRequest& r) {
    if (r.is(BlkOp::DISCARD)) {
        r.nr_sectors = field<u64>(body, 0);
    } else if (r.is(BlkOp::INDIRECT)) {
        for (unsigned i = 0; i < kBlkIndirectPages; ++i)
            r.indirect_grefs[i] = field<u32>(body, kGrefsInBody + i * sizeof(u32));
    } else {
        const unsigned there = std::min<unsigned>(r.nr_segments, kBlkDirectSegments);
        for (unsigned i = 0; i < there; ++i)
            r.segments[i] = decode_segment(body.subspan(i * BlkSegment::kSize, BlkSegment::kSize));
    }
}

} // namespace

std::optional<BlkAbi> blk_abi(std::optional<std::string_view> protocol) {
    // Little-endian 64-bit layouts are all alike.
    if (!protocol || *protocol == "x86_64-abi" || *protocol == "arm-abi") return kBlkAbi64;
    if (*protocol == "x86_32-abi") return kBlkAbi32;
    return std::nullopt;
}

BlkRequest decode_request(std::span<const u8> entry, BlkAbi abi) {
    BlkRequest r;
    r.operation = entry[0];
    r.flag_or_op = entry[1];
    r.nr_segments = r.is(BlkOp::INDIRECT) ? field<u16>(entry, 2) : r.is(BlkOp::DISCARD) ? u16{0} : entry[1];
    r.id = field<u64>(entry, abi.id_at);
    r.sector = field<u64>(entry, abi.id_at + kSectorAfterId);
    decode_body(entry.subspan(abi.id_at + kBodyAfterId), r);
    return r;
}

BlkSegment decode_segment(std::span<const u8> bytes) {
    return {.gref = field<u32>(bytes, 0), .first_sect = bytes[4], .last_sect = bytes[5]};
}

void encode_response(const BlkResponse& response, std::span<u8> entry) {
    std::memcpy(entry.data(), &response.id, sizeof(response.id));
    entry[kResponseOperation] = response.operation;
    std::memcpy(entry.data() + kResponseStatus, &response.status, sizeof(response.status));
}

} // namespace dm::xen
