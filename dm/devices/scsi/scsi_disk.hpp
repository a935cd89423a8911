// SCSI hard disk of 512-byte blocks (SPC-3, T10 1416D; SBC-2, T10 1417D).
//
// Missing: FORMAT UNIT, protection information, comparing VERIFY, WRITE SAME of anything but zeros, log
// pages, persistent reservations. Reservations are accepted: there is one initiator. With the write cache
// off, and with FUA, a write ends with a flush. Notes: docs/devices/scsi_disk.md
#pragma once

#include "dm/devices/ide/drive_config.hpp"
#include "dm/devices/scsi/scsi_unit.hpp"

#include <optional>

namespace dm {

class ScsiReply;

class ScsiDisk final : public ScsiUnit {
public:
    static constexpr u32 kBlockSize = 512;
    static constexpr u64 kMostBlocks = 0xffff;          ///< of a command that moves data or verifies
    static constexpr u64 kMostDiscarded = u64{1} << 22; ///< blocks; of one UNMAP, with one descriptor

    struct State {
        bool write_cache = true;

        bool operator==(const State&) const = default;
        static constexpr void fields(auto&& v, auto& s) { v("write_cache", s.write_cache); }
    };

    ScsiDisk(std::string_view name, const DriveConfig& config);

    ScsiAction parameters(const scsi::Cdb& cdb, std::span<const u8> list) override;
    ScsiAction finished(const scsi::Cdb& cdb, ScsiAction::Kind kind, int error) override;
    void reset(ScsiReset how) override;
    void save(StateWriter& out, std::string_view name) const override;
    Status load(StateReader& in, std::string_view name) override;
    void commit() override;

private:
    struct Extent {
        u64 lba = 0;
        u64 blocks = 0;
    };
    enum class PageControl : u8 { Current, Changeable, Default, Saved };

    u64 capacity() const { return medium_ != nullptr ? medium_->size_bytes() / kBlockSize : 0; }
    bool can_discard() const { return medium_ != nullptr && medium_->can_discard(); }

    // scsi_disk.cpp: commands that reach the medium
    ScsiAction command(const scsi::Cdb& cdb, Buffer buffer) override;
    ScsiAction medium_command(const scsi::Cdb& cdb, Buffer buffer);
    static Extent extent_of(const scsi::Cdb& cdb);
    std::optional<scsi::Sense> beyond(const Extent& extent) const;
    ScsiAction transfer(const scsi::Cdb& cdb, ScsiAction::Kind kind);
    ScsiAction verify(const scsi::Cdb& cdb);
    ScsiAction synchronize(const scsi::Cdb& cdb);
    ScsiAction seek(const scsi::Cdb& cdb, u64 lba);
    ScsiAction start_stop(const scsi::Cdb& cdb);
    ScsiAction write_same(const scsi::Cdb& cdb);
    ScsiAction zero(const scsi::Cdb& cdb, std::span<const u8> pattern);
    ScsiAction unmap(std::span<const u8> list);
    scsi::Sense failure(const scsi::Cdb& cdb, ScsiAction::Kind kind, int error);

    // scsi_disk_info.cpp: what it says of itself, and what can be set
    ScsiAction inquiry(const scsi::Cdb& cdb, Buffer buffer) override;
    ScsiAction vital_product_data(const scsi::Cdb& cdb, Buffer buffer);
    void add_identification(ScsiReply& reply) const;
    void add_block_limits(ScsiReply& reply) const;
    ScsiAction read_capacity_10(const scsi::Cdb& cdb, Buffer buffer) const;
    ScsiAction read_capacity_16(const scsi::Cdb& cdb, Buffer buffer) const;
    ScsiAction mode_sense(const scsi::Cdb& cdb, Buffer buffer, bool wide) const;
    bool add_mode_page(ScsiReply& reply, u8 page, PageControl control) const;
    static ScsiAction mode_select(const scsi::Cdb& cdb, bool wide);
    ScsiAction set_modes(std::span<const u8> list, bool wide);
    std::optional<scsi::Sense> check_page(std::span<const u8> given) const;

    std::string serial_;
    std::string model_;
    std::string firmware_;
    State s_;
    State loaded_;
};
static_assert(covers_every_field<ScsiDisk::State>);

} // namespace dm
