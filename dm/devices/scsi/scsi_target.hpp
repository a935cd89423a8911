// One device on a SCSI bus, as the bus drives it.
#pragma once

#include "dm/core/block_backend.hpp"
#include "dm/core/device.hpp"
#include "dm/devices/scsi/scsi.hpp"

#include <span>

namespace dm {

/// What a target wants of the bus to go on with a command.
struct ScsiAction {
    enum class Kind : u8 {
        Done,       ///< the command is over: `status`, `sense`
        Reply,      ///< the first `length` bytes of the buffer go to the initiator, then GOOD
        Parameters, ///< `length` bytes come from the initiator into the buffer, then parameters()
        Read,       ///< `length` bytes at `offset` of the medium go to the initiator, then finished()
        Write,      ///< the other way round
        // Nothing goes over the bus, then finished():
        Verify,  ///< reads `length` bytes at `offset`
        Flush,   ///< what was written is to be stable
        Discard, ///< `length` bytes at `offset` are of no interest any more
        Zero,    ///< `length` bytes at `offset` become zeros; `unmap`: the host may have their space
    };

    Kind kind = Kind::Done;
    u64 offset = 0;
    u64 length = 0;
    bool unmap = false;
    scsi::Status status = scsi::Status::Good;
    scsi::Sense sense{};

    static ScsiAction good() { return {}; }
    static ScsiAction check(const scsi::Sense& sense) {
        return {.kind = Kind::Done, .status = scsi::Status::CheckCondition, .sense = sense};
    }
    static ScsiAction reply(u64 length) { return {.kind = Kind::Reply, .length = length}; }
    static ScsiAction parameters(u64 length) { return {.kind = Kind::Parameters, .length = length}; }
    static ScsiAction flush() { return {.kind = Kind::Flush}; }
};

/// What the medium has to do for those that need it.
constexpr BlockIo::Op medium_operation(ScsiAction::Kind kind) {
    using enum ScsiAction::Kind;
    switch (kind) {
    case Write: return BlockIo::Op::Write;
    case Flush: return BlockIo::Op::Flush;
    case Discard: return BlockIo::Op::Discard;
    case Zero: return BlockIo::Op::WriteZeroes;
    case Done:
    case Reply:
    case Parameters:
    case Read:
    case Verify: break;
    }
    return BlockIo::Op::Read;
}

constexpr bool moves_data(ScsiAction::Kind kind) {
    return kind == ScsiAction::Kind::Read || kind == ScsiAction::Kind::Write;
}

enum class ScsiReset : u8 { PowerOn, Bus, Target };

/// Decides what commands mean. Moves nothing, waits for nothing: the bus does both.
class ScsiTarget {
public:
    static constexpr std::size_t kBufferSize = 4096; ///< replies and parameter lists

    virtual ~ScsiTarget() = default;
    /// False: nothing answers at this place of the bus any more (PV unplug).
    virtual bool attached() const = 0;
    /// Null: there is none in the drive.
    virtual BlockBackend* medium() const = 0;

    /// A command for `lun`, which may not exist. A reply is written to `buffer`.
    virtual ScsiAction start(const scsi::Cdb& cdb, u8 lun, std::span<u8, kBufferSize> buffer) = 0;
    /// What was asked for with Parameters has come.
    virtual ScsiAction parameters(const scsi::Cdb& cdb, std::span<const u8> list) = 0;
    /// The medium is done with `kind`. `error`: 0 or an errno value.
    virtual ScsiAction finished(const scsi::Cdb& cdb, ScsiAction::Kind kind, int error) = 0;
    /// The host failed a request: what the policy makes of it. Those who watch are told.
    virtual OnError medium_failed(BlockIo::Op op, int error) = 0;

    /// The initiator was told CHECK CONDITION: REQUEST SENSE answers this from now on.
    virtual void keep_sense(const scsi::Sense& sense) = 0;
    /// Somebody may still ask for that sense: another CHECK CONDITION would overwrite it.
    virtual bool keeps_sense() const = 0;

    // No task of this target exists any more:

    virtual void reset(ScsiReset how) = 0;
    /// Flushes and lets go of the medium for good. The error is the flush's.
    virtual int unplug() = 0;

    virtual void save(StateWriter& out, std::string_view name) const = 0;
    /// Reads and judges the state without taking it over; commit() does that.
    virtual Status load(StateReader& in, std::string_view name) = 0;
    virtual void commit() = 0;
};

} // namespace dm
