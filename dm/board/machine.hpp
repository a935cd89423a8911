// One guest's machine: the board, what hangs on it in the host, and the toolstack's grip on both.
#pragma once

#include "dm/board/board.hpp"
#include "dm/board/char_gate.hpp"
#include "dm/board/disks.hpp"
#include "dm/board/input_gate.hpp"
#include "dm/board/key_presses.hpp"
#include "dm/core/accelerator.hpp"
#include "dm/core/machine_control.hpp"
#include "dm/host/loop.hpp"
#include "dm/host/tap_cable.hpp"
#include "dm/replay/recorder.hpp"
#include "dm/toolstack/options.hpp"
#include "dm/toolstack/qmp_server.hpp"
#include "dm/vnc/vnc_server.hpp"
#include "dm/xen/pv/pv_disks.hpp"
#include "dm/xen/pv/pv_pointers.hpp"

#include <memory>
#include <vector>

namespace dm {

class Machine final : public MachineControl {
public:
    /// Opens everything and builds the machine. Errors name the option and the remedy.
    static Result<std::unique_ptr<Machine>> create(host::Loop& loop,
                                                   const toolstack::MachineOptions& options);
    ~Machine() override;
    Machine(const Machine&) = delete;
    Machine& operator=(const Machine&) = delete;

    /// Locks down, enables the ioreq server, and unless -S was given announces that the guest may run.
    Status start();

    // MachineControl
    RunState run_state() const override;
    Status resume() override;
    Status stop() override;
    void quit() override;
    Status reset() override;
    std::string name() const override { return options_.name; }
    unsigned vcpus() const override { return board_->hotplug().cpus(); }
    unsigned max_vcpus() const override { return options_.max_cpus; }
    Status plug_cpu(unsigned index) override { return board_->hotplug().cpu_online(index); }
    Status wake_up() override;
    Status power_down() override;
    std::vector<CharDeviceInfo> char_devices() const override;
    std::optional<VncInfo> vnc() const override;
    Status set_vnc_password(const std::string& password) override;
    Status expire_vnc_password(std::optional<long long> when) override;
    std::vector<PciDeviceInfo> pci_devices() const override { return board_->pci_devices(); }
    std::vector<DriveInfo> drives() const override;
    Status eject(const std::string& drive, bool force) override;
    Status change_medium(MediumChange change) override;
    Status resize_drive(const std::string& drive, unsigned long long bytes) override {
        return disks_.resize(drive, bytes);
    }
    Status save_devices(int fd, bool live) override;
    Status press_keys(const std::vector<KeyCode>& keys, unsigned hold_ms) override;
    Status dump_screen(ScreenDump dump) override;
    Status set_link(const std::string& name, bool up) override;
    Status log_dirty_pages(bool enable) override;
    Status add_device(const DeviceRequest& request) override;
    Status remove_device(const std::string& id) override;
    bool awaits_device(const DeviceRequest& request) const override;
    bool has_device(const std::string& id) const override;

private:
    Machine(host::Loop& loop, const toolstack::MachineOptions& options) : loop_(loop), options_(options) {}

    Status build();
    Status record();
    Status restore();
    Status open_serials();
    Status open_parallel();
    void add_floppies(BoardParts& parts);
    Status open_vga();
    Status open_kernel();
    std::vector<std::string> firmware_directories() const;
    void open_pv_devices();
    void open_pv_disks();
    void pause_pv_devices();
    void resume_pv_devices();
    Status open_vnc();
    Status open_monitors();
    Status lock_down();
    BoardParts parts();
    static DriveConfig* drive_place(BoardParts& parts, const toolstack::DiskOptions& disk);
    void open_gates();
    void close_gates();
    void guest_shut_down(ShutdownReason reason);
    void guest_sleeps();
    void reset_devices(toolstack::QmpCause cause, std::string_view reason);

    // machine_net.cpp: taps and network cards
    struct Cable {
        toolstack::NicOptions options;
        std::unique_ptr<host::TapCable> end; ///< null: the card has none
    };
    Status open_cables();
    Result<std::unique_ptr<host::TapCable>> open_cable(const toolstack::NicOptions& nic);
    void add_nics(BoardParts& parts);
    std::vector<u8> nic_rom(const toolstack::NicOptions& nic) const;
    void announce_nics();

    // machine_sound.cpp: sound cards and their back ends
    using AudioEnd = std::unique_ptr<AudioBackend>; ///< null: the sound goes nowhere
    Status open_audio();
    AudioBackend* audio(std::string_view id) const;
    bool has_sound() const;
    void add_sounds(BoardParts& parts) const;

    // machine_media.cpp: removable media, and drives that the host fails
    class DriveWatch;
    struct Removable {
        Disks::Disk& disk;
        AtapiCdrom* cdrom; ///< null: a floppy drive
    };
    DriveEvents* watch(const std::string& drive);
    AtapiCdrom* cdrom(const std::string& drive) const;
    void insert(const Removable& place);
    Result<Removable> removable(const std::string& name);
    Result<Disks::Disk> open_medium(MediumChange change, toolstack::DiskMedia media);
    void media_change_ends_recording();
    void watch_disc_drives();
    void look_at_disc_drives();
    void disc_moved(Disks::Disk& disk, AtapiCdrom& drive, host::DiscDrive::Event event);
    void tray_moved(const std::string& drive, bool open);
    void tray_locked(const std::string& drive, bool locked);
    void medium_failed(const std::string& drive, BlockIo::Op op, int error, OnError action);
    void stop_for_error();

    // machine_usb.cpp: USB controllers and devices of the toolstack
    static std::optional<BoardParts::Usb> usb_parts(const toolstack::MachineOptions& options);
    Status add_usb_controller(const DeviceRequest& request, BoardParts::Usb::Controller::Model model);
    Status add_host_device(const DeviceRequest& request);
    Status open_host_devices();

    host::Loop& loop_;
    toolstack::MachineOptions options_;
    RunState state_ = RunState::Prelaunch;
    bool reboots_in_place_ = false;
    bool restored_ = false; ///< and has not run since
    /// Of a restored guest: when its machine starts, and when the toolstack has its CPUs run, which libxl
    /// does after the taps are in their bridges.
    unsigned announcements_ = 0;
    Log log_{"machine"};

    // In the order of who outlives whom.
    std::unique_ptr<Accelerator> accelerator_;
    replay::Recorder* recorder_ = nullptr; ///< the accelerator, when the machine is recorded
    Disks disks_{loop_};
    std::vector<std::unique_ptr<DriveEvents>> watches_; ///< one for each drive
    Timer error_stop_{loop_.host_timers(), [this] { stop_for_error(); }};
    Timer disc_look_{loop_.host_timers(), [this] { look_at_disc_drives(); }};
    std::array<std::unique_ptr<CharGate>, kSerialPorts> serials_;
    std::unique_ptr<CharGate> parallel_;
    std::vector<std::pair<std::string, AudioEnd>> audio_; ///< by id, in the order given
    std::vector<Cable> cables_;                           ///< one for each network card, emulated or not
    std::optional<BoardParts::Vga> vga_;                  ///< until the board takes it
    std::optional<FwCfgContents> fw_cfg_;                 ///< until the board takes it
    std::unique_ptr<UsbHostSource> usb_host_;             ///< null: no device of the host was asked for yet
    std::unique_ptr<Board> board_;
    std::unique_ptr<xen::PvWorld> pv_world_;       ///< null: not on Xen, or cut off from what it takes
    std::unique_ptr<xen::PvDisks> pv_disks_;       ///< null: as with pv_world_, or there are no grants
    std::unique_ptr<xen::PvPointers> pv_pointers_; ///< null: as with pv_world_
    std::unique_ptr<InputGate> input_;
    std::unique_ptr<KeyPresses> key_presses_;
    std::unique_ptr<DisplaySource> screen_;
    std::unique_ptr<vnc::VncServer> vnc_;
    std::unique_ptr<toolstack::QmpServer> qmp_;
};

} // namespace dm
