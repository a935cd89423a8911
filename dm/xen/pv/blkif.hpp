// The block protocol between a PV driver and its back end, as bytes: Xen's public/io/blkif.h. Nothing here
// knows a grant table or an event channel.
#pragma once

#include "dm/core/types.hpp"

#include <array>
#include <optional>
#include <span>
#include <string_view>

namespace dm::xen {

inline constexpr u64 kBlkSector = 512; ///< what the ring counts in, whatever the medium's blocks are

enum class BlkOp : u8 {
    READ = 0,
    WRITE = 1,
    WRITE_BARRIER = 2,
    FLUSH_DISKCACHE = 3,
    RESERVED_1 = 4,
    DISCARD = 5,
    INDIRECT = 6,
};

enum class BlkStatus : s16 { OKAY = 0, ERROR = -1, NOT_SUPPORTED = -2 };

/// How the structures of the front end's compiler are laid out.
struct BlkAbi {
    u8 id_at = 8;          ///< of the id in a request; 64-bit numbers are aligned to as much
    u8 request_size = 112; ///< of an entry of the ring: the larger one of request and response

    static constexpr std::size_t kMostRequest = 112;
};
inline constexpr BlkAbi kBlkAbi64{.id_at = 8, .request_size = 112};
inline constexpr BlkAbi kBlkAbi32{.id_at = 4, .request_size = 108};

/// `protocol` as the front end wrote it to xenstore; nothing: like ours. No value: we do not know it.
std::optional<BlkAbi> blk_abi(std::optional<std::string_view> protocol);

/// Part of a page of the guest.
struct BlkSegment {
    u32 gref = 0;
    u8 first_sect = 0;
    u8 last_sect = 0; ///< inclusive

    static constexpr std::size_t kSize = 8;
    static constexpr unsigned kSectorsPerPage = kPageSize / kBlkSector;

    bool valid() const { return first_sect <= last_sect && last_sect < kSectorsPerPage; }
    u32 offset() const { return static_cast<u32>(first_sect * kBlkSector); }
    u32 length() const { return static_cast<u32>((last_sect - first_sect + 1U) * kBlkSector); }
};

inline constexpr unsigned kBlkDirectSegments = 11;
inline constexpr unsigned kBlkIndirectPages = 8;
inline constexpr unsigned kBlkSegmentsPerPage = kPageSize / BlkSegment::kSize;

/// A request as it stands in the ring: copied, not judged.
struct BlkRequest {
    u8 operation = 0;
    u8 flag_or_op = 0; ///< DISCARD: flags. INDIRECT: READ or WRITE. Else nr_segments
    u16 nr_segments = 0;
    u64 id = 0;
    u64 sector = 0;
    u64 nr_sectors = 0;                                    ///< DISCARD
    std::array<BlkSegment, kBlkDirectSegments> segments{}; ///< not INDIRECT; the first nr_segments of them
    std::array<u32, kBlkIndirectPages> indirect_grefs{};   ///< INDIRECT

    bool is(BlkOp op) const { return operation == static_cast<u8>(op); }
    /// What the response names: Linux insists on the operation inside an INDIRECT.
    u8 answered_operation() const { return is(BlkOp::INDIRECT) ? flag_or_op : operation; }
};

/// `entry` has at least abi.request_size bytes.
BlkRequest decode_request(std::span<const u8> entry, BlkAbi abi);
/// `bytes` has BlkSegment::kSize of them.
BlkSegment decode_segment(std::span<const u8> bytes);

struct BlkResponse {
    u64 id = 0;
    u8 operation = 0;
    BlkStatus status = BlkStatus::OKAY;

    static constexpr std::size_t kSize = 12; ///< the rest of 16 bytes is padding
};
void encode_response(const BlkResponse& response, std::span<u8> entry);

} // namespace dm::xen
