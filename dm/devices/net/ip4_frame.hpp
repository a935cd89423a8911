// Where IPv4, TCP and UDP are in a frame: what a card that deals with their checksums looks at. All lengths
// are checked against the frame before anything is found.
#pragma once

#include "dm/core/net_backend.hpp"
#include "dm/core/types.hpp"

#include <optional>
#include <span>

namespace dm {

struct Ip4Frame {
    enum class Protocol : u8 { Tcp = 6, Udp = 17 };

    std::size_t ip = 0;        ///< where the IP header begins
    std::size_t transport = 0; ///< and what follows it
    std::size_t end = 0;       ///< of the IP packet; padding may follow
    u8 protocol = 0;
    bool fragment = false; ///< a part of a datagram: no checksum can be told from it

    bool is(Protocol which) const { return protocol == static_cast<u8>(which) && !fragment; }
    /// Length of the TCP or UDP packet as its pseudo header has it.
    std::size_t transport_length() const { return end - transport; }
    std::span<const u8> header(std::span<const u8> frame) const { return frame.subspan(ip, transport - ip); }
    /// Sum of the pseudo header, folded.
    u16 pseudo_sum(std::span<const u8> frame) const;
};

/// What `frame` carries, behind at most one VLAN tag; nothing when that is no whole IPv4 packet. `segmented`:
/// its length field is not believed, all of the frame counts.
std::optional<Ip4Frame> find_ip4(std::span<const u8> frame, bool segmented = false);

/// Which checksums a card is asked for.
struct ChecksumRequest {
    bool ip = false;
    bool tcp = false;
    bool udp = false;
    u16 segment_size = 0; ///< of TCP; 0: the frame is sent as it is
};

/// Computes the IP header's checksum, puts the pseudo header's sum where the TCP or UDP checksum belongs, and
/// says what is left to the far end. What does not fit the frame is not done. `frame` loses padding behind
/// the packet, which would be summed up with it.
FrameOffload prepare_checksums(std::span<u8>& frame, const ChecksumRequest& request);

/// What a received frame is, and whether its sums are right.
struct ReceivedSums {
    enum class Kind : u8 { NotIp, Ip, Tcp, Udp };
    Kind kind = Kind::NotIp;
    bool ip_wrong = false;
    bool transport_wrong = false;
};
ReceivedSums check_sums(std::span<const u8> frame);

} // namespace dm
