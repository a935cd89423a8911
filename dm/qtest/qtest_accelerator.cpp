#include "dm/qtest/qtest_accelerator.hpp"

namespace dm::qtest {

Result<std::unique_ptr<QtestAccelerator>> QtestAccelerator::create(QtestOptions options) {
    DM_TRY_ASSIGN(auto ram, Ram::create(options.ram_bytes, options.low_ram_limit));
    DM_TRY_ASSIGN(Transcript transcript, Transcript::open(options.log));
    return std::unique_ptr<QtestAccelerator>(
        new QtestAccelerator(std::move(ram), std::move(transcript), std::move(options)));
}

QtestAccelerator::QtestAccelerator(std::unique_ptr<Ram> ram, Transcript transcript, QtestOptions options)
    : ram_(std::move(ram)), fw_cfg_(options.ram_bytes, options.cpus, options.max_cpus),
      fw_cfg_window_(bus_.hypervisor_ports().map(
          {.base = FwCfg::kBase, .length = FwCfg::kLength, .max_width = FwCfg::kMaxWidth}, fw_cfg_)),
      connection_(std::move(options.socket), std::move(transcript), session_, [this] { settle(); }) {}

bool QtestAccelerator::reboots_in_place(const std::function<void()>& reset) {
    reset_ = reset;
    return true;
}

Status QtestAccelerator::start(EventLoop& loop, IoSpace& ports, IoSpace& memory, PciBus& pci) {
    bus_.connect(ports, memory, pci);
    connection_.start(loop);
    return {};
}

void QtestAccelerator::settle() {
    if (std::exchange(reset_wanted_, false) && reset_) reset_();
}

} // namespace dm::qtest
