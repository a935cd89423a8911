#include "dm/board/board_names.hpp"

#include <algorithm>
#include <array>
#include <span>

namespace dm {
namespace {

using Register = std::string_view;

/// Registers one after the other from `base` on; "" where the block has none of that offset.
struct PortBlock {
    u64 base;
    std::string_view device;
    std::span<const Register> registers;
    u64 step = 1;
};

constexpr std::array<Register, 8> kUart{"RBR/THR", "IER", "IIR/FCR", "LCR", "MCR", "LSR", "MSR", "SCR"};
constexpr std::array<Register, 8> kTaskFile{"DATA",    "ERROR/FEATURES", "SECTOR_COUNT", "LBA_LOW",
                                            "LBA_MID", "LBA_HIGH",       "DEVICE",       "STATUS/COMMAND"};
constexpr std::array<Register, 1> kAtaControl{"ALTERNATE_STATUS/DEVICE_CONTROL"};
constexpr std::array<Register, 16> kDma{"BASE_ADDRESS0",  "BASE_COUNT0",  "BASE_ADDRESS1", "BASE_COUNT1",
                                        "BASE_ADDRESS2",  "BASE_COUNT2",  "BASE_ADDRESS3", "BASE_COUNT3",
                                        "STATUS/COMMAND", "REQUEST",      "SINGLE_MASK",   "MODE",
                                        "CLEAR_POINTER",  "MASTER_CLEAR", "CLEAR_MASK",    "ALL_MASK"};
constexpr std::array<Register, 16> kDmaPages{"",      "PAGE2", "PAGE3", "PAGE1", "",
                                             "",      "",      "PAGE0", "",      "PAGE6",
                                             "PAGE7", "PAGE5", "",      "",      "REFRESH_PAGE"};
constexpr std::array<Register, 3> kParallel{"DATA", "STATUS", "CONTROL"};
constexpr std::array<Register, 5> kFdc{"SRB", "DOR", "TDR", "MSR/DSR", "FIFO"};
constexpr std::array<Register, 1> kFdcInput{"DIR/CCR"};
constexpr std::array<Register, 5> kKeyboard{"DATA", "", "", "", "STATUS/COMMAND"};
constexpr std::array<Register, 2> kCmos{"INDEX", "DATA"};
constexpr std::array<Register, 1> kPort92{"PORT92"};
constexpr std::array<Register, 2> kApm{"APMC", "APMS"};
constexpr std::array<Register, 8> kConfig{"CONFADD",  "RCR",        "",           "",
                                          "CONFDATA", "CONFDATA+1", "CONFDATA+2", "CONFDATA+3"};
constexpr std::array<Register, 48> kVga{"",
                                        "",
                                        "",
                                        "",
                                        "CRTC_INDEX",
                                        "CRTC_DATA",
                                        "",
                                        "",
                                        "",
                                        "",
                                        "ST01/FCR",
                                        "",
                                        "",
                                        "",
                                        "",
                                        "",
                                        "AR_INDEX",
                                        "AR_DATA",
                                        "ST00/MSR",
                                        "",
                                        "SR_INDEX",
                                        "SR_DATA",
                                        "DAC_MASK",
                                        "DAC_READ_INDEX/STATE",
                                        "DAC_WRITE_INDEX",
                                        "DAC_DATA",
                                        "FCR",
                                        "",
                                        "MSR",
                                        "",
                                        "GR_INDEX",
                                        "GR_DATA",
                                        "",
                                        "",
                                        "",
                                        "",
                                        "CRTC_INDEX",
                                        "CRTC_DATA",
                                        "",
                                        "",
                                        "",
                                        "",
                                        "ST01/FCR"};
constexpr std::array<Register, 3> kDispi{"INDEX", "DATA", "DATA"};
constexpr std::array<Register, 4> kGpe{"GPE0_STS", "GPE0_STS+1", "GPE0_EN", "GPE0_EN+1"};
constexpr std::array<Register, 4> kPciHotplug{"PCIU", "PCID", "B0EJ", "B0RM"};
constexpr std::array<Register, 12> kSb16{
    "MIXER_INDEX",  "MIXER_DATA",      "DSP_RESET",   "", "", "", "DSP_READ", "", "DSP_WRITE/STATUS",
    "TIMER_STATUS", "DSP_DATA_STATUS", "DSP_STATUS16"};
constexpr std::array<Register, 1> kCpus{"CPUS"};
constexpr std::array<Register, 3> kXenPlatform{"UNPLUG", "", "PROTOCOL"};

constexpr std::array kPorts{
    PortBlock{0x00, "dma1", kDma},
    PortBlock{XenPlatform::kPortBase, "xen-platform", kXenPlatform},
    PortBlock{0x60, "i8042", kKeyboard},
    PortBlock{0x70, "cmos", kCmos},
    PortBlock{0x80, "dma", kDmaPages},
    PortBlock{0x92, "piix3-isa", kPort92},
    PortBlock{0xb2, "piix4-pm", kApm},
    PortBlock{0xc0, "dma2", kDma, 2},
    PortBlock{0x170, "secondary", kTaskFile},
    PortBlock{0x1ce, "dispi", kDispi},
    PortBlock{0x1f0, "primary", kTaskFile},
    PortBlock{0x224, "sb16", kSb16},
    PortBlock{0x2e8, "COM4", kUart},
    PortBlock{0x2f8, "COM2", kUart},
    PortBlock{0x376, "secondary", kAtaControl},
    PortBlock{0x378, "LPT1", kParallel},
    PortBlock{0x3b0, "vga", kVga},
    PortBlock{0x3e8, "COM3", kUart},
    PortBlock{0x3f1, "fdc", kFdc},
    PortBlock{0x3f6, "primary", kAtaControl},
    PortBlock{0x3f7, "fdc", kFdcInput},
    PortBlock{0x3f8, "COM1", kUart},
    PortBlock{0xcf8, "pci-host", kConfig},
    PortBlock{GpeHotplug::kPciBase, "gpe", kPciHotplug, 4},
    PortBlock{GpeHotplug::kCpuBase, "gpe", kCpus, GpeHotplug::kCpuLength},
    PortBlock{GpeHotplug::kGpeBase, "gpe", kGpe},
};

struct ConfigRegister {
    std::string_view device; ///< "" for all
    unsigned reg;
    Register name;
};
constexpr std::array kConfigRegisters{
    ConfigRegister{"", pci::VENDOR_ID, "VENDOR_ID"},
    ConfigRegister{"", pci::DEVICE_ID, "DEVICE_ID"},
    ConfigRegister{"", pci::COMMAND, "COMMAND"},
    ConfigRegister{"", pci::STATUS, "STATUS"},
    ConfigRegister{"", pci::REVISION_ID, "REVISION_ID"},
    ConfigRegister{"", pci::CLASS_PROG, "CLASS_PROG"},
    ConfigRegister{"", pci::CLASS_DEVICE, "CLASS_DEVICE"},
    ConfigRegister{"", pci::CACHE_LINE_SIZE, "CACHE_LINE_SIZE"},
    ConfigRegister{"", pci::LATENCY_TIMER, "LATENCY_TIMER"},
    ConfigRegister{"", pci::HEADER_TYPE, "HEADER_TYPE"},
    ConfigRegister{"", pci::BAR0, "BAR0"},
    ConfigRegister{"", pci::BAR0 + 4, "BAR1"},
    ConfigRegister{"", pci::BAR0 + 8, "BAR2"},
    ConfigRegister{"", pci::BAR0 + 12, "BAR3"},
    ConfigRegister{"", pci::BAR0 + 16, "BAR4"},
    ConfigRegister{"", pci::BAR0 + 20, "BAR5"},
    ConfigRegister{"", pci::SUBSYSTEM_VENDOR_ID, "SUBSYSTEM_VENDOR_ID"},
    ConfigRegister{"", pci::SUBSYSTEM_ID, "SUBSYSTEM_ID"},
    ConfigRegister{"", pci::ROM_ADDRESS, "ROM_ADDRESS"},
    ConfigRegister{"", pci::CAPABILITY_LIST, "CAPABILITY_LIST"},
    ConfigRegister{"", pci::INTERRUPT_LINE, "INTERRUPT_LINE"},
    ConfigRegister{"", pci::INTERRUPT_PIN, "INTERRUPT_PIN"},
    ConfigRegister{"piix3-isa", 0x4c, "IORT"},
    ConfigRegister{"piix3-isa", 0x4e, "XBCS"},
    ConfigRegister{"piix3-isa", 0x60, "PIRQRCA"},
    ConfigRegister{"piix3-isa", 0x61, "PIRQRCB"},
    ConfigRegister{"piix3-isa", 0x62, "PIRQRCC"},
    ConfigRegister{"piix3-isa", 0x63, "PIRQRCD"},
    ConfigRegister{"piix3-ide", 0x40, "IDETIM primary"},
    ConfigRegister{"piix3-ide", 0x42, "IDETIM secondary"},
    ConfigRegister{"piix3-ide", 0x44, "SIDETIM"},
    ConfigRegister{"piix4-pm", Piix4Pm::PMBA, "PMBA"},
    ConfigRegister{"piix4-pm", Piix4Pm::DEVRESA, "DEVRESA"},
    ConfigRegister{"piix4-pm", Piix4Pm::DEVRESB, "DEVRESB"},
    ConfigRegister{"piix4-pm", Piix4Pm::DEVRESC, "DEVRESC"},
    ConfigRegister{"piix4-pm", Piix4Pm::PMREGMISC, "PMREGMISC"},
};

constexpr std::array<Register, 8> kBusMaster{"BMICP", "", "BMISP", "", "BMIDTPP", "", "", ""};
constexpr std::array<Register, 8> kBusMaster2{"BMICS", "", "BMISS", "", "BMIDTPS", "", "", ""};
struct PmRegister {
    u64 offset;
    Register name;
};
constexpr std::array kPm{PmRegister{Piix4Pm::PMSTS, "PMSTS"}, PmRegister{Piix4Pm::PMEN, "PMEN"},
                         PmRegister{Piix4Pm::PMCNTRL, "PMCNTRL"}, PmRegister{Piix4Pm::PMTMR, "PMTMR"},
                         PmRegister{Piix4Pm::GPSTS, "GPSTS"}};
constexpr u64 kPmLength = 64;

struct BarRegister {
    std::string_view device; ///< without "@1"
    unsigned bar;
    unsigned offset;
    Register name;
};
constexpr unsigned kWidest = 4; // of these registers
constexpr std::array kBarRegisters{
    BarRegister{"ac97", 0, 0x00, "RESET"},
    BarRegister{"ac97", 0, 0x02, "MASTER_VOLUME"},
    BarRegister{"ac97", 0, 0x04, "HEADPHONE_VOLUME"},
    BarRegister{"ac97", 0, 0x06, "MASTER_VOLUME_MONO"},
    BarRegister{"ac97", 0, 0x08, "MASTER_TONE"},
    BarRegister{"ac97", 0, 0x0a, "PC_BEEP_VOLUME"},
    BarRegister{"ac97", 0, 0x0c, "PHONE_VOLUME"},
    BarRegister{"ac97", 0, 0x0e, "MIC_VOLUME"},
    BarRegister{"ac97", 0, 0x10, "LINE_IN_VOLUME"},
    BarRegister{"ac97", 0, 0x12, "CD_VOLUME"},
    BarRegister{"ac97", 0, 0x14, "VIDEO_VOLUME"},
    BarRegister{"ac97", 0, 0x16, "AUX_VOLUME"},
    BarRegister{"ac97", 0, 0x18, "PCM_OUT_VOLUME"},
    BarRegister{"ac97", 0, 0x1a, "RECORD_SELECT"},
    BarRegister{"ac97", 0, 0x1c, "RECORD_GAIN"},
    BarRegister{"ac97", 0, 0x1e, "RECORD_GAIN_MIC"},
    BarRegister{"ac97", 0, 0x20, "GENERAL_PURPOSE"},
    BarRegister{"ac97", 0, 0x22, "3D_CONTROL"},
    BarRegister{"ac97", 0, 0x26, "POWERDOWN"},
    BarRegister{"ac97", 0, 0x28, "EXTENDED_AUDIO_ID"},
    BarRegister{"ac97", 0, 0x2a, "EXTENDED_AUDIO_CTRL"},
    BarRegister{"ac97", 0, 0x2c, "PCM_FRONT_DAC_RATE"},
    BarRegister{"ac97", 0, 0x2e, "PCM_SURR_DAC_RATE"},
    BarRegister{"ac97", 0, 0x30, "PCM_LFE_DAC_RATE"},
    BarRegister{"ac97", 0, 0x32, "PCM_LR_ADC_RATE"},
    BarRegister{"ac97", 0, 0x34, "MIC_ADC_RATE"},
    BarRegister{"ac97", 0, 0x7c, "VENDOR_ID1"},
    BarRegister{"ac97", 0, 0x7e, "VENDOR_ID2"},
    BarRegister{"ac97", 1, 0x00, "PI_BDBAR"},
    BarRegister{"ac97", 1, 0x04, "PI_CIV"},
    BarRegister{"ac97", 1, 0x05, "PI_LVI"},
    BarRegister{"ac97", 1, 0x06, "PI_SR"},
    BarRegister{"ac97", 1, 0x08, "PI_PICB"},
    BarRegister{"ac97", 1, 0x0a, "PI_PIV"},
    BarRegister{"ac97", 1, 0x0b, "PI_CR"},
    BarRegister{"ac97", 1, 0x10, "PO_BDBAR"},
    BarRegister{"ac97", 1, 0x14, "PO_CIV"},
    BarRegister{"ac97", 1, 0x15, "PO_LVI"},
    BarRegister{"ac97", 1, 0x16, "PO_SR"},
    BarRegister{"ac97", 1, 0x18, "PO_PICB"},
    BarRegister{"ac97", 1, 0x1a, "PO_PIV"},
    BarRegister{"ac97", 1, 0x1b, "PO_CR"},
    BarRegister{"ac97", 1, 0x20, "MC_BDBAR"},
    BarRegister{"ac97", 1, 0x24, "MC_CIV"},
    BarRegister{"ac97", 1, 0x25, "MC_LVI"},
    BarRegister{"ac97", 1, 0x26, "MC_SR"},
    BarRegister{"ac97", 1, 0x28, "MC_PICB"},
    BarRegister{"ac97", 1, 0x2a, "MC_PIV"},
    BarRegister{"ac97", 1, 0x2b, "MC_CR"},
    BarRegister{"ac97", 1, 0x2c, "GLOB_CNT"},
    BarRegister{"ac97", 1, 0x30, "GLOB_STA"},
    BarRegister{"ac97", 1, 0x34, "CAS"},
    BarRegister{"es1370", 0, 0x00, "CONTROL"},
    BarRegister{"es1370", 0, 0x04, "STATUS"},
    BarRegister{"es1370", 0, 0x08, "UART_DATA"},
    BarRegister{"es1370", 0, 0x09, "UART_STATUS/CONTROL"},
    BarRegister{"es1370", 0, 0x0a, "UART_TEST"},
    BarRegister{"es1370", 0, 0x0c, "MEMPAGE"},
    BarRegister{"es1370", 0, 0x10, "CODEC"},
    BarRegister{"es1370", 0, 0x20, "SERIAL"},
    BarRegister{"es1370", 0, 0x24, "DAC1_SCOUNT"},
    BarRegister{"es1370", 0, 0x28, "DAC2_SCOUNT"},
    BarRegister{"es1370", 0, 0x2c, "ADC_SCOUNT"},
    BarRegister{"es1370", 0, 0x30, "PAGE_FRAME1_ADDR"},
    BarRegister{"es1370", 0, 0x34, "PAGE_FRAME1_COUNT"},
    BarRegister{"es1370", 0, 0x38, "PAGE_FRAME2_ADDR"},
    BarRegister{"es1370", 0, 0x3c, "PAGE_FRAME2_COUNT"},
    BarRegister{"intel-hda", 0, 0x00, "GCAP"},
    BarRegister{"intel-hda", 0, 0x02, "VMIN"},
    BarRegister{"intel-hda", 0, 0x03, "VMAJ"},
    BarRegister{"intel-hda", 0, 0x04, "OUTPAY"},
    BarRegister{"intel-hda", 0, 0x06, "INPAY"},
    BarRegister{"intel-hda", 0, 0x08, "GCTL"},
    BarRegister{"intel-hda", 0, 0x0c, "WAKEEN"},
    BarRegister{"intel-hda", 0, 0x0e, "STATESTS"},
    BarRegister{"intel-hda", 0, 0x10, "GSTS"},
    BarRegister{"intel-hda", 0, 0x20, "INTCTL"},
    BarRegister{"intel-hda", 0, 0x24, "INTSTS"},
    BarRegister{"intel-hda", 0, 0x30, "WALCLK"},
    BarRegister{"intel-hda", 0, 0x34, "SSYNC"},
    BarRegister{"intel-hda", 0, 0x38, "SSYNC"},
    BarRegister{"intel-hda", 0, 0x40, "CORBLBASE"},
    BarRegister{"intel-hda", 0, 0x44, "CORBUBASE"},
    BarRegister{"intel-hda", 0, 0x48, "CORBWP"},
    BarRegister{"intel-hda", 0, 0x4a, "CORBRP"},
    BarRegister{"intel-hda", 0, 0x4c, "CORBCTL"},
    BarRegister{"intel-hda", 0, 0x4d, "CORBSTS"},
    BarRegister{"intel-hda", 0, 0x4e, "CORBSIZE"},
    BarRegister{"intel-hda", 0, 0x50, "RIRBLBASE"},
    BarRegister{"intel-hda", 0, 0x54, "RIRBUBASE"},
    BarRegister{"intel-hda", 0, 0x58, "RIRBWP"},
    BarRegister{"intel-hda", 0, 0x5a, "RINTCNT"},
    BarRegister{"intel-hda", 0, 0x5c, "RIRBCTL"},
    BarRegister{"intel-hda", 0, 0x5d, "RIRBSTS"},
    BarRegister{"intel-hda", 0, 0x5e, "RIRBSIZE"},
    BarRegister{"intel-hda", 0, 0x60, "ICOI"},
    BarRegister{"intel-hda", 0, 0x64, "ICII"},
    BarRegister{"intel-hda", 0, 0x68, "ICIS"},
    BarRegister{"intel-hda", 0, 0x70, "DPLBASE"},
    BarRegister{"intel-hda", 0, 0x74, "DPUBASE"},
    BarRegister{"intel-hda", 0, 0x2030, "WALCLK"},
    BarRegister{"hda-stream", 0, 0x00, "CTL"},
    BarRegister{"hda-stream", 0, 0x03, "STS"},
    BarRegister{"hda-stream", 0, 0x04, "LPIB"},
    BarRegister{"hda-stream", 0, 0x08, "CBL"},
    BarRegister{"hda-stream", 0, 0x0c, "LVI"},
    BarRegister{"hda-stream", 0, 0x10, "FIFOS"},
    BarRegister{"hda-stream", 0, 0x12, "FMT"},
    BarRegister{"hda-stream", 0, 0x18, "BDPL"},
    BarRegister{"hda-stream", 0, 0x1c, "BDPU"},
};
constexpr unsigned kBars = 7;

std::string with_offset(std::string_view name, u64 offset) {
    return offset == 0 ? std::string(name) : fmt::format("{}+{:x}", name, offset);
}

/// The nearest name at or before `offset` in a list of one register an entry.
std::string among(std::span<const Register> registers, u64 step, u64 offset) {
    if (offset / step >= registers.size()) return "";
    u64 at = offset / step;
    while (at > 0 && registers[at].empty())
        --at;
    return registers[at].empty() ? "" : with_offset(registers[at], offset - at * step);
}

std::string bus_master_name(u64 offset) {
    return offset < 8 ? among(kBusMaster, 1, offset) : among(kBusMaster2, 1, offset - 8);
}

/// Name of a register in a BAR; "" when nothing is known there.
std::string bar_register_name(std::string_view device, unsigned bar, u64 offset) {
    const u64 in_streams = offset - hda::kStreamBase;
    if (device.starts_with("intel-hda") && in_streams < hda::kStreamEnd - hda::kStreamBase)
        return fmt::format("SD{}{}", in_streams / hda::kStreamSize,
                           bar_register_name("hda-stream", bar, in_streams % hda::kStreamSize));
    const BarRegister* best = nullptr;
    for (const BarRegister& r : kBarRegisters)
        if (r.device == device.substr(0, device.find('@')) && r.bar == bar && r.offset <= offset &&
            offset - r.offset < kWidest && (best == nullptr || r.offset > best->offset))
            best = &r;
    return best != nullptr ? with_offset(best->name, offset - best->offset) : "";
}

std::string pm_name(u64 offset) {
    for (const PmRegister& reg : kPm)
        if (reg.offset == offset) return std::string(reg.name);
    return fmt::format("PMBASE+{:x}", offset);
}

} // namespace

std::string fixed_port_name(u64 port) {
    for (const PortBlock& block : kPorts) {
        if (port < block.base) continue;
        const u64 index = (port - block.base) / block.step;
        if (index >= block.registers.size() || block.registers[index].empty()) continue;
        return fmt::format("{}.{}", block.device,
                           with_offset(block.registers[index], (port - block.base) % block.step));
    }
    return "";
}

std::string config_name(std::string_view device, unsigned reg) {
    const ConfigRegister* best = nullptr;
    for (const ConfigRegister& r : kConfigRegisters)
        if ((r.device.empty() || r.device == device) && r.reg <= reg && reg - r.reg < 4 &&
            (best == nullptr || r.reg > best->reg))
            best = &r;
    if (best == nullptr) return std::string(device);
    return fmt::format("{}.{}", device, with_offset(best->name, reg - best->reg));
}

std::string BoardNames::port(u64 port) const {
    const std::string fixed = fixed_port_name(port);
    return fixed.empty() ? in_bar(port, true) : fixed;
}

std::string BoardNames::memory(u64 addr) const {
    if (addr >= 0xa0000 && addr < 0xc0000) return "vga.window";
    return in_bar(addr, false);
}

std::string BoardNames::config(Bdf bdf, unsigned reg) const {
    const PciFunction* function = board_.pci().at(bdf);
    return function != nullptr ? config_name(function->name(), reg) : "nobody";
}

std::string BoardNames::in_bar(u64 addr, bool io) const {
    for (unsigned devfn = 0; devfn < 256; ++devfn) {
        const Bdf bdf{0, static_cast<u8>(devfn >> 3), static_cast<u8>(devfn & 7)};
        const PciFunction* function = board_.pci().at(bdf);
        if (function == nullptr) continue;
        if (io && function->name() == "piix4-pm") {
            const u64 base = function->config_read(Piix4Pm::PMBA, 4) & 0xffc0;
            if (base != 0 && addr >= base && addr - base < kPmLength)
                return "piix4-pm." + pm_name(addr - base);
        }
        for (unsigned bar = 0; bar < kBars; ++bar) {
            const std::optional<u64> base = function->bar_address(bar);
            const bool is_io =
                bar != pci::kRomBar && (function->config_read(pci::BAR0 + 4 * bar, 4) & 1) != 0;
            if (!base || is_io != io || addr < *base || addr - *base >= function->bar_size(bar)) continue;
            if (function->name() == "piix3-ide") return "piix3-ide." + bus_master_name(addr - *base);
            if (const auto known = bar_register_name(function->name(), bar, addr - *base); !known.empty())
                return fmt::format("{}.{}", function->name(), known);
            const std::string name = bar == pci::kRomBar ? "ROM" : fmt::format("BAR{}", bar);
            return fmt::format("{}.{}", function->name(), with_offset(name, addr - *base));
        }
    }
    return "";
}

} // namespace dm
