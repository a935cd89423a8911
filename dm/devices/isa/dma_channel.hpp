// An ISA DMA channel as the device on it sees it: DREQ, DACK, TC and the bytes, without a channel number.
#pragma once

#include "dm/core/types.hpp"

#include <span>

namespace dm {

/// The device on a channel.
class DmaClient {
public:
    virtual ~DmaClient() = default;
    /// DACK: the channel has become open while the device requests it, because of set_request() or because
    /// the guest has just unmasked the channel. The device may transfer here or later, as its speed wants.
    virtual void dma_acknowledged() = 0;
};

class DmaChannel {
public:
    virtual ~DmaChannel() = default;

    /// The device, or nobody. It outlives the channel or disconnects itself.
    virtual void connect(DmaClient* client) = 0;

    /// DREQ. Nothing happens when the level stays; a rise on an open channel calls dma_acknowledged() at
    /// once. Part of the controller's saved state: a loaded device does not raise it again.
    virtual void set_request(bool level) = 0;

    /// True when transfers would move: requested, unmasked, controller enabled, not in cascade mode.
    virtual bool open() const = 0;

    struct Moved {
        std::size_t bytes = 0;
        bool terminal_count = false; ///< TC: the count ran out. With autoinitialise the channel goes on
    };
    /// Memory to device, in order, up to TC; nothing when the channel is not open. Word channels move whole
    /// words. When the guest has programmed another direction the bytes are not those of memory: ones.
    virtual Moved read_memory(std::span<u8> out) = 0;
    /// Device to memory. When the guest has programmed another direction (or verify) memory stays as it is
    /// and the count runs all the same.
    virtual Moved write_memory(std::span<const u8> in) = 0;
};

} // namespace dm
