#include "dm/core/frame_offload.hpp"

#include <algorithm>
#include <array>
#include <bit>
#include <cstring>
#include <optional>

namespace dm {
namespace {

constexpr std::size_t kTypeAt = 12; // of the Ethernet header
constexpr std::size_t kTag = 4;     // bytes of a VLAN tag
constexpr unsigned kTagsMax = 2;
constexpr u16 kVlan = 0x8100;
constexpr u16 kServiceVlan = 0x88a8;
constexpr u16 kIp4 = 0x0800;
constexpr u16 kIp6 = 0x86dd;
constexpr std::size_t kIp4Header = 20;
constexpr std::size_t kIp6Header = 40;
constexpr std::size_t kTcpHeader = 20;
constexpr std::size_t kTcpChecksum = 16;
constexpr std::size_t kTcpFlags = 13;
constexpr unsigned kFin = 0x01;
constexpr unsigned kPsh = 0x08;
constexpr unsigned kCwr = 0x80;

u16 get16(std::span<const u8> bytes, std::size_t at) {
    return static_cast<u16>(bytes[at] << 8 | bytes[at + 1]);
}
u32 get32(std::span<const u8> bytes, std::size_t at) {
    return u32{get16(bytes, at)} << 16 | get16(bytes, at + 2);
}
void put16(std::span<u8> bytes, std::size_t at, std::size_t value) {
    bytes[at] = static_cast<u8>(value >> 8);
    bytes[at + 1] = static_cast<u8>(value);
}
void put32(std::span<u8> bytes, std::size_t at, u32 value) {
    put16(bytes, at, value >> 16);
    put16(bytes, at + 2, value & 0xffff);
}
u16 inverted(u16 sum) {
    return static_cast<u16>(~sum);
}

/// The field holds a sum to begin with; what comes out is never zero, which for UDP would mean "none".
void put_checksum(std::span<u8> frame, std::size_t start, std::size_t field) {
    const u16 checksum = inverted(internet_sum(frame.subspan(start)));
    put16(frame, field, checksum != 0 ? checksum : 0xffff);
}

/// Where the network header begins, if the frame carries IP of this version.
std::optional<std::size_t> find_ip(std::span<const u8> frame, u16 type) {
    std::size_t at = kTypeAt;
    for (unsigned tags = 0; at + 2 <= frame.size(); ++tags, at += kTag) {
        const u16 here = get16(frame, at);
        if (here == type) return at + 2;
        if ((here != kVlan && here != kServiceVlan) || tags == kTagsMax) break;
    }
    return std::nullopt;
}

/// The headers that every segment repeats.
struct Headers {
    std::array<u8, kOffloadHeadersMax> bytes{};
    std::size_t length = 0;
    std::size_t ip = 0;
    std::size_t ip_length = 0;
    std::size_t tcp = 0;
    bool six = false;
};

bool segmentable(std::span<const u8> frame, const FrameOffload& offload) {
    const std::size_t length = offload.header_length;
    const std::size_t tcp = offload.checksum_start;
    if (offload.segment_size == 0 || offload.checksum_offset != kTcpChecksum) return false;
    if (length > frame.size() || length > kOffloadHeadersMax || tcp + kTcpHeader > length) return false;
    if (tcp + std::size_t{frame[tcp + 12]} / 16 * 4 != length) return false;
    return offload.frames(frame.size()) <= kOffloadSegmentsMax;
}

/// Nothing when the frame is not what the request says.
std::optional<Headers> take_headers(std::span<const u8> frame, const FrameOffload& offload) {
    if (!segmentable(frame, offload)) return std::nullopt;
    Headers h;
    h.six = offload.segments == FrameOffload::Segments::Tcp6;
    h.length = offload.header_length;
    h.tcp = offload.checksum_start;
    const auto ip = find_ip(frame, h.six ? kIp6 : kIp4);
    if (!ip) return std::nullopt;
    h.ip = *ip;
    if (h.ip + (h.six ? kIp6Header : kIp4Header) > h.tcp) return std::nullopt;
    const unsigned version = frame[h.ip] >> 4;
    h.ip_length = h.six ? h.tcp - h.ip : std::size_t{frame[h.ip]} % 16 * 4;
    if (version != (h.six ? 6U : 4U) || h.ip + h.ip_length != h.tcp) return std::nullopt;
    if (h.length - h.ip + offload.segment_size > 0xffff) return std::nullopt;
    std::copy_n(frame.begin(), h.length, h.bytes.begin());
    return h;
}

void number_segment(std::span<u8> out, const Headers& h, std::size_t index, std::size_t done) {
    if (h.six) {
        put16(out, h.ip + 4, out.size() - h.ip - kIp6Header);
    } else {
        put16(out, h.ip + 2, out.size() - h.ip);
        put16(out, h.ip + 4, get16(out, h.ip + 4) + index);
        put16(out, h.ip + 10, 0);
        put16(out, h.ip + 10, inverted(internet_sum(out.subspan(h.ip, h.ip_length))));
    }
    put32(out, h.tcp + 4, get32(out, h.tcp + 4) + static_cast<u32>(done));
}

/// Each segment gets its headers over bytes of `frame` that are sent already.
void send_segments(std::span<u8> frame, const Headers& h, std::size_t size, FrameSink& wire) {
    const std::size_t field = h.tcp + kTcpChecksum;
    // The pseudo header counted the whole frame's length.
    const u16 whole = add_sums(static_cast<u32>(frame.size() - h.tcp), 0);
    const u16 pseudo = add_sums(get16(frame, field), inverted(whole));
    std::size_t done = 0;
    for (std::size_t index = 0;; ++index) {
        const std::size_t here = std::min(size, frame.size() - h.length - done);
        const std::span<u8> out = frame.subspan(done, h.length + here);
        std::copy_n(h.bytes.begin(), h.length, out.begin());
        const bool last = done + here == frame.size() - h.length;
        number_segment(out, h, index, done);
        u8& flags = out[h.tcp + kTcpFlags];
        if (!last) flags = static_cast<u8>(flags & ~(kFin | kPsh));
        if (index > 0) flags = static_cast<u8>(flags & ~kCwr);
        put16(out, field, add_sums(pseudo, static_cast<u32>(out.size() - h.tcp)));
        put_checksum(out, h.tcp, field);
        wire.take(out);
        if (last) return;
        done += here;
    }
}

} // namespace

u16 internet_sum(std::span<const u8> bytes, u16 start) {
    // Words as the machine loads them: the sum is the same but for one swap of its bytes.
    u64 sum = 0;
    const auto add = [&sum](const u8* at) {
        std::array<u32, 2> words;
        std::memcpy(words.data(), at, sizeof(words));
        sum += u64{words[0]} + words[1];
    };
    std::size_t at = 0;
    for (; bytes.size() - at >= 8; at += 8)
        add(bytes.data() + at);
    if (at < bytes.size()) {
        std::array<u8, 8> tail{};
        std::memcpy(tail.data(), bytes.data() + at, bytes.size() - at);
        add(tail.data());
    }
    u16 folded = add_sums(static_cast<u32>(sum), static_cast<u32>(sum >> 32));
    if constexpr (std::endian::native == std::endian::little)
        folded = static_cast<u16>(folded << 8 | folded >> 8);
    return add_sums(folded, start);
}

bool finish_frame(std::span<u8> frame, const FrameOffload& offload, FrameSink& wire) {
    if (offload.segments != FrameOffload::Segments::None) {
        const auto headers = take_headers(frame, offload);
        if (!headers) return false;
        send_segments(frame, *headers, offload.segment_size, wire);
        return true;
    }
    if (offload.checksum) {
        const std::size_t field = std::size_t{offload.checksum_start} + offload.checksum_offset;
        if (field + 2 > frame.size()) return false;
        put_checksum(frame, offload.checksum_start, field);
    }
    wire.take(frame);
    return true;
}

} // namespace dm
