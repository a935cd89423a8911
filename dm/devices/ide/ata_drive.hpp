// An ATA device, as what it is connected to drives it.
#pragma once

#include "dm/core/device.hpp"
#include "dm/devices/ide/medium_io.hpp"

namespace dm {

/// The link holds what both kinds share (task file, data port, interrupt); a drive runs the commands.
class AtaDrive : public MediumIo::Client {
public:
    /// False: nothing answers at this place of the cable any more (PV unplug).
    virtual bool attached() const = 0;
    virtual bool is_packet_device() const = 0;

    /// The COMMAND register was written; the drive is neither busy nor in a transfer.
    virtual void command(u8 opcode) = 0;
    /// The host moved the last word of a block that the drive offered with AtaLink::offer().
    virtual void block_moved() = 0;
    /// The bus master is ready for the transfer that the drive asked for with AtaLink::want_dma().
    virtual void dma_ready() = 0;
    /// The host's PRD table is shorter than the transfer: it does not take place.
    virtual void dma_too_short() = 0;

    /// The request that the host failed is to be submitted again.
    virtual void retry() = 0;

    /// SRST or DEVICE RESET: forgets the command. Nothing is in flight.
    virtual void soft_reset() = 0;
    /// Power-on. Nothing is in flight.
    virtual void power_on() = 0;

    virtual void save(StateWriter& out, std::string_view name) const = 0;
    /// Reads and judges the state without taking it over; commit() does that. A drive that the saved machine
    /// did not have (its PV disk was attached later) is not there for the guest from then on.
    virtual Status load(StateReader& in, std::string_view name) = 0;
    virtual void commit() = 0;

    /// Reads the state of a drive, if there is any, for a place where no drive is now: it was detached. The
    /// guest must have let go of it; a CD-ROM it can do without.
    static Status load_detached(StateReader& in, std::string_view name);
};

} // namespace dm
