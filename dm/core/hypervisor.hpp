// What a machine needs from whatever runs its CPUs: Xen, or a test.
#pragma once

#include "dm/core/guest_memory.hpp"
#include "dm/core/io_space.hpp"
#include "dm/core/irq.hpp"
#include "dm/core/pci.hpp"
#include "dm/core/result.hpp"

#include <memory>
#include <optional>
#include <span>

namespace dm {

/// Why the domain ends; values of SHUTDOWN_* in Xen's public/sched.h.
enum class ShutdownReason : u8 { PowerOff = 0, Reboot = 1, Crash = 3 };

/// A frame buffer made of guest pages, so that the guest reaches it without exits and migration copies it.
class VideoMemory {
public:
    virtual ~VideoMemory() = default;
    virtual std::span<u8> bytes() = 0;
    /// Shows it to the guest at `addr` (page aligned); nothing: hidden from the guest. In a machine that is
    /// being restored the first call tells where the guest has had it all along.
    virtual void place(std::optional<GuestPhys> addr) = 0;
    /// An error when a restored machine's memory is not where place() said.
    virtual Status found() const { return {}; }
    /// Ors 1 into bits of `bitmap` (bit n = page first_page + n) for pages written by the guest since the
    /// last call. False: unknown, take all as written. The first call starts tracking.
    virtual bool collect_dirty(u64 first_page, u64 pages, std::span<u8> bitmap) = 0;
    virtual void stop_tracking() = 0;
    /// The device is about to read there, or to change parts of bytes: what the guest wrote past the device
    /// counts from now on. A recording takes note of it.
    virtual void about_to_read(u64 offset, u64 length) {
        static_cast<void>(offset);
        static_cast<void>(length);
    }
    /// The device itself wrote there (live migration must know).
    virtual void wrote(u64 offset, u64 length) = 0;
};

class Hypervisor {
public:
    virtual ~Hypervisor() = default;
    virtual GuestMemory& memory() = 0;
    /// Lines 0..15.
    virtual IrqSink& isa_irqs() = 0;
    /// Line = device * 4 + pin (0 = INTA).
    virtual IrqSink& pci_intx() = 0;
    /// Null: PCI functions have their lines only.
    virtual MsiSink* msi() { return nullptr; }
    /// PIRQ link 0..3 to ISA IRQ; 0 disables.
    virtual void route_pci_link(unsigned link, u8 isa_irq) = 0;
    /// `size`: bytes, whole pages.
    virtual Result<std::unique_ptr<VideoMemory>> make_video_memory(u64 size) = 0;
    /// Ends the domain; must be called before the access that asked for it completes.
    virtual void shutdown(ShutdownReason reason) = 0;
    /// Makes 0xc0000-0xfffff read-only for the guest, or writable again.
    virtual void lock_roms(bool locked) = 0;
    /// Whether the host has black-listed PV drivers of that product and build. Where nobody can tell it has
    /// not.
    virtual bool refuses_drivers(u16 product, u32 build) {
        static_cast<void>(product);
        static_cast<void>(build);
        return false;
    }
    /// ACPI S3: the domain sleeps until 0 is set. False, after a word in the log: it stays as it was.
    virtual bool set_acpi_sleep_state(unsigned state) = 0;
    /// Serves the guest's accesses, or does not: only while the domain is paused or suspended.
    virtual Status set_serving(bool on) = 0;
    /// While on, every page that the machine writes is reported.
    virtual void set_log_dirty(bool on) = 0;
    /// Serves writes that were posted and not announced yet: before the screen is drawn or the state saved.
    virtual void drain_buffered() = 0;
};

} // namespace dm
