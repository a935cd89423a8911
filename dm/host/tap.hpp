// A tap interface of the host: the far end of an emulated network card's cable.
#pragma once

#include "dm/core/result.hpp"
#include "dm/core/types.hpp"
#include "dm/core/unique_fd.hpp"

#include <span>
#include <string>
#include <sys/uio.h>

namespace dm::host {

/// Exists while the object does. libxl's hotplug script finds it by name, puts it into a bridge and perhaps
/// renames it: nothing here uses the name after open().
class Tap {
public:
    struct Options {
        std::string interface; ///< "vif7.0-emu"
        /// Frames shall carry a VnetHeader in front, if the host can: has_vnet_header() tells. Frames from
        /// the host never leave anything to do: their header is all zeros.
        bool vnet_header = false;
    };
    static Result<Tap> open(const Options& options);
    /// A tap that somebody else has opened.
    static Result<Tap> adopt(UniqueFd fd);

    Tap(UniqueFd fd, bool vnet_header) : fd_(std::move(fd)), vnet_header_(vnet_header) {}

    /// For EventLoop::watch.
    int fd() const { return fd_.get(); }
    bool has_vnet_header() const { return vnet_header_; }

    /// virtio_net_hdr, as Linux has it: what is left to the host of a frame that goes there.
    struct VnetHeader {
        static constexpr u8 kNeedsChecksum = 1;
        static constexpr u8 kTcp4 = 1;
        static constexpr u8 kTcp6 = 4;
        u8 flags = 0;
        u8 segments = 0;
        u16 header_length = 0;
        u16 segment_size = 0;
        u16 checksum_start = 0;
        u16 checksum_offset = 0;
    };
    static_assert(sizeof(VnetHeader) == 10);

    /// Largest frame that can come, header included.
    static constexpr std::size_t kFrameMax = 65536 + 64;

    /// The next frame from the host: its length, 0 when there is none now. What does not fit into `buffer` is
    /// cut off. An error: the interface is gone for good.
    Result<std::size_t> read(std::span<u8> buffer) const;

    enum class Sent : u8 {
        Yes,   ///< also when the interface is down: nobody is at the other end of the cable
        Later, ///< the queue is full; wait for FdEvents::Writable
    };
    /// An error: the interface is gone for good.
    Result<Sent> write(std::span<const iovec> pieces) const;
    Result<Sent> write(std::span<const u8> frame) const;

    /// While silent, frames for the guest are dropped before they are queued, which costs nobody anything.
    /// Only a wish: not every host can.
    void set_silent(bool silent) const;

    /// Throws away what has come, at most `frames` of it; for an owner that has no card for it. An error: the
    /// interface is gone for good.
    Status discard(unsigned frames = 64) const;

private:
    UniqueFd fd_;
    bool vnet_header_;
};

} // namespace dm::host
