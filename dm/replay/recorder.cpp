#include "dm/replay/recorder.hpp"

namespace dm::replay {
Result<std::unique_ptr<Recorder>> Recorder::create(std::unique_ptr<Accelerator> inner, Options options) {
    DM_TRY_ASSIGN(auto writer, Writer::create(options.path));
    return std::unique_ptr<Recorder>(new Recorder(std::move(inner), std::move(writer), std::move(options)));
}

Recorder::Recorder(std::unique_ptr<Accelerator> inner, std::unique_ptr<Writer> writer, Options options)
    : journal_(std::move(writer)), ports_(journal_, FrontSpace::Of::Ports, std::move(options.medium_ports)),
      mmio_(journal_, FrontSpace::Of::Memory), pci_(journal_), inner_(std::move(inner)),
      memory_(journal_, inner_->memory()), isa_(journal_, inner_->isa_irqs(), 0),
      intx_(journal_, inner_->pci_intx(), kIntxBase) {
    journal_.set_after([this] { after_entrance(); });
}

Recorder::~Recorder() {
    finish();
}

void Recorder::finish() {
    if (self_ != nullptr) *self_ = nullptr;
    journal_.finish();
}

BlockBackend* Recorder::disk(unsigned place, BlockBackend* medium) {
    if (medium == nullptr) return nullptr;
    return disks_.emplace_back(std::make_unique<RecordedDisk>(journal_, memory_, place, *medium)).get();
}

CharBackend* Recorder::serial(unsigned port, CharBackend* far_end) {
    if (far_end == nullptr) return nullptr;
    return serials_.emplace_back(std::make_unique<RecordedSerial>(journal_, port, *far_end)).get();
}

InputSink& Recorder::input(InputSink& devices) {
    input_ = std::make_unique<RecordedInput>(journal_, devices);
    return *input_;
}

void Recorder::route_pci_link(unsigned link, u8 isa_irq) {
    journal_.note({.kind = Kind::RouteLink, .where = link, .value = isa_irq});
    inner_->route_pci_link(link, isa_irq);
}

Result<std::unique_ptr<VideoMemory>> Recorder::make_video_memory(u64 size) {
    DM_TRY_ASSIGN(std::unique_ptr<VideoMemory> video, inner_->make_video_memory(size));
    return std::unique_ptr<VideoMemory>(std::make_unique<RecordedVideo>(journal_, std::move(video)));
}

void Recorder::shutdown(ShutdownReason reason) {
    journal_.note({.kind = Kind::Shutdown, .value = static_cast<u64>(reason)});
    journal_.flush(); // what comes next may be the end of the process
    inner_->shutdown(reason);
}

void Recorder::lock_roms(bool locked) {
    journal_.note({.kind = Kind::LockRoms, .value = locked ? 1U : 0U});
    inner_->lock_roms(locked);
}

bool Recorder::set_acpi_sleep_state(unsigned state) {
    journal_.note({.kind = Kind::SleepState, .value = state});
    return inner_->set_acpi_sleep_state(state);
}

Recorder::Time::Time(Journal& journal, TimerQueue& machine)
    : clock(journal, machine.clock()), due(machine, [this, &journal] {
          const Journal::Entrance entrance(journal, {.kind = Kind::Timers});
          timers.run_due();
      }) {}

TimerQueue& Recorder::machine_timers(EventLoop& loop) {
    if (time_ == nullptr) time_ = std::make_unique<Time>(journal_, inner_->machine_timers(loop));
    return time_->timers;
}

Status Recorder::start(EventLoop& loop, IoSpace& ports, IoSpace& memory, PciBus& pci) {
    TimerQueue& timers = machine_timers(loop);
    self_ = std::make_shared<Recorder*>(this);
    journal_.set_reminder([&loop, self = self_] {
        loop.post([self] {
            if (*self != nullptr) (*self)->journal_.flush();
        });
    });
    ports_.stand_before(ports);
    mmio_.stand_before(memory);
    pci_.stand_before(pci);
    journal_.start(shape_, inner_->machine_timers(loop).clock());
    time_->due.arm(timers.next_deadline());
    return inner_->start(loop, ports_.space(), mmio_.space(), pci_);
}

void Recorder::after_entrance() {
    if (time_ != nullptr) time_->due.arm(time_->timers.next_deadline());
}

} // namespace dm::replay
