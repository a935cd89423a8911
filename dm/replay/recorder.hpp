// Records a machine while another accelerator runs it.
#pragma once

#include "dm/core/accelerator.hpp"
#include "dm/replay/front.hpp"
#include "dm/replay/recorder_parts.hpp"

namespace dm::replay {

class Recorder final : public Accelerator {
public:
    struct Options {
        std::string path;               ///< see Writer::create()
        std::vector<Port> medium_ports; ///< at which disks' content comes out
    };
    /// Opens the file; all that opens files comes before the process is locked up.
    static Result<std::unique_ptr<Recorder>> create(std::unique_ptr<Accelerator> inner, Options options);
    ~Recorder() override;

    // What the board gets instead of its surroundings; made before start(), alive as long as this.
    BlockBackend* disk(unsigned place, BlockBackend* medium);
    CharBackend* serial(unsigned port, CharBackend* far_end);
    InputSink& input(InputSink& devices);

    /// The recording starts with start(); `shape` is what the replay builds.
    void set_shape(MachineShape shape) { shape_ = std::move(shape); }
    /// Ends the recording in order; everything passes through unrecorded afterwards.
    void finish();

    // Hypervisor
    GuestMemory& memory() override { return memory_; }
    IrqSink& isa_irqs() override { return isa_; }
    IrqSink& pci_intx() override { return intx_; }
    void route_pci_link(unsigned link, u8 isa_irq) override;
    Result<std::unique_ptr<VideoMemory>> make_video_memory(u64 size) override;
    void shutdown(ShutdownReason reason) override;
    void lock_roms(bool locked) override;
    bool set_acpi_sleep_state(unsigned state) override;
    Status set_serving(bool on) override { return inner_->set_serving(on); }
    void set_log_dirty(bool on) override { inner_->set_log_dirty(on); }
    void drain_buffered() override { inner_->drain_buffered(); }

    // Accelerator
    TimerQueue& machine_timers(EventLoop& loop) override;
    Status start(EventLoop& loop, IoSpace& ports, IoSpace& memory, PciBus& pci) override;
    bool reboots_in_place(const std::function<void()>& reset) override {
        return inner_->reboots_in_place(reset);
    }
    void hold(bool on) override { inner_->hold(on); }
    Status restrict_handles() override { return inner_->restrict_handles(); }
    void announce_running() override { inner_->announce_running(); }
    void trim() override { inner_->trim(); }

private:
    /// The board's time and timers: one timer of the loop stands for all of them.
    struct Time {
        Time(Journal& journal, TimerQueue& machine);
        RecordedClock clock;
        TimerQueue timers{clock};
        Timer due;
    };

    Recorder(std::unique_ptr<Accelerator> inner, std::unique_ptr<Writer> writer, Options options);
    void after_entrance();

    Journal journal_;
    FrontSpace ports_;
    FrontSpace mmio_;
    FrontBus pci_;
    std::unique_ptr<Accelerator> inner_; // its request server uses the three above
    RecordedMemory memory_;
    RecordedLines isa_;
    RecordedLines intx_;
    std::vector<std::unique_ptr<RecordedDisk>> disks_;
    std::vector<std::unique_ptr<RecordedSerial>> serials_;
    std::unique_ptr<RecordedInput> input_;
    MachineShape shape_;
    std::unique_ptr<Time> time_;
    std::shared_ptr<Recorder*> self_; ///< for what the writer's thread posts: empty when there is no recorder
};

} // namespace dm::replay
