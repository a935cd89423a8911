// A machine that does what it is told, at once, and remembers it.
#pragma once

#include "dm/core/machine_control.hpp"

#include <functional>
#include <string>
#include <unistd.h>
#include <vector>

namespace dm::test {

class FakeMachine final : public MachineControl {
public:
    RunState run_state() const override { return state; }
    Status resume() override {
        calls.push_back("resume");
        state = RunState::Running;
        if (on_change) on_change();
        return verdict();
    }
    Status stop() override {
        calls.push_back("stop");
        state = RunState::Paused;
        if (on_change) on_change();
        return verdict();
    }
    void quit() override { calls.push_back("quit"); }
    std::string name() const override { return guest_name; }
    unsigned vcpus() const override { return cpus; }
    unsigned max_vcpus() const override { return max_cpus; }
    std::vector<CharDeviceInfo> char_devices() const override { return chars; }
    std::optional<VncInfo> vnc() const override { return vnc_info; }
    Status set_vnc_password(const std::string& password) override {
        calls.push_back("password " + password);
        return verdict();
    }
    Status expire_vnc_password(std::optional<long long> when) override {
        calls.push_back("expire " + (when ? std::to_string(*when) : "never"));
        return verdict();
    }
    std::vector<PciDeviceInfo> pci_devices() const override { return pci; }
    std::vector<DriveInfo> drives() const override { return disks; }
    Status plug_cpu(unsigned index) override {
        calls.push_back(fmt::format("plug cpu {}", index));
        return verdict();
    }
    Status reset() override { return note("reset"); }
    Status power_down() override { return note("power down"); }
    Status wake_up() override { return note("wake up"); }
    Status eject(const std::string& drive, bool force) override {
        return note("eject " + drive + (force ? " by force" : ""));
    }
    Status change_medium(MediumChange change) override {
        calls.push_back(fmt::format("insert {} {} {} {} {}", change.drive, change.filename, change.format,
                                    change.read_only ? "ro" : "rw", change.fd ? "fd" : "path"));
        return verdict();
    }
    Status press_keys(const std::vector<KeyCode>& keys, unsigned hold_ms) override {
        std::string text = "press";
        for (const KeyCode key : keys)
            text += fmt::format(" {:02x}", key);
        return note(fmt::format("{} for {}", text, hold_ms));
    }
    Status set_link(const std::string& name, bool up) override {
        return note("link " + name + (up ? " up" : " down"));
    }
    Status resize_drive(const std::string& drive, unsigned long long bytes) override {
        return note(fmt::format("resize {} {}", drive, bytes));
    }
    Status save_devices(int fd, bool live) override {
        calls.push_back(live ? "save live" : "save");
        [[maybe_unused]] const auto written = write(fd, saved.data(), saved.size());
        return verdict();
    }
    Status dump_screen(ScreenDump dump) override {
        return note(fmt::format("dump {}{}{} {}:{}", dump.filename, dump.png ? " png" : "",
                                dump.fd ? " fd" : "", dump.device, dump.head));
    }
    Status log_dirty_pages(bool enable) override { return note(enable ? "log dirty" : "no log dirty"); }
    Status add_device(const DeviceRequest& request) override {
        std::string text = "add " + request.driver + " " + request.id;
        for (const auto& [key, value] : request.properties)
            text.append(" ").append(key).append("=").append(value);
        return note(text);
    }
    Status remove_device(const std::string& id) override { return note("remove " + id); }

    RunState state = RunState::Prelaunch;
    std::string guest_name = "g";
    unsigned cpus = 2;
    unsigned max_cpus = 4;
    std::vector<CharDeviceInfo> chars;
    std::optional<VncInfo> vnc_info;
    std::vector<PciDeviceInfo> pci;
    std::vector<DriveInfo> disks;
    std::string saved = "state";
    std::string refusal; ///< not empty: what the next calls fail with
    std::vector<std::string> calls;
    std::function<void()> on_change;

private:
    Status note(const std::string& what) {
        calls.push_back(what);
        return verdict();
    }
    Status verdict() const { return refusal.empty() ? Status() : Status(fail("{}", refusal)); }
};

/// A machine that leaves out what it may leave out.
class BareMachine final : public MachineControl {
public:
    RunState run_state() const override { return RunState::Paused; }
    Status resume() override { return {}; }
    Status stop() override { return {}; }
    void quit() override {}
    std::string name() const override { return "bare"; }
    unsigned vcpus() const override { return 1; }
    std::vector<CharDeviceInfo> char_devices() const override { return {}; }
    std::optional<VncInfo> vnc() const override { return std::nullopt; }
    Status set_vnc_password(const std::string&) override { return {}; }
    Status expire_vnc_password(std::optional<long long>) override { return {}; }
    std::vector<PciDeviceInfo> pci_devices() const override { return {}; }
    std::vector<DriveInfo> drives() const override { return {{"ide-5632", "", true, true}}; }
};

} // namespace dm::test
