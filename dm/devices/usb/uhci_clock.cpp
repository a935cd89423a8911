// When frames happen. FRNUM follows the clock; the schedule is looked at when that can matter.
// The reasons are in docs/devices/uhci.md, "When the schedule is looked at".
#include "dm/devices/usb/uhci.hpp"

#include <algorithm>

namespace dm {

using uhci::Cmd;
using uhci::Sts;

bool Uhci::running() const {
    return s_.usbcmd.has(Cmd::RS) && !s_.usbcmd.has(Cmd::EGSM) && !s_.usbcmd.has(Cmd::GRESET);
}

void Uhci::eventful() {
    s_.eventful_ns = timers_.now_ns();
}

std::optional<u64> Uhci::next_look() const {
    if (!running() || !command(pci::Command::MASTER)) return std::nullopt;
    const u64 began = s_.frame_began_ns;
    const u64 quiet = began > s_.eventful_ns ? (began - s_.eventful_ns) / uhci::kFrame : 0;
    return began + std::clamp<u64>(quiet / uhci::kRestPart, 1, uhci::kSlowestFrames) * uhci::kFrame;
}

/// Entries of the frame list from frame `first` on; all of it lies in one page.
bool Uhci::fetch_entries(u16 first, std::span<u32> entries) {
    for (u64 i = 0; i < entries.size(); ++i) {
        const u64 index = (first + i) % uhci::kFrameListEntries;
        const std::span<const u8> raw = memory_.view(s_.flbaseadd + 4 * index, 4);
        if (raw.size() < 4) return false;
        entries[i] = raw[0] | u32{raw[1]} << 8 | u32{raw[2]} << 16 | u32{raw[3]} << 24;
    }
    return true;
}

/// Does what was to be done in all frames that are over. The last ones have all their time; of those before,
/// whose schedules would have found nothing to do as far as anybody knew, each schedule has its turn once.
void Uhci::run_frames() {
    if (!running()) return;
    const u64 now = timers_.now_ns();
    if (now < s_.frame_began_ns + uhci::kFrame) return;
    const u64 over = (now - s_.frame_began_ns) / uhci::kFrame;
    const u64 looked_at = std::min(over, uhci::kMostFramesTogether);
    s_.frame_began_ns += over * uhci::kFrame;
    s_.frnum = static_cast<u16>((s_.frnum + over - looked_at) & uhci::kFrameNumberMask);

    std::array<u32, uhci::kMostFramesTogether> entries;
    const auto schedule = std::span(entries).first(looked_at);
    const bool master = command(pci::Command::MASTER);
    if (master && !fetch_entries(s_.frnum, schedule)) return broken(Sts::HSE);
    unsigned links = uhci::kMostLinksTogether;
    for (u64 i = 0; i < looked_at && running(); ++i) {
        s_.frnum = (s_.frnum + 1) & uhci::kFrameNumberMask;
        const auto before = schedule.first(i);
        const bool old = looked_at - i > uhci::kCatchUp;
        if (!master || (old && std::ranges::find(before, schedule[i]) != before.end())) continue;
        const bool single = s_.usbcmd.has(Cmd::SWDBG);
        take(UhciFrame(memory_, static_cast<UhciFrame::Bus&>(*this), single, links).walk(schedule[i]));
    }
}

void Uhci::take(const UhciFrame::Outcome& outcome) {
    if (outcome.complete || outcome.short_packet) s_.usbsts.set(Sts::USBINT);
    s_.int_complete |= outcome.complete;
    s_.int_short |= outcome.short_packet;
    if (outcome.error) s_.usbsts.set(Sts::ERROR);
    if (outcome.more) s_.eventful_ns = std::max(s_.eventful_ns, s_.frame_began_ns);
    switch (outcome.fault) {
    case UhciFrame::Fault::None: break;
    case UhciFrame::Fault::HostSystem: return broken(Sts::HSE);
    case UhciFrame::Fault::Process: return broken(Sts::HCPE);
    }
    if (outcome.executed && s_.usbcmd.has(Cmd::SWDBG)) halt();
}

void Uhci::halt() {
    s_.usbcmd.clear(Cmd::RS);
    s_.usbsts.set(Sts::HCHALTED);
}

/// What a controller cannot go on from; the guest has to reset it.
void Uhci::broken(Sts why) {
    log_.guest("halted: {}",
               why == Sts::HSE ? "a structure or buffer is not in RAM" : "a descriptor makes no sense");
    s_.usbsts.set(why);
    halt();
}

} // namespace dm
