// What every device can do whatever it is: be reset, saved and loaded.
#pragma once

#include "dm/core/state.hpp"

#include <string>
#include <string_view>

namespace dm {

class Device {
public:
    explicit Device(std::string_view name) : name_(name) {}
    virtual ~Device() = default;
    Device(const Device&) = delete;
    Device& operator=(const Device&) = delete;

    /// Unique in the machine; the name of its section in a saved state and its tag in the log.
    const std::string& name() const { return name_; }

    /// Power-on values, outputs re-derived. In-flight back-end requests are cancelled first.
    virtual void reset() = 0;
    /// The guest wakes from ACPI S3. Nothing restores chipset configuration that firmware had set up before
    /// (hvmloader does not run again), so a device that holds some keeps it; engines stop as on reset().
    virtual void wake_reset() { reset(); }
    /// Adds the device's section(s). Must not change the device.
    virtual void save(StateWriter& out) const = 0;
    /// Takes the state over and re-derives outputs, or leaves the device as it was and says why.
    virtual Status load(StateReader& in) = 0;

private:
    std::string name_;
};

/// Loads one section into a copy, lets `valid` (State -> Status) judge it, and only then replaces `state`.
template <class S, class Valid>
Status load_section(StateReader& in, std::string_view name, S& state, Valid valid) {
    S loaded{};
    DM_TRY(in.section(name, loaded));
    DM_TRY(valid(loaded));
    state = loaded;
    return {};
}

template <class S> Status load_section(StateReader& in, std::string_view name, S& state) {
    return load_section(in, name, state, [](const S&) { return Status{}; });
}

} // namespace dm
