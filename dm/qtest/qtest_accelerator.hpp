// A machine driven by a test program over QEMU's protocol in place of a guest: RAM, time, interrupt routing
// and the few chips of the hypervisor that such programs touch. See docs/testing.md.
#pragma once

#include "dm/core/accelerator.hpp"
#include "dm/qtest/connection.hpp"
#include "dm/qtest/fw_cfg.hpp"

namespace dm::qtest {

struct QtestOptions {
    UniqueFd socket;       ///< connected to the test
    std::string log;       ///< -qtest-log
    u64 ram_bytes = 0;     ///< -m
    u64 low_ram_limit = 0; ///< where RAM below 4 GiB ends
    unsigned cpus = 1;
    unsigned max_cpus = 1;
};

class QtestAccelerator final : public Accelerator {
public:
    /// Errors name -m or -qtest-log.
    static Result<std::unique_ptr<QtestAccelerator>> create(QtestOptions options);

    GuestMemory& memory() override { return *ram_; }
    IrqSink& isa_irqs() override { return irqs_.isa(); }
    IrqSink& pci_intx() override { return irqs_.pci(); }
    MsiSink* msi() override { return &messages_; }
    void route_pci_link(unsigned link, u8 isa_irq) override { irqs_.route_link(link, isa_irq); }
    Result<std::unique_ptr<VideoMemory>> make_video_memory(u64 size) override {
        return bus_.make_video_memory(size);
    }
    void shutdown(ShutdownReason reason) override { reset_wanted_ = reason == ShutdownReason::Reboot; }
    void lock_roms(bool locked) override { bus_.lock_roms(locked); }
    bool set_acpi_sleep_state(unsigned) override { return true; } // there is no CPU to sleep
    /// The test is served whether the machine is stopped or not: it is the one who stops it.
    Status set_serving(bool) override { return {}; }
    void set_log_dirty(bool) override {}
    void drain_buffered() override {}

    TimerQueue& machine_timers(EventLoop&) override { return time_.timers(); }
    bool reboots_in_place(const std::function<void()>& reset) override;
    Status start(EventLoop& loop, IoSpace& ports, IoSpace& memory, PciBus& pci) override;
    Status restrict_handles() override { return {}; }
    void announce_running() override {}
    void trim() override { settle(); }

private:
    /// No CPU is there to take them.
    struct NoMessages final : MsiSink {
        void send_msi(u64, u32) override {}
    };

    QtestAccelerator(std::unique_ptr<Ram> ram, Transcript transcript, QtestOptions options);
    /// What was asked for during an access and must wait for its end.
    void settle();

    std::unique_ptr<Ram> ram_;
    Bus bus_{*ram_};
    VirtualTime time_;
    IrqRouter irqs_;
    NoMessages messages_;
    FwCfg fw_cfg_;
    IoWindow fw_cfg_window_;
    Session session_{bus_, time_, irqs_};
    Connection connection_;
    std::function<void()> reset_;
    bool reset_wanted_ = false;
};

} // namespace dm::qtest
