// The PC that guests of Xen know (QEMU's "xenfv"): which chip sits at which port, interrupt and PCI place,
// and what is on the other side of it. Knows no file, socket or hypercall: back ends and the hypervisor are
// given.
#pragma once

#include "dm/board/usb_ports.hpp"
#include "dm/core/char_backend.hpp"
#include "dm/core/clock.hpp"
#include "dm/core/display.hpp"
#include "dm/core/hypervisor.hpp"
#include "dm/core/input.hpp"
#include "dm/core/machine_control.hpp"
#include "dm/devices/acpi/gpe_hotplug.hpp"
#include "dm/devices/acpi/piix4_pm.hpp"
#include "dm/devices/ahci/ahci_controller.hpp"
#include "dm/devices/char/parallel_port.hpp"
#include "dm/devices/char/uart16550.hpp"
#include "dm/devices/floppy/fdc_82078.hpp"
#include "dm/devices/fw_cfg/fw_cfg.hpp"
#include "dm/devices/ide/piix3_ide.hpp"
#include "dm/devices/input/i8042.hpp"
#include "dm/devices/input/ps2_input.hpp"
#include "dm/devices/isa/cmos.hpp"
#include "dm/devices/isa/dma_8257.hpp"
#include "dm/devices/isa/misc_ports.hpp"
#include "dm/devices/net/e1000.hpp"
#include "dm/devices/net/ne2k_pci.hpp"
#include "dm/devices/net/pcnet.hpp"
#include "dm/devices/net/rtl8139.hpp"
#include "dm/devices/pci/i440fx.hpp"
#include "dm/devices/pci/pci_host.hpp"
#include "dm/devices/pci/piix3_isa.hpp"
#include "dm/devices/scsi/lsi53c895a.hpp"
#include "dm/devices/sound/ac97.hpp"
#include "dm/devices/sound/es1370.hpp"
#include "dm/devices/sound/hda_controller.hpp"
#include "dm/devices/sound/sb16.hpp"
#include "dm/devices/usb/ehci.hpp"
#include "dm/devices/usb/uhci.hpp"
#include "dm/devices/usb/xhci.hpp"
#include "dm/devices/vga/cirrus_vga.hpp"
#include "dm/devices/vga/std_vga.hpp"
#include "dm/devices/xen_platform/xen_platform.hpp"

#include <array>
#include <memory>
#include <optional>
#include <vector>

namespace dm {

inline constexpr unsigned kSerialPorts = 4;

struct VgaParts {
    enum class Model : u8 { Std, Cirrus };
    Model model = Model::Std;
    std::unique_ptr<VideoMemory> memory;
    std::vector<u8> rom;
    std::optional<u8> slot; ///< first free one when not said
};

struct NicParts {
    enum class Model : u8 { Rtl8139, I82540em, I82544gc, I82545em, Ne2kPci, Pcnet };
    Model model = Model::Rtl8139;
    NetCardConfig config;
    std::optional<u8> slot; ///< first free one when not said
};

struct SoundParts {
    enum class Model : u8 { Ac97, Es1370, IntelHda, Ich9IntelHda };
    Model model = Model::Ac97;
    AudioBackend* audio = nullptr; ///< null: what it plays goes nowhere; on a link codecs have their own
    std::optional<Bdf> place;      ///< first free slot when not said
    std::array<std::optional<HdaController::Codec>, hda::kMostCodecs> codecs{}; ///< on the link
};

/// At port 220, IRQ 5, DMA channels 1 and 5.
struct Sb16Parts {
    AudioBackend* audio = nullptr; ///< null: what it plays goes nowhere
};

struct BoardParts {
    unsigned cpus = 1;     ///< online at start
    unsigned max_cpus = 1; ///< may come later
    u64 ram_below_4g = 0;
    u64 ram_above_4g = 0;
    std::string boot_order = "cda";
    bool xen_platform = true;
    bool pci_hot_plug = true; ///< a recorded machine stays as it was built
    using Vga = VgaParts;
    std::optional<Vga> vga;
    std::array<CharBackend*, kSerialPorts> serials{}; ///< null: no UART there
    CharBackend* parallel = nullptr;                  ///< null: no such port
    Fdc82078::Drives floppies{};
    Piix3Ide::Config ide;
    std::optional<FwCfgContents> fw_cfg; ///< nothing: no such device, as always but for a direct kernel boot
    struct Ahci {
        AhciController::Config config;
        std::optional<Bdf> place; ///< first free slot when not said
    };
    std::optional<Ahci> ahci;
    struct Scsi {
        Lsi53c895a::Config disks;
        std::optional<u8> slot; ///< first free one when not said
    };
    std::optional<Scsi> scsi;
    std::vector<NicParts> nics;
    std::vector<SoundParts> sounds;
    std::optional<Sb16Parts> sb16;
    struct Usb {
        struct Device {
            UsbModel model = UsbModel::Tablet;
            std::string id{};    ///< may be empty
            std::string port{};  ///< "1", "2.3"; empty: the first free one
            std::string bus{};   ///< "usb.0", "usb-bus.1"; empty: the first one with a free port
            std::string drive{}; ///< of a disk
        };
        struct Controller {
            enum class Model : u8 { // numbers are in saved states
                Piix3Uhci,
                Ich9Uhci1,
                Ich9Uhci2,
                Ich9Uhci3,
                Ehci,
                Ich9Ehci,
                NecXhci,
                QemuXhci,
                Piix4Uhci
            };
            Model model = Model::Piix3Uhci;
            std::string id{};           ///< its bus is "ID.0"; empty: "usb-bus.N"
            std::optional<Bdf> place{}; ///< function 2 of the PIIX3 when not said
            std::string master{};       ///< the bus whose companion it is; empty: it has a bus of its own
            unsigned first_port = 0;    ///< there
            bool multifunction = false;
            unsigned usb2_ports = 4; ///< of an xHCI controller
            unsigned usb3_ports = 4;
        };
        std::vector<Controller> controllers; ///< none: one as a PIIX3 has it
        std::vector<Device> devices;
        UsbDrives drives; ///< for disks, now and later
    };
    std::optional<Usb> usb;
    std::function<void(ShutdownReason)> on_shutdown; ///< told before the hypervisor is
    std::function<void()> on_sleep;                  ///< the guest goes to S3; may be empty
    std::function<void(u8 leds)> on_leds;            ///< keyboard lights; may be empty
    /// A device with an id is gone: the guest let it go, its controller went, its host lost it. May be empty.
    std::function<void(const std::string& id)> on_device_gone;
};

class Board final : private UnplugHandler {
public:
    /// Errors: a PCI place that is taken.
    static Result<std::unique_ptr<Board>> create(TimerQueue& timers, Hypervisor& hypervisor,
                                                 BoardParts parts);

    IoSpace& ports() { return ports_; }
    IoSpace& memory() { return memory_; }
    PciBus& pci() { return pci_; }
    Piix3Ide& ide() { return *ide_; }
    Fdc82078& fdc() { return *fdc_; }
    AhciController* ahci() { return ahci_.get(); } ///< if there is one
    GpeHotplug& hotplug() { return *gpe_; }
    DisplaySource* display() { return display_; } ///< if there is a graphics adapter
    InputSink& input() { return *input_; }
    InputTargets& input_targets() { return *input_; }
    /// What a saved state says is held down is held by nobody here.
    void release_input() { input_->release_all(); }
    bool has_usb() const { return !usb_.empty(); }
    Status plug_usb(const BoardParts::Usb::Device& device);
    /// A device of the host; of `device`, id, port and bus count.
    Status plug_usb_host(std::unique_ptr<UsbHostLink> link, const BoardParts::Usb::Device& device);
    Status unplug_usb(std::string_view id);
    bool has_usb_device(std::string_view id) const;

    // Controllers that come and go by the toolstack's word, as PCI devices that are plugged in. Their places
    // are those that were empty when the machine was built.
    Status plug_usb_controller(const BoardParts::Usb::Controller& controller);
    /// Asks the guest to let it go; on_device_gone follows when it does.
    Status unplug_usb_controller(std::string_view id);
    bool has_usb_controller(std::string_view id) const;
    /// A saved machine had it, so it is there, and the toolstack has not yet asked for it anew.
    bool awaits_usb_controller(const BoardParts::Usb::Controller& controller) const;

    /// Waits until nothing is in flight.
    void quiesce();
    /// The machine goes on: drives repeat the requests that they kept when the host failed them.
    void retry() {
        ide_->retry();
        if (ahci_ != nullptr) ahci_->retry();
        if (scsi_ != nullptr) scsi_->retry();
    }
    void reset();
    /// The guest sleeps in S3, until wake().
    bool asleep() const { return pm_->asleep(); }
    /// After load(), before the guest runs: one that was saved asleep sleeps on, or wakes up where the
    /// hypervisor does not let it sleep or is not to.
    void sleep_again(bool may);
    /// Resets what loses its power in S3, and has the guest's CPU go on.
    void wake();
    void save(StateWriter& out) const;
    /// All devices or none: on error the machine must not run.
    Status load(StateReader& in);

    /// A machine goes on that came from elsewhere: its network cards tell all switches, now and a few times
    /// in the next half second.
    void announce_nics();

    std::vector<PciDeviceInfo> pci_devices() const;

private:
    // Everything without a fixed place takes the first free device number from 2 on, as guests are used to.
    static constexpr u8 kFirstFreeDevice = 2;
    static constexpr u8 kIntA = 1;

    struct Nic {
        std::unique_ptr<NetCard> card;
        Bdf place;
    };

    Board(TimerQueue& timers, Hypervisor& hypervisor) : timers_(timers), hypervisor_(hypervisor) {}

    Status build(BoardParts parts);
    Status add_bridges();
    Status add_power_management(const BoardParts& parts);
    void add_isa(const BoardParts& parts);
    void add_fw_cfg(FwCfgContents contents);
    void add_input(const BoardParts& parts);
    void add_serial(const BoardParts& parts);
    void add_floppies(const BoardParts& parts);
    Status add_ide(const BoardParts& parts);
    Status add_xen_platform();
    Status add_scsi(const BoardParts::Scsi& parts);
    Status add_vga(BoardParts::Vga parts);
    Status add_ahci(const BoardParts::Ahci& parts);
    Status add_nics(std::vector<NicParts> nics);

    // board_sound.cpp
    Status add_sound(const SoundParts& parts);
    void add_sb16(const Sb16Parts& parts);
    std::unique_ptr<PciFunction> make_sound(const SoundParts& parts, PciWiring wiring);

    // board_usb.cpp
    struct Usb {
        std::string id;
        std::unique_ptr<PciFunction> function;
        UsbController* controller = nullptr; ///< that function
        Ehci* ehci = nullptr;                ///< if it is one
        std::unique_ptr<UsbPorts> ports;     ///< null: a companion
        Bdf place{};
        /// Of one that was plugged in.
        std::optional<BoardParts::Usb::Controller> plugged{};
        bool awaited = false; ///< see awaits_usb_controller()
    };
    Status add_usb(const BoardParts::Usb& parts);
    Status add_usb_controller(const BoardParts::Usb::Controller& parts);
    Result<Usb> make_usb(const BoardParts::Usb::Controller& parts, Bdf place, unsigned number);
    void add_usb_ports(Usb& usb, unsigned number);
    Usb* usb_bus(std::string_view name);

    // board_plug.cpp: controllers that come and go
    struct PluggedUsb {
        u8 slot = 0; ///< 0: none
        BoardParts::Usb::Controller::Model model{};
        u8 usb2_ports = 0;
        u8 usb3_ports = 0;
        Fifo<char, UsbPorts::kLongestId> id;
        static constexpr void fields(auto&& v, auto& s) {
            v("slot", s.slot);
            v("model", s.model);
            v("usb2_ports", s.usb2_ports);
            v("usb3_ports", s.usb3_ports);
            v("id", s.id);
        }
    };
    struct Plugged {
        static constexpr std::size_t kMost = 28;
        std::array<PluggedUsb, kMost> usb{};
        static constexpr void fields(auto&& v, auto& s) { v("usb", s.usb); }
    };
    Status put_usb_controller(const BoardParts::Usb::Controller& parts, u8 slot);
    u32 empty_slots() const;
    void ejected(unsigned slot);
    void remove_usb(std::size_t index);
    void finish_ejects();
    void told_gone(const std::string& id) const {
        if (on_device_gone_) on_device_gone_(id);
    }
    void save_plugged(StateWriter& out) const;
    Status load_plugged(StateReader& in);

    void map(u64 base, u64 length, IoHandler& handler, unsigned width, u64 first_offset = 0);
    IrqLine isa(unsigned irq) { return {hypervisor_.isa_irqs(), irq}; }
    PciWiring wiring(u8 device, u8 pin);
    Status attach(Bdf bdf, PciFunction& function);
    template <class D, class... Args> D& add(std::unique_ptr<D>& place, Args&&... args) {
        place = std::make_unique<D>(std::forward<Args>(args)...);
        devices_.push_back(place.get());
        return *place;
    }
    void shutdown(ShutdownReason reason);

    void follow_unplug();

    void unplug_disks(UnplugDisks which) override;
    void unplug_nics() override;
    void announce();
    void unplug_nvme() override {}
    bool drivers_refused(u16 product, u32 build) override {
        return hypervisor_.refuses_drivers(product, build);
    }

    TimerQueue& timers_;
    Hypervisor& hypervisor_;
    std::function<void(ShutdownReason)> on_shutdown_;
    std::function<void(const std::string& id)> on_device_gone_;
    Log log_{"board"};

    IoSpace ports_{"ports", 0xffff};
    IoSpace memory_{"memory", ~u64{0}};
    PciBus pci_;

    // In the order in which they are made; gone in the opposite one.
    std::unique_ptr<I440fx> i440fx_;
    std::unique_ptr<Piix3Isa> piix3_;
    std::unique_ptr<PciHost> pci_host_;
    std::unique_ptr<Piix4Pm> pm_;
    std::unique_ptr<GpeHotplug> gpe_;
    std::unique_ptr<Cmos> cmos_;
    std::unique_ptr<Dma8257> dma_;
    std::unique_ptr<Fdc82078> fdc_;
    std::unique_ptr<Sb16> sb16_;
    std::unique_ptr<FwCfg> fw_cfg_;
    std::unique_ptr<MiscPorts> misc_;
    std::unique_ptr<Ps2Keyboard> keyboard_;
    std::unique_ptr<Ps2Mouse> mouse_;
    std::unique_ptr<I8042> i8042_;
    std::unique_ptr<Ps2KeyboardInput> keyboard_input_;
    std::unique_ptr<Ps2MouseInput> mouse_input_;
    std::unique_ptr<InputSwitch> input_;
    std::array<std::unique_ptr<IrqOr>, 2> serial_irqs_; ///< IRQ 4: COM1 and COM3; IRQ 3: COM2 and COM4
    std::array<std::unique_ptr<Uart16550>, kSerialPorts> serials_;
    std::unique_ptr<ParallelPort> parallel_;
    std::unique_ptr<Piix3Ide> ide_;
    std::unique_ptr<XenPlatform> xen_platform_;
    std::unique_ptr<Lsi53c895a> scsi_;
    Bdf scsi_place_;
    std::unique_ptr<StdVga> vga_;
    std::unique_ptr<CirrusVga> cirrus_; ///< instead of it
    DisplaySource* display_ = nullptr;
    std::unique_ptr<AhciController> ahci_;
    std::vector<Nic> nics_;
    unsigned announced_ = 0;
    Timer announce_again_{timers_, [this] { announce(); }}; ///< a machine saved meanwhile is announced anew
    std::vector<std::unique_ptr<PciFunction>> sounds_;
    UsbDrives usb_drives_;
    std::vector<Usb> usb_;

    std::vector<Device*> devices_;
    std::vector<IoWindow> windows_;
};

} // namespace dm
