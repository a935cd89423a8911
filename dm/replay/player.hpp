// Runs a board from a recording: the surroundings it had, made of what was recorded.
#pragma once

#include "dm/core/clock.hpp"
#include "dm/core/hypervisor.hpp"
#include "dm/core/input.hpp"
#include "dm/core/io_space.hpp"
#include "dm/core/pci.hpp"
#include "dm/replay/played_parts.hpp"
#include "dm/replay/stage.hpp"

namespace dm::replay {

class Player final : public Hypervisor {
public:
    /// The board, as far as the outside reaches it.
    struct Entrances {
        IoSpace& ports;
        IoSpace& memory;
        PciBus& pci;
        InputSink& input;
    };

    explicit Player(const Recording& recording);

    // What the board is built on. A second board may be built when the first is gone: it finds the same
    // disks, serial ports and video memory.
    TimerQueue& timers() { return timers_; }
    BlockBackend* disk(const DiskShape& disk);
    CharBackend* serial(unsigned port);

    /// Runs between operations, while nothing is in flight; the board that it returns, if any, takes over.
    using Between = std::function<std::optional<Entrances>()>;
    void set_between(Between between) { between_ = std::move(between); }

    /// Plays the whole recording or up to the first difference: ask the stage. Once.
    void run(const Entrances& board);
    Stage& stage() { return stage_; }

    // Hypervisor
    GuestMemory& memory() override { return memory_; }
    IrqSink& isa_irqs() override { return isa_; }
    IrqSink& pci_intx() override { return intx_; }
    void route_pci_link(unsigned link, u8 isa_irq) override;
    Result<std::unique_ptr<VideoMemory>> make_video_memory(u64 size) override;
    void shutdown(ShutdownReason reason) override;
    void lock_roms(bool locked) override;
    bool set_acpi_sleep_state(unsigned state) override;
    Status set_serving(bool) override { return {}; }
    void set_log_dirty(bool) override {}
    void drain_buffered() override {}

private:
    void enter(const Entrances& board);
    void leave();
    void look_between();
    void perform(const Entrances& board, const Record& record);
    void perform_string(const Entrances& board, const Record& record);
    void complete(const Record& record);
    void receive(const Record& record);
    PlayedSerial* serial_at(const Record& record);

    Stage stage_;
    Between between_;
    std::optional<Entrances> board_; ///< that plays now
    PlayedClock clock_{stage_};
    TimerQueue timers_{clock_};
    PlayedMemory memory_{stage_};
    PlayedLines isa_{stage_, 0};
    PlayedLines intx_{stage_, kIntxBase};
    PlayedRanges port_ranges_{stage_, false};
    PlayedRanges memory_ranges_{stage_, true};
    PlayedFunctions functions_{stage_};
    std::vector<u8> video_;
    std::array<std::unique_ptr<PlayedDisk>, MediumEcho::kMostDisks> disks_;
    std::array<std::unique_ptr<PlayedSerial>, 4> serials_;
};

} // namespace dm::replay
