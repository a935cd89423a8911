// SCSI CD-ROM/DVD-ROM drive: the commands of MMC-3 (T10 1363D) that hosts use to find and read a data disc.
//
// Missing: changing the disc while the machine exists, raw sectors, audio, sub-channels, writing.
// Notes: docs/devices/scsi_disk.md
#pragma once

#include "dm/devices/ide/drive_config.hpp"
#include "dm/devices/ide/mmc.hpp"
#include "dm/devices/scsi/scsi_unit.hpp"

namespace dm {

class ScsiCdrom final : public ScsiUnit {
public:
    static constexpr u64 kMostSectors = 0x3fff; ///< of a command: 32 MiB

    struct State {
        bool tray_open = false;

        bool operator==(const State&) const = default;
        static constexpr void fields(auto&& v, auto& s) { v("tray_open", s.tray_open); }
    };

    ScsiCdrom(std::string_view name, const DriveConfig& config);

    ScsiAction parameters(const scsi::Cdb& cdb, std::span<const u8> list) override;
    ScsiAction finished(const scsi::Cdb& cdb, ScsiAction::Kind kind, int error) override;
    void reset(ScsiReset how) override;
    void save(StateWriter& out, std::string_view name) const override;
    Status load(StateReader& in, std::string_view name) override;
    void commit() override;

private:
    u32 sectors() const;
    mmc::Drive facts() const;

    ScsiAction inquiry(const scsi::Cdb& cdb, Buffer buffer) override;
    ScsiAction vital_product_data(const scsi::Cdb& cdb, Buffer buffer) const;
    ScsiAction command(const scsi::Cdb& cdb, Buffer buffer) override;
    ScsiAction disc_command(const scsi::Cdb& cdb, Buffer buffer);
    ScsiAction start_stop(const scsi::Cdb& cdb);
    ScsiAction read(u64 lba, u64 count) const;
    ScsiAction read_cd(const scsi::Cdb& cdb) const;
    static ScsiAction answer(const scsi::Cdb& cdb, const mmc::Answer& answer, Buffer buffer);
    static ScsiAction short_mode_sense(const scsi::Cdb& cdb, const mmc::Drive& drive, Buffer buffer);

    std::string serial_;
    std::string model_;
    std::string firmware_;
    State s_;
    State loaded_;
};
static_assert(covers_every_field<ScsiCdrom::State>);

} // namespace dm
