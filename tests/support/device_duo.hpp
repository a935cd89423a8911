// Two devices that need each other as one, as a guest sees them.
#pragma once

#include "dm/core/check.hpp"
#include "dm/core/device.hpp"

namespace dm::test {

/// `first` is what `second` hangs on: a DMA controller.
class DeviceDuo final : public Device {
public:
    DeviceDuo(Device& first, Device& second) : Device("duo"), first_(first), second_(second) {}
    void reset() override {
        first_.reset();
        second_.reset();
    }
    void save(StateWriter& out) const override {
        first_.save(out);
        second_.save(out);
    }
    /// Both of them or none, as the fuzzer expects of a device; a board that fails to load does not run.
    Status load(StateReader& in) override {
        StateWriter before;
        first_.save(before);
        DM_TRY(first_.load(in));
        Status status = second_.load(in);
        if (status.ok()) return {};
        const std::vector<u8> image = std::move(before).take();
        auto reader = StateReader::open(image);
        DM_CHECK(reader.ok() && first_.load(*reader).ok());
        return status;
    }

private:
    Device& first_;
    Device& second_;
};

} // namespace dm::test
