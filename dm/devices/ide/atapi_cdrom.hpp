// ATAPI CD-ROM/DVD-ROM drive (ATA/ATAPI-6 packet feature set; MMC-3 commands), PIO and DMA.
//
// Missing: writing, audio, sub-channels, MODE SELECT, copy protection (CSS), overlapped commands; raw sectors
// carry no error correction codes.
// Quirks: a new medium is reported as "no medium" once before "medium may have changed" (Windows and Linux
// keep a stale table of contents otherwise); blocks through the data port are at most 5840 bytes long, which
// is the drive's right whatever limit the host gives.
// Notes: docs/devices/atapi_cdrom.md
#pragma once

#include "dm/core/log.hpp"
#include "dm/devices/ide/ata_link.hpp"
#include "dm/devices/ide/drive_config.hpp"
#include "dm/devices/ide/mmc.hpp"

namespace dm {

class AtapiCdrom final : public AtaDrive {
public:
    enum class Op : u8 { None, Packet, Reply, Read, Identify };
    /// What a command is told after the medium changed, one after the other.
    enum class Change : u8 { None, ReportNoMedium, ReportChanged };

    struct State {
        ata::TransferMode mode;
        mmc::Sense sense;
        Change change = Change::None;
        mmc::MediaEvent event = mmc::MediaEvent::None;
        bool tray_open = false;
        bool tray_locked = false;
        u32 medium_sectors = 0; ///< of the medium that the guest knows
        // The packet that runs.
        Op op = Op::None;
        bool dma = false;
        u16 byte_limit = 0; ///< of a block through the data port
        u16 sector_size = mmc::kSectorSize;
        u32 lba = 0;           ///< next sector to fetch from the medium
        u32 sectors_left = 0;  ///< still to fetch
        u32 sectors_total = 0; ///< of the whole command
        u64 bytes_left = 0;    ///< still to offer to the host
        u32 begin = 0;         ///< in the channel's buffer: not offered yet
        u32 end = 0;

        bool operator==(const State&) const = default;
        static constexpr void fields(auto&& v, auto& s) {
            v("mode", s.mode);
            v("sense", s.sense);
            v("change", s.change);
            v("event", s.event);
            v("tray_open", s.tray_open);
            v("tray_locked", s.tray_locked);
            v("medium_sectors", s.medium_sectors);
            v("op", s.op);
            v("dma", s.dma);
            v("byte_limit", s.byte_limit);
            v("sector_size", s.sector_size);
            v("lba", s.lba);
            v("sectors_left", s.sectors_left);
            v("sectors_total", s.sectors_total);
            v("bytes_left", s.bytes_left);
            v("begin", s.begin);
            v("end", s.end);
        }
    };

    AtapiCdrom(AtaLink& channel, unsigned unit, const DriveConfig& config);

    bool attached() const override { return !absent_; }
    bool is_packet_device() const override { return true; }
    void command(u8 opcode) override;
    void block_moved() override;
    void dma_ready() override;
    void dma_too_short() override;
    void retry() override;
    void io_done(int error) override;
    void soft_reset() override;
    void power_on() override;
    void save(StateWriter& out, std::string_view name) const override;
    Status load(StateReader& in, std::string_view name) override;
    void commit() override;

    // The toolstack's side. The old medium is free to be closed when these return.

    /// Closes the tray with `medium` in it (nothing: an empty tray).
    void insert(BlockBackend* medium);
    /// Opens the tray and takes the medium out. Refused while the guest locks the tray over a medium, unless
    /// forced; then the guest is told of the wish.
    Status eject(bool force);
    bool tray_open() const { return s_.tray_open; }
    bool tray_locked() const { return s_.tray_locked; }

private:
    ata::TaskFile& task() { return channel_.task(unit_); }
    u32 sectors() const;
    bool ready() const { return !s_.tray_open && sectors() > 0; }
    mmc::Drive facts() const;

    void packet();
    bool set_features();
    void identify();
    void run(const mmc::Cdb& cdb);
    bool may_run(mmc::Opcode opcode);
    void answer(const mmc::Cdb& cdb, const mmc::Answer& answer);
    void report_sense(const mmc::Cdb& cdb);
    void report_event(const mmc::Cdb& cdb);
    void start_stop(const mmc::Cdb& cdb);
    void seek(u32 lba);
    void read(u32 lba, u32 count, u16 sector_size);
    void read_cd(const mmc::Cdb& cdb, u32 lba, u32 count);
    void read_cd_msf(const mmc::Cdb& cdb);
    void begin_data(u64 bytes);

    void offer_block();
    void fetch();
    void next_piece();
    bool medium_failed(int error);
    void keep_request();

    // atapi_medium.cpp
    const mmc::Sense& no_medium() const { return s_.tray_open ? mmc::kNoMediumTrayOpen : mmc::kNoMedium; }
    void abort_read();
    void medium_gone();
    bool move_tray(bool open);
    void lock_tray(bool locked);

    void good();
    void check_condition(const mmc::Sense& sense);
    void aborted();
    void end(Bits<ata::StatusBit> status);
    void forget_packet();

    AtaLink& channel_;
    unsigned unit_;
    BlockBackend* medium_;
    Log log_;
    std::string serial_;
    std::string model_;
    std::string firmware_;
    ErrorPolicy errors_;
    DriveEvents* events_;
    bool absent_ = false; ///< for the guest: it was restored from a machine without this drive
    State s_;
    // In flight only.
    std::array<iovec, AtaLink::kBufferSize / mmc::kSectorSize> vectors_{};
    u32 fetching_ = 0; ///< sectors
    bool dma_open_ = false;
    bool loaded_absent_ = false;
    State loaded_;
};
static_assert(covers_every_field<AtapiCdrom::State>);

} // namespace dm
