#include "dm/devices/ide/ata_disk.hpp"
#include "dm/devices/ide/atapi_cdrom.hpp"

namespace dm {

Status AtaDrive::load_detached(StateReader& in, std::string_view name) {
    if (!in.has(name)) return {};
    AtaDisk::State disk;
    if (const Status as_disk = in.section(name, disk); !as_disk.ok()) {
        AtapiCdrom::State cdrom;
        if (!in.section(name, cdrom).ok()) return as_disk;
    } else if (!disk.unplugged) {
        return fail("saved state: {}: the guest uses this disk, which is not there any more", name);
    }
    Log(name).info("detached since the guest was started: its state is dropped");
    return {};
}

} // namespace dm
