// A rig of a USB controller with a device of the host as well, which the host plugs in, answers for and pulls
// out.
//
// It is pulled out before each save: no state holds what is in flight there, and a restored guest hears that
// it was pulled out anyway.
#pragma once

#include "dm/devices/usb/usb_host_device.hpp"
#include "tests/support/fake_usb_link.hpp"
#include "tests/support/rig.hpp"

namespace dm::fuzz {

template <class R, unsigned kPort> struct WithHostDevice : R {
    static constexpr u8 kHostAddress = 5;

    ~WithHostDevice() override { pull(); } // before the double goes
    void stimulate(test::Rng& rng) override {
        R::stimulate(rng);
        host.calls.clear();
        switch (rng.below(8)) { // no zero: inputs of before, whose bytes are used up, stay what they were
        case 3: host.refuses = !host.refuses; break;
        case 4: take_endpoints(rng); break;
        case 5: guest_uses(rng); break;
        case 6: answer(rng); break;
        case 7: move_plug(rng); break;
        default: break;
        }
    }
    void quiesce() override {
        pull();
        R::quiesce();
    }
    /// What its driver does.
    virtual void guest_uses(test::Rng& rng) = 0;

    void move_plug(test::Rng& rng) {
        if (plugged) return rng.one_in(2) ? pull() : host.user->gone();
        host = {};
        host.identity.speed = static_cast<UsbHostSpeed>(3 - rng.below(4));
        this->dev.attach(kPort, std::make_unique<UsbHostDevice>("usb-host",
                                                                std::make_unique<test::FakeUsbLink>(host),
                                                                this->timers, [this] { pull(); }));
        plugged = true;
    }
    void pull() {
        if (!plugged) return;
        plugged = false;
        this->dev.detach(kPort);
    }
    void take_endpoints(test::Rng& rng) {
        for (UsbHostEndpoint& endpoint : host.endpoints) {
            endpoint.kind = static_cast<UsbHostKind>(rng.below(4));
            endpoint.packet = static_cast<u16>(rng.below(0x800));
        }
    }
    void answer(test::Rng& rng) {
        if (host.kept.empty()) return;
        const UsbHostTransfer& asked = host.kept.front().transfer;
        const bool in = ((asked.endpoint | asked.setup[0]) & 0x80) != 0;
        const auto result = static_cast<UsbHostResult>(rng.below(4));
        const std::vector<u8> data(in ? rng.below(u64{asked.room} + 1) : 0, static_cast<u8>(rng.below(256)));
        host.answer(result, data);
    }

    test::FakeUsbHost host;
    bool plugged = false;
};

} // namespace dm::fuzz
