// The work of one UHCI frame: from an entry of the frame list along queue heads and transfer descriptors,
// which are the guest's and may lead anywhere (Design Guide 1.1, 3.2 to 3.4).
#pragma once

#include "dm/core/guest_memory.hpp"
#include "dm/devices/usb/uhci_regs.hpp"
#include "dm/devices/usb/usb_device.hpp"

#include <array>

namespace dm {

class UhciFrame {
public:
    /// What is plugged in.
    class Bus {
    public:
        virtual ~Bus() = default;
        /// Null: nobody who can hear has this address.
        virtual UsbDevice* device_at(u8 address) = 0;
    };
    enum class Fault : u8 { None, HostSystem, Process };
    struct Outcome {
        bool complete = false;     ///< a descriptor with IOC is done
        bool short_packet = false; ///< one with SPD got less than it asked for
        bool error = false;        ///< one was given up
        bool more = false;         ///< looking again soon is worth it
        bool executed = false;     ///< something was active
        Fault fault = Fault::None;
    };

    /// `single`: stop after one transaction. `links`: what may be looked at; counts down.
    UhciFrame(GuestMemory& memory, Bus& bus, bool single, unsigned& links)
        : memory_(memory), bus_(bus), single_(single), links_(links) {}
    Outcome walk(u32 link);

private:
    struct Descriptor {
        u32 link = 0;
        u32 status = 0;
        u32 token = 0;
        u32 buffer = 0;
        unsigned length() const { return ((token >> 21) + 1) & uhci::kActualLength; }
        bool has(uhci::Td bit) const { return (status & static_cast<u32>(bit)) != 0; }
        void set(uhci::Td bit) { status |= static_cast<u32>(bit); }
        void clear(uhci::Td bit) { status &= ~static_cast<u32>(bit); }
        void set_actual(u32 bytes) {
            status = (status & ~uhci::kActualLength) | ((bytes - 1) & uhci::kActualLength);
        }
    };
    enum class Then : u8 { NextElement, NextQueue };

    u32 enter_queue(u32 link);
    bool runs_in_circles(u32 queue);
    u32 run_descriptor(u32 link);
    Then execute(Descriptor& td);
    usb::Answer transfer(const Descriptor& td, usb::Pid pid);
    u32 wanted(const Descriptor& td);
    Then finish(Descriptor& td, const usb::Answer& answer, bool in);
    Then finish_isochronous(Descriptor& td, const usb::Answer& answer);
    Then done(Descriptor& td, u32 bytes, bool in);
    Then no_answer(Descriptor& td);
    Then give_up(Descriptor& td);

    bool get(u32 addr, std::span<u8> out);
    bool put(u32 addr, std::span<const u8> in);
    bool put32(u32 addr, u32 value);
    void fault(Fault which) { out_.fault = which; }

    static constexpr std::size_t kQueuesRemembered = 128;
    static constexpr unsigned kMostAhead = 128; ///< descriptors that are looked at for one that works ahead

    GuestMemory& memory_;
    Bus& bus_;
    bool single_;
    unsigned& links_;
    Outcome out_;
    unsigned bytes_ = 0;
    bool in_queue_ = false;
    u32 queue_ = 0;      ///< its address
    u32 next_queue_ = 0; ///< the link beside it
    std::array<u32, kQueuesRemembered> seen_;
    std::size_t seen_count_ = 0;
    bool moved_ = false; ///< something was transferred since seen_ was empty
};

} // namespace dm
