// The work of an EHCI controller: along links to queue heads and descriptors, which are the guest's and may
// lead anywhere (EHCI 1.0, sections 3 and 4).
#pragma once

#include "dm/core/guest_memory.hpp"
#include "dm/devices/usb/ehci_regs.hpp"
#include "dm/devices/usb/usb_device.hpp"

#include <array>

namespace dm {

class EhciSchedule {
public:
    /// What is plugged in.
    class Bus {
    public:
        virtual ~Bus() = default;
        /// Null: nobody who can hear has this address.
        virtual UsbDevice* device_at(u8 address) = 0;
    };
    struct Outcome {
        bool interrupt = false; ///< a descriptor with IOC is done, or one got less than it asked for
        bool error = false;     ///< one was given up
        bool more = false;      ///< looking again soon is worth it
        bool fault = false;     ///< a structure or buffer is not in RAM
    };

    /// One look.
    EhciSchedule(GuestMemory& memory, Bus& bus) : memory_(memory), bus_(bus) {}
    /// From an entry of the frame list to the end.
    void periodic(u32 link);
    /// Round the ring of queue heads; where the next look begins.
    u32 asynchronous(u32 queue);
    /// To the head of the ring, away from what software has taken out of it (4.8.2).
    u32 past_removed(u32 queue);
    const Outcome& outcome() const { return out_; }
    bool exhausted() const { return out_.fault || links_ == 0 || bytes_ >= ehci::kMostBytes; }

private:
    using QueueHead = std::array<u32, ehci::kQhWords>;

    // ehci_schedule.cpp
    u32 isochronous(u32 at);
    u32 split_isochronous(u32 at);
    bool get(u64 addr, std::span<u8> out);
    bool put(u64 addr, std::span<const u8> in);
    bool get_words(u64 addr, std::span<u32> out);
    bool put_words(u64 addr, std::span<const u32> in);

    // ehci_queue.cpp
    void run_queue(u32 at, QueueHead& qh, bool periodic);
    bool advance(u32 at, QueueHead& qh);
    bool execute(u32 at, QueueHead& qh, unsigned packets);
    usb::Answer transfer(const QueueHead& qh, u32 length);
    bool finish(QueueHead& qh, const usb::Answer& answer, u32 length);
    bool move_buffer(const QueueHead& qh, std::span<u8> bytes, bool to_guest);
    void count_error(QueueHead& qh);
    void give_up(QueueHead& qh, ehci::Tok why);
    void retire(QueueHead& qh);

    GuestMemory& memory_;
    Bus& bus_;
    Outcome out_;
    unsigned links_ = ehci::kMostLinksTogether; ///< that may still be followed
    unsigned bytes_ = 0;
};

} // namespace dm
