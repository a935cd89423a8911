// Realtek RTL8139C+ Fast Ethernet controller, PCI 10ec:8139 rev. 20 ("RTL8139C(L)+ Fast Ethernet Controller
// with Power Management", rev. 1.6): C mode with four transmit descriptors and a receive buffer, C+ mode with
// descriptor rings, checksums, TCP segmentation and VLAN tags; 93C46 EEPROM, timer, tally counters, PHY.
//
// Missing: power management (no capability in PCI configuration space, the wake-up registers only keep what
// is written), the early interrupts of C mode, FLASH, CardBus, half duplex and all that collides.
// Quirks: config byte 34 points at dc without a capability there, as QEMU's guests know it; TCR is read and
// written by bytes (Windows); the EEPROM takes a new start bit while CS stays high (FreeBSD); HLTCLK of the
// older part is there (Linux 8139too).
// Frames for a guest that has no room wait in the back end for a while before they are dropped.
// Notes: docs/devices/rtl8139.md
#pragma once

#include "dm/core/clock.hpp"
#include "dm/core/frame_offload.hpp"
#include "dm/core/guest_memory.hpp"
#include "dm/devices/net/eeprom_93c46.hpp"
#include "dm/devices/net/interrupt_mitigation.hpp"
#include "dm/devices/net/net_card.hpp"
#include "dm/devices/net/room_wait.hpp"
#include "dm/devices/net/rtl8139_regs.hpp"

#include <memory>
#include <optional>

namespace dm {

class Rtl8139 final : public NetCard, private FrameSink {
public:
    /// What a guest may have the card send in a slice of time; what is more goes on in the next one, so that
    /// the machine is served and an endless ring ends nowhere.
    static constexpr u64 kSlice = 500 * kMicrosecond;
    static constexpr u32 kSliceFrames = 1024; ///< on the wire
    static constexpr u32 kSliceBytes = 1U << 20;
    /// Longest frame that is received, without FCS: what is longer is an error of the chip's kind "LONG".
    static constexpr std::size_t kReceiveMost = 4092;
    /// In C+ mode: what a descriptor's 13 bits can tell, FCS included. Drivers offer an MTU of 4096 there.
    static constexpr std::size_t kReceiveMostCPlus = rtl8139::desc::kRxSize - ethernet::kCheckSequence;
    /// With RCR.WRAP: bytes behind the ring that a frame may take. Software keeps 1.5 KiB there (datasheet,
    /// RCR), Linux 2 KiB for frames of up to 1788 bytes (8139too.c, RX_BUF_WRAP_PAD); neighbours may send
    /// more.
    static constexpr u32 kWrapMost = 2048;
    /// Frames that one interrupt is late for: half of C mode's descriptors, a quarter of C+ mode's.
    static constexpr u8 kLateCMode = 2;
    static constexpr u8 kLateCPlus = 16;

    /// In the order of the memory that a dump fills.
    struct Tally {
        u64 tx_ok = 0;
        u64 rx_ok = 0;
        u64 tx_err = 0;
        u32 rx_err = 0;
        u16 miss_pkt = 0;
        u64 rx_ok_phy = 0;
        u64 rx_ok_brd = 0;
        u32 rx_ok_mul = 0;

        bool operator==(const Tally&) const = default;
        static constexpr void fields(auto&& v, auto& s) {
            v("tx_ok", s.tx_ok);
            v("rx_ok", s.rx_ok);
            v("tx_err", s.tx_err);
            v("rx_err", s.rx_err);
            v("miss_pkt", s.miss_pkt);
            v("rx_ok_phy", s.rx_ok_phy);
            v("rx_ok_brd", s.rx_ok_brd);
            v("rx_ok_mul", s.rx_ok_mul);
        }
    };
    struct State {
        ethernet::Address idr{};
        std::array<u8, 8> mar{};
        std::array<u32, 4> tsd{0x2000, 0x2000, 0x2000, 0x2000}; ///< OWN
        std::array<u32, 4> tsad{};
        u32 rbstart = 0;
        u8 cr = 0; ///< TE and RE
        u16 capr = 0xfff0;
        u16 cbr = 0;
        u16 imr = 0;
        u16 isr = 0;
        u32 tcr = rtl8139::kTcrAtReset;
        u32 rcr = 0;
        u64 tctr_since = 0; ///< when TCTR was 0
        u32 timer_int = 0;
        std::optional<u64> timer_at; ///< TCTR meets TimerInt
        u32 mpc = 0;
        u8 cr9346 = 0;
        Eeprom93c46::State eeprom;
        u8 config0 = 0;
        u8 config1 = rtl8139::kConfig1AtReset;
        u8 config3 = rtl8139::kConfig3AtReset;
        u8 config4 = 0;
        u8 config5 = 0;
        bool halted = false; ///< HLTCLK
        u16 mulint = 0;
        u16 bmcr = rtl8139::kBmcrAtReset;
        u16 anar = rtl8139::kAnarAtReset;
        bool link = false; ///< as the guest was told last
        std::array<u8, rtl8139::kWakeupBytes> wakeup{};
        u8 tppoll = 0; ///< rings that are to be looked at
        u16 cpcr = 0;
        std::array<u32, 2> rdsar{};
        u8 etthr = 0;
        u8 tsd_index = 0;             ///< of the next TSD to be sent, C mode
        std::array<u8, 2> tx_index{}; ///< of the next descriptor of the normal and the high priority ring
        u8 rx_index = 0;              ///< of the next receive descriptor
        Tally tally;
        RoomWait::State waiting;
        u64 slice_end = 0;
        u32 slice_frames = 0;
        u32 slice_bytes = 0;
        std::optional<u64> send_on_at; ///< the slice was used up
        bool unplugged = false;
        InterruptMitigation::State mitigation;

        bool operator==(const State&) const = default;
        static constexpr void fields(auto&& v, auto& s) {
            v("idr", s.idr);
            v("mar", s.mar);
            v("tsd", s.tsd);
            v("tsad", s.tsad);
            v("rbstart", s.rbstart);
            v("cr", s.cr);
            v("capr", s.capr);
            v("cbr", s.cbr);
            v("imr", s.imr);
            v("isr", s.isr);
            v("tcr", s.tcr);
            v("rcr", s.rcr);
            v("tctr_since", s.tctr_since);
            v("timer_int", s.timer_int);
            v("timer_at", s.timer_at);
            v("mpc", s.mpc);
            v("cr9346", s.cr9346);
            v("eeprom", s.eeprom);
            v("config0", s.config0);
            v("config1", s.config1);
            v("config3", s.config3);
            v("config4", s.config4);
            v("config5", s.config5);
            v("halted", s.halted);
            v("mulint", s.mulint);
            v("bmcr", s.bmcr);
            v("anar", s.anar);
            v("link", s.link);
            v("wakeup", s.wakeup);
            v("tppoll", s.tppoll);
            v("cpcr", s.cpcr);
            v("rdsar", s.rdsar);
            v("etthr", s.etthr);
            v("tsd_index", s.tsd_index);
            v("tx_index", s.tx_index);
            v("rx_index", s.rx_index);
            v("tally", s.tally);
            v("waiting", s.waiting);
            v("slice_end", s.slice_end);
            v("slice_frames", s.slice_frames);
            v("slice_bytes", s.slice_bytes);
            v("send_on_at", s.send_on_at);
            v("unplugged", s.unplugged);
            v("mitigation", s.mitigation, kAddedLater);
        }
    };

    Rtl8139(std::string_view name, NetCardConfig config, GuestMemory& memory, TimerQueue& timers,
            PciWiring wiring);

    void reset() override;
    void save(StateWriter& out) const override;
    Status load(StateReader& in) override;

    void unplug() override;
    bool unplugged() const override { return s_.unplugged; }

private:
    struct Registers final : IoHandler {
        explicit Registers(Rtl8139& c) : card(c) {}
        u64 read(u64 offset, unsigned size) override { return card.read(offset, size); }
        void write(u64 offset, unsigned size, u64 value) override { card.write(offset, size, value); }
        Rtl8139& card;
    };
    enum class Stored : u8 { Yes, NoRoom, TooLong };
    enum class Step : u8 { Done, Stopped };

    // rtl8139.cpp: resets, interrupt, timers, the cable
    void soft_reset();
    void load_eeprom();
    void raise(rtl8139::Int cause) { s_.isr = static_cast<u16>(s_.isr | static_cast<u16>(cause)); }
    void raise_frame(rtl8139::Int cause);
    bool line();
    void derive();
    void set_timer();
    void timer_expired();
    u64 now() { return timers_.now_ns(); }
    Status valid(const State& state) const;
    void config_written(unsigned reg, unsigned size) override;
    ethernet::Address address() const override { return s_.idr; }
    bool can_receive() const override { return !s_.waiting.look_at; }
    void receive(std::span<const u8> frame) override;
    void writable() override;
    void link_changed() override;

    // rtl8139_io.cpp: registers
    u64 read(u64 offset, unsigned size);
    void write(u64 offset, unsigned size, u64 value);
    u32 read_register(rtl8139::Reg reg, unsigned index);
    void write_register(rtl8139::Reg reg, unsigned index, u32 value, u32 mask);
    void write_cr(u8 value);
    void write_9346cr(u8 value);
    void write_rcr(u32 value);
    void write_tsd(unsigned index, u32 value);
    void write_rings(rtl8139::Reg reg, unsigned index, u32 value);
    void write_bmcr(u16 value);
    void write_tppoll(u8 value);
    void dump_tally();
    u16 tsad_summary() const;
    bool config_unlocked() const { return (s_.cr9346 & rtl8139::kEem) == rtl8139::kEemWriteConfig; }

    // rtl8139_send.cpp: both kinds of transmission
    bool works() const { return !s_.halted && !s_.unplugged && command(pci::Command::MASTER); }
    bool sends() const { return works() && (s_.cr & static_cast<u8>(rtl8139::Cr::TE)) != 0; }
    bool has(rtl8139::Cpcr bit) const { return (s_.cpcr & static_cast<u16>(bit)) != 0; }
    bool loopback() const { return (s_.tcr & rtl8139::kTcrLoopback) == rtl8139::kTcrLoopback; }
    void transmit();
    bool in_slice();
    std::span<u8> buffer();
    NetBackend::Sent send_frame(std::span<u8> frame, const FrameOffload& offload);
    void take(std::span<const u8> frame) override; ///< loopback: what comes out of finish_frame()
    Step send_c_mode();

    // rtl8139_send_cplus.cpp
    struct Gathered;
    Step send_ring(unsigned ring);
    Gathered gather(unsigned ring);
    bool send_gathered(Gathered& g);
    void release(unsigned ring, const Gathered& g);
    rtl8139::Descriptor fetch(u64 base, u8 index);
    u64 ring_base(std::size_t ring) const { return s_.tsad[ring * 2] | u64{s_.tsad[ring * 2 + 1]} << 32; }

    // rtl8139_receive.cpp: filter, receive buffer, a guest without room
    bool listens() const { return works() && (s_.cr & static_cast<u8>(rtl8139::Cr::RE)) != 0; }
    void take_in(std::span<const u8> frame);
    std::optional<u16> accepted(std::span<const u8> frame) const;
    Stored store_c_mode(std::span<const u8> frame, u16 status);
    u32 free_bytes() const;
    u32 read_place() const { return (s_.capr + 16U) & (rtl8139::ring_size(s_.rcr) - 1); }
    bool has_room();
    void room_may_be_there();
    void look_again();
    void stop_waiting();

    // rtl8139_receive_cplus.cpp
    struct Place;
    Stored store_cplus(std::span<const u8> frame, u16 status);
    u64 rx_base() const { return s_.rdsar[0] | u64{s_.rdsar[1]} << 32; }
    bool find_places(std::size_t length, std::span<Place> places, std::size_t& count);
    u32 checksum_status(std::span<const u8> frame) const;

    GuestMemory& memory_;
    TimerQueue& timers_;
    Log log_;
    Registers registers_{*this};
    State s_;
    /// A frame on its way out, in front of it room for a tag. Made when the first one goes.
    std::unique_ptr<std::array<u8, NetBackend::kFrameMax>> buffer_;
    Timer timer_{timers_, [this] { timer_expired(); }};
};
static_assert(covers_every_field<Rtl8139::State>);
static_assert(covers_every_field<Rtl8139::Tally>);

} // namespace dm
