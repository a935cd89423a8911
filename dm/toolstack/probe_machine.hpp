// The machine behind `-machine none`: newer libxl starts the device model once without a guest and asks over
// QMP what options it has.
#pragma once

#include "dm/core/machine_control.hpp"

#include <functional>
#include <utility>

namespace dm::toolstack {

class ProbeMachine final : public MachineControl {
public:
    explicit ProbeMachine(std::function<void()> quit) : quit_(std::move(quit)) {}

    RunState run_state() const override { return RunState::Prelaunch; }
    Status resume() override { return fail("there is no machine: hvmdm was started with -machine none"); }
    Status stop() override { return {}; }
    void quit() override { quit_(); }
    std::string name() const override { return {}; }
    unsigned vcpus() const override { return 0; }
    std::vector<CharDeviceInfo> char_devices() const override { return {}; }
    std::optional<VncInfo> vnc() const override { return std::nullopt; }
    Status set_vnc_password(const std::string&) override { return fail("there is no machine"); }
    Status expire_vnc_password(std::optional<long long>) override { return fail("there is no machine"); }
    std::vector<PciDeviceInfo> pci_devices() const override { return {}; }
    std::vector<DriveInfo> drives() const override { return {}; }

private:
    std::function<void()> quit_;
};

} // namespace dm::toolstack
