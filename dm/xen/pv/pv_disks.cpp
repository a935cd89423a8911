#include "dm/xen/pv/pv_disks.hpp"

namespace dm::xen {

Result<std::unique_ptr<PvDisks>> PvDisks::create(EventLoop& loop, u16 domid, DiskSource& disks) {
    DM_TRY_ASSIGN(std::unique_ptr<XenStore> store, XenStore::open(loop));
    auto events = std::make_unique<EventChannels>(loop, domid);
    DM_TRY_ASSIGN(std::unique_ptr<Grants> grants, Grants::open(domid));
    return std::unique_ptr<PvDisks>(
        new PvDisks(loop, domid, disks, std::move(store), std::move(events), std::move(grants)));
}

PvDisks::PvDisks(EventLoop& loop, u16 domid, DiskSource& disks, std::unique_ptr<XenStore> store,
                 std::unique_ptr<EventChannels> events, std::unique_ptr<Grants> grants)
    : store_(std::move(store)), events_(std::move(events)),
      grants_(std::move(grants)), world_{loop, *store_, *events_, *grants_, disks},
      directory_(fmt::format("backend/qdisk/{}", domid)) {
    // Tells libxl what we can be a back end for. Absent types count as unsupported from here on; without any
    // such directory libxl would believe in a longer list than ours.
    store_->make_directory(fmt::format("device-model/{}/backends/qdisk", domid));
    scan();
    watch_ = store_->watch(directory_, [this](const std::string& path) { changed(path); });
}

PvDisks::~PvDisks() {
    watch_ = {};
    for (const auto& [name, disk] : disks_)
        disk->remove_nodes();
    // libxl removes an empty directory only together with the last device in it.
    if (!disks_.empty() && store_->list(directory_).empty()) store_->remove(directory_);
}

/// Most news here are of nodes that we wrote ourselves.
void PvDisks::changed(const std::string& path) {
    if (path.size() <= directory_.size() + 1) return scan();
    std::string_view rest = std::string_view(path).substr(directory_.size() + 1);
    const std::string name(rest.substr(0, rest.find('/')));
    rest.remove_prefix(name.size());
    if (rest.empty() || rest == "/state" || rest == "/online") look_at(name);
}

void PvDisks::scan() {
    for (const auto& [name, disk] : disks_)
        disk->look();
    for (const std::string& name : store_->list(directory_))
        if (!disks_.contains(name)) look_at(name);
    sweep();
}

void PvDisks::look_at(const std::string& name) {
    const auto found = disks_.find(name);
    if (found != disks_.end()) return found->second->look();
    std::string backend = fmt::format("{}/{}", directory_, name);
    if (!store_->read(backend + "/state")) return; // it was removed since
    auto over = [this] {
        world_.loop.post([this, alive = std::weak_ptr(alive_)] {
            if (!alive.expired()) sweep();
        });
    };
    auto disk = std::make_unique<Qdisk>(world_, std::move(backend), std::move(over));
    if (paused_) disk->pause();
    disks_.emplace(name, std::move(disk)).first->second->look();
}

void PvDisks::sweep() {
    std::erase_if(disks_, [](const auto& entry) { return entry.second->vanished(); });
}

void PvDisks::pause() {
    paused_ = true;
    for (const auto& [name, disk] : disks_)
        disk->pause();
}

void PvDisks::resume() {
    paused_ = false;
    for (const auto& [name, disk] : disks_)
        disk->resume();
}

} // namespace dm::xen
