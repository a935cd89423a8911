// AMD Am79C970A PCnet-PCI II Ethernet controller, PCI 1022:2000 rev. 10 (AMD, publication 19436 rev. E):
// address PROM, word and dword I/O, initialization block and descriptor rings in all four software styles,
// chained buffers both ways, logical address filter, loopback, suspension, LED registers with the link.
//
// Missing: EEPROM, boot PROM beside the option ROM, Magic Packet, sleep, look-ahead (LAPP), big endian
// (BSWP), half duplex and all that collides, BABL for frames that are sent, the descriptor and buffer
// addresses that CSR18 to 45 show on hardware (they only keep what is written). Quirks: a software reset goes
// back to word I/O and loads address and filter from the PROM (guests know it so); rings may be given without
// an initialization block (FreeBSD's pcn); bytes of the PROM are read in dword mode (OpenBSD); there is no
// MII, and its registers read as zeros (Linux, NetBSD). Frames for a guest that has no room wait in the back
// end for a while before they are missed. Notes: docs/devices/pcnet.md
#pragma once

#include "dm/core/bits.hpp"
#include "dm/core/clock.hpp"
#include "dm/core/guest_memory.hpp"
#include "dm/devices/net/interrupt_mitigation.hpp"
#include "dm/devices/net/net_card.hpp"
#include "dm/devices/net/pcnet_descriptor.hpp"
#include "dm/devices/net/pcnet_regs.hpp"
#include "dm/devices/net/room_wait.hpp"

#include <memory>
#include <optional>

namespace dm {

class Pcnet final : public NetCard {
public:
    /// What a guest may have the card send in a slice of time; what is more goes on in the next one, so that
    /// the machine is served and a ring that feeds itself ends nowhere.
    static constexpr u64 kSlice = 500 * kMicrosecond;
    static constexpr u32 kSliceFrames = 1024;
    static constexpr u32 kSliceDescriptors = 4096;
    static constexpr u32 kSliceBytes = 1U << 20;
    /// Longest frame that is sent, without FCS; what is longer is lost as babble.
    static constexpr std::size_t kSendMost = 4096;
    /// Longest frame that is received, without FCS: MCNT has 12 bits.
    static constexpr std::size_t kReceiveMost = 0xfff - ethernet::kCheckSequence;
    /// How often the card looks at its transmit ring by itself. All known drivers demand it (TDMD), so each
    /// look in vain is followed by one after twice the time.
    static constexpr u64 kPoll = 2 * kMillisecond;
    static constexpr u8 kPollBackoff = 7;
    /// Frames that one interrupt is late for, if the rings are long: else a quarter of the shorter one.
    static constexpr u16 kLate = 8;

    struct Ring {
        u16 length = 1;
        u16 index = 0; ///< of the next descriptor

        bool operator==(const Ring&) const = default;
        static constexpr void fields(auto&& v, auto& s) {
            v("length", s.length);
            v("index", s.index);
        }
    };
    struct State {
        u8 rap = 0;
        std::array<u8, pcnet::kProm> prom{};
        std::array<u16, pcnet::kCsrs> csr = pcnet::kCsrsAtReset;
        std::array<u16, pcnet::kBcrs> bcr = pcnet::kBcrsAtReset;
        Ring rx; ///< their addresses are in CSR24, 25, 30 and 31
        Ring tx;
        bool init_waits = false; ///< INIT was set without bus mastering
        RoomWait::State waiting;
        u64 slice_end = 0;
        u32 slice_frames = 0;
        u32 slice_descriptors = 0;
        u32 slice_bytes = 0;
        std::optional<u64> send_on_at; ///< the slice was used up
        std::optional<u64> poll_at;
        u8 poll_backoff = 0; ///< looks in vain
        bool unplugged = false;
        InterruptMitigation::State mitigation;

        bool operator==(const State&) const = default;
        static constexpr void fields(auto&& v, auto& s) {
            v("rap", s.rap);
            v("prom", s.prom);
            v("csr", s.csr);
            v("bcr", s.bcr);
            v("rx", s.rx);
            v("tx", s.tx);
            v("init_waits", s.init_waits);
            v("waiting", s.waiting);
            v("slice_end", s.slice_end);
            v("slice_frames", s.slice_frames);
            v("slice_descriptors", s.slice_descriptors);
            v("slice_bytes", s.slice_bytes);
            v("send_on_at", s.send_on_at);
            v("poll_at", s.poll_at);
            v("poll_backoff", s.poll_backoff);
            v("unplugged", s.unplugged);
            v("mitigation", s.mitigation);
        }
    };

    Pcnet(std::string_view name, NetCardConfig config, GuestMemory& memory, TimerQueue& timers,
          PciWiring wiring);

    void reset() override;
    void save(StateWriter& out) const override;
    Status load(StateReader& in) override;

    void unplug() override;
    bool unplugged() const override { return s_.unplugged; }

private:
    struct Registers final : IoHandler {
        explicit Registers(Pcnet& c) : card(c) {}
        u64 read(u64 offset, unsigned size) override { return card.read(offset, size); }
        void write(u64 offset, unsigned size, u64 value) override { card.write(offset, size, value); }
        Pcnet& card;
    };
    struct Gathered;
    enum class Stored : u8 { Yes, NoRoom, Lost };

    // pcnet.cpp: interrupt, timers, the cable
    u16& status() { return s_.csr[pcnet::STATUS]; }
    bool has(pcnet::Csr0 bit) const { return Bits<pcnet::Csr0>{s_.csr[pcnet::STATUS]}.has(bit); }
    bool has(pcnet::Csr4 bit) const { return Bits<pcnet::Csr4>{s_.csr[pcnet::TEST]}.has(bit); }
    bool has(pcnet::Csr5 bit) const { return Bits<pcnet::Csr5>{s_.csr[pcnet::EXTENDED]}.has(bit); }
    bool has(pcnet::Mode bit) const { return Bits<pcnet::Mode>{s_.csr[pcnet::MODE]}.has(bit); }
    void set(pcnet::Csr0 bit) { status() = static_cast<u16>(status() | static_cast<u16>(bit)); }
    void clear(pcnet::Csr0 bit) { status() = static_cast<u16>(status() & ~static_cast<u16>(bit)); }
    void raise_frame(pcnet::Csr0 cause);
    u16 unmasked() const { return s_.csr[pcnet::STATUS] & ~s_.csr[pcnet::MASKS] & pcnet::kCsr0Interrupts; }
    bool other_cause() const;
    bool system_cause() const;
    bool line();
    void derive();
    void timer_expired();
    u64 now() { return timers_.now_ns(); }
    Status valid(const State& state) const;
    void config_written(unsigned reg, unsigned size) override;
    ethernet::Address address() const override;
    bool can_receive() const override { return !s_.waiting.look_at && !suspended(); }
    void receive(std::span<const u8> frame) override;
    void writable() override;
    void link_changed() override {} // the LED register tells, and each frame that is sent

    // pcnet_control.cpp: resets, initialization, start and stop
    void load_prom();
    void soft_reset();
    void write_status(u16 value);
    void initialize();
    void start();
    void stop();
    void system_error();
    void demand_transmission();
    void go_on_sending();
    bool works() const { return !s_.unplugged && command(pci::Command::MASTER); }
    bool suspended() const { return has(pcnet::Csr5::SPND); }
    pcnet::Style style() const {
        return static_cast<pcnet::Style>(s_.bcr[pcnet::SWSTYLE] & pcnet::kStyleMask);
    }
    /// Bits 31 to 24 of all addresses in the LANCE's style.
    u32 high() const { return u32{s_.csr[pcnet::IADRH]} << 16 & 0xff00'0000; }
    u32 csr_pair(pcnet::Csr low) const { return s_.csr[low] | u32{s_.csr[low + 1U]} << 16; }

    // pcnet_io.cpp: ports and registers
    u64 read(u64 offset, unsigned size);
    void write(u64 offset, unsigned size, u64 value);
    std::optional<pcnet::Reg> reg(u64 offset, unsigned size) const;
    u64 read_prom(u64 offset, unsigned size) const;
    void write_prom(u64 offset, unsigned size, u64 value);
    u32 read_csr(unsigned csr);
    void write_csr(unsigned csr, u16 value);
    void write_plain_csr(unsigned csr, u16 value);
    void write_extended(u16 value);
    u16 read_bcr(unsigned bcr) const;
    void write_bcr(unsigned bcr, u16 value);
    bool writable_now() const { return has(pcnet::Csr0::STOP) || suspended(); }

    // pcnet_send.cpp
    bool sends() const { return works() && has(pcnet::Csr0::TXON) && !suspended(); }
    bool polls() const { return sends() && !has(pcnet::Csr4::TXDPOLL); }
    bool loops() const { return has(pcnet::Mode::LOOP); }
    bool has_carrier() const;
    bool transmit();
    bool in_slice();
    std::span<u8> buffer();
    Gathered gather();
    bool send_gathered(const Gathered& g);
    void release(const Gathered& g);
    bool appends_fcs(u16 descriptor_status) const;
    u32 descriptor_at(pcnet::Csr base, u16 index) const {
        return csr_pair(base) + index * pcnet::descriptor_bytes(style());
    }
    std::optional<pcnet::Descriptor> fetch(pcnet::Csr base, u16 index) {
        return read_descriptor(memory_, descriptor_at(base, index), style(), high());
    }
    static u16 after(const Ring& ring, u16 index) {
        return index + 1 < ring.length ? static_cast<u16>(index + 1) : u16{0};
    }

    // pcnet_receive.cpp: filter, receive ring, a guest without room
    bool listens() const { return works() && has(pcnet::Csr0::RXON) && !suspended(); }
    void take_in(std::span<const u8> frame, std::span<const u8> fcs);
    std::optional<u16> accepted(std::span<const u8> frame) const;
    Stored store(std::span<const u8> frame, std::span<const u8> fcs, u16 matched);
    bool has_room();
    void room_may_be_there();
    void look_again();
    void stop_waiting();

    GuestMemory& memory_;
    TimerQueue& timers_;
    Registers registers_{*this};
    State s_;
    /// A frame on its way out. Made when the first one goes.
    std::unique_ptr<std::array<u8, kSendMost>> buffer_;
    Timer timer_{timers_, [this] { timer_expired(); }};
};
static_assert(covers_every_field<Pcnet::State>);
static_assert(covers_every_field<Pcnet::Ring>);

} // namespace dm
