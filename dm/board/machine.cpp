#include "dm/board/machine.hpp"

#include "dm/board/accelerators.hpp"
#include "dm/board/direct_boot.hpp"
#include "dm/board/replay_board.hpp"
#include "dm/board/saved_machine.hpp"
#include "dm/host/char_factory.hpp"
#include "dm/host/lockdown.hpp"
#include "firmware/rom_files.hpp"

#include <cerrno>
#include <cstring>
#include <fcntl.h>
#include <utility>

namespace dm {
namespace {

constexpr std::string_view kStdVgaRom = "vgabios-stdvga.bin";
constexpr std::string_view kCirrusRom = "vgabios-cirrus.bin";
constexpr std::string_view kAhci = "ahci";
constexpr std::string_view kMachineSection = "machine";
constexpr u64 kLatestTime = u64{1} << 62; // 146 years: what devices add to it does not wrap

/// The adapter's picture with all that the guest has written so far.
class Screen final : public DisplaySource {
public:
    Screen(Hypervisor& hypervisor, DisplaySource& adapter) : hypervisor_(hypervisor), adapter_(adapter) {}
    void refresh(Display& display, bool full) override {
        hypervisor_.drain_buffered();
        adapter_.refresh(display, full);
    }
    void unwatched() override { adapter_.unwatched(); }
    void snapshot(Display& display) override {
        hypervisor_.drain_buffered();
        adapter_.snapshot(display);
    }
    bool propose_size(unsigned width, unsigned height) override {
        return adapter_.propose_size(width, height);
    }

private:
    Hypervisor& hypervisor_;
    DisplaySource& adapter_;
};

} // namespace

Result<std::unique_ptr<Machine>> Machine::create(host::Loop& loop, const toolstack::MachineOptions& options) {
    std::unique_ptr<Machine> machine(new Machine(loop, options));
    DM_TRY(machine->build());
    return machine;
}

Machine::~Machine() {
    if (board_ != nullptr) {
        board_->quiesce();
        if (recorder_ != nullptr) recorder_->finish();
        // Xen forgets our ranges with the server; telling it of each one would only take time.
        board_->ports().set_range_sink(nullptr);
        board_->memory().set_range_sink(nullptr);
        board_->pci().set_function_sink(nullptr);
    }
    loop_.set_round_end({});
}

/// What the user can get wrong is opened first, so that its error is the one that is seen.
Status Machine::build() {
    DM_TRY(disks_.open(options_.disks));
    DM_TRY(open_kernel());
    DM_TRY(open_serials());
    DM_TRY(open_parallel());
    DM_TRY(open_audio());
    DM_TRY_ASSIGN(accelerator_, make_accelerator(options_));
    if (!options_.record_file.empty()) DM_TRY(record());
    reboots_in_place_ =
        accelerator_->reboots_in_place([this] { reset_devices(toolstack::QmpCause::Guest, "guest-reset"); });
    DM_TRY(open_cables());
    DM_TRY(open_vga());
    DM_TRY_ASSIGN(board_, Board::create(accelerator_->machine_timers(loop_), *accelerator_, parts()));
    if (options_.incoming()) DM_TRY(restore());
    DM_TRY(open_host_devices());
    open_pv_devices();
    watch_disc_drives();
    DM_TRY(open_vnc());
    return open_monitors();
}

/// The guest has its memory and CPUs back; its devices follow. It goes on when the toolstack says so.
Status Machine::restore() {
    std::string where = "-incoming fd:" + fmt::to_string(options_.incoming_fd);
    UniqueFd file(options_.incoming_fd);
    if (!options_.incoming_file.empty()) {
        where = "-incoming file:" + options_.incoming_file;
        file.reset(::open(options_.incoming_file.c_str(), O_RDONLY | O_CLOEXEC));
        if (!file) return fail("{}: {}", where, std::strerror(errno));
    }
    DM_TRY_ASSIGN(const SavedImage saved, read_saved(file.get(), where));
    const auto load = [&]() -> Status {
        DM_TRY_ASSIGN(StateReader in, StateReader::open(saved.bytes));
        MachineState state;
        DM_TRY(in.section(kMachineSection, state));
        if (state.now_ns > kLatestTime) return fail("saved state: {} ns is no machine's time", state.now_ns);
        loop_.machine_clock().set(state.now_ns);
        return board_->load(in);
    };
    if (const Status loaded = load(); !loaded.ok())
        return fail("{}: {}; is the guest's configuration the one it was saved with?", where,
                    loaded.error().message);
    board_->sleep_again(!options_.restrict_to_domain);
    state_ = RunState::Paused;
    restored_ = true;
    if (options_.accel == toolstack::Accel::Xen) announcements_ = 2;
    log_.info("restored, {} bytes of saved state", saved.file_size);
    return {};
}

/// The recorder runs the machine from here on, and has the real accelerator run it.
Status Machine::record() {
    if (options_.incoming())
        return fail(
            "-hvmdm-record: a restored guest cannot be recorded, only a whole life; take the option out");
    if (options_.accel != toolstack::Accel::Xen)
        return fail("-hvmdm-record: only guests of Xen can be recorded; take the option or -accel out");
    if (fw_cfg_)
        return fail(
            "-hvmdm-record: a guest that boots its kernel directly cannot be recorded: boot it from a "
            "disk, or take the option out");
    for (const Disks::Disk& disk : disks_.all())
        if (disk.options.bus == toolstack::DiskBus::Ahci)
            return fail("-hvmdm-record: AHCI disks cannot be recorded; take hdtype=\"ahci\" out");
    if (options_.parallel)
        return fail("-hvmdm-record: a parallel port cannot be recorded; take -parallel out");
    for (const Disks::Disk& disk : disks_.all())
        if (disk.options.bus == toolstack::DiskBus::Floppy)
            return fail("-hvmdm-record: floppy drives cannot be recorded; take -fda and -fdb out");
    for (const toolstack::DeviceOptions& device : options_.devices)
        if (device.driver == "lsi53c895a")
            return fail(
                "-hvmdm-record: SCSI adapters cannot be recorded yet; take the option or the sd* disks out");
    if (has_sound())
        return fail("-hvmdm-record: sound cards cannot be recorded; take the option out, or soundhw");
    if (usb_parts(options_))
        return fail("-hvmdm-record: USB cannot be recorded yet; take the option out, or usb and usbdevice");
    DM_TRY_ASSIGN(auto recorder,
                  replay::Recorder::create(std::move(accelerator_), {options_.record_file, medium_ports()}));
    recorder_ = recorder.get();
    accelerator_ = std::move(recorder);
    return {};
}

/// Where on the board the disk goes; null: its adapter is not there.
DriveConfig* Machine::drive_place(BoardParts& parts, const toolstack::DiskOptions& disk) {
    switch (disk.bus) {
    case toolstack::DiskBus::Ide: return &parts.ide.drives[disk.channel * 2 + disk.unit].emplace();
    case toolstack::DiskBus::Ahci:
        return parts.ahci ? &parts.ahci->config.drives[disk.channel].emplace() : nullptr;
    case toolstack::DiskBus::Scsi:
        return parts.scsi ? &parts.scsi->disks.drives[disk.unit].emplace() : nullptr;
    case toolstack::DiskBus::Usb: return parts.usb ? &parts.usb->drives[disk.id] : nullptr;
    case toolstack::DiskBus::Floppy: // add_floppies()
    case toolstack::DiskBus::Other: return nullptr;
    }
    return nullptr;
}

BoardParts Machine::parts() {
    BoardParts p;
    p.cpus = options_.cpus;
    p.max_cpus = options_.max_cpus;
    const u64 ram = options_.memory_mib * kMebibyte;
    p.ram_below_4g = std::min(ram, low_ram_limit(options_));
    p.ram_above_4g = ram - p.ram_below_4g;
    p.boot_order = options_.boot_order;
    p.xen_platform = options_.xen_platform;
    p.vga = std::move(vga_);
    p.fw_cfg = std::move(fw_cfg_);
    for (unsigned i = 0; i < kSerialPorts; ++i)
        p.serials[i] = serials_[i].get();
    for (const toolstack::DeviceOptions& device : options_.devices)
        if (device.emulated && device.driver == kAhci) {
            p.ahci.emplace();
            if (device.pci_slot)
                p.ahci->place =
                    Bdf{0, static_cast<u8>(*device.pci_slot), static_cast<u8>(device.pci_function)};
        } else if (device.driver == "lsi53c895a" && !p.scsi) {
            p.scsi.emplace();
            if (device.pci_slot) p.scsi->slot = static_cast<u8>(*device.pci_slot);
        }
    p.usb = usb_parts(options_);
    for (const Disks::Disk& disk : disks_.all()) {
        DriveConfig* place = drive_place(p, disk.options);
        if (place == nullptr) continue;
        DriveConfig& drive = *place;
        drive.kind = disk.options.media == toolstack::DiskMedia::Cdrom ? DriveKind::Cdrom : DriveKind::Disk;
        drive.medium = disk.medium.get();
        drive.serial = disk.options.serial;
        drive.model = disk.options.model;
        if (!disk.options.firmware.empty()) drive.firmware = disk.options.firmware;
        drive.errors = disk.options.errors;
        drive.events = watch(disk.options.id);
    }
    p.parallel = parallel_.get();
    add_floppies(p);
    add_nics(p);
    add_sounds(p);
    p.on_shutdown = [this](ShutdownReason reason) { guest_shut_down(reason); };
    p.on_sleep = [this] { guest_sleeps(); };
    p.on_device_gone = [this](const std::string& id) {
        if (qmp_ != nullptr) qmp_->device_deleted(id);
    };
    if (recorder_ != nullptr) put_under_record(p, *recorder_);
    return p;
}

/// What is missing for them is no error: most guests can do without.
void Machine::open_pv_devices() {
    if (options_.accel != toolstack::Accel::Xen || !options_.domid) return;
    auto world = xen::PvWorld::open(loop_, static_cast<u16>(*options_.domid));
    if (!world.ok())
        return log_.warning("there are no PV pointer and no PV disks of type qdisk: {}; Linux may wait 30 s "
                            "for the pointer at boot",
                            world.error().message);
    pv_world_ = std::move(world).value();
    // A recording has only events of emulated devices, and one that loses its rights cannot serve any ring.
    const bool offered = !options_.restrict_to_domain && recorder_ == nullptr;
    pv_pointers_ =
        std::make_unique<xen::PvPointers>(*pv_world_, xen::PointerPlace{.memory = accelerator_->memory(),
                                                                        .targets = board_->input_targets(),
                                                                        .offered = offered,
                                                                        .restored = options_.incoming()});
    if (!options_.restrict_to_domain) return open_pv_disks();
    log_.info("-xen-domid-restrict: PV disks of type qdisk and PV pointers are not served");
    xen::PvDisks::decline(*pv_world_);
    pv_pointers_->leave_behind(); // xenstore cannot be reached any more soon
    pv_pointers_.reset();
    pv_world_.reset();
}

void Machine::open_pv_disks() {
    auto opened = xen::PvDisks::create(*pv_world_, disks_);
    if (opened.ok())
        pv_disks_ = std::move(opened).value();
    else
        log_.warning("PV disks of type qdisk are not served: {}", opened.error().message);
}

void Machine::pause_pv_devices() {
    if (pv_disks_ != nullptr) pv_disks_->pause();
    if (pv_pointers_ != nullptr) pv_pointers_->pause();
}

void Machine::resume_pv_devices() {
    if (pv_disks_ != nullptr) pv_disks_->resume();
    if (pv_pointers_ != nullptr) pv_pointers_->resume();
}

Status Machine::open_serials() {
    for (std::size_t i = 0; i < options_.serials.size(); ++i) {
        if (!options_.serials[i]) continue;
        DM_TRY_ASSIGN(std::unique_ptr<CharBackend> far_end,
                      host::make_char_backend(loop_, *options_.serials[i]));
        serials_[i] = std::make_unique<CharGate>(std::move(far_end));
    }
    return {};
}

Status Machine::open_parallel() {
    if (!options_.parallel) return {};
    DM_TRY_ASSIGN(std::unique_ptr<CharBackend> printer, host::make_char_backend(loop_, *options_.parallel));
    parallel_ = std::make_unique<CharGate>(std::move(printer));
    return {};
}

std::vector<std::string> Machine::firmware_directories() const {
    std::vector<std::string> directories = options_.firmware_dirs;
    for (std::string& directory : firmware::default_directories())
        directories.push_back(std::move(directory));
    return directories;
}

Status Machine::open_kernel() {
    if (options_.kernel.empty()) return {};
    DirectBootOptions boot{.kernel = options_.kernel,
                           .initrd = options_.initrd,
                           .command_line = options_.append,
                           .ram_below_4g = std::min(options_.memory_mib * kMebibyte, low_ram_limit(options_)),
                           .cpus = options_.cpus,
                           .rom = {}};
    DM_TRY_ASSIGN(boot.rom, firmware::load_rom(kLinuxBootRom, firmware_directories()));
    DM_TRY_ASSIGN(fw_cfg_, direct_boot(std::move(boot)));
    return {};
}

Status Machine::open_vga() {
    if (options_.vga.model == toolstack::VgaModel::None) return {};
    BoardParts::Vga vga;
    const bool cirrus = options_.vga.model == toolstack::VgaModel::Cirrus;
    vga.model = cirrus ? BoardParts::Vga::Model::Cirrus : BoardParts::Vga::Model::Std;
    DM_TRY_ASSIGN(vga.rom, firmware::load_rom(cirrus ? kCirrusRom : kStdVgaRom, firmware_directories()));
    const u64 size = cirrus ? CirrusVga::kMemory : StdVga::memory_size(options_.vga.memory_mib);
    DM_TRY_ASSIGN(vga.memory, accelerator_->make_video_memory(size));
    if (options_.vga.pci_slot) vga.slot = static_cast<u8>(*options_.vga.pci_slot);
    vga_ = std::move(vga);
    return {};
}

Status Machine::open_vnc() {
    if (board_->display() != nullptr) screen_ = std::make_unique<Screen>(*accelerator_, *board_->display());
    InputSink& devices = board_->input();
    input_ = std::make_unique<InputGate>(recorder_ != nullptr ? recorder_->input(devices) : devices);
    key_presses_ = std::make_unique<KeyPresses>(*input_, loop_.host_timers());
    if (!options_.vnc.enabled) return {};
    DM_TRY_ASSIGN(vnc_, vnc::VncServer::create(options_.vnc, options_.name, loop_, screen_.get(), *input_));
    return {};
}

Status Machine::open_monitors() {
    qmp_ = std::make_unique<toolstack::QmpServer>(loop_, *this);
    for (const toolstack::InheritedFd& inherited : options_.inherited_fds)
        DM_TRY(qmp_->add(inherited));
    for (const toolstack::MonitorOptions& monitor : options_.monitors)
        DM_TRY(qmp_->open(monitor));
    return {};
}

Status Machine::lock_down() {
    const bool confined = options_.restrict_to_domain || !options_.chroot_dir.empty() || options_.run_as;
    host::Lockdown lockdown{.chroot_dir = options_.chroot_dir,
                            .ids = std::nullopt,
                            .largest_file = confined ? disks_.largest_written_file() : 0};
    if (options_.run_as && !options_.run_as->user.empty()) {
        DM_TRY_ASSIGN(lockdown.ids, host::find_user(options_.run_as->user));
    } else if (options_.run_as) {
        lockdown.ids = host::UserIds{options_.run_as->uid, options_.run_as->gid};
    }
    if (confined && vnc_ != nullptr) DM_TRY(vnc_->load_libraries()); // a chroot hides them
    if (options_.restrict_to_domain) DM_TRY(accelerator_->restrict_handles());
    return host::lock_down(lockdown);
}

Status Machine::start() {
    DM_TRY(accelerator_->start(loop_, board_->ports(), board_->memory(), board_->pci()));
    loop_.set_round_end([this] { accelerator_->trim(); });
    DM_TRY(lock_down()); // before the guest's first request
    if (options_.start_paused) return {};
    DM_TRY(resume());
    if (!options_.restrict_to_domain) accelerator_->announce_running();
    return {};
}

Status Machine::resume() {
    if (state_ == RunState::Running) {
        announce_nics();
        return {};
    }
    DM_TRY(disks_.activate());
    DM_TRY(accelerator_->set_serving(true));
    loop_.machine_clock().start();
    state_ = RunState::Running;
    resume_pv_devices();
    if (std::exchange(restored_, false)) board_->release_input();
    open_gates();
    announce_nics();
    if (qmp_ != nullptr) qmp_->resumed();
    accelerator_->hold(false);
    board_->retry();
    return {};
}

Status Machine::stop() {
    if (state_ == RunState::IoError) { // all has come to rest already
        DM_TRY(accelerator_->set_serving(false));
        state_ = RunState::Paused;
    }
    if (state_ != RunState::Running) return {};
    close_gates();
    accelerator_->drain_buffered();
    board_->quiesce();
    pause_pv_devices();
    loop_.machine_clock().stop();
    DM_TRY(accelerator_->set_serving(false));
    state_ = RunState::Paused;
    qmp_->stopped();
    return {};
}

void Machine::open_gates() {
    for (const auto& serial : serials_)
        if (serial != nullptr) serial->open();
    if (parallel_ != nullptr) parallel_->open();
    for (const Cable& cable : cables_)
        if (cable.end != nullptr) cable.end->open();
    if (input_ != nullptr) input_->open();
    if (usb_host_ != nullptr) usb_host_->pause(false);
}

void Machine::close_gates() {
    for (const auto& serial : serials_)
        if (serial != nullptr) serial->close();
    if (parallel_ != nullptr) parallel_->close();
    for (const Cable& cable : cables_)
        if (cable.end != nullptr) cable.end->close();
    if (input_ != nullptr) input_->close();
    if (usb_host_ != nullptr) usb_host_->pause(true);
}

void Machine::quit() {
    loop_.quit(0);
}

Status Machine::reset() {
    if (!reboots_in_place_) return MachineControl::reset();
    reset_devices(toolstack::QmpCause::Host, "host-qmp-system-reset");
    return {};
}

void Machine::reset_devices(toolstack::QmpCause cause, std::string_view reason) {
    if (recorder_ != nullptr) recorder_->finish(); // a recording is of one life
    board_->reset();
    qmp_->reset(cause, reason);
}

void Machine::guest_shut_down(ShutdownReason reason) {
    const bool reboot = reason == ShutdownReason::Reboot;
    if (reboot && reboots_in_place_) return; // the accelerator resets the devices when the access is over
    log_.info("the guest {}", reboot ? "asks for a reboot" : "has switched itself off");
    if (reboot)
        qmp_->reset(toolstack::QmpCause::Guest, "guest-reset");
    else
        qmp_->shutdown(toolstack::QmpCause::Guest, "guest-shutdown");
    if (options_.exit_on_shutdown) loop_.quit(0);
}

RunState Machine::run_state() const {
    return state_ == RunState::Running && board_->asleep() ? RunState::Suspended : state_;
}

void Machine::guest_sleeps() {
    log_.info("the guest sleeps (S3); xl trigger {} s3resume wakes it", options_.name);
    qmp_->suspended();
}

Status Machine::wake_up() {
    if (!board_->asleep()) return fail("the guest does not sleep");
    if (recorder_ != nullptr)
        recorder_->finish(); // what a waking machine does is not of the recorded guest's doing
    board_->wake();
    log_.info("the guest is woken");
    qmp_->woken();
    return {};
}

Status Machine::power_down() {
    return fail("the power button is the hypervisor's: use xl trigger {} power, or xl shutdown -F",
                options_.name);
}

std::vector<CharDeviceInfo> Machine::char_devices() const {
    std::vector<CharDeviceInfo> found;
    for (unsigned i = 0; i < kSerialPorts; ++i)
        if (serials_[i] != nullptr)
            found.push_back({.label = fmt::format("serial{}", i), .filename = serials_[i]->description()});
    if (parallel_ != nullptr) found.push_back({.label = "parallel0", .filename = parallel_->description()});
    return found;
}

std::optional<VncInfo> Machine::vnc() const {
    return vnc_ != nullptr ? std::optional(vnc_->info()) : std::nullopt;
}

Status Machine::press_keys(const std::vector<KeyCode>& keys, unsigned hold_ms) {
    if (state_ != RunState::Running) return fail("the guest does not run");
    return key_presses_->press(keys, hold_ms);
}

Status Machine::set_vnc_password(const std::string& password) {
    if (vnc_ == nullptr)
        return fail("this machine has no VNC server; set vnc=1 in the guest's configuration");
    return vnc_->set_password(password);
}

Status Machine::expire_vnc_password(std::optional<long long> when) {
    if (vnc_ == nullptr)
        return fail("this machine has no VNC server; set vnc=1 in the guest's configuration");
    return vnc_->expire_password(when);
}

/// What was written is on the media before the state says so.
Status Machine::save_devices(int fd, bool live) {
    const bool walled = !options_.chroot_dir.empty() || options_.run_as;
    if (live && walled) DM_TRY(disks_.come_back_locked_down());
    StateWriter out;
    out.section(kMachineSection, MachineState{.now_ns = loop_.machine_clock().now_ns()});
    board_->save(out);
    const std::vector<u8> image = std::move(out).take();
    DM_TRY_ASSIGN(const std::size_t written, write_saved(fd, image));
    DM_TRY(disks_.flush());
    if (live) DM_TRY(disks_.release());
    log_.info("saved, {} bytes{}", written, live ? "; the disks are another host's now" : "");
    return {};
}

Status Machine::log_dirty_pages(bool enable) {
    accelerator_->set_log_dirty(enable);
    return {};
}

} // namespace dm
