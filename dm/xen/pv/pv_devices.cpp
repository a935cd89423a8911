#include "dm/xen/pv/pv_devices.hpp"

namespace dm::xen {

PvDevices::PvDevices(PvWorld& world, std::string_view kind)
    : world_(world), directory_(fmt::format("backend/{}/{}", kind, world.domid)) {}

PvDevices::~PvDevices() {
    watch_ = {};
    for (const auto& [name, device] : devices_)
        device->remove_nodes();
    // libxl removes an empty directory only together with the last device in it.
    if (!devices_.empty() && world_.store->list(directory_).empty()) world_.store->remove(directory_);
}

void PvDevices::start() {
    scan();
    watch_ = world_.store->watch(directory_, [this](const std::string& path) { changed(path); });
}

void PvDevices::leave_behind() {
    watch_ = {};
    devices_.clear();
}

/// Most news here are of nodes that we wrote ourselves.
void PvDevices::changed(const std::string& path) {
    if (path.size() <= directory_.size() + 1) return scan();
    std::string_view rest = std::string_view(path).substr(directory_.size() + 1);
    const std::string name(rest.substr(0, rest.find('/')));
    rest.remove_prefix(name.size());
    if (rest.empty() || rest == "/state" || rest == "/online") look_at(name);
}

void PvDevices::scan() {
    for (const auto& [name, device] : devices_)
        device->look();
    for (const std::string& name : world_.store->list(directory_))
        if (!devices_.contains(name)) look_at(name);
    sweep();
}

void PvDevices::look_at(const std::string& name) {
    const auto found = devices_.find(name);
    if (found != devices_.end()) return found->second->look();
    std::string backend = fmt::format("{}/{}", directory_, name);
    if (!world_.store->read(backend + "/state")) return; // it was removed since
    auto over = [this] {
        world_.loop.post([this, alive = std::weak_ptr(alive_)] {
            if (!alive.expired()) sweep();
        });
    };
    std::unique_ptr<PvDevice> device = make(std::move(backend), std::move(over));
    if (paused_) device->pause();
    devices_.emplace(name, std::move(device)).first->second->look();
}

void PvDevices::sweep() {
    std::erase_if(devices_, [](const auto& entry) { return entry.second->vanished(); });
}

void PvDevices::pause() {
    paused_ = true;
    for (const auto& [name, device] : devices_)
        device->pause();
}

void PvDevices::resume() {
    paused_ = false;
    for (const auto& [name, device] : devices_)
        device->resume();
}

} // namespace dm::xen
