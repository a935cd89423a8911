// What transmit descriptors of an 82540EM ask for, made into a frame and into what the far end of the cable
// is asked to do with it (SDM 3.3 to 3.5).
#pragma once

#include "dm/core/fields.hpp"
#include "dm/core/guest_memory.hpp"
#include "dm/core/net_backend.hpp"

#include <array>
#include <optional>
#include <span>
#include <vector>

namespace dm::e1000 {

/// A context descriptor's content: where checksums begin, end and go, and how to segment.
struct TxContext {
    u8 ipcss = 0;
    u8 ipcso = 0;
    u16 ipcse = 0;
    u8 tucss = 0;
    u8 tucso = 0;
    u16 tucse = 0;
    u8 hdrlen = 0;
    u16 mss = 0;
    bool tcp = false; ///< else UDP
    bool ip4 = false; ///< else IPv6

    bool operator==(const TxContext&) const = default;
    static constexpr void fields(auto&& v, auto& s) {
        v("ipcss", s.ipcss);
        v("ipcso", s.ipcso);
        v("ipcse", s.ipcse);
        v("tucss", s.tucss);
        v("tucso", s.tucso);
        v("tucse", s.tucse);
        v("hdrlen", s.hdrlen);
        v("mss", s.mss);
        v("tcp", s.tcp);
        v("ip4", s.ip4);
    }
};
static_assert(covers_every_field<TxContext>);

/// A buffer of a transmit descriptor.
struct TxBuffer {
    u64 addr = 0;
    u32 length = 0;
};

struct TxRequest {
    std::span<const TxBuffer> buffers;
    u32 length = 0; ///< of all of them
    TxContext context;
    bool ip_checksum = false; ///< IXSM
    bool checksum = false;    ///< TXSM, or IC of a legacy descriptor
    bool segment = false;     ///< TSE
    bool pad = false;         ///< to Ethernet's least length
    std::optional<u32> tag;   ///< 802.1Q: its type and control information
    bool stays = false;       ///< in the card: needed in one piece
};

/// Makes one frame at a time; what it shows is valid until the next, and as long as views of guest memory
/// are.
class TxFrame {
public:
    /// The longest that hardware sends in one piece.
    static constexpr u32 kLongest = 16288;
    static constexpr u32 kMostBytes = NetBackend::kFrameMax;

    /// False: what is asked for makes no sense, the frame is lost.
    bool make(GuestMemory& memory, const TxRequest& request);

    std::span<const iovec> pieces() const { return std::span(pieces_).first(count_); }
    const FrameOffload& offload() const { return offload_; }
    u32 length() const { return length_; }
    bool multicast() const { return (head_[0] & 1) != 0; }
    bool broadcast() const;
    /// Of a frame that stays: all of it.
    std::span<u8> bytes() { return std::span(whole_).first(length_); }

private:
    static constexpr std::size_t kHead = 256; ///< covers what a descriptor can point at with a byte
    static constexpr u32 kTag = 4;
    static constexpr u32 kAddresses = 12;
    static constexpr u32 kLeast = 60;

    static bool fits_head(const TxRequest& request);
    void take_head(GuestMemory& memory, const TxRequest& request);
    void take_whole(GuestMemory& memory, const TxRequest& request);
    void insert_tag(std::span<u8> frame, const TxRequest& request);
    bool add_rest(GuestMemory& memory, const TxRequest& request);
    bool add_piece(std::span<const u8> bytes);
    bool prepare_segments(std::span<u8> frame, const TxRequest& request);
    void insert_ip_checksum(std::span<u8> frame, const TxRequest& request) const;
    void insert_checksum(std::span<u8> frame, const TxRequest& request);

    std::array<u8, kHead + kTag> head_{};
    std::vector<u8> whole_; ///< as long as the longest frame, once one had to be copied
    std::array<iovec, NetBackend::kPiecesMax> pieces_{};
    std::size_t count_ = 0;
    u32 length_ = 0;
    u32 shift_ = 0; ///< of all offsets behind the tag
    FrameOffload offload_;
};

} // namespace dm::e1000
