#include "dm/devices/sound/hda_controller.hpp"

#include "dm/core/dword_access.hpp"

#include <algorithm>
#include <cstring>

namespace dm {

using namespace hda;

namespace {

constexpr PciIdentity kIch6{
    .vendor = 0x8086, .device = 0x2668, .class_code = 0x040300, .revision = 1, .interrupt_pin = 1};
constexpr PciIdentity kIch9{
    .vendor = 0x8086, .device = 0x293e, .class_code = 0x040300, .revision = 3, .interrupt_pin = 1};

/// Beyond the header (ICH6 datasheet, 18.1).
constexpr std::array kConfig{
    RegSpec{"HDCTL", 0x40, 1, 0x01, 0x00, 0x00}, // the link is not AC '97
    RegSpec{"TCSEL", 0x44, 1, 0x00, 0x07, 0x00},
};
static_assert(well_formed(kConfig, 256));

constexpr u32 low(u64 value) {
    return static_cast<u32>(value);
}
constexpr u32 high(u64 value) {
    return static_cast<u32>(value >> 32);
}
constexpr u64 with_low(u64 value, u32 part) {
    return (value & ~u64{0xffffffff}) | part;
}
constexpr u64 with_high(u64 value, u32 part) {
    return low(value) | u64{part} << 32;
}

} // namespace

HdaController::HdaController(std::string_view device_name, const Config& parts, GuestMemory& memory,
                             TimerQueue& timers, PciWiring wiring)
    : PciFunction(device_name, parts.model == Model::Ich6 ? kIch6 : kIch9, std::move(wiring)),
      log_(device_name), memory_(memory), timers_(timers), timer_(timers, [this] {
          s_.looked_ns = timers_.now_ns();
          catch_up();
          update();
      }) {
    for (unsigned i = 0; i < kMostCodecs; ++i)
        if (const auto& codec = parts.codecs[i]) codecs_[i].emplace(codec->model, codec->audio);
    set_registers(kConfig);
    add_bar(0, {BarKind::Memory, kBarSize, static_cast<IoHandler*>(this), 4});
    finish_config();
}

u16 HdaController::present() const {
    u16 mask = 0;
    for (unsigned i = 0; i < kMostCodecs; ++i)
        if (codecs_[i]) mask = static_cast<u16>(mask | 1U << i);
    return mask;
}

// ----------------------------------------------------------------------------------------------- registers

u64 HdaController::read(u64 offset, unsigned size) {
    catch_up();
    update();
    return read_dwords(offset, size, [this](u64 at) { return read_word(at); });
}

/// Any part of a register can be written; a bit that ones clear is left alone where nothing was written.
void HdaController::write(u64 offset, unsigned size, u64 value) {
    catch_up();
    write_dwords(offset, size, value, [this](u64 at, u32 part, u32 mask) { write_word(at, part, mask); });
    run_corb();
    update();
}

u32 HdaController::read_word(u64 offset) const {
    if (offset >= kStreamBase && offset < kStreamEnd)
        return read_stream(static_cast<unsigned>((offset - kStreamBase) / kStreamSize), offset % kStreamSize);
    if (offset == kAlias + WALCLK) return wall_clock();
    if (offset >= kAlias + kStreamBase && offset < kAlias + kStreamEnd && offset % kStreamSize == SDLPIB)
        return read_word(offset - kAlias);
    if (offset > DPUBASE) return 0;
    switch (static_cast<Reg>(offset)) {
    case GCAP: return kGcap;
    case OUTPAY: return kPayload;
    case GCTL: return s_.gctl;
    case WAKEEN: return s_.wakeen | u32{s_.statests} << 16;
    case GSTS: return s_.flushed ? FSTS : 0;
    case INTCTL: return s_.intctl;
    case INTSTS: return interrupts();
    case WALCLK: return wall_clock();
    case ICH_SSYNC:
    case SSYNC: return s_.ssync;
    case CORBLBASE: return low(s_.corb);
    case CORBUBASE: return high(s_.corb);
    case CORBWP: return s_.corb_wp | (s_.corb_rp | (s_.corb_rp_reset ? kPointerReset : 0)) << 16;
    case CORBCTL: return s_.corb_ctl | u32{s_.corb_sts} << 8 | kRingSize << 16;
    case RIRBLBASE: return low(s_.rirb);
    case RIRBUBASE: return high(s_.rirb);
    case RIRBWP: return s_.rirb_wp | u32{s_.rintcnt} << 16;
    case RIRBCTL: return s_.rirb_ctl | u32{s_.rirb_sts} << 8 | kRingSize << 16;
    case ICOI: return s_.icoi;
    case ICII: return s_.icii;
    case ICIS: return s_.icis;
    case DPLBASE: return low(s_.positions);
    case DPUBASE: return high(s_.positions);
    }
    return 0;
}

/// `mask`: what of the word is written. While the link is in reset only what wakes it is heard.
void HdaController::write_word(u64 offset, u32 data, u32 mask) {
    const auto merge = [&](u32 old) { return (old & ~mask) | (data & mask); };
    const u32 ones_written = data & mask;
    if (!link_runs() && offset != GCTL && offset != WAKEEN) return;
    if (offset >= kStreamBase && offset < kStreamEnd)
        return write_stream(static_cast<unsigned>((offset - kStreamBase) / kStreamSize), offset % kStreamSize,
                            data, mask);
    if (offset > DPUBASE) return;
    switch (static_cast<Reg>(offset)) {
    case GCAP:
    case OUTPAY:
    case INTSTS:
    case WALCLK:
    case ICII: return;
    case GCTL: return write_control(merge(s_.gctl));
    case WAKEEN:
        s_.wakeen = static_cast<u16>(merge(s_.wakeen) & kWakeMask);
        s_.statests = static_cast<u16>(s_.statests & ~(ones_written >> 16));
        return;
    case GSTS: s_.flushed = s_.flushed && (ones_written & FSTS) == 0; return;
    case INTCTL: s_.intctl = merge(s_.intctl) & (GIE | CIE | kStreamBits); return;
    case ICH_SSYNC:
    case SSYNC: s_.ssync = static_cast<u8>(merge(s_.ssync)); return;
    case CORBLBASE: s_.corb = with_low(s_.corb, merge(low(s_.corb)) & kBaseMask); return;
    case CORBUBASE: s_.corb = with_high(s_.corb, merge(high(s_.corb))); return;
    case CORBWP:
        s_.corb_wp = static_cast<u8>(merge(s_.corb_wp));
        if ((mask >> 16 & kPointerReset) == 0) return;
        s_.corb_rp_reset = (data >> 16 & kPointerReset) != 0; // read back until it is, then written as 0
        if (s_.corb_rp_reset) s_.corb_rp = 0;
        return;
    case CORBCTL:
        s_.corb_ctl = static_cast<u8>(merge(s_.corb_ctl) & (CMEIE | CORB_RUN));
        if (s_.corb_failed) s_.corb_ctl &= CMEIE;
        s_.corb_sts = static_cast<u8>(s_.corb_sts & ~(ones_written >> 8));
        return;
    case RIRBLBASE: s_.rirb = with_low(s_.rirb, merge(low(s_.rirb)) & kBaseMask); return;
    case RIRBUBASE: s_.rirb = with_high(s_.rirb, merge(high(s_.rirb))); return;
    case RIRBWP:
        if ((ones_written & kPointerReset) != 0) s_.rirb_wp = 0;
        s_.rintcnt = static_cast<u8>(merge(u32{s_.rintcnt} << 16) >> 16);
        return;
    case RIRBCTL:
        s_.rirb_ctl = static_cast<u8>(merge(s_.rirb_ctl) & (RINTCTL | RIRB_DMA | ROIC));
        s_.rirb_sts = static_cast<u8>(s_.rirb_sts & ~(ones_written >> 8));
        return;
    case ICOI: s_.icoi = merge(s_.icoi); return;
    case ICIS: return immediate_command(ones_written);
    case DPLBASE:
        s_.positions = with_low(s_.positions, merge(low(s_.positions)) & (kBaseMask | kPositions));
        return;
    case DPUBASE: s_.positions = with_high(s_.positions, merge(high(s_.positions))); return;
    }
}

/// Codecs say that they are there when the link leaves its reset. A flush has nothing to wait for.
void HdaController::write_control(u32 wanted) {
    if ((wanted & CRST) == 0) {
        if (link_runs()) reset_link();
        return;
    }
    if (!link_runs()) {
        s_.wall_start_ns = timers_.now_ns();
        s_.statests |= present();
    }
    s_.gctl = wanted & (CRST | UNSOL);
    if ((wanted & FCNTRL) != 0) s_.flushed = true;
}

/// What tells who woke the link outlives its reset.
void HdaController::reset_link() {
    State fresh;
    fresh.wakeen = s_.wakeen;
    fresh.statests = s_.statests;
    s_ = fresh;
    for (auto& codec : codecs_)
        if (codec) codec->reset();
}

u32 HdaController::wall_clock() const {
    return link_runs() ? static_cast<u32>((timers_.now_ns() - s_.wall_start_ns) * 24 / 1000) : 0;
}

void HdaController::config_written(unsigned reg, unsigned size) {
    if (reg >= pci::COMMAND + 2U || reg + size <= pci::COMMAND) return;
    catch_up();
    run_corb();
    update();
}

// ------------------------------------------------------------------------------------------------ commands

/// At most once around the ring: the pointer that is run after does not move meanwhile.
void HdaController::run_corb() {
    bool answered = false;
    while ((s_.corb_ctl & CORB_RUN) != 0 && s_.corb_rp != s_.corb_wp && command(pci::Command::MASTER)) {
        const auto next = static_cast<u8>(s_.corb_rp + 1);
        std::array<u8, 4> bytes{};
        if (!fetch(s_.corb + u64{next} * 4, bytes)) {
            log_.guest("the command ring is not in RAM");
            s_.corb_sts |= CMEI;
            s_.corb_ctl &= CMEIE;
            s_.corb_failed = true;
            break;
        }
        s_.corb_rp = next;
        const u32 verb = bytes[0] | u32{bytes[1]} << 8 | u32{bytes[2]} << 16 | u32{bytes[3]} << 24;
        if (const auto response = send(verb)) {
            respond(verb >> 28, *response);
            answered = true;
        }
    }
    // The slot behind the last response is empty, which interrupts whatever RINTCNT says.
    if (answered) s_.rirb_sts |= RINTFL;
}

/// Nothing: there is no codec at that address, and nobody answers.
std::optional<u32> HdaController::send(u32 verb) {
    constexpr u32 kIndirect = 0x08000000; // node numbers that no codec here has
    const u32 address = verb >> 28;
    if (address >= kMostCodecs || !codecs_[address]) return std::nullopt;
    if ((verb & kIndirect) != 0) return 0;
    return codecs_[address]->answer(verb >> 20 & 0x7f, verb & 0xfffff);
}

/// A ring that wraps before the driver reads it loses the oldest, as in hardware, which cannot know.
void HdaController::respond(u32 address, u32 response) {
    const auto next = static_cast<u8>(s_.rirb_wp + 1);
    const u64 at = s_.rirb + u64{next} * 8;
    std::array<u8, 8> bytes{};
    for (unsigned i = 0; i < 4; ++i)
        bytes[i] = byte_of(response, i);
    bytes[4] = static_cast<u8>(address);
    if ((s_.rirb_ctl & RIRB_DMA) == 0 || memory_.view(at, bytes.size()).size() < bytes.size()) {
        s_.rirb_sts |= ROIS; // it has nowhere to go
        return;
    }
    memory_.write(at, bytes);
    s_.rirb_wp = next;
}

void HdaController::immediate_command(u32 data) {
    if ((data & IRV) != 0) s_.icis = 0;
    if ((data & ICB) == 0) return;
    s_.icis = 0;
    const auto response = send(s_.icoi);
    if (!response) return;
    s_.icii = *response;
    s_.icis = static_cast<u16>(IRV | (s_.icoi >> 28) << 4);
}

// ---------------------------------------------------------------------------------------------- interrupts

/// INTSTS. Causes that their own register does not let through are not there.
u32 HdaController::interrupts() const {
    u32 causes = 0;
    for (unsigned i = 0; i < kStreams; ++i)
        if (wants_interrupt(s_.streams[i])) causes |= 1U << i;
    const bool response = (s_.rirb_sts & RINTFL) != 0 && (s_.rirb_ctl & RINTCTL) != 0;
    const bool overrun = (s_.rirb_sts & ROIS) != 0 && (s_.rirb_ctl & ROIC) != 0;
    const bool failed = (s_.corb_sts & CMEI) != 0 && (s_.corb_ctl & CMEIE) != 0;
    if (response || overrun || failed || (s_.statests & s_.wakeen) != 0) causes |= CIE;
    return causes | ((causes & s_.intctl) != 0 ? GIE : 0);
}

void HdaController::update() {
    start_and_stop();
    set_intx((interrupts() & s_.intctl & GIE) != 0);
    timer_.arm(next_look_ns());
}

/// False, and nothing read, where there is no RAM. Structures are aligned, so they lie in one page.
bool HdaController::fetch(u64 addr, std::span<u8> out) {
    const std::span<const u8> here = memory_.view(addr, out.size());
    if (here.size() < out.size()) return false;
    std::memcpy(out.data(), here.data(), out.size());
    return true;
}

// ---------------------------------------------------------------------------------------------------- state

void HdaController::reset() {
    reset_config();
    s_ = {};
    for (auto& codec : codecs_)
        if (codec) codec->power_on();
    update();
}

std::string HdaController::codec_section(unsigned address) const {
    return fmt::format("{}/codec{}", name(), address);
}

void HdaController::save(StateWriter& out) const {
    save_config(out);
    out.section(name(), s_);
    for (unsigned i = 0; i < kMostCodecs; ++i)
        if (codecs_[i]) out.section(codec_section(i), codecs_[i]->state());
}

Status HdaController::load(StateReader& in) {
    State loaded;
    DM_TRY(load_section(in, name(), loaded, [this](const State& s) { return check(s); }));
    std::array<HdaCodec::State, kMostCodecs> codecs;
    for (unsigned i = 0; i < kMostCodecs; ++i) {
        if (!codecs_[i]) continue;
        DM_TRY(in.section(codec_section(i), codecs[i]));
        if (!HdaCodec::possible(codecs[i]))
            return fail("saved state: {}: impossible state", codec_section(i));
    }
    DM_TRY(load_config(in)); // commits on success: last
    const u64 now = timers_.now_ns();
    s_ = loaded;
    s_.wall_start_ns = std::min(s_.wall_start_ns, now);
    s_.looked_ns = std::min(s_.looked_ns, now);
    for (Stream& st : s_.streams)
        if (st.moving) st.pace.mend(now);
    for (unsigned i = 0; i < kMostCodecs; ++i)
        if (codecs_[i]) codecs_[i]->set_state(codecs[i]);
    update();
    return {};
}

Status HdaController::check(const State& s) const {
    bool good = (s.gctl & ~u32{CRST | UNSOL}) == 0 && s.wakeen <= kWakeMask && s.statests <= kWakeMask &&
                (s.intctl & ~(GIE | CIE | kStreamBits)) == 0 && s.corb % 0x80 == 0 && s.rirb % 0x80 == 0 &&
                s.corb_ctl <= (CMEIE | CORB_RUN) && s.corb_sts <= CMEI &&
                !(s.corb_failed && (s.corb_ctl & CORB_RUN) != 0) &&
                s.rirb_ctl <= (RINTCTL | RIRB_DMA | ROIC) && (s.rirb_sts & ~(RINTFL | ROIS)) == 0 &&
                (s.icis & ~0xf2) == 0 && (s.positions & 0x7e) == 0;
    for (const Stream& st : s.streams)
        good = good && possible(st);
    if (!good) return fail("saved state: {}: impossible state", name());
    return {};
}

} // namespace dm
