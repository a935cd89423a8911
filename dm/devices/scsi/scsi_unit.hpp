// What all devices with one logical unit share (SPC-3): sense data, unit attentions, REQUEST SENSE, REPORT
// LUNS, and the answers of logical units that do not exist.
#pragma once

#include "dm/core/log.hpp"
#include "dm/devices/ide/drive_config.hpp"
#include "dm/devices/scsi/scsi_target.hpp"

namespace dm {

class ScsiUnit : public ScsiTarget {
public:
    struct UnitState {
        scsi::Sense sense;     ///< of the last CHECK CONDITION, until somebody asks
        scsi::Sense attention; ///< the next command is told this instead of being done
        bool locked = false;   ///< PREVENT ALLOW MEDIUM REMOVAL
        bool stopped = false;  ///< START STOP UNIT
        bool unplugged = false;

        bool operator==(const UnitState&) const = default;
        static constexpr void fields(auto&& v, auto& s) {
            v("sense", s.sense);
            v("attention", s.attention);
            v("locked", s.locked);
            v("stopped", s.stopped);
            v("unplugged", s.unplugged);
        }
    };

    ScsiUnit(std::string_view name, const DriveConfig& config);

    bool attached() const override { return !unit_.unplugged; }
    BlockBackend* medium() const override { return medium_; }
    ScsiAction start(const scsi::Cdb& cdb, u8 lun, std::span<u8, kBufferSize> buffer) final;
    OnError medium_failed(BlockIo::Op op, int error) final;
    void keep_sense(const scsi::Sense& sense) override { unit_.sense = sense; }
    bool keeps_sense() const override { return unit_.sense.any(); }
    void reset(ScsiReset how) override;
    int unplug() override;
    void save(StateWriter& out, std::string_view name) const override { out.section(name, unit_); }
    Status load(StateReader& in, std::string_view name) override;
    void commit() override;

protected:
    using Buffer = std::span<u8, kBufferSize>;

    virtual ScsiAction inquiry(const scsi::Cdb& cdb, Buffer buffer) = 0;
    /// Any other command.
    virtual ScsiAction command(const scsi::Cdb& cdb, Buffer buffer) = 0;
    /// Tells the initiator with its next command.
    void attention(const scsi::Sense& sense) { unit_.attention = sense; }

    ScsiAction refuse(const scsi::Cdb& cdb);

    Log log_;
    BlockBackend* medium_;
    UnitState unit_;

private:
    ScsiAction request_sense(const scsi::Cdb& cdb, u8 lun, Buffer buffer);
    static ScsiAction report_luns(const scsi::Cdb& cdb, Buffer buffer);
    static ScsiAction inquiry_of_nobody(const scsi::Cdb& cdb, Buffer buffer);

    ErrorPolicy errors_;
    DriveEvents* events_;
    UnitState loaded_;
};
static_assert(covers_every_field<ScsiUnit::UnitState>);

} // namespace dm
