// A rig of a USB controller whose first device somebody pulls out and plugs in again.
#pragma once

#include "dm/core/state.hpp"
#include "dm/devices/usb/usb_device.hpp"
#include "tests/support/rig.hpp"

#include <memory>

namespace dm::fuzz {

template <class R> struct Unplugging final : R {
    void stimulate(test::Rng& rng) override {
        R::stimulate(rng);
        if (rng.below(8) == 7)
            move_plug(); // no zero: inputs of before, whose bytes are used up, stay what they were
    }
    void copy_surroundings(test::Rig& from) override {
        R::copy_surroundings(from);
        const auto& other = dynamic_cast<Unplugging&>(from);
        if ((pulled == nullptr) != (other.pulled == nullptr)) move_plug();
        if (pulled != nullptr) take_state(*other.pulled);
    }
    bool resets_to_power_on() const override { return pulled == nullptr && R::resets_to_power_on(); }
    void move_plug() {
        if (pulled == nullptr)
            pulled = this->dev.detach(0);
        else
            this->dev.attach(0, std::move(pulled));
    }
    /// The controller's state knows nothing of a device that is not plugged in.
    void take_state(const UsbDevice& other) {
        StateWriter writer;
        other.save(writer);
        const std::vector<u8> image = std::move(writer).take();
        auto reader = StateReader::open(image);
        if (reader.ok() && pulled->prepare(*reader).ok()) pulled->commit();
    }

    std::unique_ptr<UsbDevice> pulled;
};

} // namespace dm::fuzz
