// USB 3 host controllers by the eXtensible Host Controller Interface 1.1 (Intel): NEC/Renesas uPD720200,
// 1033:0194, and QEMU's own, 1b36:000d.  Notes: docs/devices/xhci.md
//
// Missing: streams, bandwidth (there is always enough), L1 and hardware power management of links, the
// debug capability, virtual functions, MSI-X (messages are those of MSI). Isochronous transfers find no
// device that answers.
// Quirks: uPD720200 answers NEC's two own commands, without which their driver for Windows 7 does not start.
//
// Devices are of USB 2 at most, so they are on the USB 2 ports. Guests ring doorbells, devices tell when they
// have something: nothing is polled.
#pragma once

#include "dm/core/bits.hpp"
#include "dm/core/guest_memory.hpp"
#include "dm/core/pci.hpp"
#include "dm/devices/usb/usb_controller.hpp"
#include "dm/devices/usb/xhci_regs.hpp"

#include <memory>

namespace dm {

class Xhci final : public PciFunction, public UsbController, private IoHandler, private UsbUpstream {
public:
    enum class Model : u8 { Nec, Qemu };
    struct Config {
        Model model = Model::Nec;
        unsigned usb2_ports = 4; ///< 1 to kMostPortsOfKind
        unsigned usb3_ports = 4; ///< 0 to kMostPortsOfKind
    };

    struct Interrupter {
        u32 iman = 0;
        u32 imod = xhci::kModerationReset;
        u32 erstsz = 0;
        u64 erstba = 0;
        u64 erdp = 0; ///< with EHB
        u64 quiet_until_ns = 0;
        bool started = false; ///< the event ring's segments are known; what follows is of it
        bool cycle = false;
        bool pending = false; ///< events that want an interrupt are in the ring
        bool full = false;    ///< and the guest was told
        u8 segment = 0;       ///< where the next event goes
        u16 index = 0;
        std::array<u64, xhci::kMostSegments> bases{};
        std::array<u16, xhci::kMostSegments> sizes{}; ///< in events

        static constexpr void fields(auto&& v, auto& s) {
            v("iman", s.iman);
            v("imod", s.imod);
            v("erstsz", s.erstsz);
            v("erstba", s.erstba);
            v("erdp", s.erdp);
            v("quiet_until_ns", s.quiet_until_ns);
            v("started", s.started);
            v("cycle", s.cycle);
            v("pending", s.pending);
            v("full", s.full);
            v("segment", s.segment);
            v("index", s.index);
            v("bases", s.bases);
            v("sizes", s.sizes);
        }
    };
    struct Slot {
        xhci::SlotState state = xhci::SlotState::Disabled;
        u8 port = 0;     ///< of the root hub, from 1 on
        u8 address = 0;  ///< on the bus
        u64 context = 0; ///< the device context, since the device has an address or is in its default state

        static constexpr void fields(auto&& v, auto& s) {
            v("state", s.state);
            v("port", s.port);
            v("address", s.address);
            v("context", s.context);
        }
    };
    struct Endpoint {
        u8 slot = 0;    ///< from 1 on; 0: this one is free
        u8 context = 0; ///< DCI: 1 the control endpoint, 2n OUT, 2n+1 IN
        xhci::EpState state = xhci::EpState::Disabled;
        xhci::EpType type = xhci::EpType::None;
        u16 packet = 0;
        u64 dequeue = 0; ///< the block that is being worked on
        bool cycle = false;
        bool rung = false;     ///< there may be work
        bool started = false;  ///< an earlier block of the same transfer is done
        bool is_short = false; ///< the device had no more: the rest of the transfer is skipped
        bool reported = false; ///< and the guest was told
        bool to_host = false;  ///< of the control transfer's data stage
        u32 done = 0;          ///< bytes of the block
        u32 moved = 0;         ///< since the transfer or the last event data block

        static constexpr void fields(auto&& v, auto& s) {
            v("slot", s.slot);
            v("context", s.context);
            v("state", s.state);
            v("type", s.type);
            v("packet", s.packet);
            v("dequeue", s.dequeue);
            v("cycle", s.cycle);
            v("rung", s.rung);
            v("started", s.started);
            v("is_short", s.is_short);
            v("reported", s.reported);
            v("to_host", s.to_host);
            v("done", s.done);
            v("moved", s.moved);
        }
        unsigned number() const { return context / 2U; }
        bool goes_on() const { return slot != 0 && rung && state == xhci::EpState::Running; }
    };
    struct State {
        Bits<xhci::Cmd> usbcmd;
        Bits<xhci::Sts> usbsts{xhci::Sts::HCH};
        u32 dnctrl = 0;
        u64 crcr = 0; ///< the next command
        bool command_cycle = false;
        bool command_ring_runs = false;
        bool commands_rung = false;
        u64 dcbaap = 0;
        u8 config = 0;
        u32 port_events = 0;                        ///< a bit for each port whose change is to be told
        u64 started_ns = 0;                         ///< when MFINDEX was 0
        std::optional<u64> more_ns;                 ///< when work that is left goes on
        std::array<u32, xhci::kMostPorts> portsc{}; ///< without speed and power
        std::array<Interrupter, xhci::kInterrupters> interrupters{};
        std::array<Slot, xhci::kSlots> slots{};
        std::array<Endpoint, xhci::kEndpoints> endpoints{};

        static constexpr void fields(auto&& v, auto& s) {
            v("usbcmd", s.usbcmd);
            v("usbsts", s.usbsts);
            v("dnctrl", s.dnctrl);
            v("crcr", s.crcr);
            v("command_cycle", s.command_cycle);
            v("command_ring_runs", s.command_ring_runs);
            v("commands_rung", s.commands_rung);
            v("dcbaap", s.dcbaap);
            v("config", s.config);
            v("port_events", s.port_events);
            v("started_ns", s.started_ns);
            v("more_ns", s.more_ns);
            v("portsc", s.portsc);
            v("interrupters", s.interrupters);
            v("slots", s.slots);
            v("endpoints", s.endpoints);
        }
    };

    Xhci(std::string_view name, const Config& config, GuestMemory& memory, TimerQueue& timers,
         PciWiring wiring);
    ~Xhci() override;

    /// Those of USB 2.
    unsigned root_ports() const override { return config_.usb2_ports; }
    bool serves(unsigned, usb::Speed) const override { return true; }
    bool hubs_translate() const override { return true; }
    void attach(unsigned port, std::unique_ptr<UsbDevice> device) override;
    std::unique_ptr<UsbDevice> detach(unsigned port) override;
    UsbDevice* device(unsigned port) const override { return devices_[port].get(); }

    void reset() override;
    void save(StateWriter& out) const override;
    Status load(StateReader& in) override;
    void quiesce() override;

private:
    // xhci.cpp: registers
    u64 read(u64 offset, unsigned size) override;
    void write(u64 offset, unsigned size, u64 value) override;
    u32 read_register(u64 offset) const;
    u32 capability(u64 offset) const;
    u32 protocol(bool usb3, u64 word) const;
    u32 operational(u64 offset) const;
    void write_operational(u64 offset, u32 value);
    void write_command(u32 value);
    void write_command_ring(u64 offset, u32 value);
    void ring_doorbell(u64 number, u32 value);
    void config_written(unsigned reg, unsigned size) override;
    void reset_registers();
    void broken(xhci::Sts why, std::string_view what);
    bool running() const { return s_.usbcmd.has(xhci::Cmd::RS); }
    u32 frame_index() const;
    void work();
    void flush_port_events();
    void update();
    std::optional<u64> next_event_ns() const;
    void try_all_again();
    void wrap_frame_index();

    // xhci_ports.cpp: the root hub
    unsigned ports() const { return config_.usb2_ports + config_.usb3_ports; }
    /// Index of the first USB 2 port among all.
    unsigned first_usb2() const { return config_.model == Model::Nec ? config_.usb3_ports : 0; }
    UsbDevice* device_at_port(unsigned index) const;
    unsigned port_of(const UsbDevice& device) const;
    bool port_hears(unsigned index) const;
    bool port_sleeps(unsigned index) const { return link(index) != xhci::Link::U0; }
    xhci::Link link(unsigned index) const;
    void set_link(unsigned index, xhci::Link link);
    u32 port_status(unsigned index) const;
    void write_port(unsigned index, u32 value);
    void write_link(unsigned index, xhci::Link wanted);
    void reset_port(unsigned index);
    void power_on_ports();
    void port_changed(unsigned index, xhci::Portsc change);
    void tell_devices();
    void wake_endpoints(unsigned index);
    // UsbUpstream
    void device_ready(UsbDevice& device) override;
    bool listens_to(const UsbDevice& device) const override;
    usb::Speed speed() const override { return usb::Speed::High; }

    // xhci_events.cpp: interrupters and event rings
    u32 read_interrupter(u64 offset) const;
    void write_interrupter(u64 offset, u32 value);
    bool start_event_ring(Interrupter& which);
    /// Events that fit; the last one is for telling that no more do.
    unsigned room(unsigned interrupter);
    /// False, and the guest is told, while fewer than `events` fit.
    bool has_room(unsigned interrupter, unsigned events);
    void post(unsigned interrupter, xhci::Trb event, bool interrupts = true);
    void put_event(Interrupter& to, xhci::Trb event);
    void raise_interrupts();
    bool empty(const Interrupter& which) const;

    // xhci_commands.cpp
    void run_commands(unsigned& budget);
    xhci::Code execute(const xhci::Trb& trb, u8& slot, xhci::Trb& event);
    xhci::Code execute_on_slot(const xhci::Trb& trb, u8 id);
    xhci::Code enable_slot(u8& id);
    xhci::Code address_device(const xhci::Trb& trb, u8 id);
    bool set_address(unsigned port, u8 address);
    xhci::Code configure_endpoints(const xhci::Trb& trb, u8 id);
    xhci::Code change_endpoints(const xhci::Trb& trb, u8 id, u32 drop, u32 add);
    xhci::Code evaluate_context(const xhci::Trb& trb, u8 id);
    xhci::Code reset_device(u8 id);
    xhci::Code on_endpoint(const xhci::Trb& trb, u8 id);
    void stop_endpoint(Endpoint& ep);
    xhci::Code port_bandwidth(const xhci::Trb& trb);
    void vendor_command(const xhci::Trb& trb, u8& slot, xhci::Trb& event, xhci::Code& code) const;

    // xhci_contexts.cpp: slots, endpoints and their contexts
    Slot& slot(u8 id) { return s_.slots[id - 1U]; }
    Endpoint* endpoint(u8 slot, unsigned context);
    Endpoint* free_endpoint() { return endpoint(0, 0); }
    unsigned free_endpoints() const;
    void drop_endpoints(u8 slot, u32 contexts);
    static bool fill(Endpoint& ep, const xhci::Context& from);
    bool get_context(u64 addr, xhci::Context& out);
    bool put_context(u64 addr, const xhci::Context& in);
    void write_endpoint(const Endpoint& ep);
    void write_slot_state(u8 id, u32 entries);

    // xhci_transfers.cpp
    struct Piece {
        u64 at = 0; ///< where the block is
        xhci::Trb trb;
        u64 next = 0;       ///< where the one behind it is
        bool cycle = false; ///< of both
        u32 skip = 0;       ///< bytes that earlier packets had
        u32 length = 0;     ///< bytes of this packet
    };
    struct Packet {
        std::array<Piece, xhci::kMostPieces> pieces;
        std::size_t count = 0;
        u32 length = 0;
        bool complete = false; ///< full, or the transfer ends here
        /// Of the first block, if packets end where it does, or else of the packet.
        u32 wanted(u32 packet_size) const;
        std::span<Piece> all() { return std::span(pieces).first(count); }
    };
    enum class Then : u8 { Next, Wait };

    void run_endpoints(unsigned& budget);
    void run_endpoint(Endpoint& ep, unsigned& budget);
    bool fetch(u64& at, bool& cycle, xhci::Trb& trb);
    Then step(Endpoint& ep, unsigned& budget);
    Then setup_stage(Endpoint& ep, const xhci::Trb& trb);
    Then status_stage(Endpoint& ep, const xhci::Trb& trb);
    Then data(Endpoint& ep, unsigned& budget);
    bool gather(const Endpoint& ep, Packet& packet);
    usb::Answer transfer(Endpoint& ep, Packet& packet, bool in);
    bool load_packet(Packet& packet, std::span<u8> bytes);
    bool store_packet(Packet& packet, std::span<const u8> bytes);
    Then moved(Endpoint& ep, Packet& packet, u32 bytes, bool in);
    void pass(Endpoint& ep, const Piece& piece);
    Then failed(Endpoint& ep, const xhci::Trb& trb, xhci::Code code, u32 left);
    void event(const Endpoint& ep, const xhci::Trb& trb, u64 parameter, xhci::Code code, u32 length);
    void transfer_event(const Endpoint& ep, const xhci::Trb& trb, xhci::Code code, u32 left) {
        event(ep, trb, ep.dequeue, code, left);
    }
    usb::Answer transact(const Endpoint& ep, usb::Pid pid, std::span<u8> bytes, u32 wanted = 0);
    void stir(const Endpoint& ep);
    Then wait(const Endpoint& ep);
    void rest(const Endpoint& ep);
    bool rests(const Endpoint& ep) const;
    bool& waits(const Endpoint& ep) { return waits_[index(ep)]; }
    std::size_t index(const Endpoint& ep) const {
        return static_cast<std::size_t>(&ep - s_.endpoints.data());
    }

    bool get(u64 addr, std::span<u8> out);
    bool put(u64 addr, std::span<const u8> in);
    Status check(const State& s) const;

    Log log_;
    Config config_;
    GuestMemory& memory_;
    TimerQueue& timers_;
    Timer timer_;
    std::array<std::unique_ptr<UsbDevice>, xhci::kMostPortsOfKind> devices_;
    State s_;
    // No state: what is lost of it is found out again.
    std::array<bool, xhci::kEndpoints> waits_{};        ///< said NAK; device_ready() comes
    std::array<u64, xhci::kEndpoints> rest_until_ns_{}; ///< of an interrupt endpoint that had its turn
    bool working_ = false;
    bool again_ = false;
};
static_assert(covers_every_field<Xhci::State> && covers_every_field<Xhci::Interrupter> &&
              covers_every_field<Xhci::Slot> && covers_every_field<Xhci::Endpoint>);

} // namespace dm
