// A UHCI controller with devices and its surroundings, and the moves of a driver.
#pragma once

#include "dm/devices/usb/uhci.hpp"
#include "dm/devices/usb/usb_hub.hpp"
#include "dm/devices/usb/usb_keyboard.hpp"
#include "dm/devices/usb/usb_pointer.hpp"
#include "tests/devices/bulk_only.hpp"
#include "tests/devices/usb_setup.hpp"
#include "tests/support/rig.hpp"

namespace dm::test {

namespace usb_rig {
inline constexpr Bdf kBdf{0, 1, 2};
inline constexpr Port kBase = 0xc040;
inline constexpr unsigned kIntx = 1 * 4 + 3;
inline constexpr u64 kRamSize = u64{256} * 1024;
inline constexpr u32 kFrameList = 0x1000;
inline constexpr u32 kQueue = 0x2000; ///< of control transfers, in every frame
inline constexpr u32 kInterruptQueue = 0x2010;
inline constexpr u32 kTds = 0x3000; ///< 16 bytes each
inline constexpr u32 kInterruptTd = 0x3800;
inline constexpr u32 kSetupData = 0x4000;
inline constexpr u32 kData = 0x5000;
inline constexpr u32 kReport = 0x4800;

inline constexpr u32 T = 1, Q = 2, VF = 4;
inline constexpr u32 ACTIVE = 1U << 23, STALLED = 1U << 22, BABBLE = 1U << 20, NAK = 1U << 19,
                     CRC_TIMEOUT = 1U << 18, IOC = 1U << 24, IOS = 1U << 25, SPD = 1U << 29,
                     THREE_ERRORS = 3U << 27;
inline constexpr u8 IN = 0x69, OUT = 0xe1, SETUP = 0x2d;
inline constexpr u16 RS = 1, HCRESET = 2, GRESET = 4, EGSM = 8, FGR = 0x10;
inline constexpr u16 USBINT = 1, ERROR_INT = 2, RESUME = 4, HSE = 8, HCPE = 0x10, HCHALTED = 0x20;
inline constexpr u16 CCS = 1, CSC = 2, PED = 4, PEDC = 8, RD = 0x40, PR = 0x200, SUSP = 0x1000;

using Bytes = std::vector<u8>;
} // namespace usb_rig

struct UsbRig : Rig {
    UsbRig() : Rig(usb_rig::kRamSize), dev("uhci", hypervisor.ram, timers, pci_wiring(usb_rig::kBdf.dev, 4)) {
        pci.attach(usb_rig::kBdf, dev);
        enable();
    }
    /// BAR and decoding, as firmware leaves them.
    void enable(u16 command = 5) {
        pci.config_write(usb_rig::kBdf, pci::BAR0 + 16, 4, usb_rig::kBase);
        pci.config_write(usb_rig::kBdf, pci::COMMAND, 2, command);
    }
    template <class D> D& plug(unsigned port, std::string_view name) {
        auto made = std::make_unique<D>(name, "1", timers);
        D& device = *made;
        dev.attach(port, std::move(made));
        return device;
    }

    Device& device() override { return dev; }
    std::vector<Target> targets() const override {
        return {{Target::Kind::Ports, usb_rig::kBase, 32},
                {Target::Kind::Ports, usb_rig::kBase, 32},
                {Target::Kind::Config, usb_rig::kBdf.devfn(), 256}};
    }
    void quiesce() override { dev.quiesce(); }

    // What a driver does.
    u16 reg(uhci::Reg r) { return static_cast<u16>(in(static_cast<Port>(usb_rig::kBase + r), 2)); }
    void reg(uhci::Reg r, u16 value) { out(static_cast<Port>(usb_rig::kBase + r), value, 2); }
    void status_cleared() { reg(uhci::USBSTS, 0x1f); }
    bool irq() const { return hypervisor.intx.level(usb_rig::kIntx); }

    void put32(u32 addr, u32 value) {
        hypervisor.ram.view(addr, 4); // a fuzzer's memory is filled when it is first looked at
        for (unsigned i = 0; i < 4; ++i)
            ram[addr + i] = byte_of(value, i);
    }
    u32 get32(u32 addr) const {
        const std::vector<u8>& b = hypervisor.ram.ram;
        return b[addr] | u32{b[addr + 1]} << 8 | u32{b[addr + 2]} << 16 | u32{b[addr + 3]} << 24;
    }
    usb_rig::Bytes bytes_at(u32 addr, std::size_t length) const {
        const auto begin = hypervisor.ram.ram.begin() + addr;
        return {begin, begin + static_cast<std::ptrdiff_t>(length)};
    }
    static u32 token(u8 pid, u8 address, u8 endpoint, u32 length) {
        return pid | u32{address} << 8 | u32{endpoint} << 15 | ((length - 1) & 0x7ffU) << 21;
    }
    void put_td(u32 at, u32 link, u32 status, u32 token_word, u32 buffer) {
        put32(at, link);
        put32(at + 4, status);
        put32(at + 8, token_word);
        put32(at + 12, buffer);
    }
    void put_queue(u32 at, u32 next, u32 element) {
        put32(at, next);
        put32(at + 4, element);
    }
    /// Every frame leads to the control queue, and from there to the interrupt queue.
    void frame_list(u32 first = usb_rig::kQueue | usb_rig::Q) {
        for (u32 i = 0; i < 1024; ++i)
            put32(usb_rig::kFrameList + 4 * i, first);
        put_queue(usb_rig::kQueue, usb_rig::kInterruptQueue | usb_rig::Q, usb_rig::T);
        put_queue(usb_rig::kInterruptQueue, usb_rig::T, usb_rig::T);
    }
    void start() {
        frame_list();
        reg(uhci::USBCMD, usb_rig::HCRESET);
        out(usb_rig::kBase + uhci::FLBASEADD, usb_rig::kFrameList, 4);
        reg(uhci::USBINTR, 0x0f);
        reg(uhci::USBCMD, usb_rig::RS | 0xc0);
    }
    void frames(u64 count) {
        for (u64 i = 0; i < count; ++i)
            advance(kMillisecond);
    }
    void reset_port(unsigned port) {
        const auto portsc = port == 0 ? uhci::PORTSC1 : uhci::PORTSC2;
        reg(portsc, usb_rig::PR);
        frames(10);
        reg(portsc, 0);
        reg(portsc, usb_rig::PED | usb_rig::CSC | usb_rig::PEDC);
    }
    /// A control transfer as a queue of descriptors. Nothing: STALL, or no end within a while.
    std::optional<usb_rig::Bytes> control(u8 address, const UsbSetup& s, const usb_rig::Bytes& data = {},
                                          u32 packet = 8) {
        using namespace usb_rig;
        const std::array<u8, 8> raw = s.bytes();
        hypervisor.ram.view(kSetupData, 8);
        hypervisor.ram.view(kData, 1024);
        std::copy(raw.begin(), raw.end(), ram.begin() + kSetupData);
        std::copy(data.begin(), data.end(), ram.begin() + kData);
        const bool to_host = s.reads();
        u32 td = kTds;
        const auto add = [&](u8 pid, u32 length, u32 buffer, u32 flags) {
            put_td(td, (td + 16) | VF, ACTIVE | THREE_ERRORS | flags, token(pid, address, 0, length), buffer);
            td += 16;
        };
        add(SETUP, 8, kSetupData, 0);
        for (u32 done = 0; done < s.length; done += packet)
            add(to_host ? IN : OUT, std::min<u32>(packet, s.length - done), kData + done, to_host ? SPD : 0);
        const u32 status_td = td;
        add(to_host ? OUT : IN, 0, 0, IOC);
        put32(status_td, T);
        put32(kQueue + 4, kTds);
        u32 total = 0;
        for (unsigned frame = 0; frame < 50; ++frame) {
            advance(kMillisecond);
            const u32 element = get32(kQueue + 4);
            if ((element & T) != 0) break;
            const u32 status = get32((element & ~15U) + 4);
            if ((status & STALLED) != 0) break;
            if ((status & ACTIVE) == 0 && element < status_td)
                put32(kQueue + 4, status_td); // short: to the status
        }
        const bool good = (get32(kQueue + 4) & T) != 0;
        put32(kQueue + 4, T);
        for (u32 at = kTds + 16; at < status_td; at += 16)
            if ((get32(at + 4) & ACTIVE) == 0) total += (get32(at + 4) + 1) & 0x7ff;
        if (!good) return std::nullopt;
        return to_host ? bytes_at(kData, total) : Bytes{};
    }
    /// Reset, address, configuration 1.
    bool configure(unsigned port, u8 address) {
        reset_port(port);
        return set_up(address);
    }
    bool set_up(u8 address) {
        return control(0, {0x00, 5, address, 0, 0}) && control(address, {0x00, 9, 1, 0, 0});
    }
    /// Asks endpoint 1 for a report, in every frame until it comes.
    void poll(u8 address, u32 length = 8) {
        using namespace usb_rig;
        put_td(kInterruptTd, T, ACTIVE | THREE_ERRORS | IOC | SPD, token(IN, address, 1, length), kReport);
        put32(kInterruptQueue + 4, kInterruptTd);
    }
    /// What came; nothing while the descriptor waits.
    std::optional<usb_rig::Bytes> report() const {
        const u32 status = get32(usb_rig::kInterruptTd + 4);
        if ((status & (usb_rig::ACTIVE | usb_rig::STALLED)) != 0) return std::nullopt;
        return bytes_at(usb_rig::kReport, (status + 1) & 0x7ff);
    }
    std::optional<usb_rig::Bytes> next_report(u8 address, u32 length = 8) {
        poll(address, length);
        frames(3);
        return report();
    }
    void some_driver_work(Rng& rng) {
        using namespace usb_rig;
        if (rng.one_in(4)) {
            enable();
            start();
        }
        switch (rng.below(6)) {
        case 0: configure(static_cast<unsigned>(rng.below(2)), static_cast<u8>(1 + rng.below(3))); break;
        case 1: poll(static_cast<u8>(1 + rng.below(3)), static_cast<u32>(rng.below(16))); break;
        case 2: control(static_cast<u8>(rng.below(4)), some_setup(rng)); break;
        case 3:
            put_td(kTds, static_cast<u32>(rng.next()), static_cast<u32>(rng.next()),
                   static_cast<u32>(rng.next()), static_cast<u32>(rng.below(kRamSize)));
            put32(kQueue + 4, kTds);
            break;
        case 4: frames(rng.below(20)); break;
        case 5: reg(uhci::USBCMD, rng.one_in(2) ? RS : EGSM); break;
        }
    }

    Uhci dev;
};

struct UsbTabletRig : UsbRig {
    void stimulate(Rng& rng) override {
        if (rng.one_in(2)) return some_driver_work(rng);
        tablet.pointer(static_cast<unsigned>(rng.below(800)), static_cast<unsigned>(rng.below(600)), 800, 600,
                       static_cast<u8>(rng.next()));
        keyboard.key(static_cast<KeyCode>(rng.below(256)), rng.one_in(2));
    }
    UsbTablet& tablet = plug<UsbTablet>(0, "usb-tablet");
    UsbKeyboard& keyboard = plug<UsbKeyboard>(1, "usb-keyboard");
};

struct UsbHubRig : UsbRig {
    UsbHubRig() {
        auto made_hub = std::make_unique<UsbHub>("usb-hub", "1");
        hub = made_hub.get();
        dev.attach(1, std::move(made_hub));
        auto made = std::make_unique<UsbMouse>("usb-mouse", "1", timers);
        mouse = made.get();
        hub->attach(2, std::move(made));
    }
    void stimulate(Rng& rng) override {
        if (rng.one_in(2)) return some_driver_work(rng);
        if (rng.one_in(3)) {
            control(static_cast<u8>(rng.below(4)),
                    {0x23, static_cast<u8>(rng.one_in(2) ? 3 : 1), static_cast<u16>(rng.below(24)), 3, 0});
        } else {
            mouse->motion(static_cast<s32>(rng.below(1000)) - 500, 3, static_cast<u8>(rng.next()));
        }
    }
    UsbHub* hub = nullptr;
    UsbMouse* mouse = nullptr;
};

/// A disk, and the moves of a mass storage driver.
struct UsbDiskRig : UsbRig {
    static constexpr u64 kDiskSize = u64{256} * 1024;
    static constexpr u8 kAddress = 1;
    static constexpr u32 kWrapper = 0x4400;
    static constexpr u32 kBulkData = 0x20000;
    static constexpr u32 kBulkTds = 0x10000;
    using Bytes = usb_rig::Bytes;
    struct Csw {
        u32 tag = 0;
        u32 residue = 0;
        u8 result = 0xff;
        bool operator==(const Csw&) const = default;
    };

    UsbDiskRig() {
        fill_usb_disk(disk);
        auto made = make_usb_disk(disk);
        storage = made.get();
        dev.attach(0, std::move(made));
    }
    ~UsbDiskRig() override { dev.detach(0); } // before its medium goes
    bool power_up() {
        start();
        return configure(0, kAddress);
    }
    /// One bulk transfer; what the descriptors say in the end. `bytes`: as many as moved.
    u32 bulk(u8 pid, u32 addr, u32 length, u32& bytes, u8 address = kAddress) {
        using namespace usb_rig;
        hypervisor.ram.view(addr, length + 1);
        u32 td = kBulkTds;
        const u32 endpoint = pid == IN ? UsbStorage::kIn : UsbStorage::kOut;
        for (u32 at = 0; at < length; at += 64, td += 16)
            put_td(td, (td + 16) | VF, ACTIVE | THREE_ERRORS | (pid == IN ? SPD : 0),
                   token(pid, address, static_cast<u8>(endpoint), std::min<u32>(64, length - at)), addr + at);
        put32(td - 16, T);
        put32(kQueue + 4, kBulkTds);
        for (unsigned frame = 0; frame < 40 + length / 64; ++frame) {
            advance(kMillisecond);
            const u32 element = get32(kQueue + 4);
            if ((element & T) != 0 || (get32((element & ~15U) + 4) & ACTIVE) == 0) break;
        }
        put32(kQueue + 4, T);
        bytes = 0;
        u32 status = 0;
        for (u32 at = kBulkTds; at < td; at += 16) {
            status = get32(at + 4);
            if ((status & (ACTIVE | STALLED)) != 0) break;
            bytes += (status + 1) & 0x7ff;
            if (((status + 1) & 0x7ff) < 64) break;
        }
        return status;
    }
    void clear_halt(bool in) { control(kAddress, {0x02, 1, 0, static_cast<u16>(in ? 0x81 : 0x02), 0}); }
    void put_command(const Bytes& cdb, u32 expected, bool to_host, u32 tag) {
        const Bytes wrapper = command_wrapper(cdb, expected, to_host, tag);
        hypervisor.ram.view(kWrapper, 31);
        std::copy(wrapper.begin(), wrapper.end(), ram.begin() + kWrapper);
    }
    Csw status() {
        u32 got = 0;
        if ((bulk(usb_rig::IN, kWrapper + 64, 13, got) & usb_rig::STALLED) != 0) {
            clear_halt(true);
            bulk(usb_rig::IN, kWrapper + 64, 13, got);
        }
        if (got != 13) return {};
        return {get32(kWrapper + 68), get32(kWrapper + 72), ram[kWrapper + 76]};
    }
    /// A command from its wrapper to its status; data of a host that asks is at kBulkData.
    Csw run(const Bytes& cdb, u32 expected = 0, bool to_host = true, u32 tag = 7) {
        using namespace usb_rig;
        u32 bytes = 0;
        put_command(cdb, expected, to_host, tag);
        bulk(OUT, kWrapper, 31, bytes);
        if (expected > 0 && (bulk(to_host ? IN : OUT, kBulkData, expected, bytes) & STALLED) != 0)
            clear_halt(to_host);
        moved = bytes;
        return status();
    }
    /// The first commands after a reset are answered with a unit attention.
    void settle() {
        for (int i = 0; i < 3 && run({0, 0, 0, 0, 0, 0}).result != 0; ++i)
            run({3, 0, 0, 0, 18, 0}, 18);
    }
    static Bytes read_10(u32 lba, u16 blocks, u8 opcode = 0x28) { return block_command(opcode, lba, blocks); }
    void stimulate(Rng& rng) override {
        disk.hold = rng.one_in(3);
        if (!disk.held.empty() && rng.one_in(2)) return disk.complete();
        if (rng.one_in(3)) return some_driver_work(rng);
        if (rng.one_in(4)) {
            enable();
            power_up();
        }
        static constexpr std::array<u8, 10> kOpcodes{0x28, 0x2a, 0x12, 0x25, 0x03,
                                                     0x1a, 0x2f, 0x35, 0x00, 0xff};
        const u8 opcode = kOpcodes[rng.below(kOpcodes.size())];
        const auto blocks = static_cast<u16>(rng.below(20));
        run(read_10(static_cast<u32>(rng.below(520)), blocks, opcode),
            rng.one_in(3) ? static_cast<u32>(rng.below(2000)) : blocks * 512U, opcode != 0x2a);
    }
    void copy_surroundings(Rig& from) override {
        Rig::copy_surroundings(from);
        auto& other = dynamic_cast<UsbDiskRig&>(from);
        disk.data = other.disk.data;
        disk.hold = other.disk.hold;
    }

    FakeBlock disk{kDiskSize};
    UsbStorage* storage = nullptr;
    u32 moved = 0; ///< bytes of data of the last run()
};

} // namespace dm::test
