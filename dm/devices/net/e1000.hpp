// Intel 82540EM Gigabit Ethernet controller, 8086:100e revision 3 (8254x Family of Gigabit Ethernet
// Controllers Software Developer's Manual, 317453), and its siblings (e1000_chip.hpp).
//
// Missing: wake-up by frames, management by SMBus, flow control frames, half duplex, segmentation of UDP, the
// flash, the packet buffer as memory, the register addresses of the 82542. Statistics of errors stay zero, a
// cable of software has none.
// Quirks: a frame's descriptors are taken when its last one is there; received frames wait one second after
// the receiver was switched on (Windows 10, 32 bits: an interrupt before its handler is connected hangs the
// start); IFCS is not looked at, every frame gets its check sequence on the wire.
// Notes: docs/devices/e1000.md
#pragma once

#include "dm/core/clock.hpp"
#include "dm/core/frame_offload.hpp"
#include "dm/core/guest_memory.hpp"
#include "dm/core/io_part.hpp"
#include "dm/core/log.hpp"
#include "dm/devices/net/e1000_chip.hpp"
#include "dm/devices/net/e1000_eeprom.hpp"
#include "dm/devices/net/e1000_filter.hpp"
#include "dm/devices/net/e1000_phy.hpp"
#include "dm/devices/net/e1000_regs.hpp"
#include "dm/devices/net/e1000_rx_check.hpp"
#include "dm/devices/net/e1000_stats.hpp"
#include "dm/devices/net/e1000_tx_frame.hpp"
#include "dm/devices/net/interrupt_mitigation.hpp"
#include "dm/devices/net/net_card.hpp"

#include <array>
#include <optional>

namespace dm {

class E1000 final : public NetCard, private FrameSink {
public:
    // What one kick may cost: then the loop gets its turn, and sending goes on.
    static constexpr unsigned kFramesPerKick = 64;
    static constexpr unsigned kDescriptorsPerKick = 1024;
    static constexpr unsigned kSegmentsPerKick = 4096; ///< frames on the wire
    static constexpr u64 kBytesPerKick = 1U << 20;
    /// Of one frame; with more of them the frame is lost.
    static constexpr unsigned kMostDescriptors = 128;
    static constexpr u64 kRetry = 10 * kMillisecond; ///< where the far end forgets to say that it is ready
    static constexpr u8 kLateFrames = 16;            ///< that one interrupt is late for
    static constexpr u64 kSettle = kSecond;          ///< see the quirks above

    struct State {
        std::array<u32, e1000::kRegisters.size()> regs = reset_registers(); ///< in the order of kRegisters
        std::array<u32, e1000::kMtaCount> mta{};
        std::array<u32, e1000::kRaCount> ra{};
        std::array<u32, e1000::kVftaCount> vfta{};
        e1000::Statistics stats{};
        u32 icr = 0;
        u32 ims = 0;
        bool asserted = false; ///< the interrupt is
        u32 eerd = 0;
        u32 mdic = static_cast<u32>(e1000::Mdic::READY);
        u32 ioaddr = 0;
        u32 eecd = e1000::kEecdReset; ///< its writable bits
        Eeprom93c46::State eeprom;
        e1000::Phy phy;
        bool link = false;                 ///< as STATUS.LU last was
        e1000::TxContext checksum_context; ///< of frames that go out whole
        e1000::TxContext segment_context;
        bool skipping = false;             ///< the rest of a frame with too many descriptors
        bool gone = false;                 ///< unplugged
        std::optional<u64> quiet_until;    ///< ITR: no interrupt before
        std::optional<u64> settled_at;     ///< received frames wait
        std::optional<u64> send_at;        ///< sending goes on
        std::optional<u64> tx_delay_at;    ///< TIDV
        std::optional<u64> tx_absolute_at; ///< TADV
        std::optional<u64> rx_delay_at;    ///< RDTR
        std::optional<u64> rx_absolute_at; ///< RADV
        InterruptMitigation::State mitigation;

        bool operator==(const State&) const = default;
        static constexpr void fields(auto&& v, auto& s) {
            v("regs", s.regs);
            v("mta", s.mta);
            v("ra", s.ra);
            v("vfta", s.vfta);
            v("stats", s.stats);
            v("icr", s.icr);
            v("ims", s.ims);
            v("asserted", s.asserted);
            v("eerd", s.eerd);
            v("mdic", s.mdic);
            v("ioaddr", s.ioaddr);
            v("eecd", s.eecd);
            v("eeprom", s.eeprom);
            v("phy", s.phy);
            v("link", s.link);
            v("checksum_context", s.checksum_context);
            v("segment_context", s.segment_context);
            v("skipping", s.skipping);
            v("gone", s.gone);
            v("quiet_until", s.quiet_until);
            v("settled_at", s.settled_at);
            v("send_at", s.send_at);
            v("tx_delay_at", s.tx_delay_at);
            v("tx_absolute_at", s.tx_absolute_at);
            v("rx_delay_at", s.rx_delay_at);
            v("rx_absolute_at", s.rx_absolute_at);
            v("mitigation", s.mitigation, kAddedLater);
        }
    };

    E1000(std::string_view name, NetCardConfig config, GuestMemory& memory, TimerQueue& timers,
          PciWiring wiring, e1000::Chip chip = e1000::k82540em);

    void reset() override;
    void save(StateWriter& out) const override;
    Status load(StateReader& in) override;
    void unplug() override;
    bool unplugged() const override { return s_.gone; }

private:
    using Reg = e1000::Reg;
    using Cause = e1000::Cause;

    // e1000.cpp
    static constexpr std::array<u32, e1000::kRegisters.size()> reset_registers() {
        std::array<u32, e1000::kRegisters.size()> values{};
        for (std::size_t i = 0; i < values.size(); ++i)
            values[i] = e1000::kRegisters[i].reset;
        return values;
    }
    template <Reg reg> u32& at() {
        constexpr std::size_t place = e1000::place_of(static_cast<u32>(reg));
        static_assert(place < e1000::kRegisters.size());
        return s_.regs[place];
    }
    template <Reg reg> u32 get() const {
        constexpr std::size_t place = e1000::place_of(static_cast<u32>(reg));
        static_assert(place < e1000::kRegisters.size());
        return s_.regs[place];
    }
    void power_on();
    void soft_reset();
    void load_address();
    ethernet::Address address() const override;
    Status judge(const State& state) const;
    void config_written(unsigned reg, unsigned size) override;

    // e1000_io.cpp
    u64 read_memory(u64 offset, unsigned size);
    void write_memory(u64 offset, unsigned size, u64 value);
    u64 read_ports(u64 offset, unsigned size);
    void write_ports(u64 offset, unsigned size, u64 value);
    u32 read_register(u32 offset);
    std::optional<u32> read_special(Reg reg);
    void write_register(u32 offset, u32 value);
    void write_special(Reg reg, u32 value);
    void written(Reg reg, u32 before, u32 value);
    void write_ctrl(u32 value);
    void write_rctl(u32 before);
    void write_mdic(u32 value);

    // e1000_irq.cpp
    void raise(Cause cause) { s_.icr |= static_cast<u32>(cause); }
    void sync();
    void update_interrupt();
    void update_link();
    void timers_due();
    static bool due(std::optional<u64>& deadline, u64 now);
    void raise_frame(Cause cause);
    void delay_sent();
    void delay_received();
    void end_receive_delay();
    void end_send_delay();

    // e1000_tx.cpp
    struct Descriptor {
        u64 addr = 0;
        u32 lower = 0;
        u32 upper = 0;
    };
    struct Ring {
        u64 base = 0;
        u32 count = 0;
    };
    class Window;  ///< a run of descriptors, copied out of guest memory
    struct Packet; ///< those of one frame
    enum class Gathered : u8 { Nothing, Frame, TooMany };
    Ring tx_ring() const;
    bool may_send() const;
    void kick();
    void transmit();
    Gathered gather(Window& window, Packet& packet);
    void add_data(const Descriptor& d, Packet& packet);
    void take_context(const Descriptor& d);
    e1000::TxRequest request_of(const Packet& packet) const;
    bool send_packet(const Packet& packet);
    void loop_back();
    void count_packet(const e1000::TxRequest& request);
    void finish_packet(const Packet& packet);
    void advance(u32 descriptors);
    bool looped() const;
    void take(std::span<const u8> frame) override { receive_frame(frame); }

    // e1000_rx.cpp
    bool can_receive() const override;
    void receive(std::span<const u8> frame) override;
    void writable() override;
    void link_changed() override;
    Ring rx_ring() const;
    u32 rx_free() const;
    u32 rx_buffer() const;
    bool listening() const;
    void invite();
    void receive_frame(std::span<const u8> frame);
    bool too_long(std::size_t length) const;
    std::size_t compose(std::span<const u8> frame, bool strip);
    bool store(std::size_t length, const e1000::RxVerdict& verdict, u16 special);
    void received(std::size_t length);
    e1000::Filter filter() const;

    static constexpr std::size_t kMostReceived = 16384; ///< FCS included

    e1000::Chip chip_;
    Log log_;
    GuestMemory& memory_;
    TimerQueue& timers_;
    IoPart<E1000, &E1000::read_memory, &E1000::write_memory> memory_bar_{*this};
    IoPart<E1000, &E1000::read_ports, &E1000::write_ports> port_bar_{*this};
    State s_;
    Timer timer_; ///< the earliest of the state's deadlines
    e1000::TxFrame frame_;
    std::array<u8, kMostReceived + 4> stored_{}; ///< a received frame as it goes to memory
};
static_assert(covers_every_field<E1000::State>);

} // namespace dm
