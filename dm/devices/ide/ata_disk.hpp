// ATA hard disk: the general and the 48-bit feature set (ATA/ATAPI-6, T13 1410D), PIO and DMA.
//
// Missing: security and microcode (refused), Host Protected Area and configuration overlay, FUA, streaming
// and queued commands; none of them is offered in IDENTIFY DEVICE. Ignored: power states, look-ahead, APM and
// AAM levels. TRIM is offered when the medium can discard. With the write cache off every write command ends
// with a flush, as its name promises. Notes: docs/devices/ata_disk.md
#pragma once

#include "dm/core/log.hpp"
#include "dm/devices/ide/ata_link.hpp"
#include "dm/devices/ide/drive_config.hpp"

#include <optional>
#include <vector>

namespace dm {

class AtaDisk final : public AtaDrive {
public:
    enum class Op : u8 {
        None,
        PioRead,
        PioWrite,
        DmaRead,
        DmaWrite,
        Verify,
        Flush,
        WriteThrough,
        Reply,
        Trim
    };

    struct State {
        // Set by commands, kept between them.
        u32 cylinders = 0; ///< current translation; 0 at power-on, before the drive's own is taken
        u32 heads = 0;
        u32 sectors = 0;
        u8 sectors_per_block = ata::kMostSectorsPerBlock;
        bool write_cache = true;
        bool smart = true;
        bool smart_autosave = true;
        ata::TransferMode mode;
        bool unplugged = false;
        // The command that runs.
        Op op = Op::None;
        bool extended = false; ///< a 48-bit command
        u64 lba = 0;           ///< next sector between host and drive
        u32 left = 0;          ///< sectors still to go
        u8 per_block = 1;      ///< sectors in a DRQ block
        u8 in_buffer = 0;      ///< PIO: sectors of the buffer that are filled

        bool operator==(const State&) const = default;
        static constexpr void fields(auto&& v, auto& s) {
            v("cylinders", s.cylinders);
            v("heads", s.heads);
            v("sectors", s.sectors);
            v("sectors_per_block", s.sectors_per_block);
            v("write_cache", s.write_cache);
            v("smart", s.smart);
            v("smart_autosave", s.smart_autosave);
            v("mode", s.mode);
            v("unplugged", s.unplugged);
            v("op", s.op);
            v("extended", s.extended);
            v("lba", s.lba);
            v("left", s.left);
            v("per_block", s.per_block);
            v("in_buffer", s.in_buffer);
        }
    };

    AtaDisk(AtaLink& channel, unsigned unit, const DriveConfig& config);

    bool attached() const override { return medium_ != nullptr; }
    bool is_packet_device() const override { return false; }
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

    /// Drops the command that runs, flushes, and lets go of the medium for good. The error is the flush's.
    int unplug();
    const ata::Geometry& geometry() const { return physical_; }

    // For a link with queued commands, which do not pass through here.
    BlockBackend* medium() const { return medium_; }
    u64 capacity() const { return medium_ != nullptr ? medium_->size_bytes() / ata::kSectorSize : 0; }
    bool write_cache() const { return s_.write_cache; }
    /// The host failed a request to the medium: what the policy makes of it. Those who watch are told.
    OnError host_failed(BlockIo::Op op, int error);

private:
    enum class Direction : u8 { Read, Write };
    struct Extent {
        u64 lba;
        u32 sectors;
    };

    /// Bytes of the medium.
    struct Range {
        u64 offset;
        u64 length;
    };

    ata::TaskFile& task() { return channel_.task(unit_); }

    // ata_disk_features.cpp: commands that move no sectors
    bool non_data_command(u8 opcode);
    bool set_features();
    bool set_multiple();
    bool initialize_parameters();
    bool read_native_max(bool extended);
    bool seek();
    void smart();
    void identify();
    void reply(std::span<const u8, ata::kSectorSize> data);

    // ata_disk.cpp: commands that move sectors
    bool transfer_command(u8 opcode);
    void begin(Op op, Direction direction, bool extended, u8 per_block);
    std::optional<Extent> extent(bool extended);
    std::optional<u64> start_lba(bool extended);
    void flush();
    void submit(BlockIo::Op op, u64 lba, u32 sectors);
    void fill_buffer();
    void offer_block(AtaLink::Phase phase, u32 sectors);
    void next_piece();
    void piece_moved(int error);
    void block_read_by_host();
    void block_written_by_host();
    void sectors_written();

    // ata_disk_trim.cpp
    bool can_trim() const;
    void trim();
    void take_ranges();
    void next_range();
    void range_discarded(int error);

    void done(bool interrupt = true);
    void show_address(u64 lba);

    // ata_disk_errors.cpp
    void aborted();
    void out_of_range();
    bool medium_failed(int error);
    BlockIo::Op host_operation() const;
    void report(int error);
    void keep_request();

    AtaLink& channel_;
    unsigned unit_;
    BlockBackend* medium_;
    Log log_;
    std::string serial_;
    std::string model_;
    std::string firmware_;
    ata::Geometry physical_;
    ErrorPolicy errors_;
    DriveEvents* events_;
    State s_;
    // In flight only.
    iovec vector_{};
    u64 bytes_done_ = 0; ///< of a DMA command
    bool dma_open_ = false;
    std::vector<Range> ranges_; ///< of a TRIM: still to discard, the last one first
    State loaded_;
};
static_assert(covers_every_field<AtaDisk::State>);

} // namespace dm
