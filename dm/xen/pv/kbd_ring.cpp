#include "dm/xen/pv/kbd_ring.hpp"

#include "dm/core/check.hpp"

#include <array>
#include <atomic>
#include <cstring>

namespace dm::xen {
namespace {

// struct xenkbd_page
constexpr std::size_t kInCons = 0;
constexpr std::size_t kInProd = 4;
constexpr std::size_t kOutCons = 8;
constexpr std::size_t kOutProd = 12;
constexpr std::size_t kInRing = 1024;
constexpr std::size_t kEventSize = 40;

constexpr u8 kMotion = 1;
constexpr u8 kKey = 3;
constexpr u8 kPosition = 4;

} // namespace

/// As in the page; the rest of an entry is zeros.
struct KbdRing::Event {
    u8 type = 0;
    u8 pressed = 0;
    std::array<u8, 2> reserved{};
    std::array<u32, 9> words{};
};

KbdRing::KbdRing(std::span<u8> page) : page_(page), produced_(0) {
    DM_CHECK(page.size() == kPageSize);
    produced_ = load(kInProd);
}

u32 KbdRing::load(std::size_t offset) const {
    return std::atomic_ref<u32>(*reinterpret_cast<u32*>(page_.data() + offset))
        .load(std::memory_order_acquire);
}

void KbdRing::store(std::size_t offset, u32 value) {
    std::atomic_ref<u32>(*reinterpret_cast<u32*>(page_.data() + offset))
        .store(value, std::memory_order_release);
}

KbdRing::Room KbdRing::room() const {
    const u32 unread = produced_ - load(kInCons);
    if (unread > kEntries) return Room::Broken;
    // 2^32 is no multiple of 51: the last index before it and the first after it have the same place.
    const bool turn = produced_ == 0 && unread != 0;
    return unread == kEntries || turn ? Room::None : Room::There;
}

void KbdRing::put(const Event& event) {
    static_assert(sizeof(Event) == kEventSize);
    std::memcpy(page_.data() + kInRing + std::size_t{produced_ % kEntries} * kEventSize, &event, kEventSize);
    ++produced_;
}

void KbdRing::motion(s32 dx, s32 dy, s32 dz) {
    put({.type = kMotion, .words = {static_cast<u32>(dx), static_cast<u32>(dy), static_cast<u32>(dz)}});
}

void KbdRing::position(s32 x, s32 y, s32 dz) {
    put({.type = kPosition, .words = {static_cast<u32>(x), static_cast<u32>(y), static_cast<u32>(dz)}});
}

void KbdRing::key(u32 code, bool pressed) {
    put({.type = kKey, .pressed = static_cast<u8>(pressed ? 1 : 0), .words = {code}});
}

void KbdRing::publish() {
    store(kInProd, produced_);
}

bool KbdRing::discard_sent() {
    const u32 sent = load(kOutProd);
    if (load(kOutCons) == sent) return false;
    store(kOutCons, sent);
    return true;
}

} // namespace dm::xen
