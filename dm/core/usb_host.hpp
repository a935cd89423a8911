// A USB device of the host that a guest is given, as the emulated port sees it. Device thread only.
#pragma once

#include "dm/core/result.hpp"
#include "dm/core/types.hpp"

#include <array>
#include <memory>
#include <optional>
#include <span>
#include <string>
#include <vector>

namespace dm {

enum class UsbHostSpeed : u8 { Low, Full, High, Super };

enum class UsbHostKind : u8 { Control, Isochronous, Bulk, Interrupt }; ///< bmAttributes of endpoints

enum class UsbHostResult : u8 {
    Done,
    Stall,
    Babble, ///< more came than there was room for
    Failed, ///< nobody answered, or the host gave up
};

/// What the device says of itself before anybody asks.
struct UsbHostIdentity {
    std::string text; ///< for messages: "1.5 (046d:c077)"
    UsbHostSpeed speed = UsbHostSpeed::Full;
    std::array<u8, 18> device{}; ///< its device descriptor
};

struct UsbHostEndpoint {
    u8 address = 0; ///< bit 7: to the host
    UsbHostKind kind = UsbHostKind::Bulk;
    u16 packet = 0; ///< bytes
};

struct UsbHostTransfer {
    u8 tag = 0; ///< the user's own, below kUsbHostTags; one transfer at a time
    UsbHostKind kind = UsbHostKind::Bulk;
    u8 endpoint = 0;           ///< its address, bit 7: to the host
    std::array<u8, 8> setup{}; ///< of a control transfer
    std::span<const u8> out{}; ///< what goes to the device; copied
    u32 room = 0;              ///< for what comes from it, bytes
};
inline constexpr unsigned kUsbHostTags = 32;

/// Hears of transfers, from the loop: never inside a call of the link.
class UsbHostUser {
public:
    virtual ~UsbHostUser() = default;
    /// `data`: what came from the device, also before an error.
    virtual void transferred(u8 tag, UsbHostResult result, std::span<const u8> data) = 0;
    /// The device was pulled out of the host. The link may go in here.
    virtual void gone() = 0;
};

/// An opened device. Its destructor gives it back to the host's drivers; nothing is in flight afterwards.
class UsbHostLink {
public:
    virtual ~UsbHostLink() = default;
    virtual const UsbHostIdentity& identity() const = 0;
    /// Null: nobody listens any more.
    virtual void set_user(UsbHostUser* user) = 0;
    /// Of the active configuration and its alternate settings.
    virtual std::vector<UsbHostEndpoint> endpoints() = 0;

    /// False: it cannot be done, and nobody will be told.
    virtual bool submit(const UsbHostTransfer& transfer) = 0;
    /// What is in flight under this tag ends unheard.
    virtual void cancel(u8 tag) = 0;

    // The requests that the host's kernel must know of; they take as long as the device does. False: refused.
    virtual bool set_configuration(u8 value) = 0;
    virtual bool set_interface(u8 number, u8 alternate) = 0;
    virtual bool clear_halt(u8 endpoint) = 0;
    /// Reset signalling on the host's port; the configuration stays.
    virtual void reset() = 0;
};

/// Which device: by its place on the host's buses, or the first one of a kind.
struct UsbHostChoice {
    std::optional<u8> bus;
    std::optional<u8> address;
    std::optional<u16> vendor;
    std::optional<u16> product;
};

class UsbHostSource {
public:
    virtual ~UsbHostSource() = default;
    virtual Result<std::unique_ptr<UsbHostLink>> open(const UsbHostChoice& choice) = 0;
    /// While paused nobody hears of anything.
    virtual void pause(bool on) = 0;
};

} // namespace dm
