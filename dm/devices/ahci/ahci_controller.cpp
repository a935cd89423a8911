#include "dm/devices/ahci/ahci_controller.hpp"

#include "dm/core/dword_access.hpp"
#include "dm/devices/ide/ata_disk.hpp"

#include <algorithm>

namespace dm {

using ahci::HbaReg;

namespace {

constexpr PciIdentity kIdentity{
    .vendor = 0x8086, .device = 0x2922, .class_code = 0x010601, .revision = 0x02, .interrupt_pin = 1};

/// Config registers of the function (datasheet 15.1).
enum Config : u8 { MSICI = 0x80, MAP = 0x90, PCS = 0x92, SATACR0 = 0xa8, SATACR1 = 0xac };

constexpr unsigned kIndexDataBar = 4;
constexpr unsigned kIndexDataLength = 32;
constexpr u64 kIndexPort = 0x10;
constexpr u64 kDataPort = 0x14;
constexpr unsigned kRegistersBar = 5;
constexpr u16 kIndexMask = ahci::kRegistersLength - 4;
constexpr unsigned kFirstSerial = 5; // the IDE controller's drives count from 1

constexpr u16 kCapabilityList = 0x0010; // in STATUS
constexpr u16 kAhciMode = 0x0040;       // in MAP
constexpr u16 kSataCapability = 0x12;
constexpr u16 kSataCapabilityRevision = 0x0010;
constexpr u32 kIndexDataPlace = 0x0048; // SATACR1: dword 4 of BAR4

} // namespace

u64 AhciController::IndexData::read(u64 offset, unsigned size) {
    return read_dwords(offset, size, [&](u64 port) {
        if (port == kIndexPort) return u32{controller.s_.index};
        return port == kDataPort ? controller.read_register(controller.s_.index) : 0;
    });
}

void AhciController::IndexData::write(u64 offset, unsigned size, u64 value) {
    write_dwords(offset, size, value, [&](u64 port, u32 part, u32 mask) {
        u16& index = controller.s_.index;
        if (port == kIndexPort) index = static_cast<u16>(((index & ~mask) | part) & kIndexMask);
        if (port == kDataPort) controller.write_register(index, part, mask);
    });
}

AhciController::AhciController(std::string_view device_name, const Config& config, GuestMemory& memory,
                               TimerQueue& timers, PciWiring wiring)
    : PciFunction(device_name, kIdentity, std::move(wiring)) {
    set_register(pci::STATUS, 2, kCapabilityList, 0, 0xf900);
    set_register(pci::CAPABILITY_LIST, 1, add_msi(MSICI, SATACR0) ? MSICI : SATACR0, 0);
    set_register(MAP, 2, kAhciMode, 0xffff);
    set_register(PCS, 2, 0, 0xffff); // firmware enables its ports here; all of them always are
    set_register(SATACR0, 2, kSataCapability, 0);
    set_register(SATACR0 + 2, 2, kSataCapabilityRevision, 0);
    set_register(SATACR1, 4, kIndexDataPlace, 0);
    add_bar(kIndexDataBar, {BarKind::Io, kIndexDataLength, &index_data_});
    add_bar(kRegistersBar, {BarKind::Memory, ahci::kRegistersLength, &registers_});
    for (unsigned i = 0; i < kPorts; ++i) {
        ports_[i] = std::make_unique<AhciPort>(fmt::format("{}/port{}", name(), i), memory, timers,
                                               static_cast<AhciPort::Hba&>(*this));
        if (!config.drives[i]) continue;
        DriveConfig named = *config.drives[i];
        if (named.serial.empty()) named.serial = fmt::format("HM{:05}", kFirstSerial + i);
        ports_[i]->install(named);
    }
    finish_config();
}

u64 AhciController::read(u64 offset, unsigned size) const {
    return read_dwords(offset, size, [this](u64 at) { return read_register(at); });
}

void AhciController::write(u64 offset, unsigned size, u64 value) {
    write_dwords(offset, size, value, [this](u64 at, u32 part, u32 mask) { write_register(at, part, mask); });
}

u32 AhciController::read_register(u64 offset) const {
    if (offset >= ahci::kPortBase) {
        const u64 port = (offset - ahci::kPortBase) / ahci::kPortLength;
        return port < kPorts ? ports_[port]->read((offset - ahci::kPortBase) % ahci::kPortLength) : 0;
    }
    switch (static_cast<HbaReg>(offset)) {
    case HbaReg::CAP: return ahci::kCap;
    case HbaReg::GHC:
        return static_cast<u32>(ahci::Ghc::AE) | (s_.interrupts ? static_cast<u32>(ahci::Ghc::IE) : 0);
    case HbaReg::IS: return s_.is;
    case HbaReg::PI: return ahci::kPortsImplemented;
    case HbaReg::VS: return ahci::kVersion;
    case HbaReg::CCC_CTL:
    case HbaReg::CCC_PORTS:
    case HbaReg::EM_LOC:
    case HbaReg::EM_CTL:
    case HbaReg::CAP2:
    case HbaReg::BOHC: return 0;
    }
    return 0;
}

void AhciController::write_register(u64 offset, u32 value, u32 mask) {
    if (offset >= ahci::kPortBase) {
        const u64 port = (offset - ahci::kPortBase) / ahci::kPortLength;
        if (port < kPorts) ports_[port]->write((offset - ahci::kPortBase) % ahci::kPortLength, value, mask);
        return;
    }
    switch (static_cast<HbaReg>(offset)) {
    case HbaReg::GHC: write_ghc(value, mask); break;
    case HbaReg::IS:
        s_.is &= ~(value & mask);
        port_changed(); // a port whose cause is still there says so again
        repeat_interrupt();
        break;
    case HbaReg::CAP:
    case HbaReg::PI:
    case HbaReg::VS:
    case HbaReg::CCC_CTL:
    case HbaReg::CCC_PORTS:
    case HbaReg::EM_LOC:
    case HbaReg::EM_CTL:
    case HbaReg::CAP2:
    case HbaReg::BOHC: break;
    }
}

void AhciController::write_ghc(u32 value, u32 mask) {
    const Bits<ahci::Ghc> written{value & mask};
    if (written.has(ahci::Ghc::HR)) {
        for (const auto& port : ports_)
            port->reset_registers();
        s_.interrupts = false;
        s_.is = 0;
    } else if (Bits<ahci::Ghc>{mask}.has(ahci::Ghc::IE)) {
        s_.interrupts = written.has(ahci::Ghc::IE);
    }
    update_irq();
}

/// IS keeps a port's bit until software clears it there, whatever becomes of the port.
void AhciController::port_changed() {
    for (unsigned i = 0; i < kPorts; ++i)
        if (ports_[i]->interrupt_pending()) s_.is |= 1U << i;
    update_irq();
}

void AhciController::config_written(unsigned reg, unsigned) {
    if (reg > pci::COMMAND + 1U) return;
    for (const auto& port : ports_)
        port->bus_changed();
}

void AhciController::reset() {
    for (const auto& port : ports_)
        port->power_on();
    s_ = {};
    reset_config();
    update_irq();
}

void AhciController::quiesce() {
    for (const auto& port : ports_)
        port->quiesce();
}

void AhciController::retry() {
    for (const auto& port : ports_)
        port->retry();
}

Status AhciController::unplug_disks(Unplug which) {
    std::string failed;
    for (unsigned i = 0; i < kPorts; ++i) {
        if (i == 0 && which == Unplug::AllButFirst) continue;
        AtaDisk* const gone = disk(i);
        if (gone != nullptr && gone->unplug() != 0) failed += fmt::format(" {}", i);
    }
    if (!failed.empty()) return fail("unplugged AHCI disks with a failed flush:{}", failed);
    return {};
}

void AhciController::save(StateWriter& out) const {
    save_config(out);
    out.section(name(), s_);
    for (const auto& port : ports_)
        port->save(out);
}

Status AhciController::load(StateReader& in) {
    State loaded;
    DM_TRY(load_section(in, name(), loaded, [this](const State& state) -> Status {
        if ((state.is & ~ahci::kPortsImplemented) != 0 || (state.index & ~kIndexMask) != 0)
            return fail("saved state: {}: a register holds bits that do not exist", name());
        return {};
    }));
    for (const auto& port : ports_)
        DM_TRY(port->load(in));
    DM_TRY(load_config(in)); // commits on success: last
    for (const auto& port : ports_)
        port->commit();
    s_ = loaded;
    resume_intx(interrupts());
    return {};
}

} // namespace dm
