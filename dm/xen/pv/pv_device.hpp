// The back end of one PV device: the walk through xenbus' states with the toolstack and the guest's driver,
// which is the same for every kind of device. Facts: Xen's public/io/xenbus.h, and libxl, which makes the
// nodes.
//
// What happens next is decided from what xenstore says now, never from which news came: news may be late,
// doubled or lost in a crowd.
#pragma once

#include "dm/xen/pv/pv_world.hpp"
#include "dm/xen/pv/xenbus_state.hpp"

namespace dm::xen {

class PvDevice {
public:
    /// `backend`: its directory. `over` runs when vanished() became true.
    PvDevice(PvWorld& world, std::string_view kind, std::string backend, std::function<void()> over);
    /// Of a device that is connected still: derived classes call detach().
    virtual ~PvDevice() = default;
    PvDevice(const PvDevice&) = delete;
    PvDevice& operator=(const PvDevice&) = delete;

    /// Something may have changed in xenstore.
    void look();
    /// The toolstack removed the device, and nothing is in flight: time to delete this object.
    bool vanished() const { return vanished_ && !busy(); }
    /// The machine stops: nothing of the guest's is touched when it returns, nor before resume().
    virtual void pause() = 0;
    virtual void resume() = 0;
    /// The process ends: takes the device out of the guest, as a QEMU that quits does.
    void remove_nodes();

protected:
    // What a device is
    /// Its nodes are made: reads the toolstack's, writes what the driver is offered. False, after a word in
    /// the log: it is not served.
    virtual bool open() = 0;
    /// Undoes open(); waits for what is in flight.
    virtual void release() = 0;
    /// The driver has said where its ring is.
    virtual Status attach() = 0;
    /// The driver was told.
    virtual void attached() {}
    /// Undoes attach(), also when it failed halfway. Nothing of the guest's is touched any more.
    virtual void detach() = 0;
    /// After detach(): something is in flight still. look() is called when it is not.
    virtual bool busy() const { return false; }
    /// Things may be otherwise than before.
    virtual void settled() {}

    /// The driver's ring cannot be right.
    void broken(const std::string& why);
    void set_state(XenbusState state) { write_state(*world_.store, backend_, state); }
    void tell(std::string_view key, u64 value);
    std::optional<std::string> toolstack_says(std::string_view key) const { return at(backend_, key); }
    std::optional<std::string> driver_says(std::string_view key) const { return at(front_end_, key); }
    std::optional<u32> toolstack_number(std::string_view key) const {
        return world_.store->read_number<u32>(fmt::format("{}/{}", backend_, key));
    }
    template <class T> std::optional<T> driver_number(std::string_view key) const {
        return world_.store->read_number<T>(fmt::format("{}/{}", front_end_, key));
    }

    PvWorld& world() const { return world_; }
    const std::string& backend() const { return backend_; }
    bool connected() const { return connected_; }
    XenbusState driver() const { return theirs_; } ///< when last looked
    Log& log() { return log_; }
    void rename(const std::string& tag) { log_ = Log(tag); }

private:
    std::optional<std::string> at(const std::string& directory, std::string_view key) const {
        return world_.store->read(fmt::format("{}/{}", directory, key));
    }
    void look_further(XenbusState ours);
    void begin();
    void follow_driver(XenbusState ours);
    void connect();
    void disconnect();
    void close();
    void shut();

    PvWorld& world_;
    std::string backend_;
    std::string front_end_;
    std::function<void()> over_;
    Log log_;
    XenStore::Watch watch_; ///< of the driver's state

    XenbusState theirs_ = XenbusState::Unknown;
    bool open_ = false;
    bool connected_ = false;
    bool online_ = false;
    bool refused_ = false; ///< open() was in vain
    bool vanished_ = false;
};

} // namespace dm::xen
