#include "dm/devices/pci/piix3_isa.hpp"

namespace dm {
namespace {

constexpr PciIdentity kIdentity{
    .vendor = 0x8086, .device = 0x7000, .class_code = 0x060100, .multifunction = true};

constexpr std::array kConfig{
    // I/O, memory and bus master enable are wired to 1; special cycles and SERRE can be written.
    RegSpec{"PCICMD", 0x04, 2, 0x0007, 0x0108, 0x0000},
    RegSpec{"PCISTS", 0x06, 2, 0x0200, 0x0000, 0x7800},
    RegSpec{"IORT", 0x4c, 1, 0x4d, 0xff, 0x00},
    RegSpec{"XBCS", 0x4e, 2, 0x0003, 0x01ff, 0x0000},
    RegSpec{"PIRQRCA", 0x60, 1, 0x80, 0x8f, 0x00},
    RegSpec{"PIRQRCB", 0x61, 1, 0x80, 0x8f, 0x00},
    RegSpec{"PIRQRCC", 0x62, 1, 0x80, 0x8f, 0x00},
    RegSpec{"PIRQRCD", 0x63, 1, 0x80, 0x8f, 0x00},
    RegSpec{"TOM", 0x69, 1, 0x02, 0xfe, 0x00},
    RegSpec{"MSTAT", 0x6a, 2, 0x0000, 0xffff, 0x0000},
    RegSpec{"MBIRQ0", 0x70, 1, 0x80, 0xef, 0x00},
    RegSpec{"MBDMA0", 0x76, 1, 0x0c, 0x8f, 0x00},
    RegSpec{"MBDMA1", 0x77, 1, 0x0c, 0x8f, 0x00},
    RegSpec{"PCSC", 0x78, 2, 0x0002, 0xffff, 0x0000},
    RegSpec{"APICBASE", 0x80, 1, 0x00, 0x7f, 0x00},
    RegSpec{"DLC", 0x82, 1, 0x00, 0x0f, 0x00},
    RegSpec{"SMICNTL", 0xa0, 1, 0x08, 0x1f, 0x00},
    RegSpec{"SMIEN", 0xa2, 2, 0x0000, 0x01ff, 0x0000},
    RegSpec{"SEE", 0xa4, 4, 0x00000000, 0xe000ffff, 0x00000000},
    RegSpec{"FTMR", 0xa8, 1, 0x0f, 0xff, 0x00},
    RegSpec{"SMIREQ", 0xaa, 2, 0x0000, 0x01ff, 0x0000},
    RegSpec{"CTLTMR", 0xac, 1, 0x00, 0xff, 0x00},
    RegSpec{"CTHTMR", 0xae, 1, 0x00, 0xff, 0x00},
};
static_assert(well_formed(kConfig, 256));

/// The ISA interrupt that a PIRQRC value connects its link to. 0, 1, 2, 8 and 13 belong to the board and are
/// reserved in the register.
u8 route_of(u8 pirqrc) {
    constexpr u16 kReserved = 1 << 0 | 1 << 1 | 1 << 2 | 1 << 8 | 1 << 13;
    const u8 irq = pirqrc & 0x0f;
    const bool disabled = (pirqrc & 0x80) != 0 || (kReserved >> irq & 1) != 0;
    return disabled ? u8{0} : irq;
}

} // namespace

Piix3Isa::Piix3Isa(std::string_view name, PciWiring pci, Wiring wiring)
    : PciFunction(name, kIdentity, std::move(pci)), wiring_(std::move(wiring)) {
    set_register(pci::CACHE_LINE_SIZE, 1, 0, 0);
    set_register(pci::LATENCY_TIMER, 1, 0, 0);
    set_register(pci::INTERRUPT_LINE, 1, 0, 0);
    set_registers(kConfig);
    finish_config();
}

void Piix3Isa::config_written(unsigned, unsigned) {
    update_routes();
}

void Piix3Isa::update_routes() {
    for (unsigned link = 0; link < kLinks; ++link) {
        const u8 route = route_of(config8(PIRQRCA + link));
        if (route == routed_[link]) continue;
        routed_[link] = route;
        wiring_.route_link(link, route);
    }
}

u64 Piix3Isa::read_rcr(u64, unsigned) {
    return state_.rcr.raw();
}

void Piix3Isa::write_rcr(u64, unsigned, u64 value) {
    const Bits<Rcr> written{static_cast<u8>(value)};
    state_.rcr = {};
    state_.rcr.set(Rcr::SRST, written.has(Rcr::SRST));
    if (written.has(Rcr::RCPU)) wiring_.shutdown(ShutdownReason::Reboot);
}

u64 Piix3Isa::read_port92(u64, unsigned) {
    return state_.port92.raw();
}

void Piix3Isa::write_port92(u64, unsigned, u64 value) {
    const Bits<Port92> written{static_cast<u8>(value & 0x03)};
    const bool rises = written.has(Port92::FAST_INIT) && !state_.port92.has(Port92::FAST_INIT);
    state_.port92 = written;
    if (rises) wiring_.shutdown(ShutdownReason::Reboot);
}

void Piix3Isa::reset() {
    state_ = {};
    reset_config();
    update_routes();
}

void Piix3Isa::wake_reset() {
    state_ = {};
}

void Piix3Isa::save(StateWriter& out) const {
    save_config(out);
    out.section(name(), state_);
}

Status Piix3Isa::load(StateReader& in) {
    State loaded;
    DM_TRY(load_section(in, name(), loaded, [this](const State& s) -> Status {
        if ((s.rcr.raw() & ~0x02) != 0 || (s.port92.raw() & ~0x03) != 0)
            return fail("saved state: {}: reserved bits are set", name());
        return {};
    }));
    DM_TRY(load_config(in));
    state_ = loaded;
    update_routes();
    return {};
}

} // namespace dm
