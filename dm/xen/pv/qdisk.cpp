#include "dm/xen/pv/qdisk.hpp"

#include <array>

namespace dm::xen {
namespace {

// "info"; CD-ROMs are not served, and removable is what no driver asks for
constexpr u64 kVdiskReadOnly = 4;

/// "backend/qdisk/5/51712" -> "51712"
std::string_view last_name(std::string_view path) {
    return path.substr(path.rfind('/') + 1);
}

} // namespace

std::optional<DiskRequest> parse_qdisk_params(std::string_view params) {
    struct Format {
        std::string_view libxl;
        std::string_view qemu;
    };
    constexpr std::array<Format, 5> kFormats{
        {{"aio", "raw"}, {"qcow", "qcow"}, {"qcow2", "qcow2"}, {"vhd", "vpc"}, {"qed", "qed"}}};
    const std::size_t colon = params.find(':');
    if (colon == std::string_view::npos || colon + 1 == params.size()) return std::nullopt;
    DiskRequest request;
    request.path = params.substr(colon + 1);
    request.format = params.substr(0, colon);
    for (const Format& format : kFormats)
        if (request.format == format.libxl) {
            request.format = format.qemu;
            break;
        }
    return request;
}

Qdisk::Qdisk(PvWorld& world, std::string backend, std::function<void()> over)
    : world_(world), backend_(std::move(backend)), over_(std::move(over)),
      log_(fmt::format("qdisk {}", last_name(backend_))) {}

Qdisk::~Qdisk() {
    disconnect();
}

void Qdisk::set_state(XenbusState state) {
    write_state(world_.store, backend_, state);
}

void Qdisk::tell(std::string_view key, u64 value) {
    world_.store.write(fmt::format("{}/{}", backend_, key), fmt::to_string(value));
}

void Qdisk::tell_sectors() {
    tell("sectors", medium_->size_bytes() / kBlkSector);
}

/// Runs it from the loop, if this object still exists then.
void Qdisk::later(void (Qdisk::*what)()) {
    world_.loop.post([this, what, alive = std::weak_ptr(alive_)] {
        if (!alive.expired()) (this->*what)();
    });
}

void Qdisk::look() {
    const XenbusState ours = read_state(world_.store, backend_);
    if (ours == XenbusState::Unknown) {
        vanished_ = true;
        disconnect();
        if (in_use()) return;
        release_medium();
        return over_();
    }
    vanished_ = false;
    online_ = world_.store.read_number<unsigned>(backend_ + "/online").value_or(0) != 0;
    if (ours == XenbusState::Initialising) {
        if (medium_ != nullptr) { // removed and made again before we looked
            disconnect();
            if (in_use()) return;
            release_medium();
        }
        if (online_ && !refused_) open();
    }
    if (medium_ != nullptr)
        follow_front_end(ours == XenbusState::Initialising ? XenbusState::InitWait : ours);
    else if (ours == XenbusState::Closing)
        set_state(XenbusState::Closed);
}

void Qdisk::open() {
    if (const Status opened = open_medium(); !opened.ok()) {
        refused_ = true; // once is enough; the emulated disk, if there is one, goes on
        log_.error("this PV disk is not served: {}", opened.error().message);
        return;
    }
    if (medium_ != nullptr) announce();
}

Status Qdisk::open_medium() {
    XenStore& store = world_.store;
    const auto at = [&](std::string_view key) { return store.read(fmt::format("{}/{}", backend_, key)); };
    front_end_ = at("frontend").value_or("");
    if (front_end_.empty()) return fail("{}/frontend is not there", backend_);
    std::optional<DiskRequest> request = parse_qdisk_params(at("params").value_or(""));
    if (!request || at("device-type").value_or("disk") == "cdrom") {
        refused_ = true;
        log_.debug("no PV disk: {}", request ? "a CD-ROM, which PV drivers do not use" : "no medium");
        return {};
    }
    if (const auto dev = at("dev")) log_ = Log(fmt::format("qdisk {}", *dev));
    read_only_ = at("mode").value_or("w") == "r";
    request->read_only = read_only_;
    request->discard = at("discard-enable").value_or("1") != "0" && !read_only_;
    request->direct = at("direct-io-safe").value_or("0") == "1";
    DM_TRY_ASSIGN(medium_, world_.disks.open_disk(*request));
    read_only_ = read_only_ || medium_->read_only();
    discard_ = request->discard && medium_->can_discard();
    return {};
}

/// The nodes that the guest's driver reads; the state last, for it waits for that.
void Qdisk::announce() {
    medium_->set_size_changed([this] {
        tell_sectors();
        if (connected()) set_state(XenbusState::Connected); // the driver looks again when this is written
    });
    queue_ =
        std::make_unique<BlkQueue>(log_.tag(),
                                   BlkQueue::Wiring{.grants = world_.grants,
                                                    .medium = *medium_,
                                                    .notify = [this] { world_.events.notify(*port_); },
                                                    .broken = [this](const std::string& why) { broken(why); },
                                                    .later = [this] { later(&Qdisk::kick); },
                                                    .idle = [this] { later(&Qdisk::look); }},
                                   BlkQueue::Rights{.write = !read_only_, .discard = discard_});
    if (paused_) queue_->pause();
    tell("feature-flush-cache", 1);
    tell("feature-barrier", 1);
    tell("feature-max-indirect-segments", BlkQueue::kMostSegments);
    tell("max-ring-page-order", kMostRingOrder);
    tell("info", read_only_ ? kVdiskReadOnly : 0);
    tell("sector-size", kBlkSector);
    tell_sectors();
    if (discard_) {
        tell("feature-discard", 1);
        tell("discard-granularity", medium_->discard_granularity());
        tell("discard-alignment", 0);
    }
    world_.store.write(backend_ + "/hotplug-status", "connected");
    set_state(XenbusState::InitWait);
    theirs_ = XenbusState::Unknown;
    watch_ = world_.store.watch(front_end_ + "/state", [this](const std::string&) { look(); });
}

void Qdisk::follow_front_end(XenbusState ours) {
    const XenbusState before = std::exchange(theirs_, read_state(world_.store, front_end_));
    const bool asked_to_close = ours == XenbusState::Closing;
    switch (theirs_) {
    case XenbusState::Initialising:
        if (asked_to_close || !online_) return close();
        disconnect(); // a driver that starts anew after a crash
        if (!in_use() && ours != XenbusState::InitWait) set_state(XenbusState::InitWait);
        return;
    case XenbusState::InitWait:
    case XenbusState::Reconfiguring:
    case XenbusState::Reconfigured:
        if (asked_to_close && !connected()) close();
        return;
    case XenbusState::Initialised:
    case XenbusState::Connected:
        if (asked_to_close) return; // its turn
        // A driver that was connected and has made another ring: it slept while the host did not.
        if (theirs_ == XenbusState::Initialised && before == XenbusState::Connected) disconnect();
        if (!connected()) connect();
        return;
    case XenbusState::Closing:
        if (ours != XenbusState::Closing && ours != XenbusState::Closed) set_state(XenbusState::Closing);
        return;
    case XenbusState::Closed:
    case XenbusState::Unknown:
        if (ours != XenbusState::Closed || connected() || !online_) close();
        return;
    }
}

/// Closed is told when nothing of ours goes to the medium any more: the toolstack, or the guest, may do
/// with it what they like from then on.
void Qdisk::close() {
    disconnect();
    if (in_use()) return; // look() again when it is idle
    if (!online_) release_medium();
    if (read_state(world_.store, backend_) != XenbusState::Closed) set_state(XenbusState::Closed);
}

void Qdisk::release_medium() {
    watch_ = {};
    queue_.reset();
    medium_.reset();
    refused_ = false;
}

void Qdisk::connect() {
    if (in_use()) return; // look() again when it is idle
    const Status done = try_connect();
    if (done.ok()) {
        set_state(XenbusState::Connected);
        queue_->kick();
        return;
    }
    disconnect();
    log_.guest("the guest's driver cannot be connected: {}", done.error().message);
    set_state(XenbusState::Closing);
}

Status Qdisk::try_connect() {
    XenStore& store = world_.store;
    const std::optional<std::string> protocol = store.read(front_end_ + "/protocol");
    const std::optional<BlkAbi> abi = blk_abi(protocol);
    if (!abi) return fail("it speaks a protocol that is not known here");
    // Never offered: one thread serves everything.
    if (store.read_number<u32>(front_end_ + "/multi-queue-num-queues").value_or(1) != 1)
        return fail("it wants several queues");
    DM_TRY_ASSIGN(const std::vector<u32> grefs, ring_grefs());
    const auto remote = store.read_number<u32>(front_end_ + "/event-channel");
    if (!remote) return fail("event-channel is not there or no number");
    DM_TRY_ASSIGN(ring_, world_.grants.map(grefs));
    DM_TRY_ASSIGN(port_, world_.events.bind(*remote, [this] { kick(); }));
    queue_->attach(BlkRing(ring_.bytes(), *abi));
    log_.guest("connected: ring of {} page(s), {}", grefs.size(), protocol.value_or("native protocol"));
    return {};
}

Result<std::vector<u32>> Qdisk::ring_grefs() const {
    const auto gref = [this](const std::string& key) {
        return world_.store.read_number<u32>(fmt::format("{}/{}", front_end_, key));
    };
    const auto order = gref("ring-page-order");
    if (order && *order > kMostRingOrder) return fail("a ring of 2^{} pages", *order);
    std::vector<u32> grefs;
    if (order.value_or(0) == 0)
        if (const auto only = gref("ring-ref")) return std::vector<u32>{*only};
    for (unsigned i = 0; i < 1U << order.value_or(0); ++i) {
        const auto page = gref(fmt::format("ring-ref{}", i));
        if (!page) return fail("ring-ref{} is not there or no number", i);
        grefs.push_back(*page);
    }
    return grefs;
}

void Qdisk::disconnect() {
    if (queue_ != nullptr) queue_->detach();
    if (port_) world_.events.unbind(*std::exchange(port_, std::nullopt));
    ring_ = {};
}

void Qdisk::kick() {
    if (queue_ != nullptr) queue_->kick();
}

void Qdisk::broken(const std::string& why) {
    disconnect();
    log_.guest("the guest's ring is broken: {}; the disk is disconnected", why);
    set_state(XenbusState::Closing);
}

void Qdisk::pause() {
    paused_ = true;
    if (queue_ != nullptr) queue_->pause();
}

void Qdisk::resume() {
    paused_ = false;
    if (queue_ != nullptr) queue_->resume();
}

void Qdisk::remove_nodes() {
    if (medium_ == nullptr) return;
    disconnect();
    queue_.reset(); // waits
    watch_ = {};
    world_.store.remove(front_end_);
    world_.store.remove(backend_);
    medium_.reset();
}

} // namespace dm::xen
