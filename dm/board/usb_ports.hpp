// Which USB device is plugged in where on one bus: on a root port, or on a hub that is put there when a
// device comes that would take the last one. What was plugged in while the guest ran is there again when it
// is restored; devices of the host are pulled out then.
#pragma once

#include "dm/core/clock.hpp"
#include "dm/core/usb_host.hpp"
#include "dm/devices/ide/drive_config.hpp"
#include "dm/devices/input/input_switch.hpp"
#include "dm/devices/usb/usb_controller.hpp"
#include "dm/devices/usb/usb_hub.hpp"

#include <functional>
#include <map>
#include <optional>
#include <string>
#include <vector>

namespace dm {

enum class UsbModel : u8 { None, Tablet, Mouse, Keyboard, Hub, Storage, Host };

/// What may become a USB disk, by the drive's id.
using UsbDrives = std::map<std::string, DriveConfig, std::less<>>;

struct UsbBus {
    unsigned number = 0; ///< the first one's devices have no number in their names
    const UsbDrives* drives = nullptr;
    /// A device of the host with this id was pulled out there, and is gone here.
    std::function<void(const std::string& id)> lost{};
};

class UsbPorts final : public Device {
public:
    static constexpr std::size_t kLongestId = 64;
    /// A section of the state holds two root ports.
    static constexpr unsigned kRoots = 2;
    static constexpr std::size_t kPlaces = std::size_t{kRoots} * (1 + UsbHub::kPorts);

    struct Slot {
        UsbModel model = UsbModel::None;
        Fifo<char, kLongestId> id;
        Fifo<char, kLongestId> drive; ///< of a disk
        static constexpr void fields(auto&& v, auto& s) {
            v("model", s.model);
            v("id", s.id);
            v("drive", s.drive);
        }
    };
    struct State {
        std::array<Slot, kPlaces> slots{}; ///< both root ports, then those behind each
        static constexpr void fields(auto&& v, auto& s) { v("slots", s.slots); }
    };

    /// `controller`: its place as guests read it in serial numbers, "0000:00:01.2".
    UsbPorts(UsbController& usb, InputSwitch& input, TimerQueue& timers, std::string controller,
             UsbBus bus = {});
    ~UsbPorts() override;

    /// `port`: "2", "2.1"; empty: the first free one. `id`: its name for unplug(), may be empty. `drive`: of
    /// a disk.
    Status plug(UsbModel model, std::string_view id = {}, std::string_view port = {},
                std::string_view drive = {});
    /// A device of the host; `link` stays the caller's when it fails. Errors: those of plug(), and a device
    /// that is too fast or too slow.
    Status plug_host(std::unique_ptr<UsbHostLink>& link, std::string_view id = {},
                     std::string_view port = {});
    Status unplug(std::string_view id);
    /// All that have an id.
    std::vector<std::string> ids() const;
    bool has(std::string_view id) const;
    bool uses(std::string_view drive) const;

    void reset() override {}
    void save(StateWriter& out) const override;
    /// Before the controller is loaded: plugs in and takes out what the saved machine had otherwise.
    Status load(StateReader& in) override;
    /// After the controller is loaded: pulls out what the saved machine had of its host.
    void drop_absent_devices();

private:
    struct Place {
        unsigned root = 0;
        std::optional<unsigned> behind; ///< port of the hub there
        bool operator==(const Place&) const = default;
    };
    struct Plugged {
        UsbModel model = UsbModel::None;
        std::string id;
        std::string drive;
        Place place;
        bool absent = false;          ///< a saved machine's, of another life
        UsbHub* hub = nullptr;        ///< if it is one
        InputTarget* input = nullptr; ///< if it is one
    };

    Result<Place> parse(std::string_view port) const;
    Result<Place> free_place(bool for_hub, UsbHostLink* link = nullptr) const;
    static std::size_t slot_of(const Place& place);
    static Place place_of(std::size_t section, std::size_t slot);
    std::size_t sections() const { return (usb_.root_ports() + kRoots - 1) / kRoots; }
    std::string section_name(std::size_t section) const;
    Status check(std::size_t section, const State& state) const;
    bool has_drive(std::string_view id) const;
    UsbHub* hub_at(unsigned root) const;
    const Plugged* at(const Place& place) const;
    bool taken(const Place& place) const;
    bool serves(const Place& place, usb::Speed speed) const;
    bool serves(const Place& place, UsbHostLink& link) const;
    void put(UsbModel model, std::string_view id, const Place& place, std::string_view drive = {},
             std::unique_ptr<UsbHostLink> link = nullptr);
    void lost(Place place);
    std::unique_ptr<UsbDevice> make_disk(std::string_view drive, std::string_view place);
    void apply(const Slot& slot, const Place& place);
    void remove(Place place);

    UsbController& usb_;
    InputSwitch& input_;
    TimerQueue& timers_;
    std::string controller_;
    UsbBus bus_;
    std::string tag_; ///< of the bus, in names of devices
    std::vector<Plugged> plugged_;
};
static_assert(covers_every_field<UsbPorts::State> && covers_every_field<UsbPorts::Slot>);

} // namespace dm
