// The two lists, isochronous descriptors, and memory.
#include "dm/devices/usb/ehci_schedule.hpp"

#include <cstring>

namespace dm {

using namespace ehci;

bool EhciSchedule::get(u64 addr, std::span<u8> out) {
    while (!out.empty()) {
        const std::span<const u8> here = memory_.view(addr, out.size());
        if (here.empty()) return out_.fault = true, false;
        std::memcpy(out.data(), here.data(), here.size());
        out = out.subspan(here.size());
        addr += here.size();
    }
    return true;
}

bool EhciSchedule::put(u64 addr, std::span<const u8> in) {
    while (!in.empty()) {
        const std::span<u8> here = memory_.view(addr, in.size());
        if (here.empty()) return out_.fault = true, false;
        std::memcpy(here.data(), in.data(), here.size());
        memory_.wrote(addr, here.size());
        in = in.subspan(here.size());
        addr += here.size();
    }
    return true;
}

bool EhciSchedule::get_words(u64 addr, std::span<u32> out) {
    std::array<u8, 4 * kItdWords> raw;
    const auto bytes = std::span(raw).first(4 * out.size());
    if (!get(addr, bytes)) return false;
    for (std::size_t i = 0; i < out.size(); ++i) {
        const u8* const b = bytes.data() + 4 * i;
        out[i] = b[0] | u32{b[1]} << 8 | u32{b[2]} << 16 | u32{b[3]} << 24;
    }
    return true;
}

bool EhciSchedule::put_words(u64 addr, std::span<const u32> in) {
    std::array<u8, 4 * kItdWords> raw;
    const auto bytes = std::span(raw).first(4 * in.size());
    for (std::size_t i = 0; i < bytes.size(); ++i)
        bytes[i] = static_cast<u8>(in[i / 4] >> (8 * (i % 4)));
    return put(addr, bytes);
}

void EhciSchedule::periodic(u32 link) {
    for (unsigned n = 0; n < kMostLinks && !exhausted() && (link & T) == 0; ++n) {
        --links_;
        const u32 at = link & kAddress;
        switch (type_of(link)) {
        case LinkType::Itd: link = isochronous(at); break;
        case LinkType::Sitd: link = split_isochronous(at); break;
        case LinkType::Fstn: { // of interest to split transactions only
            std::array<u32, 2> node{};
            link = get_words(at, node) ? node[0] : u32{T};
            break;
        }
        case LinkType::Qh: {
            QueueHead qh{};
            if (!get_words(at, qh)) return;
            run_queue(at, qh, true);
            link = qh[Horizontal];
            break;
        }
        }
    }
}

/// Once round; as long as something moves, again.
u32 EhciSchedule::asynchronous(u32 first) {
    u32 at = first;
    u32 second = first;
    u32 moved = bytes_;
    bool more = false;
    for (unsigned n = 0; n < kMostLinks && !exhausted(); ++n) {
        --links_;
        QueueHead qh{};
        if (!get_words(at, qh)) break;
        const bool before = std::exchange(out_.more, false);
        run_queue(at, qh, false);
        more |= out_.more;
        out_.more |= before;
        if (type_of(qh[Horizontal]) != LinkType::Qh) break;
        if (at == first) second = qh[Horizontal] & kAddress;
        at = qh[Horizontal] & kAddress;
        if (at != first) continue;
        if (!more && moved == bytes_) break;
        more = false;
        moved = bytes_;
    }
    return second;
}

u32 EhciSchedule::past_removed(u32 queue) {
    for (unsigned n = 0; n < kMostLinks && !exhausted(); ++n) {
        --links_;
        std::array<u32, 2> head{};
        if (!get_words(queue, head)) break;
        if (n > 0 && (head[Characteristics] & kReclamationHead) != 0) break;
        if (type_of(head[Horizontal]) != LinkType::Qh) break;
        queue = head[Horizontal] & kAddress;
    }
    return queue;
}

/// Nothing of ours has an isochronous endpoint: nobody sends, and nobody says that nothing arrived.
u32 EhciSchedule::isochronous(u32 at) {
    std::array<u32, kItdWords> itd{};
    if (!get_words(at, itd)) return T;
    const bool in = (itd[kItdDirection] & kItdIn) != 0;
    bool changed = false;
    for (unsigned i = 1; i <= kItdTransactions; ++i) {
        u32& transaction = itd[i];
        if ((transaction & kItdActive) == 0) continue;
        transaction &= ~kItdActive;
        if (in) transaction = (transaction & ~kItdLength) | kItdXactErr;
        out_.interrupt |= (transaction & kItdIoc) != 0;
        changed = true;
    }
    if (changed && !put_words(at + 4, std::span(itd).subspan(1, kItdTransactions))) return T;
    return itd[0];
}

u32 EhciSchedule::split_isochronous(u32 at) {
    std::array<u32, kSitdWords> sitd{};
    if (!get_words(at, sitd)) return T;
    u32& status = sitd[kSitdStatus];
    if ((status & static_cast<u32>(Tok::ACTIVE)) == 0) return sitd[0];
    status = (status & ~static_cast<u32>(Tok::ACTIVE)) | static_cast<u32>(Tok::XACTERR);
    out_.interrupt |= (status & kSitdIoc) != 0;
    if (!put_words(at + 4 * kSitdStatus, std::span(&status, 1))) return T;
    return sitd[0];
}

} // namespace dm
