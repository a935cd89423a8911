#include "dm/board/board.hpp"

#include <algorithm>

namespace dm {
namespace {

struct SerialPort {
    Port base;
    unsigned irq;
};
constexpr std::array<SerialPort, kSerialPorts> kComPorts{{{0x3f8, 4}, {0x2f8, 3}, {0x3e8, 4}, {0x2e8, 3}}};

// Fixed places on bus 0.
constexpr Bdf kHostBridge{0, 0, 0};
constexpr Bdf kIsaBridge{0, 1, 0};
constexpr Bdf kIde{0, 1, 1};
constexpr Bdf kPowerManagement{0, 1, 3};

/// What the BIOS is told of a drive; only hard disks stand in the CMOS.
std::optional<CmosContents::Disk> cmos_disk(const std::optional<DriveConfig>& drive) {
    if (!drive || drive->kind != DriveKind::Disk || drive->medium == nullptr) return std::nullopt;
    const u64 sectors = drive->medium->size_bytes() / ata::kSectorSize;
    const ata::Geometry geometry = drive->geometry.value_or(ata::default_geometry(sectors));
    return CmosContents::Disk{.cylinders = static_cast<u16>(geometry.cylinders),
                              .heads = static_cast<u8>(geometry.heads),
                              .sectors = static_cast<u8>(geometry.sectors),
                              .translation =
                                  CmosTranslation{static_cast<u8>(ata::bios_translation(geometry))}};
}

CmosFloppy cmos_floppy(floppy::DriveType type) {
    switch (type) {
    case floppy::DriveType::None: return CmosFloppy::None;
    case floppy::DriveType::F1200K: return CmosFloppy::F1200K;
    case floppy::DriveType::F1440K: return CmosFloppy::F1440K;
    case floppy::DriveType::F2880K: return CmosFloppy::F2880K;
    }
    return CmosFloppy::None;
}

} // namespace

Result<std::unique_ptr<Board>> Board::create(TimerQueue& timers, Hypervisor& hypervisor, BoardParts parts) {
    std::unique_ptr<Board> board(new Board(timers, hypervisor));
    DM_TRY(board->build(std::move(parts)));
    return board;
}

/// Fixed ports first: where a guest lays a BAR over them, they stay on top.
Status Board::build(BoardParts parts) {
    on_shutdown_ = std::move(parts.on_shutdown);
    on_device_gone_ = std::move(parts.on_device_gone);
    DM_TRY(add_bridges());
    if (parts.fw_cfg) add_fw_cfg(std::move(*parts.fw_cfg));
    add_isa(parts);
    add_input(parts);
    add_serial(parts);
    DM_TRY(add_ide(parts));
    DM_TRY(add_power_management(parts));
    if (parts.xen_platform) DM_TRY(add_xen_platform());
    if (parts.scsi) DM_TRY(add_scsi(*parts.scsi));
    if (parts.vga) DM_TRY(add_vga(std::move(*parts.vga)));
    if (parts.ahci) DM_TRY(add_ahci(*parts.ahci));
    DM_TRY(add_nics(std::move(parts.nics)));
    for (const SoundParts& sound : parts.sounds)
        DM_TRY(add_sound(sound));
    if (parts.usb) DM_TRY(add_usb(*parts.usb));
    if (parts.pci_hot_plug) gpe_->set_removable(empty_slots());
    reset();
    return {};
}

void Board::map(u64 base, u64 length, IoHandler& handler, unsigned width, u64 first_offset) {
    windows_.push_back(ports_.map(
        {.base = base, .length = length, .max_width = width, .first_offset = first_offset}, handler));
}

PciWiring Board::wiring(u8 device, u8 pin) {
    IrqLine line;
    if (pin != 0) line = IrqLine{hypervisor_.pci_intx(), device * 4U + pin - 1};
    return {ports_, memory_, std::move(line), hypervisor_.msi()};
}

Status Board::attach(Bdf bdf, PciFunction& function) {
    if (!pci_.attach(bdf, function))
        return fail("{}: PCI place {:02x}.{} is taken; choose another addr=", function.name(), bdf.dev,
                    bdf.fn);
    return {};
}

void Board::shutdown(ShutdownReason reason) {
    if (on_shutdown_) on_shutdown_(reason);
    hypervisor_.shutdown(reason);
}

Status Board::add_bridges() {
    add(i440fx_, "i440fx", wiring(kHostBridge.dev, 0));
    DM_TRY(attach(kHostBridge, *i440fx_));
    add(piix3_, "piix3-isa", wiring(kIsaBridge.dev, 0),
        Piix3Isa::Wiring{
            .route_link = [this](unsigned link, u8 irq) { hypervisor_.route_pci_link(link, irq); },
            .shutdown = [this](ShutdownReason reason) { shutdown(reason); }});
    DM_TRY(attach(kIsaBridge, *piix3_));
    map(0x92, 1, piix3_->port92(), 1);
    add(pci_host_, "pci-host", pci_, piix3_->reset_control());
    map(0xcf8, 4, *pci_host_, 4);
    map(0xcfc, 4, *pci_host_, 4, PciHost::CONFDATA);
    return {};
}

Status Board::add_power_management(const BoardParts& parts) {
    add(pm_, "piix4-pm", wiring(kPowerManagement.dev, kIntA),
        Piix4Pm::Wiring{.shutdown = [this](ShutdownReason reason) { shutdown(reason); },
                        .sleep =
                            [this, also = parts.on_sleep](unsigned state) {
                                if (!hypervisor_.set_acpi_sleep_state(state)) return false;
                                if (also) also();
                                return true;
                            }},
        Piix4Pm::Legacy{.com1 = parts.serials[0] != nullptr,
                        .com2 = parts.serials[1] != nullptr,
                        .lpt1 = parts.parallel != nullptr});
    DM_TRY(attach(kPowerManagement, *pm_));
    map(0xb2, 2, pm_->apm(), 1);
    return {};
}

void Board::add_isa(const BoardParts& parts) {
    add(gpe_, "gpe", isa(9),
        GpeHotplug::Options{.cpus = parts.cpus, .max_cpus = parts.max_cpus, .eject = [this](unsigned slot) {
                                ejected(slot);
                            }});
    map(GpeHotplug::kGpeBase, GpeHotplug::kGpeLength, gpe_->gpe_block(), 4);
    map(GpeHotplug::kPciBase, GpeHotplug::kPciLength, gpe_->pci_block(), 4);
    map(GpeHotplug::kCpuBase, GpeHotplug::kCpuLength, gpe_->cpu_block(), 4);

    CmosContents contents{.boot_order = parts.boot_order,
                          .memory_below_4g = parts.ram_below_4g,
                          .memory_above_4g = parts.ram_above_4g,
                          .vcpus = parts.cpus};
    std::ranges::transform(parts.ide.drives, contents.ide_disks.begin(), cmos_disk);

    add(dma_, "dma", hypervisor_.memory());
    map(0x00, 16, dma_->first_controller(), 1);
    map(0x81, 15, dma_->page_registers(), 1, 1); // port 0x80 stays with Xen, which answers without waking us
    map(0xc0, 32, dma_->second_controller(), 1);
    map(0x480, 16, dma_->high_page_registers(), 1);

    add_floppies(parts);
    if (parts.sb16) add_sb16(*parts.sb16);
    for (unsigned n = 0; n < Fdc82078::kDrives; ++n)
        contents.floppies[n] = cmos_floppy(fdc_->type(n));
    add(cmos_, "cmos", contents);
    map(0x70, 2, *cmos_, 1);

    misc_ = std::make_unique<MiscPorts>(ports_);
}

/// The controller is always there, as in QEMU's PC and in libacpi's tables. Port 3f0 is nobody's, 3f6 IDE's.
void Board::add_floppies(const BoardParts& parts) {
    add(fdc_, "fdc", parts.floppies, isa(6), timers_, dma_->channel(2));
    map(0x3f1, 5, *fdc_, 1, Fdc82078::SRB);
    map(0x3f7, 1, *fdc_, 1, Fdc82078::DIR_CCR);
}

/// Before the ports that hold nothing, which count this device's among them.
void Board::add_fw_cfg(FwCfgContents contents) {
    add(fw_cfg_, "fw-cfg", std::move(contents), hypervisor_.memory());
    map(FwCfg::kBase, FwCfg::kPorts, fw_cfg_->ports(), 2);
    map(FwCfg::kDmaBase, FwCfg::kDmaPorts, fw_cfg_->dma(), 4);
}

void Board::add_input(const BoardParts& parts) {
    // Keyboard and mouse are loaded first: the controller's timer depends on what waits there.
    add(keyboard_, "ps2-keyboard", timers_, [this, also = parts.on_leds](u8 leds) {
        if (keyboard_input_ != nullptr) keyboard_input_->leds_changed(leds);
        if (also) also(leds);
    });
    add(mouse_, "ps2-mouse");
    add(i8042_, "i8042", timers_,
        I8042::Wiring{.keyboard_irq = isa(1),
                      .aux_irq = isa(12),
                      .keyboard = *keyboard_,
                      .aux = *mouse_,
                      .reset_machine = [this] { shutdown(ShutdownReason::Reboot); },
                      .set_a20 = {}});
    map(0x60, 1, *i8042_, 1, I8042::DATA);
    map(0x64, 1, *i8042_, 1, I8042::STATUS_COMMAND);
    keyboard_input_ = std::make_unique<Ps2KeyboardInput>(*keyboard_);
    mouse_input_ = std::make_unique<Ps2MouseInput>(*mouse_);
    input_ = std::make_unique<InputSwitch>(*keyboard_input_, *mouse_input_);
}

void Board::add_serial(const BoardParts& parts) {
    serial_irqs_ = {std::make_unique<IrqOr>(isa(4)), std::make_unique<IrqOr>(isa(3))};
    for (unsigned i = 0; i < kSerialPorts; ++i) {
        if (parts.serials[i] == nullptr) continue;
        const SerialPort& port = kComPorts[i];
        add(serials_[i], fmt::format("serial{}", i), serial_irqs_[port.irq == 4 ? 0 : 1]->input(), timers_,
            *parts.serials[i]);
        map(port.base, 8, *serials_[i], 1);
    }
    if (parts.parallel == nullptr) return;
    add(parallel_, "parallel0", isa(7), *parts.parallel);
    map(0x378, 3, *parallel_, 1);
}

Status Board::add_ide(const BoardParts& parts) {
    add(ide_, "piix3-ide", parts.ide, hypervisor_.memory(),
        Piix3Ide::Irqs{.primary = isa(14), .secondary = isa(15)}, wiring(kIde.dev, 0));
    return attach(kIde, *ide_);
}

Status Board::add_xen_platform() {
    const u8 device = kFirstFreeDevice;
    add(xen_platform_, "xen-platform", wiring(device, kIntA), static_cast<UnplugHandler&>(*this),
        [this](bool locked) { hypervisor_.lock_roms(locked); });
    map(XenPlatform::kPortBase, XenPlatform::kPortLength, xen_platform_->fixed_ports(), 4);
    return attach({0, device, 0}, *xen_platform_);
}

Status Board::add_scsi(const BoardParts::Scsi& parts) {
    const std::optional<u8> device = parts.slot ? parts.slot : pci_.free_device(kFirstFreeDevice);
    if (!device) return fail("no PCI place is free for the SCSI adapter");
    add(scsi_, "lsi53c895a", parts.disks, hypervisor_.memory(), timers_, wiring(*device, kIntA));
    scsi_place_ = {0, *device, 0};
    return attach(scsi_place_, *scsi_);
}

Status Board::add_vga(BoardParts::Vga parts) {
    const std::optional<u8> device = parts.slot ? parts.slot : pci_.free_device(kFirstFreeDevice);
    if (!device) return fail("no PCI place is free for the graphics adapter");
    const auto add_model = [&](auto& adapter) {
        add(adapter, "vga", wiring(*device, 0), std::move(parts.memory), std::move(parts.rom),
            timers_.clock());
        display_ = &adapter->display();
        return attach({0, *device, 0}, *adapter);
    };
    switch (parts.model) {
    case BoardParts::Vga::Model::Std: return add_model(vga_);
    case BoardParts::Vga::Model::Cirrus: return add_model(cirrus_);
    }
    return {};
}

Status Board::add_ahci(const BoardParts::Ahci& parts) {
    const std::optional<u8> device = parts.place ? parts.place->dev : pci_.free_device(kFirstFreeDevice);
    if (!device) return fail("no PCI place is free for the AHCI controller");
    add(ahci_, "ahci", parts.config, hypervisor_.memory(), timers_, wiring(*device, kIntA));
    return attach({0, *device, parts.place ? parts.place->fn : u8{0}}, *ahci_);
}

/// SCSI disks go with all of the others, and their adapter with them; "all but the first" is of IDE and AHCI
/// only.
void Board::unplug_disks(UnplugDisks which) {
    const bool all = which == UnplugDisks::All;
    bool good = true;
    const auto told = [&](const Status& done) {
        if (done.ok()) return;
        log_.error("unplugging disks: {}", done.error().message);
        good = false;
    };
    told(ide_->unplug_disks(all ? Piix3Ide::Unplug::AllDisks : Piix3Ide::Unplug::AllButPrimaryMaster));
    if (ahci_ != nullptr)
        told(ahci_->unplug_disks(all ? AhciController::Unplug::AllDisks
                                     : AhciController::Unplug::AllButFirst));
    if (all && scsi_ != nullptr && !scsi_->unplugged()) told(scsi_->unplug());
    follow_unplug();
    if (good) log_.info("the guest's PV drivers took over {}", all ? "all disks" : "all disks but the first");
}

/// What was unplugged is no function of the bus any more.
void Board::follow_unplug() {
    if (scsi_ != nullptr && scsi_->unplugged()) pci_.detach(scsi_place_);
    for (const Nic& nic : nics_)
        if (nic.card->unplugged()) pci_.detach(nic.place);
}

void Board::quiesce() {
    fdc_->quiesce();
    ide_->quiesce();
    if (ahci_ != nullptr) ahci_->quiesce();
    if (scsi_ != nullptr) scsi_->quiesce();
    for (const Usb& usb : usb_)
        usb.controller->quiesce();
}

void Board::reset() {
    finish_ejects();
    for (Device* device : devices_)
        device->reset();
}

void Board::wake() {
    for (Device* device : devices_)
        device->wake_reset();
    hypervisor_.set_acpi_sleep_state(0);
}

/// The state of the domain that the toolstack saves does not say that it sleeps: its CPU would run the
/// firmware as soon as it is unpaused, while everybody here waits for somebody to wake it.
void Board::sleep_again(bool may) {
    if (!asleep() || (may && hypervisor_.set_acpi_sleep_state(3))) return;
    log_.warning("the guest slept (S3) when it was saved, which Xen does not know here: it wakes up now");
    wake();
}

void Board::save(StateWriter& out) const {
    save_plugged(out);
    for (const Device* device : devices_)
        device->save(out);
}

/// Guests that were saved before there was a floppy controller find it as at power-on.
Status Board::load(StateReader& in) {
    DM_TRY(load_plugged(in));
    for (Device* device : devices_) {
        if (device == fdc_.get() && !in.has(device->name())) continue;
        DM_TRY(device->load(in));
    }
    follow_unplug();
    for (const Usb& usb : usb_)
        if (usb.ports != nullptr) usb.ports->drop_absent_devices();
    return in.finish();
}

std::vector<PciDeviceInfo> Board::pci_devices() const {
    std::vector<PciDeviceInfo> found;
    for (u8 dev = 0; dev < 32; ++dev)
        for (u8 fn = 0; fn < 8; ++fn) {
            const Bdf bdf{0, dev, fn};
            const PciFunction* function = pci_.at(bdf);
            if (function == nullptr) continue;
            found.push_back({.bus = 0,
                             .slot = dev,
                             .function = fn,
                             .qdev_id = "",
                             .class_code = function->config_read(pci::CLASS_DEVICE, 2),
                             .vendor = function->config_read(pci::VENDOR_ID, 2),
                             .device = function->config_read(pci::DEVICE_ID, 2)});
        }
    return found;
}

} // namespace dm
