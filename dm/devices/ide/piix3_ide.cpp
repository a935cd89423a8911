#include "dm/devices/ide/piix3_ide.hpp"

#include "dm/devices/ide/ata_disk.hpp"
#include "dm/devices/ide/atapi_cdrom.hpp"

namespace dm {
namespace {

constexpr PciIdentity kIdentity{.vendor = 0x8086, .device = 0x7010, .class_code = 0x010180};

/// Config registers of the function (datasheet 2.3).
enum Config : u8 { IDETIM_PRIMARY = 0x40, IDETIM_SECONDARY = 0x42, SIDETIM = 0x44 };

constexpr unsigned kBusMasterBar = 4;
constexpr unsigned kBusMasterSize = 16;

struct LegacyPorts {
    Port command;
    Port control;
};
constexpr std::array kLegacy{LegacyPorts{0x1f0, 0x3f6}, LegacyPorts{0x170, 0x376}};

} // namespace

u64 Piix3Ide::BusMasterPorts::read(u64 offset, unsigned) {
    return ide.channels_[offset / 8].bus_master().read(static_cast<unsigned>(offset % 8));
}

void Piix3Ide::BusMasterPorts::write(u64 offset, unsigned, u64 value) {
    ide.channels_[offset / 8].write_bus_master(static_cast<unsigned>(offset % 8), static_cast<u8>(value));
}

Piix3Ide::Piix3Ide(std::string_view device_name, const Config& config, GuestMemory& memory, Irqs irqs,
                   IoSpace& ports, PciWiring&& wiring)
    : PciFunction(device_name, kIdentity, std::move(wiring)),
      channels_{AtaChannel(name() + "/primary", memory, std::move(irqs.primary)),
                AtaChannel(name() + "/secondary", memory, std::move(irqs.secondary))} {
    set_register(pci::STATUS, 2, 0x0280, 0, 0x3800); // fast back-to-back, medium DEVSEL
    set_register(IDETIM_PRIMARY, 2, 0, 0xffff);      // Linux reads the channel enable, bit 15, back
    set_register(IDETIM_SECONDARY, 2, 0, 0xffff);
    set_register(SIDETIM, 1, 0, 0xff);
    add_bar(kBusMasterBar, {BarKind::Io, kBusMasterSize, &bus_master_ports_, 1});
    for (unsigned index = 0; index < kDrives; ++index)
        if (config.drives[index]) add_drive(index, *config.drives[index]);
    for (unsigned i = 0; i < channels_.size(); ++i) {
        legacy_windows_[i * std::size_t{2}] = ports.map(
            {.base = kLegacy[i].command, .length = 8, .max_width = 4}, channels_[i].command_block());
        legacy_windows_[i * std::size_t{2} + 1] = ports.map(
            {.base = kLegacy[i].control, .length = 1, .max_width = 1}, channels_[i].control_block());
        channels_[i].power_on();
    }
    finish_config();
}

void Piix3Ide::add_drive(unsigned index, const DriveConfig& config) {
    AtaChannel& channel = channels_[index / 2];
    DriveConfig named = config;
    if (named.serial.empty()) named.serial = fmt::format("HM{:05}", index + 1);
    switch (config.kind) {
    case DriveKind::Disk: {
        auto disk = std::make_unique<AtaDisk>(channel, index % 2, named);
        disks_[index] = disk.get();
        channel.install(index % 2, std::move(disk));
        break;
    }
    case DriveKind::Cdrom: {
        auto cdrom = std::make_unique<AtapiCdrom>(channel, index % 2, named);
        cdroms_[index] = cdrom.get();
        channel.install(index % 2, std::move(cdrom));
        break;
    }
    }
}

AtaDisk* Piix3Ide::disk(unsigned index) const {
    return index < kDrives && disks_[index] != nullptr && disks_[index]->attached() ? disks_[index] : nullptr;
}

AtapiCdrom* Piix3Ide::cdrom(unsigned index) const {
    return index < kDrives ? cdroms_[index] : nullptr;
}

void Piix3Ide::follow_bus_enable() {
    for (AtaChannel& channel : channels_)
        channel.bus_master().set_bus_enabled(command(pci::Command::MASTER));
}

void Piix3Ide::config_written(unsigned, unsigned) {
    follow_bus_enable();
}

void Piix3Ide::reset() {
    for (AtaChannel& channel : channels_)
        channel.power_on();
    reset_config();
    follow_bus_enable();
}

void Piix3Ide::quiesce() {
    for (AtaChannel& channel : channels_)
        channel.quiesce();
}

void Piix3Ide::retry() {
    for (AtaChannel& channel : channels_)
        channel.retry();
}

Status Piix3Ide::unplug_disks(Unplug which) {
    std::string failed;
    for (unsigned index = 0; index < kDrives; ++index) {
        if (index == 0 && which == Unplug::AllButPrimaryMaster) continue;
        AtaDisk* gone = disk(index);
        if (gone != nullptr && gone->unplug() != 0) failed += fmt::format(" {}", index);
    }
    if (!failed.empty()) return fail("unplugged IDE disks with a failed flush:{}", failed);
    return {};
}

void Piix3Ide::save(StateWriter& out) const {
    for (const AtaChannel& channel : channels_)
        channel.save(out);
    save_config(out);
}

Status Piix3Ide::load(StateReader& in) {
    for (AtaChannel& channel : channels_)
        DM_TRY(channel.load(in));
    DM_TRY(load_config(in)); // commits on success: last
    for (AtaChannel& channel : channels_)
        channel.commit();
    follow_bus_enable();
    return {};
}

} // namespace dm
