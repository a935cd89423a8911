// Realtek RTL8029AS Ethernet controller, PCI 10ec:8029 ("RTL8029AS Realtek PCI Full-Duplex Ethernet
// Controller", LS009.0): an NE2000 with its DP8390D core (National Semiconductor TL/F/8582), 16 KiB of packet
// memory and the PROM with the address, moved through a port by the remote DMA.
//
// Missing: the EEPROM behind 9346CR (its wires read as those of an empty socket), power-down, the overflow's
// ISR.RST, half duplex and all that collides.
// Quirks: bytes from the data port while DCR.WTS is set are words of which half is lost (Linux); the port
// goes on behind the end of a transfer (Linux reads the PROM that way); page c0 is page 40 (NetWare 3.11);
// CR.STA does nothing (Linux writes CR without it); BNRY in front of PSTART is the ring's last page (Linux
// writes it so). Frames for a guest that has no room wait in the back end
// for a while before they are dropped. Notes: docs/devices/ne2k_pci.md
#pragma once

#include "dm/core/bits.hpp"
#include "dm/core/clock.hpp"
#include "dm/devices/net/ne2k_pci_regs.hpp"
#include "dm/devices/net/net_card.hpp"
#include "dm/devices/net/room_wait.hpp"

#include <optional>

namespace dm {

class Ne2kPci final : public NetCard {
public:
    /// What a guest may have the card send in a slice of time; the frame that is too much goes in the next
    /// one, so that the machine is served while a string instruction writes CR.
    static constexpr u64 kSlice = 500 * kMicrosecond;
    static constexpr u32 kSliceFrames = 1024;
    static constexpr u32 kSliceBytes = 1U << 20;
    /// Longest frame that is received, without FCS: with a tag.
    static constexpr std::size_t kReceiveMost = ethernet::kMost + ethernet::kTag;

    struct State {
        Bits<ne2k_pci::Cr> cr{ne2k_pci::kCrAtReset};
        u8 pstart = 0;
        u8 pstop = 0;
        u8 bnry = 0;
        u8 curr = 0;
        u8 tpsr = 0;
        u16 tbcr = 0;
        u16 crda = 0; ///< RSAR, and how far the remote DMA has come
        u16 rbcr = 0;
        Bits<ne2k_pci::Isr> isr{ne2k_pci::Isr::RST};
        u8 imr = 0;
        Bits<ne2k_pci::Rcr> rcr;
        Bits<ne2k_pci::Tcr> tcr;
        Bits<ne2k_pci::Dcr> dcr{ne2k_pci::kDcrAtReset};
        u8 tsr = 0;
        u8 rsr = 0;
        std::array<u8, 8> fifo{}; ///< the end of the last frame that was looped back
        u8 fifo_at = 0;
        u8 cntr2 = 0; ///< frames missed
        ethernet::Address par{};
        std::array<u8, 8> mar{};
        u8 cr9346 = 0;
        u8 config2 = ne2k_pci::kConfig2AtReset;
        u8 config3 = ne2k_pci::kConfig3AtReset;
        bool send_packet = false; ///< the remote DMA takes a frame off the ring by itself
        u8 send_packet_next = 0;  ///< and where BNRY goes then
        RoomWait::State waiting;
        u64 slice_end = 0;
        u32 slice_frames = 0;
        u32 slice_bytes = 0;
        std::optional<u64> send_on_at; ///< the slice was used up
        bool unplugged = false;
        std::array<u8, ne2k_pci::kRamBytes> ram{};

        bool operator==(const State&) const = default;
        static constexpr void fields(auto&& v, auto& s) {
            v("cr", s.cr);
            v("pstart", s.pstart);
            v("pstop", s.pstop);
            v("bnry", s.bnry);
            v("curr", s.curr);
            v("tpsr", s.tpsr);
            v("tbcr", s.tbcr);
            v("crda", s.crda);
            v("rbcr", s.rbcr);
            v("isr", s.isr);
            v("imr", s.imr);
            v("rcr", s.rcr);
            v("tcr", s.tcr);
            v("dcr", s.dcr);
            v("tsr", s.tsr);
            v("rsr", s.rsr);
            v("fifo", s.fifo);
            v("fifo_at", s.fifo_at);
            v("cntr2", s.cntr2);
            v("par", s.par);
            v("mar", s.mar);
            v("cr9346", s.cr9346);
            v("config2", s.config2);
            v("config3", s.config3);
            v("send_packet", s.send_packet);
            v("send_packet_next", s.send_packet_next);
            v("waiting", s.waiting);
            v("slice_end", s.slice_end);
            v("slice_frames", s.slice_frames);
            v("slice_bytes", s.slice_bytes);
            v("send_on_at", s.send_on_at);
            v("unplugged", s.unplugged);
            v("ram", s.ram);
        }
    };

    Ne2kPci(std::string_view name, NetCardConfig config, TimerQueue& timers, PciWiring wiring);

    void reset() override;
    void save(StateWriter& out) const override;
    Status load(StateReader& in) override;

    void unplug() override;
    bool unplugged() const override { return s_.unplugged; }

private:
    struct Registers final : IoHandler {
        explicit Registers(Ne2kPci& c) : card(c) {}
        u64 read(u64 offset, unsigned size) override { return card.read(offset, size); }
        void write(u64 offset, unsigned size, u64 value) override { card.write(offset, size, value); }
        void read_string(u64 offset, unsigned size, std::span<u8> bytes) override;
        void write_string(u64 offset, unsigned size, std::span<const u8> bytes) override;
        Ne2kPci& card;
    };
    enum class Stored : u8 { Yes, NoRoom };

    // ne2k_pci.cpp: resets, interrupt, timer, the cable
    void soft_reset();
    void derive();
    void timer_expired();
    u64 now() { return timers_.now_ns(); }
    Status valid(const State& state) const;
    ethernet::Address address() const override { return s_.par; }
    bool can_receive() const override { return !s_.waiting.look_at; }
    void receive(std::span<const u8> frame) override;
    void writable() override;
    void link_changed() override {} // no register tells it; TSR.CRS of the next frame does

    // ne2k_pci_io.cpp: registers
    u64 read(u64 offset, unsigned size);
    void write(u64 offset, unsigned size, u64 value);
    u8 read_byte(unsigned offset);
    void write_byte(unsigned offset, u8 value);
    u8 read_register(ne2k_pci::In reg, unsigned index);
    void write_register(ne2k_pci::Out reg, unsigned index, u8 value);
    void write_cr(u8 value);
    void write_9346cr(u8 value);
    bool config_unlocked() const { return (s_.cr9346 & ne2k_pci::kEem) == ne2k_pci::kEemWriteConfig; }

    // ne2k_pci_dma.cpp: the remote DMA and its port
    std::span<u8> page(u8 number);
    u8 peek(u16 at) const;
    u16 behind(u16 at, unsigned bytes) const;
    unsigned unit(unsigned size) const;
    u64 read_data(unsigned size);
    void write_data(unsigned size, u64 value);
    bool straight(u64 offset, unsigned size) const;
    std::size_t piece(unsigned size, std::size_t most) const;
    void read_pieces(unsigned size, std::span<u8> bytes);
    void write_pieces(unsigned size, std::span<const u8> bytes);
    void moved(std::size_t bytes);
    void start_remote_dma();
    void start_send_packet();

    // ne2k_pci_send.cpp
    void transmit();
    bool in_slice();
    std::span<u8> outgoing();
    NetBackend::Sent send_frame(std::span<u8> frame);
    u8 loopback() const { return s_.tcr.raw() & ne2k_pci::kTcrLoopback; }
    void loop_back(std::span<const u8> frame);
    u8 transmit_status() const;

    // ne2k_pci_receive.cpp: filter, ring, a guest without room
    bool listens() const { return !s_.unplugged && !s_.cr.has(ne2k_pci::Cr::STP); }
    void take_in(std::span<const u8> frame);
    bool accepted(std::span<const u8> frame) const;
    void miss();
    u8 next_page(u8 number) const;
    u8 boundary() const;
    std::optional<u8> end_of(std::size_t pages) const;
    Stored store(std::span<const u8> frame);
    bool has_room() const;
    void room_may_be_there();
    void look_again();
    void stop_waiting();

    TimerQueue& timers_;
    Registers registers_{*this};
    std::array<u8, ne2k_pci::kPromBytes> prom_{};
    State s_;
    Timer timer_{timers_, [this] { timer_expired(); }};
};
static_assert(covers_every_field<Ne2kPci::State>);

} // namespace dm
