// One device of the host's that a guest has, and its transfers, through libusb.
#pragma once

#include "dm/core/log.hpp"
#include "dm/core/usb_host.hpp"
#include "dm/host/libusb.hpp"

#include <array>
#include <memory>
#include <vector>

namespace dm::host {

class LibusbHost;
class LibusbLink;

/// A transfer that libusb has, or has given back.
struct LibusbFlight {
    LibusbFlight(const LibUsb& library, LibusbHost& owner_host, LibusbLink& from, u8 its_tag)
        : lib(library), host(owner_host), link(&from), tag(its_tag), transfer(library.alloc_transfer(0)) {}
    ~LibusbFlight() { lib.free_transfer(transfer); }
    LibusbFlight(const LibusbFlight&) = delete;
    LibusbFlight& operator=(const LibusbFlight&) = delete;

    const LibUsb& lib;
    LibusbHost& host;
    LibusbLink* link; ///< null: nobody waits for it
    u8 tag;
    libusb_transfer* transfer;
    std::vector<u8> buffer{};
    bool dropped = false; ///< cancelled; the tag may be in use again
};

/// Belongs to the host it was opened by.
class LibusbLink final : public UsbHostLink {
public:
    LibusbLink(LibusbHost& host, libusb_device_handle* handle, UsbHostIdentity identity);
    ~LibusbLink() override;

    /// Takes the interfaces from the host's drivers.
    Status claim();

    const UsbHostIdentity& identity() const override { return identity_; }
    void set_user(UsbHostUser* user) override { user_ = user; }
    std::vector<UsbHostEndpoint> endpoints() override;
    bool submit(const UsbHostTransfer& transfer) override;
    void cancel(u8 tag) override;
    bool set_configuration(u8 value) override;
    bool set_interface(u8 number, u8 alternate) override;
    bool clear_halt(u8 endpoint) override;
    void reset() override;

    void landed(LibusbFlight& flight);
    bool is(libusb_device* device) const;

    unsigned in_air = 0;
    bool left = false; ///< the device is not there any more
    bool told = false; ///< and the user knows
    UsbHostUser* user() const { return user_; }

private:
    static constexpr unsigned kInterfaces = 32;

    bool good(int error, const char* what);
    void release();
    template <class F> void each_interface(F f);

    LibusbHost& host_;
    const LibUsb& lib_;
    libusb_device_handle* handle_;
    UsbHostIdentity identity_;
    Log log_{"usb-host"};
    UsbHostUser* user_ = nullptr;
    bool configured_ = true;
    u32 claimed_ = 0;  ///< a bit for each interface
    u32 detached_ = 0; ///< from a driver of the host's
    std::array<u8, kInterfaces> alternate_{};
    std::array<LibusbFlight*, kUsbHostTags> flying_{};
};

} // namespace dm::host
