// An xHCI controller with devices and its surroundings, and the moves of a driver.
#pragma once

#include "dm/devices/usb/usb_hub.hpp"
#include "dm/devices/usb/usb_keyboard.hpp"
#include "dm/devices/usb/usb_pointer.hpp"
#include "dm/devices/usb/xhci.hpp"
#include "tests/devices/bulk_only.hpp"
#include "tests/devices/usb_setup.hpp"
#include "tests/support/rig.hpp"

namespace dm::test {

namespace xhci_rig {
inline constexpr Bdf kBdf{0, 4, 0};
inline constexpr u64 kBase = 0xf0000000;
inline constexpr u64 kOp = kBase + xhci::kOperational;
inline constexpr u64 kInt0 = kBase + xhci::kInterrupterSets;
inline constexpr unsigned kIntx = 4 * 4;
inline constexpr u64 kRamSize = u64{256} * 1024;
inline constexpr u32 kDcbaa = 0x1000;
inline constexpr u32 kCommands = 0x2000; ///< a ring of kRingTrbs, the last a link
inline constexpr u32 kSegmentTable = 0x3000;
inline constexpr u32 kEvents = 0x4000;
inline constexpr u32 kInput = 0x6000;
inline constexpr u32 kDevices = 0x8000; ///< 0x400 for each slot
inline constexpr u32 kRings = 0x10000;  ///< 0x400 for each of four contexts of a slot
inline constexpr u32 kData = 0x30000;
inline constexpr unsigned kRingTrbs = 64;
inline constexpr unsigned kFirstUsb2 = 5; ///< port number; the four before are of USB 3

inline constexpr u32 RS = 1, HCRST = 2, INTE = 4, EWE = 0x400;
inline constexpr u32 HCH = 1, HSE = 4, EINT = 8, PCD = 0x10, SRE = 0x400, HCE = 0x1000;
inline constexpr u32 IP = 1, IE = 2, EHB = 8;
inline constexpr u32 CCS = 1, PED = 2, PR = 0x10, PP = 0x200, LWS = 1U << 16, CSC = 1U << 17, PRC = 1U << 21,
                     PLC = 1U << 22;
inline constexpr u32 C = 1, TC = 2, ISP = 4, CH = 0x10, IOC = 0x20, IDT = 0x40, BSR = 0x200, BEI = 0x200,
                     DIR_IN = 1U << 16;

using xhci::Code;
using xhci::Trb;
using xhci::TrbType;
using Bytes = std::vector<u8>;
constexpr u32 kind(TrbType type) {
    return static_cast<u32>(type) << xhci::kTrbTypeShift;
}
inline Code code(const Trb& event) {
    return static_cast<Code>(event.status >> 24);
}
} // namespace xhci_rig

struct XhciRig : Rig {
    explicit XhciRig(Xhci::Config config = {})
        : Rig(xhci_rig::kRamSize),
          dev("xhci", config, hypervisor.ram, timers, pci_wiring(xhci_rig::kBdf.dev, 1)) {
        pci.attach(xhci_rig::kBdf, dev);
        enable();
    }
    /// BAR and decoding, as firmware leaves them.
    void enable(u16 command = 6) {
        pci.config_write(xhci_rig::kBdf, pci::BAR0, 4, static_cast<u32>(xhci_rig::kBase));
        pci.config_write(xhci_rig::kBdf, pci::BAR0 + 4, 4, 0);
        pci.config_write(xhci_rig::kBdf, pci::COMMAND, 2, command);
    }
    template <class D> D& plug(unsigned port, std::string_view name) {
        auto made = std::make_unique<D>(name, "1", timers);
        D& device = *made;
        dev.attach(port, std::move(made));
        return device;
    }

    Device& device() override { return dev; }
    std::vector<Target> targets() const override {
        using namespace xhci_rig;
        return {{Target::Kind::Memory, kBase, 0x80},
                {Target::Kind::Memory, kBase + xhci::kPortSets, 0x80},
                {Target::Kind::Memory, kInt0, 0x40},
                {Target::Kind::Memory, kBase + xhci::kDoorbells, 0x10},
                {Target::Kind::Config, kBdf.devfn(), 256}};
    }
    void quiesce() override { dev.quiesce(); }
    void copy_surroundings(Rig& from) override {
        Rig::copy_surroundings(from);
        driver = static_cast<XhciRig&>(from).driver;
    }

    // What a driver does.
    u32 reg(u64 addr) { return static_cast<u32>(peek(addr)); }
    u32 op(xhci::OpReg r) { return reg(xhci_rig::kOp + r); }
    void op(xhci::OpReg r, u32 value) { poke(xhci_rig::kOp + r, value); }
    u32 interrupter(xhci::IntReg r) { return reg(xhci_rig::kInt0 + r); }
    void interrupter(xhci::IntReg r, u32 value) { poke(xhci_rig::kInt0 + r, value); }
    static u64 port_reg(unsigned number) {
        return xhci_rig::kBase + xhci::kPortSets + u64{number - 1} * xhci::kPortStride;
    }
    u32 port(unsigned number) { return reg(port_reg(number)); }
    void port(unsigned number, u32 value) { poke(port_reg(number), value); }
    void doorbell(unsigned slot, u32 target) {
        poke(xhci_rig::kBase + xhci::kDoorbells + u64{slot} * 4, target);
    }
    bool irq() const { return hypervisor.intx.level(xhci_rig::kIntx); }

    void put32(u32 addr, u32 value) {
        hypervisor.ram.view(addr, 4); // a fuzzer's memory is filled when it is first looked at
        for (unsigned i = 0; i < 4; ++i)
            ram[addr + i] = byte_of(value, i);
    }
    u32 get32(u32 addr) {
        hypervisor.ram.view(addr, 4);
        return ram[addr] | u32{ram[addr + 1]} << 8 | u32{ram[addr + 2]} << 16 | u32{ram[addr + 3]} << 24;
    }
    void zero(u32 addr, u32 length) {
        for (u32 at = 0; at < length; at += 4)
            put32(addr + at, 0);
    }
    void put_bytes(u32 addr, std::span<const u8> bytes) {
        hypervisor.ram.view(addr, bytes.size());
        std::copy(bytes.begin(), bytes.end(), ram.begin() + addr);
    }
    xhci_rig::Bytes bytes_at(u32 addr, std::size_t length) const {
        const auto begin = hypervisor.ram.ram.begin() + addr;
        return {begin, begin + static_cast<std::ptrdiff_t>(length)};
    }
    void put_trb(u32 addr, u64 parameter, u32 status, u32 control) {
        put32(addr, static_cast<u32>(parameter));
        put32(addr + 4, static_cast<u32>(parameter >> 32));
        put32(addr + 8, status);
        put32(addr + 12, control);
    }

    /// A ring of the driver's: it writes at `at`, and the last block leads back to the first.
    struct Ring {
        u32 base = 0;
        unsigned at = 0;
        u32 cycle = 1;
    };
    struct Driver {
        Ring commands;
        std::array<std::array<Ring, 4>, 8> transfers{};
        unsigned event = 0;
        u32 event_cycle = 1;
        unsigned event_count = 0;
    };
    u32 queue(Ring& ring, u64 parameter, u32 status, u32 control) {
        const u32 where = ring.base + 16 * ring.at;
        put_trb(where, parameter, status, control | ring.cycle);
        if (++ring.at + 1 == xhci_rig::kRingTrbs) {
            put_trb(ring.base + 16 * ring.at, ring.base, 0,
                    xhci_rig::kind(xhci::TrbType::Link) | xhci_rig::TC | ring.cycle);
            ring.at = 0;
            ring.cycle ^= 1;
        }
        return where;
    }
    Ring& ring(unsigned slot, unsigned context) { return driver.transfers[slot & 7][context & 3]; }
    void new_ring(unsigned slot, unsigned context) {
        Ring& r = ring(slot, context);
        r = {.base = xhci_rig::kRings + ((slot & 7) * 4 + (context & 3)) * 0x400};
        zero(r.base, 16 * xhci_rig::kRingTrbs);
    }

    void start(unsigned events = 64) {
        using namespace xhci_rig;
        driver = {};
        driver.commands.base = kCommands;
        driver.event_count = events;
        zero(kDcbaa, 8 * (xhci::kSlots + 1));
        zero(kCommands, 16 * kRingTrbs);
        zero(kEvents, 16 * events);
        put32(kSegmentTable, kEvents);
        put32(kSegmentTable + 4, 0);
        put32(kSegmentTable + 8, events);
        op(xhci::USBCMD, HCRST);
        op(xhci::CONFIG, 8);
        op(xhci::DCBAAP, kDcbaa);
        op(xhci::CRCR, kCommands | C);
        interrupter(xhci::ERSTSZ, 1);
        interrupter(xhci::ERDP, kEvents);
        interrupter(xhci::ERSTBA, kSegmentTable);
        interrupter(xhci::ERSTBA_HIGH, 0);
        interrupter(xhci::IMOD, 0);
        interrupter(xhci::IMAN, IE);
        op(xhci::USBCMD, RS | INTE);
    }
    std::optional<xhci_rig::Trb> peek_event() {
        const u32 at = xhci_rig::kEvents + 16 * driver.event;
        xhci_rig::Trb trb{get32(at) | u64{get32(at + 4)} << 32, get32(at + 8), get32(at + 12)};
        if ((trb.control & xhci_rig::C) != driver.event_cycle) return std::nullopt;
        if (++driver.event == driver.event_count) {
            driver.event = 0;
            driver.event_cycle ^= 1;
        }
        return trb;
    }
    void acknowledge() {
        using namespace xhci_rig;
        interrupter(xhci::IMAN, IP | IE);
        interrupter(xhci::ERDP, (kEvents + 16 * driver.event) | EHB);
    }
    std::optional<xhci_rig::Trb> next_event() {
        const auto trb = peek_event();
        acknowledge();
        return trb;
    }
    std::vector<xhci_rig::Trb> events() {
        std::vector<xhci_rig::Trb> all;
        while (const auto trb = peek_event())
            all.push_back(*trb);
        acknowledge();
        return all;
    }
    /// The next event of a kind; others are lost.
    std::optional<xhci_rig::Trb> event_of(xhci::TrbType type) {
        for (const xhci_rig::Trb& trb : events())
            if (trb.type() == type) return trb;
        return std::nullopt;
    }
    xhci_rig::Trb command(xhci::TrbType type, u64 parameter = 0, u32 control = 0, u32 status = 0) {
        queue(driver.commands, parameter, status, xhci_rig::kind(type) | control);
        doorbell(0, 0);
        return event_of(xhci::TrbType::CommandCompletion).value_or(xhci_rig::Trb{});
    }
    xhci::Code command_code(xhci::TrbType type, u64 parameter, u32 control) {
        return xhci_rig::code(command(type, parameter, control));
    }
    static u32 slot_bits(unsigned slot, unsigned context = 0) { return slot << 24 | context << 16; }

    u8 enable_slot() { return command(xhci::TrbType::EnableSlot).slot(); }
    void input_context(u32 drop, u32 add) {
        zero(xhci_rig::kInput, 33 * 32);
        put32(xhci_rig::kInput, drop);
        put32(xhci_rig::kInput + 4, add);
    }
    void input_slot(unsigned root_port, unsigned entries, u32 more = 0) {
        put32(xhci_rig::kInput + 32, entries << 27 | 3 << 20 | more);
        put32(xhci_rig::kInput + 36, root_port << 16);
    }
    void input_endpoint(unsigned slot, unsigned context, xhci::EpType type, u32 packet, u32 interval = 0) {
        new_ring(slot, context);
        const u32 at = xhci_rig::kInput + 32 * (context + 1);
        put32(at, interval << 16);
        put32(at + 4, packet << 16 | static_cast<u32>(type) << 3 | 3 << 1);
        put32(at + 8, ring(slot, context).base | 1);
        put32(at + 12, 0);
    }
    u32 device_context(unsigned slot) const { return xhci_rig::kDevices + 0x400 * (slot & 15); }
    xhci::Code address(unsigned slot, unsigned root_port, u32 flags = 0) {
        zero(device_context(slot), 0x400);
        put32(xhci_rig::kDcbaa + 8 * (slot & 31), device_context(slot));
        input_context(0, 3);
        input_slot(root_port, 1);
        input_endpoint(slot, 1, xhci::EpType::Control, 64);
        return command_code(xhci::TrbType::AddressDevice, xhci_rig::kInput, slot_bits(slot) | flags);
    }
    xhci::Code add_endpoint(unsigned slot, unsigned root_port, unsigned context, xhci::EpType type,
                            u32 packet, u32 interval = 0) {
        input_context(0, 1 | 1U << context);
        input_slot(root_port, context);
        input_endpoint(slot, context, type, packet, interval);
        return command_code(xhci::TrbType::ConfigureEndpoint, xhci_rig::kInput, slot_bits(slot));
    }
    void reset_port(unsigned number) {
        using namespace xhci_rig;
        port(number, PP | PR);
        port(number, PP | CSC | PRC);
    }
    /// A control transfer. Nothing: it failed, or does not end.
    std::optional<xhci_rig::Bytes> control(unsigned slot, const UsbSetup& s,
                                           const xhci_rig::Bytes& data = {}) {
        using namespace xhci_rig;
        const bool in = s.reads();
        put_bytes(kData, data);
        const u64 setup =
            s.type | u64{s.request} << 8 | u64{s.value} << 16 | u64{s.index} << 32 | u64{s.length} << 48;
        Ring& r = ring(slot, 1);
        queue(r, setup, 8, kind(TrbType::Setup) | IDT);
        if (s.length > 0) queue(r, kData, s.length, kind(TrbType::Data) | ISP | (in ? DIR_IN : 0));
        queue(r, 0, 0, kind(TrbType::Status) | IOC | (in ? 0 : DIR_IN));
        doorbell(slot, 1);
        u32 left = 0;
        for (const Trb& event : events()) {
            if (event.type() != TrbType::TransferEvent) continue;
            if (xhci_rig::code(event) == Code::ShortPacket) {
                left = event.status & 0xffffff;
                continue;
            }
            if (xhci_rig::code(event) != Code::Success) return std::nullopt;
            return in ? bytes_at(kData, s.length - left) : Bytes{};
        }
        return std::nullopt;
    }
    /// Reset, slot, address, configuration 1. The slot.
    u8 configure(unsigned number) {
        reset_port(number);
        const u8 slot = enable_slot();
        if (slot == 0 || address(slot, number) != xhci::Code::Success) return 0;
        return control(slot, {0x00, 9, 1, 0, 0}) ? slot : u8{0};
    }
    /// The same, and interrupt endpoint 1.
    u8 set_up(unsigned number) {
        const u8 slot = configure(number);
        if (slot == 0) return 0;
        if (add_endpoint(slot, number, 3, xhci::EpType::InterruptIn, 8) != xhci::Code::Success) return 0;
        return slot;
    }
    static constexpr unsigned kBulkIn = 3;  ///< context of endpoint 81
    static constexpr unsigned kBulkOut = 4; ///< of endpoint 02
    /// The same, and these two.
    u8 set_up_bulk(unsigned number) {
        const u8 slot = configure(number);
        if (slot == 0) return 0;
        const bool both =
            add_endpoint(slot, number, kBulkIn, xhci::EpType::BulkIn, 512) == xhci::Code::Success &&
            add_endpoint(slot, number, kBulkOut, xhci::EpType::BulkOut, 512) == xhci::Code::Success;
        return both ? slot : u8{0};
    }
    /// A block on a ring; the guest hears of its end.
    void transfer(unsigned slot, unsigned context, u32 addr, u32 length) {
        hypervisor.ram.view(addr, length + 1);
        queue(ring(slot, context), addr, length, xhci_rig::kind(xhci::TrbType::Normal) | xhci_rig::IOC);
        doorbell(slot, context);
    }
    /// Stops, resets or sets a bulk endpoint back, whatever it is at; or empties its ring first.
    void interfere(unsigned slot, Rng& rng) {
        using xhci::TrbType;
        static constexpr std::array<TrbType, 4> kCommands{TrbType::StopEndpoint, TrbType::ResetEndpoint,
                                                          TrbType::SetTrDequeue, TrbType::ConfigureEndpoint};
        const unsigned context = rng.one_in(2) ? kBulkIn : kBulkOut;
        const TrbType what = kCommands[rng.below(kCommands.size())];
        if (what == TrbType::SetTrDequeue && rng.one_in(2)) new_ring(slot, context);
        const u64 parameter =
            what == TrbType::SetTrDequeue
                ? ring(slot, context).base + 16 * ring(slot, context).at + ring(slot, context).cycle
                : u64{xhci_rig::kInput};
        command(what, parameter, slot_bits(slot, context));
        doorbell(slot, context);
    }
    /// Asks endpoint 1 for a report.
    u32 poll(unsigned slot, u32 length = 8, u32 flags = xhci_rig::IOC) {
        const u32 where = queue(ring(slot, 3), xhci_rig::kData + 0x1000, length,
                                xhci_rig::kind(xhci::TrbType::Normal) | flags);
        doorbell(slot, 3);
        return where;
    }
    /// The report that came; nothing while the controller waits.
    std::optional<xhci_rig::Bytes> report(u32 length = 8) {
        const auto event = event_of(xhci::TrbType::TransferEvent);
        if (!event) return std::nullopt;
        const xhci::Code result = xhci_rig::code(*event);
        if (result != xhci::Code::Success && result != xhci::Code::ShortPacket) return std::nullopt;
        return bytes_at(xhci_rig::kData + 0x1000, length - (event->status & 0xffffff));
    }
    void some_driver_work(Rng& rng) {
        using namespace xhci_rig;
        const auto any_slot = [&] { return static_cast<unsigned>(1 + rng.below(3)); };
        if (rng.one_in(4) || driver.commands.base == 0) {
            enable();
            start();
        }
        switch (rng.below(8)) {
        case 0: set_up(static_cast<unsigned>(kFirstUsb2 + rng.below(3))); break;
        case 1: poll(any_slot(), static_cast<u32>(rng.below(16)), static_cast<u32>(rng.below(64))); break;
        case 2: control(any_slot(), some_setup(rng)); break;
        case 3:
            command(static_cast<TrbType>(9 + rng.below(16)), kInput,
                    static_cast<u32>(rng.next()) & 0x031f0200);
            break;
        case 4: {
            const unsigned slot = any_slot();
            const unsigned context = rng.one_in(2) ? 1 : 3;
            if (ring(slot, context).base == 0) break;
            queue(ring(slot, context), rng.below(kRamSize), static_cast<u32>(rng.below(0x2000)),
                  static_cast<u32>(rng.below(9) << 10 | (rng.next() & 0x1027e)));
            doorbell(slot, context);
            break;
        }
        case 5: advance(rng.below(20 * kMillisecond)); break;
        case 6: port(static_cast<unsigned>(1 + rng.below(8)), static_cast<u32>(rng.next())); break;
        case 7: events(); break;
        }
    }

    Driver driver;
    Xhci dev;
};

struct XhciTabletRig : XhciRig {
    bool sends_messages() const override { return true; }
    void stimulate(Rng& rng) override {
        choose_messages(rng, xhci_rig::kBdf, 0x70);
        if (!rng.one_in(3)) return some_driver_work(rng);
        tablet.pointer(static_cast<unsigned>(rng.below(800)), static_cast<unsigned>(rng.below(600)), 800, 600,
                       static_cast<u8>(rng.next()));
        keyboard.key(static_cast<KeyCode>(rng.below(256)), rng.one_in(2));
    }
    UsbTablet& tablet = plug<UsbTablet>(0, "usb-tablet");
    UsbKeyboard& keyboard = plug<UsbKeyboard>(1, "usb-keyboard");
};

/// QEMU's own model, with a hub.
struct XhciHubRig : XhciRig {
    XhciHubRig() : XhciRig({.model = Xhci::Model::Qemu, .usb2_ports = 6, .usb3_ports = 2}) {
        auto made_hub = std::make_unique<UsbHub>("usb-hub", "1");
        hub = made_hub.get();
        dev.attach(4, std::move(made_hub));
        auto made = std::make_unique<UsbMouse>("usb-mouse", "1", timers);
        mouse = made.get();
        hub->attach(2, std::move(made));
    }
    void stimulate(Rng& rng) override {
        if (!rng.one_in(3)) return some_driver_work(rng);
        if (rng.one_in(3))
            control(1, {0x23, static_cast<u8>(rng.one_in(2) ? 3 : 1), static_cast<u16>(rng.below(24)), 3, 0});
        else
            mouse->motion(static_cast<s32>(rng.below(1000)) - 500, 3, static_cast<u8>(rng.next()));
    }
    UsbHub* hub = nullptr;
    UsbMouse* mouse = nullptr;
};

/// A disk, and the moves of a mass storage driver.
struct XhciDiskRig : XhciRig {
    static constexpr u64 kDiskSize = u64{256} * 1024;
    static constexpr u32 kBulkData = xhci_rig::kData + 0x4000;

    XhciDiskRig() {
        fill_usb_disk(disk);
        dev.attach(0, make_usb_disk(disk));
    }
    ~XhciDiskRig() override { dev.detach(0); } // before its medium goes
    bool sends_messages() const override { return true; }
    bool power_up() {
        start();
        slot = set_up_bulk(xhci_rig::kFirstUsb2);
        events();
        return slot != 0;
    }
    /// A command, its data and its status, all asked for at once.
    void run(const xhci_rig::Bytes& cdb, u32 expected = 0, bool to_host = true) {
        put_bytes(xhci_rig::kData, command_wrapper(cdb, expected, to_host));
        transfer(slot, kBulkOut, xhci_rig::kData, 31);
        if (expected > 0) transfer(slot, to_host ? kBulkIn : kBulkOut, kBulkData, expected);
        transfer(slot, kBulkIn, xhci_rig::kData + 0x1000, 13);
    }
    void stimulate(Rng& rng) override {
        disk.hold = rng.one_in(3);
        if (!disk.held.empty() && rng.one_in(2)) return disk.complete();
        if (rng.one_in(3)) return some_driver_work(rng);
        if (rng.one_in(4) || slot == 0 || ring(slot, kBulkIn).base == 0) {
            enable();
            if (!power_up()) return;
        }
        if (rng.one_in(4)) return interfere(slot, rng);
        static constexpr std::array<u8, 6> kOpcodes{0x28, 0x2a, 0x12, 0x00, 0x35, 0x2f};
        const u8 opcode = kOpcodes[rng.below(kOpcodes.size())];
        const auto lba = static_cast<u32>(rng.below(520));
        const auto blocks = static_cast<u16>(rng.below(20));
        run(block_command(opcode, lba, blocks), blocks * 512U, opcode != 0x2a);
        if (rng.one_in(2)) events();
    }
    void copy_surroundings(Rig& from) override {
        XhciRig::copy_surroundings(from);
        auto& other = dynamic_cast<XhciDiskRig&>(from);
        disk.data = other.disk.data;
        disk.hold = other.disk.hold;
        slot = other.slot;
    }

    FakeBlock disk{kDiskSize};
    u8 slot = 0;
};

} // namespace dm::test
