#include "dm/replay/blocks.hpp"

#include <algorithm>
#include <cstring>
#include <zlib.h>

namespace dm::replay {
namespace {

constexpr u32 kBlockMagic = 0x1a4b4c42; // "BLK", end of file for those who type it
constexpr int kLevel = 6;
constexpr int kRawDeflate = -15; // no zlib header: the block has its own
constexpr std::size_t kWindow = 32768;

void put32(std::vector<u8>& out, u32 value) {
    for (unsigned i = 0; i < 4; ++i)
        out.push_back(static_cast<u8>(value >> (8 * i)));
}
void put64(std::vector<u8>& out, u64 value) {
    put32(out, static_cast<u32>(value));
    put32(out, static_cast<u32>(value >> 32));
}
u32 get32(std::span<const u8> from, std::size_t at) {
    return from[at] | u32{from[at + 1]} << 8 | u32{from[at + 2]} << 16 | u32{from[at + 3]} << 24;
}
u64 get64(std::span<const u8> from, std::size_t at) {
    return get32(from, at) | u64{get32(from, at + 4)} << 32;
}

u32 checksum(std::span<const u8> bytes) {
    return static_cast<u32>(::crc32(0, bytes.data(), static_cast<uInt>(bytes.size())));
}

/// zlib does not promise not to write, and never does.
Bytef* input(std::span<const u8> bytes) {
    return const_cast<Bytef*>(bytes.data()); // NOLINT(cppcoreguidelines-pro-type-const-cast)
}

std::span<const u8> dictionary(const std::vector<u8>& payload) {
    return std::span(payload).last(std::min(payload.size(), kWindow));
}

} // namespace

std::vector<u8> file_header() {
    std::vector<u8> header(kMagic.begin(), kMagic.end());
    put32(header, kFormatVersion);
    put32(header, checksum(header));
    return header;
}

Status check_file_header(std::span<const u8> file) {
    if (file.size() < kFileHeaderSize || std::memcmp(file.data(), kMagic.data(), kMagic.size()) != 0)
        return fail("this is no recording: it does not begin with {}", kMagic);
    if (get32(file, 12) != checksum(file.first(12))) return fail("bytes 0 to 15: the header is damaged");
    const u32 version = get32(file, 8);
    if (version != kFormatVersion)
        return fail("it has version {} of the format, this program reads version {}; record it anew", version,
                    kFormatVersion);
    return {};
}

struct BlockPacker::Stream : z_stream {};

BlockPacker::BlockPacker() : stream_(new Stream{}) {
    DM_CHECK(deflateInit2(stream_, kLevel, Z_DEFLATED, kRawDeflate, 8, Z_DEFAULT_STRATEGY) == Z_OK);
}

BlockPacker::~BlockPacker() {
    deflateEnd(stream_);
    delete stream_;
}

std::vector<u8> BlockPacker::pack(const BlockInfo& info, std::vector<u8> payload) {
    DM_CHECK(payload.size() <= kLargestPayload);
    deflateReset(stream_);
    const std::span<const u8> known = dictionary(before_);
    if (!known.empty()) deflateSetDictionary(stream_, known.data(), static_cast<uInt>(known.size()));
    std::vector<u8> packed(deflateBound(stream_, payload.size()));
    stream_->next_in = input(payload);
    stream_->avail_in = static_cast<uInt>(payload.size());
    stream_->next_out = packed.data();
    stream_->avail_out = static_cast<uInt>(packed.size());
    DM_CHECK(deflate(stream_, Z_FINISH) == Z_STREAM_END);
    packed.erase(packed.end() - static_cast<std::ptrdiff_t>(stream_->avail_out), packed.end());

    std::vector<u8> block;
    block.reserve(kBlockHeaderSize + packed.size());
    put32(block, kBlockMagic);
    put32(block, static_cast<u32>(info.kind));
    put32(block, info.number);
    put32(block, static_cast<u32>(payload.size()));
    put32(block, static_cast<u32>(packed.size()));
    put32(block, checksum(packed));
    put64(block, info.time_ns);
    put64(block, info.operations);
    put32(block, checksum(block));
    block.insert(block.end(), packed.begin(), packed.end());
    before_ = std::move(payload);
    return block;
}

Error bad_block(const PackedBlock& block, std::string_view why) {
    return fail("block {} at byte {}: {}", block.info.number, block.offset, why);
}

Result<bool> BlockWalker::next(PackedBlock& block) {
    const std::span<const u8> left = file_.subspan(at_);
    if (left.size() < kBlockHeaderSize) return false;
    const std::span<const u8> header = left.first(kBlockHeaderSize);
    const auto refuse = [this](std::string_view why) {
        return bad_block({.info = {.number = number_}, .offset = at_, .packed = {}}, why);
    };
    if (get32(header, kBlockHeaderSize - 4) != checksum(header.first(kBlockHeaderSize - 4)) ||
        get32(header, 0) != kBlockMagic)
        return refuse("its header is damaged");
    const u32 kind = get32(header, 4);
    const u32 packed_size = get32(header, 16);
    block.info = {.kind = static_cast<BlockKind>(kind),
                  .number = get32(header, 8),
                  .time_ns = get64(header, 24),
                  .operations = get64(header, 32)};
    block.offset = at_;
    block.payload_size = get32(header, 12);
    if (block.info.number != number_ || block.payload_size > kLargestPayload ||
        kind != static_cast<u32>(number_ == 0 ? BlockKind::Machine : BlockKind::Events))
        return refuse("it does not belong here");
    if (packed_size > left.size() - kBlockHeaderSize) return false;
    block.packed = left.subspan(kBlockHeaderSize, packed_size);
    if (get32(header, 20) != checksum(block.packed)) return refuse("its checksum is wrong");
    at_ += kBlockHeaderSize + packed_size;
    ++number_;
    return true;
}

struct BlockUnpacker::Stream : z_stream {};

BlockUnpacker::BlockUnpacker() : stream_(new Stream{}) {
    DM_CHECK(inflateInit2(stream_, kRawDeflate) == Z_OK);
}

BlockUnpacker::~BlockUnpacker() {
    inflateEnd(stream_);
    delete stream_;
}

Result<std::span<const u8>> BlockUnpacker::unpack(const PackedBlock& block) {
    std::swap(payload_, before_);
    payload_.resize(block.payload_size);
    inflateReset(stream_);
    const std::span<const u8> known = dictionary(before_);
    if (!known.empty()) inflateSetDictionary(stream_, known.data(), static_cast<uInt>(known.size()));
    stream_->next_in = input(block.packed);
    stream_->avail_in = static_cast<uInt>(block.packed.size());
    stream_->next_out = payload_.data();
    stream_->avail_out = static_cast<uInt>(payload_.size());
    if (inflate(stream_, Z_FINISH) != Z_STREAM_END || stream_->avail_out != 0 || stream_->avail_in != 0)
        return bad_block(block, "it cannot be unpacked");
    return std::span<const u8>(payload_);
}

} // namespace dm::replay
