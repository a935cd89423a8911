// Queue heads: advancing to a transfer descriptor, its transactions, its end (EHCI 1.0, 4.10).
#include "dm/devices/usb/ehci_schedule.hpp"

#include <algorithm>

namespace dm {

using namespace ehci;
using usb::Answer;
using usb::Handshake;

namespace {

using Words = std::array<u32, kQhWords>;

bool has(const Words& qh, Tok bit) {
    return (qh[Token] & static_cast<u32>(bit)) != 0;
}
void set(Words& qh, Tok bit) {
    qh[Token] |= static_cast<u32>(bit);
}
void clear(Words& qh, Tok bit) {
    qh[Token] &= ~static_cast<u32>(bit);
}

enum class PidCode : u8 { Out, In, Setup, Reserved };
PidCode pid_code(const Words& qh) {
    return static_cast<PidCode>(qh[Token] >> 8 & 3);
}
u32 total_bytes(const Words& qh) {
    return (qh[Token] & kBytes) >> kBytesShift;
}
u32 packet_size(const Words& qh) {
    return qh[Characteristics] >> 16 & 0x7ff;
}
/// Where in its five pages a transfer is.
u32 place(const Words& qh) {
    return ((qh[Token] & kPageField) >> kPageFieldShift) * kPage + qh[Buffers] % kPage;
}

/// The host sends again what has not arrived; what has goes on.
void move_on(Words& qh, u32 bytes) {
    const u32 next = place(qh) + bytes;
    qh[Token] = (qh[Token] & ~(kBytes | kPageField)) | (total_bytes(qh) - bytes) << kBytesShift |
                std::min(next / kPage, 7U) << kPageFieldShift;
    qh[Token] ^= static_cast<u32>(Tok::TOGGLE);
    qh[Buffers] = qh[Buffers] / kPage * kPage + next % kPage;
}

} // namespace

/// Asynchronous queues go on until somebody has to wait, periodic ones have their turn.
void EhciSchedule::run_queue(u32 at, QueueHead& qh, bool periodic) {
    const unsigned turns = std::max(qh[Capabilities] >> 30, 1U);
    while (!exhausted()) {
        if (has(qh, Tok::HALTED)) return;
        if (!has(qh, Tok::ACTIVE) && !advance(at, qh)) return;
        if (!execute(at, qh, periodic ? turns : kMostBytes) || periodic) return;
    }
}

/// The next descriptor laid over the queue head; false: there is none that is active.
bool EhciSchedule::advance(u32 at, QueueHead& qh) {
    if ((qh[Characteristics] & kInactivate) != 0) return false;
    const bool alternate = total_bytes(qh) != 0 && (qh[AltNextQtd] & T) == 0;
    const u32 link = qh[alternate ? AltNextQtd : NextQtd];
    if ((link & T) != 0) return false;
    std::array<u32, kQtdWords> qtd{};
    --links_;
    if (!get_words(link & kAddress, qtd)) return false;
    if ((qtd[kQtdToken] & static_cast<u32>(Tok::ACTIVE)) == 0) return false;
    const u32 toggle = qh[Token] & static_cast<u32>(Tok::TOGGLE);
    const u32 nak_counter = qh[Characteristics] >> 28 << 1;
    qh[CurrentQtd] = link & kAddress;
    std::copy(qtd.begin(), qtd.end(), qh.begin() + NextQtd);
    qh[AltNextQtd] = (qh[AltNextQtd] & ~u32{0x1e}) | nak_counter;
    if ((qh[Characteristics] & kToggleFromQtd) == 0)
        qh[Token] = (qh[Token] & ~static_cast<u32>(Tok::TOGGLE)) | toggle;
    return put_words(at + 4 * CurrentQtd, std::span(qh).subspan(CurrentQtd));
}

/// False: the descriptor is not done, or it halted the queue.
bool EhciSchedule::execute(u32 at, QueueHead& qh, unsigned packets) {
    const u32 token = qh[Token];
    const u32 most = packet_size(qh);
    bool done = false;
    const bool sane = pid_code(qh) != PidCode::Reserved && most > 0 && most <= kMostPacket;
    if (!sane) give_up(qh, Tok::XACTERR);
    for (unsigned n = 0; sane && n < packets && !done; ++n) {
        const u32 length = std::min(total_bytes(qh), most);
        const Answer answer = transfer(qh, length);
        if (out_.fault) return false;
        out_.more |= answer.more;
        done = finish(qh, answer, length);
        if (answer.handshake != Handshake::Ack || bytes_ >= kMostBytes) break;
    }
    if (qh[Token] == token) return false;
    if (!put_words(at + 4 * Token, std::span(qh).subspan(Token, 2))) return false;
    if (!has(qh, Tok::ACTIVE) && !put_words(qh[CurrentQtd] + 4 * kQtdToken, std::span(qh).subspan(Token, 2)))
        return false;
    return done;
}

Answer EhciSchedule::transfer(const QueueHead& qh, u32 length) {
    const u32 who = qh[Characteristics];
    UsbDevice* const device = bus_.device_at(static_cast<u8>(who & usb::kMostAddress));
    if (device == nullptr || (who >> 12 & 3) != kHighSpeed || device->speed() != usb::Speed::High) return {};
    std::array<u8, kMostPacket> buffer;
    const auto bytes = std::span(buffer).first(length);
    const unsigned endpoint = who >> 8 & 15;
    if (place(qh) + length > kPages * kPage) return {Handshake::Babble};
    if (pid_code(qh) != PidCode::In) {
        if (!move_buffer(qh, bytes, false)) return {};
        return device->transact(pid_code(qh) == PidCode::Setup ? usb::Pid::Setup : usb::Pid::Out, endpoint,
                                bytes, total_bytes(qh));
    }
    const Answer answer = device->transact(usb::Pid::In, endpoint, bytes, total_bytes(qh));
    if (answer.handshake == Handshake::Ack) move_buffer(qh, bytes.first(answer.length), true);
    return answer;
}

bool EhciSchedule::move_buffer(const QueueHead& qh, std::span<u8> bytes, bool to_guest) {
    for (u32 at = place(qh); !bytes.empty();) {
        const u64 addr = u64{qh[Buffers + at / kPage] / kPage * kPage} + at % kPage;
        const auto here = bytes.first(std::min<std::size_t>(bytes.size(), kPage - at % kPage));
        if (!(to_guest ? put(addr, here) : get(addr, here))) return false;
        at += static_cast<u32>(here.size());
        bytes = bytes.subspan(here.size());
    }
    return true;
}

/// True: the descriptor is done.
bool EhciSchedule::finish(QueueHead& qh, const Answer& answer, u32 length) {
    switch (answer.handshake) {
    case Handshake::Ack: break;
    case Handshake::Nak: return false;
    case Handshake::Stall: give_up(qh, Tok::HALTED); return false;
    case Handshake::Babble:
        give_up(qh, place(qh) + length > kPages * kPage ? Tok::BUFFER_ERROR : Tok::BABBLE);
        return false;
    case Handshake::None: count_error(qh); return false;
    }
    const bool in = pid_code(qh) == PidCode::In;
    const u32 moved = in ? answer.length : length;
    bytes_ += moved;
    move_on(qh, moved);
    const bool short_packet = in && moved < packet_size(qh) && total_bytes(qh) > 0;
    if (total_bytes(qh) > 0 && !short_packet) return false;
    out_.interrupt |= short_packet;
    retire(qh);
    return true;
}

void EhciSchedule::retire(QueueHead& qh) {
    clear(qh, Tok::ACTIVE);
    out_.interrupt |= has(qh, Tok::IOC);
    out_.more = true;
}

/// A counter that starts at 0 counts nothing: the controller tries for ever.
void EhciSchedule::count_error(QueueHead& qh) {
    set(qh, Tok::XACTERR);
    const u32 left = (qh[Token] & kErrorCounter) >> kErrorCounterShift;
    if (left == 0) return;
    out_.more = true;
    qh[Token] = (qh[Token] & ~kErrorCounter) | (left - 1) << kErrorCounterShift;
    if (left == 1) give_up(qh, Tok::XACTERR);
}

void EhciSchedule::give_up(QueueHead& qh, Tok why) {
    set(qh, why);
    set(qh, Tok::HALTED);
    out_.error = true;
    retire(qh);
}

} // namespace dm
