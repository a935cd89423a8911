#include "dm/xen/pv/pv_device.hpp"

#include <utility>

namespace dm::xen {
namespace {

/// "backend/qdisk/5/51712" -> "51712"
std::string_view last_name(std::string_view path) {
    return path.substr(path.rfind('/') + 1);
}

} // namespace

PvDevice::PvDevice(PvWorld& world, std::string_view kind, std::string backend, std::function<void()> over)
    : world_(world), backend_(std::move(backend)), over_(std::move(over)),
      log_(fmt::format("{} {}", kind, last_name(backend_))) {}

void PvDevice::tell(std::string_view key, u64 value) {
    world_.store->write(fmt::format("{}/{}", backend_, key), fmt::to_string(value));
}

void PvDevice::look() {
    const XenbusState ours = read_state(*world_.store, backend_);
    vanished_ = ours == XenbusState::Unknown;
    if (!vanished_) {
        look_further(ours);
        return settled();
    }
    disconnect();
    if (busy()) return;
    shut();
    over_();
}

void PvDevice::look_further(XenbusState ours) {
    online_ = world_.store->read_number<unsigned>(backend_ + "/online").value_or(0) != 0;
    if (ours == XenbusState::Initialising) {
        if (open_) { // removed and made again before we looked
            disconnect();
            if (busy()) return;
            shut();
        }
        if (online_ && !refused_) begin();
    }
    if (open_)
        follow_driver(ours == XenbusState::Initialising ? XenbusState::InitWait : ours);
    else if (ours == XenbusState::Closing)
        set_state(XenbusState::Closed);
}

/// The driver waits for the state, so that comes last.
void PvDevice::begin() {
    front_end_ = toolstack_says("frontend").value_or("");
    if (front_end_.empty()) log_.error("{}/frontend is not there", backend_);
    open_ = !front_end_.empty() && open();
    refused_ = !open_; // once is enough
    if (!open_) return;
    set_state(XenbusState::InitWait);
    theirs_ = XenbusState::Unknown;
    watch_ = world_.store->watch(front_end_ + "/state", [this](const std::string&) { look(); });
}

void PvDevice::follow_driver(XenbusState ours) {
    const XenbusState before = std::exchange(theirs_, read_state(*world_.store, front_end_));
    const bool asked_to_close = ours == XenbusState::Closing;
    switch (theirs_) {
    case XenbusState::Initialising:
        if (asked_to_close || !online_) return close();
        disconnect(); // a driver that starts anew after a crash
        if (!busy() && ours != XenbusState::InitWait) set_state(XenbusState::InitWait);
        return;
    case XenbusState::InitWait:
    case XenbusState::Reconfiguring:
    case XenbusState::Reconfigured:
        if (asked_to_close && !connected_) close();
        return;
    case XenbusState::Initialised:
    case XenbusState::Connected:
        if (asked_to_close) return; // its turn
        // A driver that was connected and has made another ring: it slept while the host did not.
        if (theirs_ == XenbusState::Initialised && before == XenbusState::Connected) disconnect();
        if (!connected_) connect();
        return;
    case XenbusState::Closing:
        if (ours != XenbusState::Closing && ours != XenbusState::Closed) set_state(XenbusState::Closing);
        return;
    case XenbusState::Closed:
    case XenbusState::Unknown:
        if (ours != XenbusState::Closed || connected_ || !online_) close();
        return;
    }
}

/// Closed is told when nothing of ours is under way any more: the toolstack, or the guest, may do with the
/// device what they like from then on.
void PvDevice::close() {
    disconnect();
    if (busy()) return; // look() again when it is idle
    if (!online_) shut();
    if (read_state(*world_.store, backend_) != XenbusState::Closed) set_state(XenbusState::Closed);
}

void PvDevice::shut() {
    watch_ = {};
    release();
    open_ = false;
    refused_ = false;
}

void PvDevice::connect() {
    if (busy()) return; // look() again when it is idle
    const Status done = attach();
    if (done.ok()) {
        connected_ = true;
        set_state(XenbusState::Connected);
        return attached();
    }
    disconnect();
    log_.guest("the guest's driver cannot be connected: {}", done.error().message);
    set_state(XenbusState::Closing);
}

void PvDevice::disconnect() {
    connected_ = false;
    detach();
}

void PvDevice::broken(const std::string& why) {
    disconnect();
    log_.guest("the guest's ring is broken: {}; the device is disconnected", why);
    set_state(XenbusState::Closing);
}

void PvDevice::remove_nodes() {
    if (!open_) return;
    disconnect();
    shut();
    world_.store->remove(front_end_);
    world_.store->remove(backend_);
}

} // namespace dm::xen
