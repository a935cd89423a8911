// The far end of a network card's cable.
#pragma once

#include "dm/core/types.hpp"

#include <span>
#include <string>
#include <sys/uio.h>

namespace dm {

/// What a card leaves to the far end to do with a frame that it sends: the guest's own request (TCP
/// segmentation, checksum), already judged by the card. Offsets count from the first byte of the Ethernet
/// header.
struct FrameOffload {
    enum class Segments : u8 { None, Tcp4, Tcp6 };

    bool checksum =
        false; ///< the sum from checksum_start to the end belongs to checksum_start + checksum_offset
    u16 checksum_start = 0;  ///< where the TCP or UDP header begins
    u16 checksum_offset = 0; ///< of the checksum's field in that header, where the pseudo header's sum stands
    Segments segments = Segments::None;
    u16 segment_size = 0;  ///< MSS: bytes of TCP payload in each frame on the wire
    u16 header_length = 0; ///< Ethernet, IP and TCP headers, which every frame repeats
    bool operator==(const FrameOffload&) const = default;

    /// Frames on the wire that one of `length` bytes stands for: what it costs, whoever cuts it.
    std::size_t frames(std::size_t length) const {
        if (segments == Segments::None || segment_size == 0 || length <= header_length) return 1;
        return (length - header_length + segment_size - 1) / segment_size;
    }
};
/// Of one frame with TCP segments. Linux asks for at least 48 bytes in each (tcp_min_snd_mss); smaller ones
/// only somebody wants who means harm: 64 KiB by the byte cost the host's kernel 50 ms.
inline constexpr std::size_t kOffloadSegmentsMax = 2048;

/// What the back end tells the card; called in the device thread.
class NetFrontend {
public:
    virtual ~NetFrontend() = default;
    /// Whether a frame would find room now. False stops the back end until it is asked to accept_input().
    virtual bool can_receive() const = 0;
    /// A whole frame without its check sequence (FCS), perhaps shorter than Ethernet's least of 60 bytes and
    /// as long as the host cares to send. The card filters, pads, or drops it.
    virtual void receive(std::span<const u8> frame) = 0;
    /// The back end takes frames again after send() said Later.
    virtual void writable() = 0;
    /// The cable was pulled or plugged: NetBackend::link_up() has changed.
    virtual void link_changed() = 0;
};

class NetBackend {
public:
    enum class Sent : u8 {
        Yes,  ///< taken, or lost as on a cable that nobody listens to
        Later ///< not taken: the queue is full, writable() follows
    };
    /// The longest frame that send() takes, with segmentation; what is longer is lost.
    static constexpr std::size_t kFrameMax = 65550;
    /// Most pieces of one frame; the rest of a longer list is lost with its frame.
    static constexpr std::size_t kPiecesMax = 64;

    virtual ~NetBackend() = default;
    /// Sends one frame without FCS; the pieces may be guest RAM, and are not looked at again once this has
    /// returned. Never blocks. Every kind of offload is accepted: what the host cannot do is done in
    /// software.
    virtual Sent send(std::span<const iovec> frame, const FrameOffload& offload) = 0;
    /// The card has room again, or began to listen.
    virtual void accept_input() = 0;
    /// False while the cable is out: QMP set_link, or the interface is gone.
    virtual bool link_up() const = 0;
    /// At most one; may be null.
    virtual void set_frontend(NetFrontend* frontend) = 0;
    /// As the log names it: "tap vif7.0-emu".
    virtual std::string description() const = 0;
};

} // namespace dm
