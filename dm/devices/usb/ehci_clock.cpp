// When microframes happen. FRINDEX follows the clock; the schedules are looked at when that can matter.
// The reasons are in docs/devices/ehci.md, "When the schedules are looked at".
#include "dm/devices/usb/ehci.hpp"

#include <algorithm>

namespace dm {

using ehci::Cmd;
using ehci::Sts;

void Ehci::eventful() {
    s_.eventful_ns = timers_.now_ns();
}

/// Somebody could answer.
bool Ehci::looks() const {
    return running() && command(pci::Command::MASTER) && somebody_hears();
}

std::optional<u64> Ehci::next_look() const {
    const bool async = s_.usbcmd.has(Cmd::ASE);
    if (!looks() || (!async && !s_.usbcmd.has(Cmd::PSE))) return std::nullopt;
    const u64 quiet = s_.began_ns > s_.eventful_ns ? s_.began_ns - s_.eventful_ns : 0;
    const u64 least = async ? ehci::kMicroframe
                            : (ehci::kMicroframes - s_.frindex % ehci::kMicroframes) * ehci::kMicroframe;
    const u64 most =
        async ? std::clamp(quiet / ehci::kLongRestPart, ehci::kSlowestAsync, ehci::kSlowestAsyncAtRest)
              : ehci::kSlowestPeriodic;
    return s_.began_ns + std::clamp(quiet / ehci::kRestPart, least, most);
}

std::optional<u64> Ehci::next_rollover() const {
    const bool wanted = (s_.usbintr & static_cast<u32>(Sts::FLR)) != 0;
    if (!running() || !wanted || s_.usbsts.has(Sts::FLR)) return std::nullopt;
    return s_.began_ns + (ehci::kRollover - s_.frindex % ehci::kRollover) * ehci::kMicroframe;
}

/// Does what was to be done in all frames that have begun since the last time.
void Ehci::run() {
    if (!running()) return;
    const u64 now = timers_.now_ns();
    if (now < s_.began_ns + ehci::kMicroframe) return;
    const u64 passed = (now - s_.began_ns) / ehci::kMicroframe;
    const u64 before = s_.frindex;
    const u64 after = before + passed;
    s_.began_ns += passed * ehci::kMicroframe;
    s_.frindex = static_cast<u16>(after & ehci::kFrindexMask);
    if (before / ehci::kRollover != after / ehci::kRollover) s_.usbsts.set(Sts::FLR);
    if (!looks()) return;
    const u64 frames = after / ehci::kMicroframes - before / ehci::kMicroframes;
    look(before / ehci::kMicroframes + 1, frames);
}

bool Ehci::fetch_entries(u64 first, std::span<u32> entries) {
    for (u64 i = 0; i < entries.size(); ++i) {
        const u64 index = (first + i) % ehci::kFrameListEntries;
        const std::span<const u8> raw = memory_.view(s_.periodiclistbase + 4 * index, 4);
        if (raw.size() < 4) return false;
        entries[i] = raw[0] | u32{raw[1]} << 8 | u32{raw[2]} << 16 | u32{raw[3]} << 24;
    }
    return true;
}

/// The last frames have all their time; of those before, whose schedules would have found nothing to do as
/// far as anybody knew, each schedule has its turn once.
void Ehci::look(u64 first_frame, u64 frames) {
    EhciSchedule schedule(memory_, static_cast<EhciSchedule::Bus&>(*this));
    if (s_.usbcmd.has(Cmd::PSE)) {
        const u64 looked_at = std::min(frames, ehci::kMostFramesTogether);
        std::array<u32, ehci::kMostFramesTogether> buffer;
        const auto entries = std::span(buffer).first(looked_at);
        if (!fetch_entries(first_frame + frames - looked_at, entries)) return broken();
        for (u64 i = 0; i < looked_at && !schedule.exhausted(); ++i) {
            const auto before = entries.first(i);
            const bool old = looked_at - i > ehci::kCatchUp;
            if (!old || std::ranges::find(before, entries[i]) == before.end()) schedule.periodic(entries[i]);
        }
    }
    if (s_.usbcmd.has(Cmd::ASE)) s_.asynclistaddr = schedule.asynchronous(s_.asynclistaddr);
    const EhciSchedule::Outcome& outcome = schedule.outcome();
    if (outcome.interrupt) s_.usbsts.set(Sts::USBINT);
    if (outcome.error) s_.usbsts.set(Sts::USBERRINT);
    if (outcome.more) s_.eventful_ns = std::max(s_.eventful_ns, s_.began_ns);
    if (outcome.fault) broken();
}

/// What a controller cannot go on from; the guest has to reset it.
void Ehci::broken() {
    log_.guest("halted: a structure or buffer is not in RAM");
    s_.usbsts.set(Sts::HSE);
    s_.usbcmd.clear(Cmd::RS);
}

void Ehci::update() {
    set_intx((s_.usbsts.raw() & s_.usbintr) != 0);
    const std::optional<u64> look = next_look();
    const std::optional<u64> rollover = next_rollover();
    timer_.arm(look && rollover ? std::min(look, rollover) : look ? look : rollover);
}

} // namespace dm
