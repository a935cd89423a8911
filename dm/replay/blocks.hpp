// The frame of a recording: a header, then blocks that are complete each for itself. docs/recording.md, "The
// file".
#pragma once

#include "dm/core/result.hpp"
#include "dm/core/types.hpp"

#include <array>
#include <span>
#include <string_view>
#include <vector>

namespace dm::replay {

inline constexpr u32 kFormatVersion = 1;
inline constexpr std::string_view kMagic = "HVMDMREC";
inline constexpr std::size_t kFileHeaderSize = 16;
inline constexpr std::size_t kBlockHeaderSize = 44;
inline constexpr u32 kLargestPayload = 1 << 26;

enum class BlockKind : u32 { Machine = 0, Events = 1 };

struct BlockInfo {
    BlockKind kind = BlockKind::Events;
    u32 number = 0;     ///< counts from 0
    u64 time_ns = 0;    ///< the machine's clock when it was closed
    u64 operations = 0; ///< entrances up to its end
};

std::vector<u8> file_header();
/// Nothing wrong: empty. Otherwise what a person should know.
Status check_file_header(std::span<const u8> file);

struct PackedBlock;
/// fail() about a block, for a person with a hex dump: which one, and where in the file.
Error bad_block(const PackedBlock& block, std::string_view why);

/// Compresses payloads one after the other.
class BlockPacker {
public:
    BlockPacker();
    ~BlockPacker();
    BlockPacker(const BlockPacker&) = delete;
    BlockPacker& operator=(const BlockPacker&) = delete;

    /// Header and compressed payload.
    std::vector<u8> pack(const BlockInfo& info, std::vector<u8> payload);

private:
    struct Stream;
    Stream* stream_;
    std::vector<u8> before_; ///< the last payload: what the next one is expected to look like
};

struct PackedBlock {
    BlockInfo info;
    u64 offset = 0; ///< in the file
    u32 payload_size = 0;
    std::span<const u8> packed;
};

/// Walks over the blocks of a file and checks each.
class BlockWalker {
public:
    /// `file` must outlive the walker and what it finds.
    explicit BlockWalker(std::span<const u8> file) : file_(file) {}

    /// False at the end, and where a killed process left a block unfinished. Errors name the block.
    Result<bool> next(PackedBlock& block);
    /// Bytes of an unfinished block.
    std::size_t unfinished() const { return file_.size() - at_; }

private:
    std::span<const u8> file_;
    std::size_t at_ = kFileHeaderSize;
    u32 number_ = 0;
};

class BlockUnpacker {
public:
    BlockUnpacker();
    ~BlockUnpacker();
    BlockUnpacker(const BlockUnpacker&) = delete;
    BlockUnpacker& operator=(const BlockUnpacker&) = delete;

    /// The payload, good until the next call. Blocks come in the order in which they were packed.
    Result<std::span<const u8>> unpack(const PackedBlock& block);

private:
    struct Stream;
    Stream* stream_;
    std::vector<u8> payload_;
    std::vector<u8> before_;
};

} // namespace dm::replay
