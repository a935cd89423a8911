// An EHCI controller with devices and its surroundings, and the moves of a driver.
#pragma once

#include "dm/devices/usb/ehci.hpp"
#include "dm/devices/usb/usb_hub.hpp"
#include "dm/devices/usb/usb_pointer.hpp"
#include "tests/devices/bulk_only.hpp"
#include "tests/devices/usb_setup.hpp"
#include "tests/support/rig.hpp"

namespace dm::test {

namespace ehci_rig {
using namespace dm::ehci;
inline constexpr Bdf kBdf{0, 0x1d, 7};
inline constexpr u64 kBase = 0xf2000000;
inline constexpr unsigned kIntx = 0x1d * 4 + 3;
inline constexpr u64 kRamSize = u64{256} * 1024;
inline constexpr u32 kFrameList = 0x1000;
inline constexpr u32 kHead = 0x2000;  ///< of the asynchronous ring
inline constexpr u32 kQueue = 0x2080; ///< of control and bulk transfers, behind it
inline constexpr u32 kInterruptQueue = 0x2100;
inline constexpr u32 kQtds = 0x3000; ///< 32 bytes each
inline constexpr u32 kInterruptQtd = 0x3800;
inline constexpr u32 kSetupData = 0x4000;
inline constexpr u32 kReport = 0x4800;
inline constexpr u32 kData = 0x5000;
inline constexpr u32 kBulkData = 0x20000;

inline constexpr u32 ACTIVE = 0x80, HALTED = 0x40, BUFFER_ERROR = 0x20, BABBLE = 0x10, XACTERR = 8,
                     IOC = 0x8000, TOGGLE = 0x80000000, THREE_ERRORS = 3U << 10;
inline constexpr u32 OUT = 0, IN = 1, SETUP = 2;
inline constexpr u32 QH = 2, SITD = 4, FSTN = 6; ///< in links
inline constexpr u32 RS = 1, HCRESET = 2, PSE = 0x10, ASE = 0x20, IAAD = 0x40;
inline constexpr u32 USBINT = 1, USBERRINT = 2, PCD = 4, FLR = 8, HSE = 0x10, IAA = 0x20, HCHALTED = 0x1000,
                     PSS = 0x4000, ASS = 0x8000;
inline constexpr u32 CCS = 1, CSC = 2, PED = 4, PEDC = 8, FPR = 0x40, SUSP = 0x80, PR = 0x100, LINE_J = 0x800,
                     PP = 0x1000, PO = 0x2000;

using Bytes = std::vector<u8>;
} // namespace ehci_rig

struct EhciRig : Rig {
    EhciRig() : Rig(ehci_rig::kRamSize), dev("ehci", hypervisor.ram, timers, pci_wiring(0x1d, 4)) {
        pci.attach(ehci_rig::kBdf, dev);
        enable();
    }
    void enable(u16 command = 6) {
        pci.config_write(ehci_rig::kBdf, pci::BAR0, 4, static_cast<u32>(ehci_rig::kBase));
        pci.config_write(ehci_rig::kBdf, pci::COMMAND, 2, command);
    }
    template <class D> D& plug(unsigned port, std::string_view name) {
        auto made = std::make_unique<D>(name, "1", timers);
        D& device = *made;
        dev.attach(port, std::move(made));
        return device;
    }
    Device& device() override { return dev; }
    std::vector<Target> targets() const override {
        return {{Target::Kind::Memory, ehci_rig::kBase, 0x80},
                {Target::Kind::Memory, ehci_rig::kBase, 0x80},
                {Target::Kind::Config, ehci_rig::kBdf.devfn(), 256}};
    }
    void quiesce() override { dev.quiesce(); }

    // What a driver does.
    u32 cap(ehci::Cap r) { return static_cast<u32>(peek(ehci_rig::kBase + r)); }
    u32 reg(u32 r) { return static_cast<u32>(peek(ehci_rig::kBase + ehci::kCapLength + r)); }
    void reg(u32 r, u32 value) { poke(ehci_rig::kBase + ehci::kCapLength + r, value); }
    u32 port(unsigned n) { return reg(ehci::PORTSC + 4 * n); }
    void port(unsigned n, u32 value) { reg(ehci::PORTSC + 4 * n, value); }
    bool irq() const { return hypervisor.intx.level(ehci_rig::kIntx); }

    void put32(u32 addr, u32 value) {
        hypervisor.ram.view(addr, 4); // a fuzzer's memory is filled when it is first looked at
        for (unsigned i = 0; i < 4; ++i)
            ram[addr + i] = byte_of(value, i);
    }
    u32 get32(u32 addr) const {
        const std::vector<u8>& b = hypervisor.ram.ram;
        return b[addr] | u32{b[addr + 1]} << 8 | u32{b[addr + 2]} << 16 | u32{b[addr + 3]} << 24;
    }
    ehci_rig::Bytes bytes_at(u32 addr, std::size_t length) const {
        const auto begin = hypervisor.ram.ram.begin() + addr;
        return {begin, begin + static_cast<std::ptrdiff_t>(length)};
    }
    static u32 token(u32 pid, u32 bytes, u32 flags = 0) {
        using namespace ehci_rig;
        return ACTIVE | THREE_ERRORS | pid << 8 | bytes << 16 | flags;
    }
    void put_qtd(u32 at, u32 next, u32 alternate, u32 token_word, u32 buffer) {
        put32(at, next);
        put32(at + 4, alternate);
        put32(at + 8, token_word);
        for (u32 page = 0; page < ehci::kPages; ++page)
            put32(at + 12 + 4 * page, page == 0 ? buffer : buffer / 4096 * 4096 + page * 4096);
    }
    void put_queue(u32 at, u32 horizontal, u8 address, unsigned endpoint, u32 packet, u32 flags = 0) {
        using namespace ehci_rig;
        put32(at, horizontal);
        put32(at + 4, address | u32{endpoint} << 8 | 2U << 12 | packet << 16 | flags);
        put32(at + 8, 1U << 30 | 1); // one transaction a microframe
        for (u32 word = 3; word < ehci::kQhWords; ++word)
            put32(at + 4 * word, word == 4 || word == 5 ? u32{ehci::T} : 0U);
    }
    void start() {
        using namespace ehci_rig;
        for (u32 i = 0; i < 1024; ++i)
            put32(kFrameList + 4 * i, kInterruptQueue | QH);
        put_queue(kHead, kQueue | QH, 0, 0, 64, kReclamationHead);
        put_queue(kQueue, kHead | QH, 0, 0, 64);
        put_queue(kInterruptQueue, T, 0, 1, 8);
        reg(ehci::USBCMD, HCRESET);
        reg(ehci::PERIODICLISTBASE, kFrameList);
        reg(ehci::ASYNCLISTADDR, kHead);
        reg(ehci::CONFIGFLAG, 1);
        reg(ehci::USBINTR, 0x37);
        reg(ehci::USBCMD, RS | PSE | ASE);
    }
    void status_cleared() { reg(ehci::USBSTS, 0x3f); }
    void frames(u64 count) {
        for (u64 i = 0; i < 8 * count; ++i)
            advance(ehci::kMicroframe);
    }
    void reset_port(unsigned n) {
        using namespace ehci_rig;
        port(n, PR);
        frames(5);
        port(n, 0);
        port(n, PED | CSC | PEDC);
    }
    /// A control transfer. Nothing: the queue halted, or no end within a while.
    std::optional<ehci_rig::Bytes> control(u8 address, const UsbSetup& s, const ehci_rig::Bytes& data = {}) {
        using namespace ehci_rig;
        const std::array<u8, 8> raw = s.bytes();
        hypervisor.ram.view(kSetupData, 8);
        hypervisor.ram.view(kData, 1024);
        std::copy(raw.begin(), raw.end(), ram.begin() + kSetupData);
        std::copy(data.begin(), data.end(), ram.begin() + kData);
        const bool to_host = s.reads();
        const u32 data_qtd = kQtds + 32;
        const u32 status_qtd = kQtds + 64;
        put_qtd(kQtds, s.length > 0 ? data_qtd : status_qtd, T, token(SETUP, 8), kSetupData);
        put_qtd(data_qtd, status_qtd, status_qtd, token(to_host ? IN : OUT, s.length, TOGGLE), kData);
        put_qtd(status_qtd, T, T, token(to_host ? OUT : IN, 0, TOGGLE | IOC), 0);
        put_queue(kQueue, kHead | QH, address, 0, 64, kToggleFromQtd);
        put32(kQueue + 16, kQtds);
        for (unsigned n = 0; n < 80; ++n) {
            advance(kMicroframe);
            if ((get32(kQueue + 24) & HALTED) != 0) return std::nullopt;
            if ((get32(status_qtd + 8) & ACTIVE) == 0) break;
        }
        if ((get32(status_qtd + 8) & ACTIVE) != 0) return std::nullopt;
        return to_host ? bytes_at(kData, s.length - (get32(data_qtd + 8) >> 16 & 0x7fff)) : Bytes{};
    }
    bool set_up(u8 address) {
        return control(0, {0x00, 5, address, 0, 0}) && control(address, {0x00, 9, 1, 0, 0});
    }
    bool configure(unsigned n, u8 address) {
        reset_port(n);
        return set_up(address);
    }
    void poll(u8 address, u32 length = 8) {
        using namespace ehci_rig;
        put_queue(kInterruptQueue, T, address, 1, 8);
        put_qtd(kInterruptQtd, T, T, token(IN, length, IOC), kReport);
        put32(kInterruptQueue + 16, kInterruptQtd);
    }
    std::optional<ehci_rig::Bytes> report(u32 asked = 8) const {
        using namespace ehci_rig;
        const u32 status = get32(kInterruptQtd + 8);
        if ((status & (ACTIVE | HALTED)) != 0) return std::nullopt;
        return bytes_at(kReport, asked - (status >> 16 & 0x7fff));
    }
    /// A bulk transfer; the token in the end.
    u32 bulk(u8 address, u32 pid, u32 addr, u32 length, u32& bytes) {
        using namespace ehci_rig;
        hypervisor.ram.view(addr, length + 1);
        put_qtd(kQtds, T, T, token(pid, length, IOC), addr);
        put_queue(kQueue, kHead | QH, address, pid == IN ? UsbStorage::kIn : UsbStorage::kOut, 512);
        put32(kQueue + 16, kQtds);
        for (unsigned n = 0; n < 60; ++n) {
            advance(kMicroframe);
            if ((get32(kQueue + 24) & (ACTIVE | HALTED)) != ACTIVE && (get32(kQtds + 8) & ACTIVE) == 0) break;
        }
        const u32 status = get32(kQueue + 24);
        bytes = length - (status >> 16 & 0x7fff);
        return status;
    }
    void some_driver_work(Rng& rng) {
        using namespace ehci_rig;
        if (rng.one_in(4)) {
            enable();
            start();
        }
        switch (rng.below(7)) {
        case 0: configure(static_cast<unsigned>(rng.below(3)), static_cast<u8>(1 + rng.below(3))); break;
        case 1: poll(static_cast<u8>(1 + rng.below(3)), static_cast<u32>(rng.below(16))); break;
        case 2: control(static_cast<u8>(rng.below(4)), some_setup(rng)); break;
        case 3:
            for (u32 word = 0; word < ehci::kQhWords; ++word)
                put32(kQueue + 4 * word,
                      rng.one_in(2) ? static_cast<u32>(rng.next()) : static_cast<u32>(rng.below(kRamSize)));
            break;
        case 4: frames(rng.below(10)); break;
        case 5: reg(ehci::USBCMD, rng.one_in(2) ? RS | PSE | ASE : RS | IAAD); break;
        case 6:
            put32(kFrameList + 4 * static_cast<u32>(rng.below(1024)), static_cast<u32>(rng.below(kRamSize)));
            break;
        }
    }

    Ehci dev;
};

/// A tablet, a disk, and a hub with a mouse.
struct EhciDevicesRig : EhciRig {
    static constexpr u64 kDiskSize = u64{256} * 1024;
    static constexpr u8 kDiskAddress = 2;
    using Bytes = ehci_rig::Bytes;

    EhciDevicesRig() {
        fill_usb_disk(disk);
        dev.attach(1, make_usb_disk(disk));
        auto made_hub = std::make_unique<UsbHub>("usb-hub", "1");
        hub = made_hub.get();
        dev.attach(2, std::move(made_hub));
        auto made = std::make_unique<UsbMouse>("usb-mouse", "1", timers);
        mouse = made.get();
        hub->attach(2, std::move(made));
    }
    ~EhciDevicesRig() override { dev.detach(1); } // before its medium goes

    void put_command(const Bytes& cdb, u32 expected, bool to_host) {
        const Bytes wrapper = command_wrapper(cdb, expected, to_host);
        hypervisor.ram.view(ehci_rig::kData, 31);
        std::copy(wrapper.begin(), wrapper.end(), ram.begin() + ehci_rig::kData);
    }
    /// A command from its wrapper to its status, which comes back; data is at kBulkData.
    u8 run(const Bytes& cdb, u32 expected = 0, bool to_host = true) {
        using namespace ehci_rig;
        u32 bytes = 0;
        put_command(cdb, expected, to_host);
        bulk(kDiskAddress, OUT, kData, 31, bytes);
        if (expected > 0) bulk(kDiskAddress, to_host ? IN : OUT, kBulkData, expected, bytes);
        moved = bytes;
        bulk(kDiskAddress, IN, kData + 64, 13, bytes);
        return bytes == 13 ? ram[kData + 76] : 0xff;
    }
    bool power_up_disk() {
        start();
        if (!configure(1, kDiskAddress)) return false;
        for (int i = 0; i < 3 && run({0, 0, 0, 0, 0, 0}) != 0; ++i)
            run({3, 0, 0, 0, 18, 0}, 18);
        return true;
    }
    void stimulate(Rng& rng) override {
        disk.hold = rng.one_in(3);
        if (!disk.held.empty() && rng.one_in(2)) return disk.complete();
        if (rng.one_in(3)) return some_driver_work(rng);
        if (rng.one_in(4)) {
            enable();
            power_up_disk();
        }
        if (rng.one_in(3)) {
            tablet.pointer(static_cast<unsigned>(rng.below(800)), static_cast<unsigned>(rng.below(600)), 800,
                           600, static_cast<u8>(rng.next()));
            mouse->motion(3, static_cast<s32>(rng.below(1000)) - 500, static_cast<u8>(rng.next()));
            return;
        }
        static constexpr std::array<u8, 6> kOpcodes{0x28, 0x2a, 0x12, 0x03, 0x35, 0x2f};
        const auto blocks = static_cast<u16>(rng.below(20));
        run(block_command(kOpcodes[rng.below(kOpcodes.size())], static_cast<u32>(rng.below(520)), blocks),
            blocks * 512U, rng.one_in(2));
    }
    void copy_surroundings(Rig& from) override {
        Rig::copy_surroundings(from);
        auto& other = dynamic_cast<EhciDevicesRig&>(from);
        disk.data = other.disk.data;
        disk.hold = other.disk.hold;
    }

    FakeBlock disk{kDiskSize};
    UsbTablet& tablet = plug<UsbTablet>(0, "usb-tablet");
    UsbHub* hub = nullptr;
    UsbMouse* mouse = nullptr;
    u32 moved = 0; ///< bytes of data of the last run()
};

} // namespace dm::test
