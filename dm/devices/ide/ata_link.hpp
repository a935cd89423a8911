// What an ATA device needs of what it is connected to: an IDE cable, or a SATA port of an AHCI controller.
#pragma once

#include "dm/core/guest_memory.hpp"
#include "dm/devices/ide/ata.hpp"
#include "dm/devices/ide/ata_drive.hpp"

#include <span>
#include <string>

namespace dm {

class AtaLink {
public:
    static constexpr u32 kBufferSize = 8192; ///< the largest block: READ MULTIPLE of 16 sectors

    enum class Phase : u8 { None, DataIn, DataOut };

    virtual ~AtaLink() = default;
    virtual const std::string& name() const = 0;
    /// Commands that the host may queue in the device (NCQ); 0 on a link that has no such thing.
    virtual unsigned queue_depth() const = 0;

    virtual ata::TaskFile& task(unsigned unit) = 0;
    /// Where blocks of PIO data lie, and which of it the host moves next.
    virtual std::span<u8, kBufferSize> buffer() = 0;
    virtual u32 position() const = 0;
    virtual void interrupt() = 0;
    /// Ends the transfer and the command with `status`.
    virtual void end_command(unsigned unit, Bits<ata::StatusBit> status) = 0;
    /// BSY until the next end_command() or offer(); the buffer starts over.
    virtual void set_busy(unsigned unit) = 0;
    /// Lets the host move buffer[begin, end) by PIO; `end - begin` is even and not 0.
    virtual void offer(unsigned unit, Phase phase, u32 begin, u32 end) = 0;
    /// The medium works on memory of the drive's own, which hears io_done(), perhaps before this returns.
    virtual void submit(BlockBackend& medium, BlockIo::Op op, u64 offset, std::span<const iovec> iov,
                        AtaDrive& drive) = 0;
    /// As submit(), for a range whose content is of no interest any more.
    virtual void discard(BlockBackend& medium, u64 offset, u64 length, AtaDrive& drive) = 0;
    /// Asks for DMA; BSY until dma_ready() or dma_too_short(), which may come at once.
    virtual void want_dma(unsigned unit, DmaDirection direction, u64 bytes) = 0;
    /// Moves the next piece, at most `limit` bytes, between guest RAM and `offset` of the medium. The drive
    /// hears io_done(), perhaps before this returns, and then calls end_piece().
    virtual void move_piece(BlockBackend& medium, BlockIo::Op op, u64 offset, u64 limit, AtaDrive& drive) = 0;
    /// Unmaps the piece and returns its length.
    virtual u64 end_piece() = 0;
    /// Instead of a piece: from the drive to the next places of the host's list.
    virtual void copy_to_guest(std::span<const u8> bytes) = 0;
    /// The other way round.
    virtual void copy_from_guest(std::span<u8> bytes) = 0;
    /// The host failed the request, and the machine stops. When it goes on the link either calls
    /// AtaDrive::retry() (BSY until then), or has forgotten the command by a soft reset and gives it anew.
    virtual void stall() = 0;
    /// After dma_ready(): likewise, and the whole transfer begins anew with dma_ready().
    virtual void stall_dma(DmaDirection direction, u64 bytes) = 0;
    /// After dma_ready(): the transfer is over, all of it moved or not.
    virtual void end_dma(bool complete) = 0;
    /// Waits for what is in flight and forgets the transfer; its drive must then end the command.
    virtual void cancel_transfer() = 0;
    /// Waits until no request is in flight and drops the command that `unit` runs.
    virtual void drop_command(unsigned unit) = 0;
};

} // namespace dm
