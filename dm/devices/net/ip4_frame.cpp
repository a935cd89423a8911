#include "dm/devices/net/ip4_frame.hpp"

#include "dm/core/frame_offload.hpp"
#include "dm/devices/net/ethernet.hpp"

namespace dm {
namespace {

using ethernet::be16;
using ethernet::set_be16;
using Protocol = Ip4Frame::Protocol;

// Of the IPv4 header (RFC 791).
constexpr std::size_t kIpHeader = 20;
constexpr std::size_t kTotalLength = 2;
constexpr std::size_t kFragment = 6;
constexpr u16 kFragmentBits = 0x3fff; // more of them, or not the first
constexpr std::size_t kProtocol = 9;
constexpr std::size_t kIpChecksum = 10;
constexpr std::size_t kSource = 12;
constexpr std::size_t kTwoAddresses = 8;
constexpr std::size_t kIpMost = 0xffff;

// RFC 793, RFC 768.
constexpr std::size_t kTcpHeader = 20;
constexpr std::size_t kTcpOffset = 12;
constexpr std::size_t kTcpChecksum = 16;
constexpr std::size_t kUdpHeader = 8;
constexpr std::size_t kUdpChecksum = 6;

void put_ip_checksum(std::span<u8> frame, const Ip4Frame& ip) {
    set_be16(frame, ip.ip + kIpChecksum, 0);
    set_be16(frame, ip.ip + kIpChecksum, static_cast<u16>(~internet_sum(ip.header(frame))));
}

/// Length of all headers if there is a whole TCP header.
std::optional<std::size_t> tcp_headers(std::span<const u8> frame, const Ip4Frame& ip) {
    if (ip.transport_length() < kTcpHeader) return std::nullopt;
    const std::size_t length = std::size_t{frame[ip.transport + kTcpOffset]} / 16 * 4;
    if (length < kTcpHeader || length > ip.transport_length()) return std::nullopt;
    return ip.transport + length;
}

} // namespace

u16 Ip4Frame::pseudo_sum(std::span<const u8> frame) const {
    const u16 addresses = internet_sum(frame.subspan(ip + kSource, kTwoAddresses));
    return add_sums(addresses, static_cast<u32>(protocol + transport_length()));
}

std::optional<Ip4Frame> find_ip4(std::span<const u8> frame, bool segmented) {
    std::size_t type = ethernet::kAddresses;
    if (frame.size() >= type + 2 && be16(frame, type) == ethernet::VLAN) type += ethernet::kTag;
    Ip4Frame found;
    found.ip = type + 2;
    if (frame.size() < found.ip + kIpHeader || be16(frame, type) != ethernet::IPV4) return std::nullopt;
    const std::size_t header = frame[found.ip] % 16 * std::size_t{4};
    if (frame[found.ip] / 16 != 4 || header < kIpHeader) return std::nullopt;
    const std::size_t there = frame.size() - found.ip;
    const std::size_t total = segmented ? there : be16(frame, found.ip + kTotalLength);
    if (total < header || total > there || total > kIpMost) return std::nullopt;
    found.transport = found.ip + header;
    found.end = found.ip + total;
    found.protocol = frame[found.ip + kProtocol];
    found.fragment = (be16(frame, found.ip + kFragment) & kFragmentBits) != 0;
    return found;
}

FrameOffload prepare_checksums(std::span<u8>& frame, const ChecksumRequest& request) {
    FrameOffload offload;
    const bool segment = request.segment_size != 0;
    if (!request.ip && !request.tcp && !request.udp && !segment) return offload;
    const std::optional<Ip4Frame> ip = find_ip4(frame, segment);
    if (!ip) return offload;
    const auto headers = ip->is(Protocol::Tcp) ? tcp_headers(frame, *ip) : std::nullopt;
    const bool cut = segment && headers && frame.size() - *headers > request.segment_size;
    if (segment) set_be16(frame, ip->ip + kTotalLength, static_cast<u16>(ip->end - ip->ip));
    if (request.ip || segment) put_ip_checksum(frame, *ip);

    const bool tcp = (request.tcp || segment) && headers;
    const bool udp = request.udp && ip->is(Protocol::Udp) && ip->transport_length() >= kUdpHeader;
    if (!tcp && !udp) return offload;
    frame = frame.first(ip->end);
    offload.checksum = true;
    offload.checksum_start = static_cast<u16>(ip->transport);
    offload.checksum_offset = static_cast<u16>(tcp ? kTcpChecksum : kUdpChecksum);
    set_be16(frame, ip->transport + offload.checksum_offset, ip->pseudo_sum(frame));
    if (cut) {
        offload.segments = FrameOffload::Segments::Tcp4;
        offload.segment_size = request.segment_size;
        offload.header_length = static_cast<u16>(*headers);
    }
    return offload;
}

ReceivedSums check_sums(std::span<const u8> frame) {
    ReceivedSums sums;
    const std::optional<Ip4Frame> ip = find_ip4(frame);
    if (!ip) return sums;
    sums.kind = ReceivedSums::Kind::Ip;
    sums.ip_wrong = internet_sum(ip->header(frame)) != 0xffff;
    const bool tcp = ip->is(Protocol::Tcp) && ip->transport_length() >= kTcpHeader;
    const bool udp = ip->is(Protocol::Udp) && ip->transport_length() >= kUdpHeader;
    if (!tcp && !udp) return sums;
    sums.kind = tcp ? ReceivedSums::Kind::Tcp : ReceivedSums::Kind::Udp;
    if (udp && be16(frame, ip->transport + kUdpChecksum) == 0) return sums; // the sender made none
    const auto packet = frame.subspan(ip->transport, ip->transport_length());
    sums.transport_wrong = internet_sum(packet, ip->pseudo_sum(frame)) != 0xffff;
    return sums;
}

} // namespace dm
