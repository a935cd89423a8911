// The host's USB devices as libusb shows them: finds and opens them, and lets their transfers come back in
// the event loop.
#pragma once

#include "dm/core/event_loop.hpp"
#include "dm/host/libusb_link.hpp"

#include <deque>

namespace dm::host {

/// `loop` and the library outlive it, it outlives its links.
class LibusbHost final : public UsbHostSource {
public:
    LibusbHost(const LibUsb& library, EventLoop& loop) : lib(library), loop_(loop) {}
    ~LibusbHost() override;
    Status start();

    Result<std::unique_ptr<UsbHostLink>> open(const UsbHostChoice& choice) override;
    void pause(bool on) override;

    /// Null: the host is short of memory.
    LibusbFlight* make_flight(LibusbLink& link, u8 tag);
    void forget(LibusbFlight* flight);
    /// Lets transfers come back, but tells nobody.
    void pump(long microseconds);
    void add(LibusbLink& link) { links_.push_back(&link); }
    void remove(LibusbLink& link);
    /// Tells users soon.
    void deliver_later();
    void came_back(LibusbFlight& flight);

    const LibUsb& lib; // NOLINT(misc-non-private-member-variables-in-classes)

private:
    struct Watched {
        int fd;
        FdEvents events;
    };
    void watch(const Watched& watched);
    void added(int fd, short events);
    void removed(int fd);
    void deliver();
    Result<libusb_device*> find(const UsbHostChoice& choice, libusb_device** list);
    Result<std::unique_ptr<UsbHostLink>> open(libusb_device* device);

    EventLoop& loop_;
    libusb_context* context_ = nullptr;
    bool paused_ = false;
    bool posted_ = false;
    std::vector<Watched> watched_;
    std::vector<LibusbLink*> links_;
    std::vector<std::unique_ptr<LibusbFlight>> flights_;
    std::deque<LibusbFlight*> landed_; ///< of these
    std::shared_ptr<bool> alive_ = std::make_shared<bool>(true);
};

} // namespace dm::host
