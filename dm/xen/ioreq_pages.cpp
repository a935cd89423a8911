#include "dm/xen/ioreq_pages.hpp"

#include "dm/core/check.hpp"
#include "dm/xen/libxen.hpp"

#include <atomic>
#include <cstring>

namespace dm::xen {
namespace {

static_assert(sizeof(ioreq_t) == 32);
constexpr std::size_t kFlagsByte = 30; // state and the flags that only Xen writes share it
constexpr std::size_t kTypeByte = 31;
constexpr u8 kStateMask = 0x0f;

std::atomic_ref<u8> flags_of(u8* slot) {
    return std::atomic_ref<u8>(slot[kFlagsByte]);
}

template <class T> T field(const u8* base, std::size_t offset) {
    T value;
    std::memcpy(&value, base + offset, sizeof(T));
    return value;
}

Request copy_slot(const u8* slot, u8 flags) {
    Request r;
    r.addr = field<u64>(slot, offsetof(ioreq_t, addr));
    r.data = field<u64>(slot, offsetof(ioreq_t, data));
    r.count = field<u32>(slot, offsetof(ioreq_t, count));
    r.size = field<u32>(slot, offsetof(ioreq_t, size));
    r.pointer = (flags & 0x10) != 0;
    r.read = (flags & 0x20) != 0;
    r.descending = (flags & 0x40) != 0;
    r.type = slot[kTypeByte];
    return r;
}

/// One entry of the ring: the first word holds type, direction, size and address; the second the data.
struct BufferedEntry {
    u32 head;
    u32 data;
    u8 type() const { return static_cast<u8>(head); }
    u32 size() const { return 1U << (head >> 10 & 3); }
    u64 addr() const { return head >> 12; }
};

BufferedEntry entry_at(const u8* page, u32 pointer) {
    const std::size_t at =
        offsetof(buffered_iopage_t, buf_ioreq) + pointer % IOREQ_BUFFER_SLOT_NUM * std::size_t{8};
    return {field<u32>(page, at), field<u32>(page, at + 4)};
}

} // namespace

IoreqPages::IoreqPages(void* sync_page, void* buffered_page, RequestServer& server, unsigned vcpus)
    : sync_(static_cast<u8*>(sync_page)), buffered_(static_cast<u8*>(buffered_page)), server_(server),
      vcpus_(vcpus) {
    DM_CHECK(vcpus_ <= kPageSize / sizeof(ioreq_t));
}

u32 IoreqPages::event_port(unsigned vcpu) const {
    return field<u32>(sync_ + vcpu * sizeof(ioreq_t), offsetof(ioreq_t, vp_eport));
}

bool IoreqPages::serve(unsigned vcpu) {
    u8* slot = sync_ + vcpu * sizeof(ioreq_t);
    const u8 flags = flags_of(slot).load(std::memory_order_acquire);
    if ((flags & kStateMask) != STATE_IOREQ_READY) return false; // spurious events are normal
    Request request = copy_slot(slot, flags);
    const u8 bare = flags & static_cast<u8>(~kStateMask);
    flags_of(slot).store(bare | STATE_IOREQ_INPROCESS, std::memory_order_relaxed);

    drain();
    server_.serve(request);

    if (request.read && !request.pointer)
        std::memcpy(slot + offsetof(ioreq_t, data), &request.data, sizeof(request.data));
    // A domain that is going away may have its slot taken back meanwhile; then nobody waits for an answer.
    if ((flags_of(slot).load(std::memory_order_relaxed) & kStateMask) != STATE_IOREQ_INPROCESS) return false;
    flags_of(slot).store(bare | STATE_IORESP_READY, std::memory_order_release);
    return true;
}

bool IoreqPages::drain() {
    bool any = false;
    // A guest that writes as fast as we read must not keep us here: one ring's worth per call.
    for (unsigned i = 0; i < IOREQ_BUFFER_SLOT_NUM && drain_once(); ++i)
        any = true;
    return any;
}

bool IoreqPages::drain_once() {
    std::atomic_ref<u32> read_ref(*reinterpret_cast<u32*>(buffered_));
    std::atomic_ref<u32> write_ref(*reinterpret_cast<u32*>(buffered_ + 4));
    u32 read = 0;
    u32 write = 0;
    do { // Xen may rebase both pointers at any moment
        read = read_ref.load(std::memory_order_acquire);
        write = write_ref.load(std::memory_order_acquire);
    } while (read != read_ref.load(std::memory_order_acquire));
    const u32 available = write - read;
    if (available == 0) return false;
    if (available > IOREQ_BUFFER_SLOT_NUM) {
        log_.guest("buffered ring in an impossible state ({} entries): skipped", available);
        read_ref.fetch_add(available);
        return false;
    }

    const BufferedEntry entry = entry_at(buffered_, read);
    Request request{
        .type = entry.type(), .size = entry.size(), .count = 1, .addr = entry.addr(), .data = entry.data};
    u32 slots = 1;
    if (request.size == 8) {
        if (available < 2) {
            log_.guest("buffered ring holds half of an 8-byte write: skipped");
            read_ref.fetch_add(1);
            return true;
        }
        request.data |= u64{entry_at(buffered_, read + 1).data} << 32;
        slots = 2;
    }
    server_.serve(request);
    read_ref.fetch_add(slots, std::memory_order_acq_rel);
    return true;
}

} // namespace dm::xen
