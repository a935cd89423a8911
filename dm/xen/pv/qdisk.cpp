#include "dm/xen/pv/qdisk.hpp"

#include <array>
#include <utility>

namespace dm::xen {
namespace {

// "info"; CD-ROMs are not served, and removable is what no driver asks for
constexpr u64 kVdiskReadOnly = 4;

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

Qdisk::Qdisk(PvWorld& world, DiskSource& disks, std::string backend, std::function<void()> over)
    : PvDevice(world, "qdisk", std::move(backend), std::move(over)), disks_(disks) {}

Qdisk::~Qdisk() {
    detach();
}

void Qdisk::tell_sectors() {
    tell("sectors", medium_->size_bytes() / kBlkSector);
}

/// Runs it from the loop, if this object still exists then.
void Qdisk::later(void (Qdisk::*what)()) {
    world().loop.post([this, what, alive = std::weak_ptr(alive_)] {
        if (!alive.expired()) (this->*what)();
    });
}

bool Qdisk::open() {
    if (toolstack_says("device-type") == "cdrom") {
        log().debug("no PV disk: a CD-ROM, which is the emulated drive's");
        set_state(XenbusState::Closed); // UEFI's driver tries it, and would wait for us for ever
        return false;
    }
    const Status opened = open_medium();
    if (!opened.ok()) // the emulated disk, if there is one, goes on
        log().error("this PV disk is not served: {}", opened.error().message);
    if (medium_ == nullptr) return false;
    make_queue();
    announce();
    return true;
}

Status Qdisk::open_medium() {
    std::optional<DiskRequest> request = parse_qdisk_params(toolstack_says("params").value_or(""));
    if (!request) {
        log().debug("no PV disk: no medium");
        return {};
    }
    if (const auto dev = toolstack_says("dev")) rename(fmt::format("qdisk {}", *dev));
    read_only_ = toolstack_says("mode").value_or("w") == "r";
    request->read_only = read_only_;
    request->discard = toolstack_says("discard-enable").value_or("1") != "0" && !read_only_;
    request->direct = toolstack_says("direct-io-safe").value_or("0") == "1";
    DM_TRY_ASSIGN(medium_, disks_.open_disk(*request));
    read_only_ = read_only_ || medium_->read_only();
    discard_ = request->discard && medium_->can_discard();
    return {};
}

void Qdisk::make_queue() {
    medium_->set_size_changed([this] {
        tell_sectors();
        if (connected()) set_state(XenbusState::Connected); // the driver looks again when this is written
    });
    queue_ =
        std::make_unique<BlkQueue>(log().tag(),
                                   BlkQueue::Wiring{.grants = *world().grants.value(),
                                                    .medium = *medium_,
                                                    .notify = [this] { world().events.notify(*port_); },
                                                    .broken = [this](const std::string& why) { broken(why); },
                                                    .later = [this] { later(&Qdisk::kick); },
                                                    .idle = [this] { later(&Qdisk::look_again); }},
                                   BlkQueue::Rights{.write = !read_only_, .discard = discard_});
    if (paused_) queue_->pause();
}

/// The nodes that the guest's driver reads.
void Qdisk::announce() {
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
    world().store->write(backend() + "/hotplug-status", "connected");
}

void Qdisk::release() {
    queue_.reset(); // waits
    medium_.reset();
}

Status Qdisk::attach() {
    const std::optional<std::string> protocol = driver_says("protocol");
    const std::optional<BlkAbi> abi = blk_abi(protocol);
    if (!abi) return fail("it speaks a protocol that is not known here");
    // Never offered: one thread serves everything.
    if (driver_number<u32>("multi-queue-num-queues").value_or(1) != 1) return fail("it wants several queues");
    DM_TRY_ASSIGN(const std::vector<u32> grefs, ring_grefs());
    const auto remote = driver_number<u32>("event-channel");
    if (!remote) return fail("event-channel is not there or no number");
    DM_TRY_ASSIGN(ring_, world().grants.value()->map(grefs));
    DM_TRY_ASSIGN(port_, world().events.bind(*remote, [this] { kick(); }));
    queue_->attach(BlkRing(ring_.bytes(), *abi));
    log().guest("connected: ring of {} page(s), {}", grefs.size(), protocol.value_or("native protocol"));
    return {};
}

Result<std::vector<u32>> Qdisk::ring_grefs() const {
    const auto order = driver_number<u32>("ring-page-order");
    if (order && *order > kMostRingOrder) return fail("a ring of 2^{} pages", *order);
    std::vector<u32> grefs;
    if (order.value_or(0) == 0)
        if (const auto only = driver_number<u32>("ring-ref")) return std::vector<u32>{*only};
    for (unsigned i = 0; i < 1U << order.value_or(0); ++i) {
        const auto page = driver_number<u32>(fmt::format("ring-ref{}", i));
        if (!page) return fail("ring-ref{} is not there or no number", i);
        grefs.push_back(*page);
    }
    return grefs;
}

void Qdisk::detach() {
    if (queue_ != nullptr) queue_->detach();
    if (port_) world().events.unbind(*std::exchange(port_, std::nullopt));
    ring_ = {};
}

void Qdisk::kick() {
    if (queue_ != nullptr) queue_->kick();
}

void Qdisk::pause() {
    paused_ = true;
    if (queue_ != nullptr) queue_->pause();
}

void Qdisk::resume() {
    paused_ = false;
    if (queue_ != nullptr) queue_->resume();
}

} // namespace dm::xen
