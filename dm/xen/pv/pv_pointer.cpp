#include "dm/xen/pv/pv_pointer.hpp"

#include <array>
#include <limits>
#include <utility>

namespace dm::xen {
namespace {

constexpr u32 kMostCoordinate = std::numeric_limits<s32>::max();
constexpr u64 kMostGfn = ~u64{0} >> kPageShift;

} // namespace

PvPointer::PvPointer(PvWorld& world, const PointerPlace& place, std::string backend,
                     std::function<void()> over)
    : PvDevice(world, "vkbd", std::move(backend), std::move(over)), place_(place),
      queue_(world.loop.machine_timers(),
             {.notify = [this] { notify(); }, .broken = [this](const std::string& why) { broken(why); }}),
      resumes_(place.restored) {
    place_.targets.add(*this);
}

PvPointer::~PvPointer() {
    detach();
    place_.targets.remove(*this);
}

bool PvPointer::open() {
    offered_ = place_.offered && !toolstack_wants("feature-disable-pointer");
    tell("feature-disable-keyboard", 1);
    if (toolstack_wants("feature-multi-touch")) {
        log().warning("there is no multi-touch here; take feature-multi-touch out of its configuration");
        tell("feature-multi-touch", 0);
    }
    if (!offered_) {
        if (place_.offered) log().info("its configuration switches this PV pointer off");
        tell("feature-disable-pointer", 1);
        return true;
    }
    tell("feature-abs-pointer", 1);
    tell("feature-raw-pointer", 1);
    width_ = announce_most("width");
    height_ = announce_most("height");
    return true;
}

/// Drivers make it the upper end of the axis: a place on the right border has just this coordinate.
u32 PvPointer::announce_most(std::string_view key) {
    const std::optional<std::string> named = toolstack_says(key);
    const u32 most = toolstack_number(key).value_or(0);
    if (most > 0 && most <= kMostCoordinate) return most;
    if (named) log().warning("{} = {} is no coordinate; it is {} instead", key, *named, kMost);
    tell(key, kMost);
    return kMost;
}

Status PvPointer::attach() {
    if (!offered_) return {}; // nothing to connect, but everybody may be content
    const auto remote = driver_number<u32>("event-channel");
    if (!remote) return fail("event-channel is not there or no number");
    DM_TRY_ASSIGN(const std::span<u8> page, map_page());
    DM_TRY_ASSIGN(port_, world().events.bind(*remote, [this] {
        if (queue_.kick()) log().guest("the driver sends events, and none are defined");
    }));
    queue_.attach(KbdRing(page));
    return {};
}

Result<std::span<u8>> PvPointer::map_page() {
    const auto gref = driver_number<u32>("page-gref");
    if (gref && world().grants.ok()) {
        DM_TRY_ASSIGN(granted_, world().grants.value()->map(std::array{*gref}));
        return granted_.bytes();
    }
    const auto gfn = driver_number<u64>("page-ref");
    if (!gfn || *gfn > kMostGfn) return fail("neither page-gref nor page-ref is there and a number");
    pinned_at_ = *gfn << kPageShift;
    pinned_ = Pin(place_.memory, pinned_at_, kPageSize, DmaDirection::ToGuest);
    if (pinned_.bytes().size() != kPageSize) return fail("there is no memory at page-ref {:#x}", *gfn);
    return pinned_.bytes();
}

void PvPointer::detach() {
    queue_.detach();
    if (port_) {
        world().events.unbind(*std::exchange(port_, std::nullopt));
        resumes_ = false;
    }
    granted_ = {};
    pinned_ = {};
    settled();
}

/// In use from the driver's Connected on: drivers exist that say only then what they request.
void PvPointer::settled() {
    const bool use = queue_.attached() && driver() == XenbusState::Connected;
    if (use == in_use_) return;
    in_use_ = use;
    if (use) {
        const PointerQueue::Mode mode = this->mode();
        absolute_ = mode.absolute;
        log().guest("connected: {}, the page is {}", absolute_ ? "places" : "movements",
                    granted_.bytes().empty() ? "page-ref" : "granted");
        queue_.start(mode);
    } else {
        queue_.stop();
    }
    if (observer_ != nullptr) observer_->input_status(status());
}

/// Linux requests what it was offered when its driver finds the device, and never again; but a restored guest
/// has new nodes, in which that is missing. So whoever connects first in such a guest has requested it.
PointerQueue::Mode PvPointer::mode() const {
    const bool silent = resumes_ && !driver_says("request-abs-pointer");
    PointerQueue::Mode mode{
        .absolute = silent || driver_wants("request-abs-pointer"), .width = width_, .height = height_};
    if (driver_wants("request-raw-pointer")) mode.width = mode.height = kMost;
    return mode;
}

void PvPointer::notify() {
    if (!pinned_.bytes().empty()) place_.memory.wrote(pinned_at_, kPageSize);
    world().events.notify(*port_);
}

} // namespace dm::xen
