// Sending: the transmit ring and its three kinds of descriptors (SDM 3.3 to 3.5).
#include "dm/devices/net/e1000.hpp"

#include <algorithm>

namespace dm {

using namespace e1000;

namespace {

// A descriptor's second half, first word.
constexpr u32 kExtended = 0x2000'0000; // DEXT: context or data; DTYP tells which
constexpr u32 kTypeMask = 0x00f0'0000;
constexpr u32 kEop = 0x0100'0000;
constexpr u32 kInsertChecksum = 0x0400'0000; // IC, legacy
constexpr u32 kSegment = 0x0400'0000;        // TSE, data and context
constexpr u32 kReport = 0x1800'0000;         // RS, RPS
constexpr u32 kTagged = 0x4000'0000;         // VLE
constexpr u32 kDelay = 0x8000'0000;          // IDE
constexpr u32 kContextTcp = 0x0100'0000;     // TUCMD of a context descriptor
constexpr u32 kContextIp4 = 0x0200'0000;
constexpr u32 kLegacyLength = 0xffff;
constexpr u32 kLength = 0xf'ffff;
// Second word.
constexpr u32 kDone = 0x01;
constexpr u32 kIxsm = 0x0100;
constexpr u32 kTxsm = 0x0200;

constexpr u32 kFcs = ethernet::kCheckSequence;
constexpr u32 kLowThresholdUnit = 8; // descriptors, of TXDCTL.LWTHRESH

u32 word(std::span<const u8> bytes, std::size_t at) {
    return u32{bytes[at]} | u32{bytes[at + 1]} << 8 | u32{bytes[at + 2]} << 16 | u32{bytes[at + 3]} << 24;
}

bool is_context(u32 lower) {
    return (lower & (kExtended | kTypeMask)) == kExtended;
}

} // namespace

/// The ring from its head on. What was fetched once is not looked at again: the guest may change it any time.
class E1000::Window {
public:
    Window(GuestMemory& memory, const Ring& ring, u32 head, u32 tail)
        : memory_(memory), ring_(ring), index_(head), tail_(tail) {}

    bool empty() const { return index_ == tail_; }
    u32 index() const { return index_; }
    u32 taken() const { return taken_; }
    /// All descriptors that a ring can have were taken.
    bool full() const { return taken_ + 1 == ring_.count; }

    Descriptor next() {
        if (used_ == fetched_) fetch();
        const auto bytes = std::span(bytes_).subspan(std::size_t{used_++} * kDescriptorSize, kDescriptorSize);
        index_ = index_ + 1 == ring_.count ? 0 : index_ + 1;
        ++taken_;
        return {word(bytes, 0) | u64{word(bytes, 4)} << 32, word(bytes, 8), word(bytes, 12)};
    }

private:
    static constexpr u32 kFetch = 32;

    void fetch() {
        const u32 end = tail_ > index_ ? tail_ : ring_.count;
        fetched_ = std::min(kFetch, end - index_);
        used_ = 0;
        memory_.read(ring_.base + u64{index_} * kDescriptorSize,
                     std::span(bytes_).first(std::size_t{fetched_} * kDescriptorSize));
    }

    GuestMemory& memory_;
    Ring ring_;
    u32 index_;
    u32 tail_;
    u32 taken_ = 0;
    u32 fetched_ = 0;
    u32 used_ = 0;
    std::array<u8, std::size_t{kFetch} * kDescriptorSize> bytes_{};
};

struct E1000::Packet {
    /// A descriptor that wants to be told.
    struct Report {
        u32 index = 0;
        u32 upper = 0;
        bool delayed = false;
    };
    std::array<TxBuffer, kMostDescriptors> buffers;
    std::array<Report, kMostDescriptors> reports;
    u32 buffer_count = 0;
    u32 report_count = 0;
    u32 descriptors = 0; ///< of the ring, contexts too
    u64 length = 0;
    Descriptor first; ///< of those with data
    Descriptor last;

    void report(u32 index, const Descriptor& d) {
        if ((d.lower & kReport) == 0) return;
        reports[report_count++] = {index, d.upper | kDone, (d.lower & kDelay) != 0};
    }
};

E1000::Ring E1000::tx_ring() const {
    return {u64{get<Reg::TDBAH>()} << 32 | get<Reg::TDBAL>(), get<Reg::TDLEN>() / kDescriptorSize};
}

bool E1000::may_send() const {
    const u32 count = tx_ring().count;
    return Bits<Tctl>{get<Reg::TCTL>()}.has(Tctl::EN) && command(pci::Command::MASTER) &&
           get<Reg::TDH>() < count && get<Reg::TDT>() < count;
}

/// The guest has given descriptors, or something that stood in the way is gone.
void E1000::kick() {
    if (!s_.send_at) transmit();
}

void E1000::advance(u32 descriptors) {
    at<Reg::TDH>() = (get<Reg::TDH>() + descriptors) % tx_ring().count;
}

bool E1000::looped() const {
    return (get<Reg::RCTL>() >> kRctlLbm & 3) == 1 || s_.phy.loopback();
}

void E1000::transmit() {
    if (!may_send() || get<Reg::TDH>() == get<Reg::TDT>()) return;
    Window window(memory_, tx_ring(), get<Reg::TDH>(), get<Reg::TDT>());
    Packet packet;
    std::size_t segments = 0;
    u64 bytes = 0;
    for (unsigned frames = 0; !window.empty(); ++frames) {
        if (frames == kFramesPerKick || window.taken() >= kDescriptorsPerKick ||
            segments >= kSegmentsPerKick || bytes >= kBytesPerKick) {
            s_.send_at = timers_.now_ns();
            return;
        }
        const Gathered gathered = gather(window, packet);
        if (gathered == Gathered::Nothing) return; // the rest of the frame is still to come
        const bool frame = gathered == Gathered::Frame && packet.buffer_count != 0;
        if (frame && !std::exchange(s_.skipping, false)) {
            if (!send_packet(packet)) {
                s_.send_at = timers_.now_ns() + kRetry;
                return;
            }
            segments += frame_.offload().frames(frame_.length());
            bytes += packet.length;
        }
        if (gathered == Gathered::TooMany) {
            if (!s_.skipping)
                log_.guest("a frame of {} descriptors without an end is lost", packet.descriptors);
            s_.skipping = true;
        }
        finish_packet(packet);
    }
    raise(Cause::TXQE);
}

/// The descriptors of one frame, or a context alone.
E1000::Gathered E1000::gather(Window& window, Packet& packet) {
    packet.buffer_count = packet.report_count = packet.descriptors = 0;
    packet.length = 0;
    packet.last = {};
    while (!window.empty()) {
        if (packet.descriptors == kMostDescriptors) return Gathered::TooMany;
        const u32 index = window.index();
        const Descriptor d = window.next();
        ++packet.descriptors;
        packet.report(index, d);
        if (is_context(d.lower)) {
            take_context(d);
            if (packet.buffer_count == 0) return Gathered::Frame;
            continue;
        }
        add_data(d, packet);
        if ((d.lower & kEop) != 0) return Gathered::Frame;
    }
    // More cannot come while the ring is full.
    return s_.skipping || window.full() ? Gathered::TooMany : Gathered::Nothing;
}

void E1000::add_data(const Descriptor& d, Packet& packet) {
    const u32 length = d.lower & ((d.lower & kExtended) != 0 ? kLength : kLegacyLength);
    if (packet.buffer_count == 0) packet.first = d;
    packet.last = d;
    packet.buffers[packet.buffer_count++] = {d.addr, length};
    packet.length += length;
}

void E1000::take_context(const Descriptor& d) {
    TxContext& c = (d.lower & kSegment) != 0 ? s_.segment_context : s_.checksum_context;
    c.ipcss = byte_of(d.addr, 0);
    c.ipcso = byte_of(d.addr, 1);
    c.ipcse = static_cast<u16>(d.addr >> 16);
    c.tucss = byte_of(d.addr, 4);
    c.tucso = byte_of(d.addr, 5);
    c.tucse = static_cast<u16>(d.addr >> 48);
    c.hdrlen = byte_of(d.upper, 1);
    c.mss = static_cast<u16>(d.upper >> 16);
    c.tcp = (d.lower & kContextTcp) != 0;
    c.ip4 = (d.lower & kContextIp4) != 0;
}

/// The tag counts in the first descriptor of what is segmented, else in the last one (3.3.7.1).
TxRequest E1000::request_of(const Packet& packet) const {
    TxRequest r;
    r.buffers = std::span(packet.buffers).first(packet.buffer_count);
    r.length = static_cast<u32>(packet.length);
    r.pad = Bits<Tctl>{get<Reg::TCTL>()}.has(Tctl::PSP);
    r.stays = looped();
    const Descriptor& first = packet.first;
    if ((first.lower & kExtended) != 0) {
        r.segment = (first.lower & kSegment) != 0;
        r.context = r.segment ? s_.segment_context : s_.checksum_context;
        r.ip_checksum = (first.upper & kIxsm) != 0;
        r.checksum = (first.upper & kTxsm) != 0;
    } else if ((packet.last.lower & kInsertChecksum) != 0) {
        r.checksum = true;
        r.context.tucss = byte_of(packet.last.upper, 1);
        r.context.tucso = byte_of(packet.last.lower, 2);
    }
    const Descriptor& tagged = r.segment ? first : packet.last;
    if ((tagged.lower & kTagged) != 0 && Bits<Ctrl>{get<Reg::CTRL>()}.has(Ctrl::VME))
        r.tag = get<Reg::VET>() << 16 | tagged.upper >> 16;
    return r;
}

/// False: the far end takes nothing now, the frame is to be offered again.
bool E1000::send_packet(const Packet& packet) {
    if (packet.length > TxFrame::kMostBytes) {
        log_.guest("a frame of {} bytes is lost", packet.length);
        return true;
    }
    const TxRequest request = request_of(packet);
    if (!frame_.make(memory_, request)) {
        if (request.segment) count(s_.stats, Stat::TSCTFC);
        log_.guest("a frame of {} bytes that cannot be sent is lost", request.length);
        return true;
    }
    if (request.stays)
        loop_back();
    else if (send(frame_.pieces(), frame_.offload()) == NetBackend::Sent::Later)
        return false;
    count_packet(request);
    return true;
}

void E1000::loop_back() {
    if (!finish_frame(frame_.bytes(), frame_.offload(), *this))
        log_.guest("a frame that cannot be segmented is lost");
}

void E1000::count_packet(const TxRequest& request) {
    const Cast cast = frame_.broadcast() ? Cast::Broad : frame_.multicast() ? Cast::Multi : Cast::Uni;
    if (request.segment) count(s_.stats, Stat::TSCTC);
    const FrameOffload& offload = frame_.offload();
    if (offload.segments == FrameOffload::Segments::None)
        return count_sent(s_.stats, cast, frame_.length() + kFcs, 1);
    const u32 data = frame_.length() - offload.header_length;
    const u32 rest = data % offload.segment_size;
    const u32 headers = offload.header_length + kFcs;
    count_sent(s_.stats, cast, headers + offload.segment_size, data / offload.segment_size);
    if (rest != 0) count_sent(s_.stats, cast, headers + rest, 1);
}

/// Tells the guest of what is done.
void E1000::finish_packet(const Packet& packet) {
    const Ring ring = tx_ring();
    for (const Packet::Report& report : std::span(packet.reports).first(packet.report_count)) {
        std::array<u8, 4> upper{};
        for (unsigned i = 0; i < upper.size(); ++i)
            upper[i] = byte_of(report.upper, i);
        memory_.write(ring.base + u64{report.index} * kDescriptorSize + 12, upper);
        if (report.delayed)
            delay_sent();
        else
            raise_frame(Cause::TXDW);
    }
    advance(packet.descriptors);
    const u32 tail = get<Reg::TDT>();
    const u32 head = get<Reg::TDH>();
    const u32 left = tail >= head ? tail - head : ring.count - head + tail;
    const u32 low = get<Reg::TXDCTL>() >> 25 & 0x7f;
    if (low != 0 && left <= low * kLowThresholdUnit && left + packet.descriptors > low * kLowThresholdUnit)
        raise(Cause::TXD_LOW);
}

/// The far end's queue has room again.
void E1000::writable() {
    if (!s_.send_at) return;
    s_.send_at.reset();
    kick();
    sync();
}

} // namespace dm
