#include "dm/xen/pv/pv_disks.hpp"

namespace dm::xen {

Result<std::unique_ptr<PvDisks>> PvDisks::create(PvWorld& world, DiskSource& disks) {
    if (!world.grants.ok()) return world.grants.error();
    return std::unique_ptr<PvDisks>(new PvDisks(world, disks));
}

PvDisks::PvDisks(PvWorld& world, DiskSource& disks) : PvDevices(world, "qdisk"), disks_(disks) {
    // Tells libxl what we can be a back end for. Absent types count as unsupported from here on; without any
    // such directory libxl would believe in a longer list than ours.
    world.store->make_directory(fmt::format("device-model/{}/backends/qdisk", world.domid));
    start();
}

void PvDisks::decline(PvWorld& world) {
    const std::string directory = fmt::format("backend/qdisk/{}", world.domid);
    for (const std::string& name : world.store->list(directory))
        write_state(*world.store, fmt::format("{}/{}", directory, name), XenbusState::Closed);
}

std::unique_ptr<PvDevice> PvDisks::make(std::string backend, std::function<void()> over) {
    return std::make_unique<Qdisk>(world(), disks_, std::move(backend), std::move(over));
}

} // namespace dm::xen
