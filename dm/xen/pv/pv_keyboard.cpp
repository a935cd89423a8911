#include "dm/xen/pv/pv_keyboard.hpp"

namespace dm::xen {

Result<std::unique_ptr<PvKeyboard>> PvKeyboard::create(EventLoop& loop, u16 domid) {
    DM_TRY_ASSIGN(std::unique_ptr<XenStore> store, XenStore::open(loop));
    return std::unique_ptr<PvKeyboard>(new PvKeyboard(std::move(store), domid));
}

/// libxl makes the nodes before it starts us, and never any later.
PvKeyboard::PvKeyboard(std::unique_ptr<XenStore> store, u16 domid)
    : store_(std::move(store)), directory_(fmt::format("backend/vkbd/{}", domid)) {
    for (const std::string& name : store_->list(directory_))
        open(fmt::format("{}/{}", directory_, name));
}

PvKeyboard::~PvKeyboard() {
    for (auto& [backend, device] : devices_) {
        device.watch = {};
        store_->remove(device.front_end);
        store_->remove(backend);
    }
    // libxl removes an empty directory only together with the last device in it.
    if (!devices_.empty() && store_->list(directory_).empty()) store_->remove(directory_);
}

void PvKeyboard::leave_behind() {
    devices_.clear();
}

void PvKeyboard::open(const std::string& backend) {
    const std::optional<std::string> front_end = store_->read(backend + "/frontend");
    if (!front_end || front_end->empty()) return;
    store_->write(backend + "/feature-disable-keyboard", "1");
    store_->write(backend + "/feature-disable-pointer", "1");
    write_state(*store_, backend, XenbusState::InitWait);
    Device& device = devices_[backend];
    device.front_end = *front_end;
    device.watch = store_->watch(device.front_end + "/state", [this, backend](const std::string&) {
        follow(backend, devices_.at(backend).front_end);
    });
}

void PvKeyboard::follow(const std::string& backend, const std::string& front_end) {
    const XenbusState ours = read_state(*store_, backend);
    if (ours == XenbusState::Unknown) return; // the toolstack has removed the device
    const auto become = [&](XenbusState state) {
        if (state != ours) write_state(*store_, backend, state);
    };
    switch (read_state(*store_, front_end)) {
    case XenbusState::Initialising: return become(XenbusState::InitWait); // also a driver that starts anew
    case XenbusState::Initialised:
    case XenbusState::Connected: return become(XenbusState::Connected);
    case XenbusState::Closing: return become(XenbusState::Closing);
    case XenbusState::Closed:
    case XenbusState::Unknown: return become(XenbusState::Closed);
    case XenbusState::InitWait:
    case XenbusState::Reconfiguring:
    case XenbusState::Reconfigured: return;
    }
}

} // namespace dm::xen
