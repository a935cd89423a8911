#include "dm/devices/net/e1000_rx_check.hpp"

#include "dm/core/frame_offload.hpp"
#include "dm/devices/net/ethernet.hpp"

#include <algorithm>
#include <optional>

namespace dm::e1000 {

using ethernet::be16;

namespace {

constexpr u32 kPcss = 0xff;
constexpr std::size_t kIp4Header = 20;
constexpr std::size_t kIp6Header = 40;
constexpr std::size_t kTcpHeader = 20;
constexpr std::size_t kUdpHeader = 8;
constexpr std::size_t kUdpChecksum = 6;
constexpr u8 kTcp = 6;
constexpr u8 kUdp = 17;
constexpr u16 kFragment = 0x3fff; // more to come, or not the first
constexpr u16 kRight = 0xffff;    // the sum of what holds its own checksum

/// Where the parts of a TCP or UDP packet are in a frame.
struct Packet {
    std::size_t begin = 0; ///< of the TCP or UDP header
    std::size_t end = 0;   ///< what follows pads the frame
    u16 pseudo = 0;        ///< sum of the pseudo header
};

/// Whole TCP or UDP with a checksum.
std::optional<Packet> find_transport(std::span<const u8> frame, std::size_t begin, std::size_t end,
                                     u8 protocol, std::span<const u8> addresses) {
    const std::size_t length = end - begin;
    if (protocol == kUdp) {
        if (length < kUdpHeader || be16(frame, begin + kUdpChecksum) == 0) return std::nullopt;
    } else if (protocol != kTcp || length < kTcpHeader) {
        return std::nullopt;
    }
    const u16 start = add_sums(protocol, static_cast<u32>(length));
    return Packet{begin, end, internet_sum(addresses, start)};
}

/// Judges the IPv4 header; what is in the packet, if that can be checked.
std::optional<Packet> look_into_ip4(std::span<const u8> frame, std::size_t ip, bool check,
                                    RxVerdict& verdict) {
    if (frame.size() < ip + kIp4Header || frame[ip] >> 4 != 4) return std::nullopt;
    const std::size_t header = std::size_t{frame[ip]} % 16 * 4;
    const std::size_t total = be16(frame, ip + 2);
    if (header < kIp4Header || total < header || total > frame.size() - ip) return std::nullopt;
    if (check) {
        verdict.status.set(RxStatus::IPCS);
        verdict.errors.set(RxError::IPE, internet_sum(frame.subspan(ip, header)) != kRight);
    }
    if ((be16(frame, ip + 6) & kFragment) != 0) return std::nullopt;
    return find_transport(frame, ip + header, ip + total, frame[ip + 9], frame.subspan(ip + 12, 8));
}

std::optional<Packet> look_into_ip6(std::span<const u8> frame, std::size_t ip) {
    if (frame.size() < ip + kIp6Header || frame[ip] >> 4 != 6) return std::nullopt;
    const std::size_t length = be16(frame, ip + 4);
    if (length > frame.size() - ip - kIp6Header) return std::nullopt;
    const std::size_t begin = ip + kIp6Header;
    return find_transport(frame, begin, begin + length, frame[ip + 6], frame.subspan(ip + 8, 32));
}

u16 swapped(u16 sum) {
    return static_cast<u16>(sum << 8 | sum >> 8);
}

/// The sum of [first, frame.size()), `known` being that of [begin, end): most bytes are looked at once.
u16 sum_from(std::span<const u8> frame, std::size_t first, std::size_t begin, std::size_t end, u16 known) {
    if (first > begin) return internet_sum(frame.subspan(std::min(first, frame.size())));
    const auto at = [&](std::size_t place, u16 sum) { return (place - first) % 2 == 0 ? sum : swapped(sum); };
    const u16 before = internet_sum(frame.subspan(first, begin - first));
    return add_sums(before, add_sums(at(begin, known), at(end, internet_sum(frame.subspan(end)))));
}

} // namespace

RxVerdict check_received(std::span<const u8> frame, u32 rxcsum, u16 vet) {
    RxVerdict verdict;
    const Bits<Rxcsum> wanted{rxcsum};
    std::size_t type_at = ethernet::kAddresses;
    if (be16(frame, type_at) == vet) type_at += ethernet::kTag;
    const std::size_t ip = type_at + 2;
    std::optional<Packet> packet;
    if (be16(frame, type_at) == ethernet::IPV4)
        packet = look_into_ip4(frame, ip, wanted.has(Rxcsum::IPOFL), verdict);
    else if (be16(frame, type_at) == ethernet::IPV6)
        packet = look_into_ip6(frame, ip);
    const std::size_t first = rxcsum & kPcss;
    if (packet && wanted.has(Rxcsum::TUOFL)) {
        const u16 sum = internet_sum(frame.subspan(packet->begin, packet->end - packet->begin));
        verdict.status.set(RxStatus::TCPCS);
        verdict.errors.set(RxError::TCPE, add_sums(sum, packet->pseudo) != kRight);
        verdict.checksum = sum_from(frame, first, packet->begin, packet->end, sum);
    } else {
        verdict.checksum = internet_sum(frame.subspan(std::min(first, frame.size())));
    }
    if (!verdict.status.has(RxStatus::IPCS) && !verdict.status.has(RxStatus::TCPCS))
        verdict.status.set(RxStatus::IXSM);
    return verdict;
}

} // namespace dm::e1000
