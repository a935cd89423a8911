#include "dm/xen/ioreq_server.hpp"

#include "dm/core/check.hpp"
#include "dm/xen/libxen.hpp"

#include <cerrno>
#include <cstring>
#include <sys/mman.h>
#include <utility>

namespace dm::xen {
namespace {

constexpr int kBufferedAtomic = 2;     // HVM_IOREQSRV_BUFIOREQ_ATOMIC, which the public header hides
constexpr unsigned kResourcePages = 2; // frame 0: buffered ring; frame 1: one slot per vCPU

Error creation_error(u16 domid, int error) {
    if (error == ESRCH)
        return fail("-xen-domid {}: there is no such domain (xl list shows those there are)", domid);
    if (error == EINVAL || error == EOPNOTSUPP)
        return fail("-xen-domid {}: this domain is not an HVM guest; hvmdm serves type=\"hvm\" only", domid);
    if (error == EPERM || error == EACCES)
        return fail("-xen-domid {}: Xen does not let this process serve that domain; run it in dom0 as root",
                    domid);
    return fail("-xen-domid {}: Xen refuses an ioreq server: {}", domid, std::strerror(error));
}

} // namespace

Result<std::unique_ptr<IoreqServer>> IoreqServer::create(const Handles& handles, u16 domid) {
    std::unique_ptr<IoreqServer> self(new IoreqServer(handles, domid));
    if (xendevicemodel_create_ioreq_server(handles.dmod.get(), domid, kBufferedAtomic, &self->id_) != 0)
        return creation_error(domid, errno);
    self->created_ = true;
    DM_TRY(self->map_pages());
    return self;
}

Status IoreqServer::map_pages() {
    void* addr = nullptr;
    resource_ = xenforeignmemory_map_resource(handles_.fmem.get(), domid_, XENMEM_resource_ioreq_server, id_,
                                              0, kResourcePages, &addr, PROT_READ | PROT_WRITE, 0);
    if (resource_ == nullptr)
        return fail(
            "-xen-domid {}: the request pages cannot be mapped: {} (Xen 4.11 and Linux 4.18 or later can)",
            domid_, std::strerror(errno));
    pages_ = static_cast<u8*>(addr);
    return {};
}

IoreqServer::~IoreqServer() {
    if (loop_ != nullptr) {
        loop_->set_lookout(nullptr);
        for (const auto& channel : channels_)
            loop_->unwatch(channel->fd());
    }
    // Each of these may fail because the domain is gone already; what is ours is freed all the same.
    if (created_) xendevicemodel_destroy_ioreq_server(handles_.dmod.get(), domid_, id_);
    if (resource_ != nullptr) xenforeignmemory_unmap_resource(handles_.fmem.get(), resource_);
}

Status IoreqServer::bind(u32 remote_port, std::string_view what) {
    DM_TRY_ASSIGN(EventChannel channel, EventChannel::bind(domid_, remote_port, what));
    channels_.push_back(std::make_unique<EventChannel>(std::move(channel)));
    return {};
}

Status IoreqServer::start(EventLoop& loop, RequestServer& requests) {
    unsigned vcpus = 0;
    if (xendevicemodel_nr_vcpus(handles_.dmod.get(), domid_, &vcpus) != 0)
        return fail("-xen-domid {}: number of vCPUs: {}", domid_, std::strerror(errno));
    if (vcpus > kPageSize / 32)
        return fail("-xen-domid {}: {} vCPUs are more than Xen can serve", domid_, vcpus);
    io_.emplace(pages_ + kPageSize, pages_, requests, vcpus);
    u32 buffered_remote = 0;
    if (xendevicemodel_get_ioreq_server_info(handles_.dmod.get(), domid_, id_, nullptr, nullptr,
                                             &buffered_remote) != 0)
        return fail("-xen-domid {}: port of the buffered ring: {}", domid_, std::strerror(errno));
    DM_TRY(set_enabled(true)); // the slots' ports are valid from here on
    for (unsigned vcpu = 0; vcpu < vcpus; ++vcpu)
        DM_TRY(bind(io_->event_port(vcpu), "a vCPU"));
    DM_TRY(bind(buffered_remote, "the buffered ring"));
    loop_ = &loop;
    looked_after_ = loop.set_lookout(this);
    for (const auto& channel : channels_)
        loop.watch(channel->fd(), FdEvents::Readable,
                   [this, &channel = *channel](FdReady) { event(channel); });
    return {};
}

Status IoreqServer::set_enabled(bool enabled) {
    if (xendevicemodel_set_ioreq_server_state(handles_.dmod.get(), domid_, id_, enabled ? 1 : 0) != 0)
        return fail("ioreq server of domain {} cannot be {}: {}", domid_, enabled ? "enabled" : "disabled",
                    std::strerror(errno));
    return {};
}

/// The guest first: what waits is answered before the event itself is dealt with. A channel that raised its
/// event stays masked while the loop looks for requests by itself: Xen then interrupts nobody for those that
/// follow.
void IoreqServer::event(EventChannel& channel) {
    serve_ready();
    channel.take();
    if (looked_after_) return;
    channel.unmask();
    serve_ready();
}

/// A vCPU that posted meanwhile raises its event now.
void IoreqServer::rest() {
    for (const auto& channel : channels_)
        channel->unmask();
}

bool IoreqServer::serve_ready() {
    if (held_) return false;
    bool any = io_->drain();
    for (unsigned vcpu = 0; vcpu < io_->vcpus() && !held_; ++vcpu)
        if (io_->serve(vcpu)) {
            channels_[vcpu]->notify();
            any = true;
        }
    return any;
}

void IoreqServer::drain() {
    if (io_ && !held_) io_->drain();
}

void IoreqServer::hold(bool on) {
    if (std::exchange(held_, on) == on || loop_ == nullptr) return;
    for (const auto& channel : channels_)
        loop_->change(channel->fd(), on ? FdEvents::None : FdEvents::Readable);
    if (!on) serve_ready(); // those whose event was taken before
}

void IoreqServer::Ranges::add_range(u64 first, u64 last) {
    if (xendevicemodel_map_io_range_to_ioreq_server(owner_.handles_.dmod.get(), owner_.domid_, owner_.id_,
                                                    memory_ ? 1 : 0, first, last) != 0)
        owner_.log_.guest("{} {:#x}-{:#x} cannot be routed here: {}", memory_ ? "memory" : "ports", first,
                          last, std::strerror(errno));
}

void IoreqServer::Ranges::remove_range(u64 first, u64 last) {
    if (xendevicemodel_unmap_io_range_from_ioreq_server(owner_.handles_.dmod.get(), owner_.domid_, owner_.id_,
                                                        memory_ ? 1 : 0, first, last) != 0)
        owner_.log_.guest("{} {:#x}-{:#x} cannot be given back: {}", memory_ ? "memory" : "ports", first,
                          last, std::strerror(errno));
}

void IoreqServer::Functions::add_function(Bdf bdf) {
    if (xendevicemodel_map_pcidev_to_ioreq_server(owner_.handles_.dmod.get(), owner_.domid_, owner_.id_, 0,
                                                  bdf.bus, bdf.dev, bdf.fn) != 0)
        owner_.log_.error("PCI function {:02x}:{:02x}.{} cannot be registered: {}", bdf.bus, bdf.dev, bdf.fn,
                          std::strerror(errno));
}

void IoreqServer::Functions::remove_function(Bdf bdf) {
    if (xendevicemodel_unmap_pcidev_from_ioreq_server(owner_.handles_.dmod.get(), owner_.domid_, owner_.id_,
                                                      0, bdf.bus, bdf.dev, bdf.fn) != 0)
        owner_.log_.guest("PCI function {:02x}:{:02x}.{} cannot be withdrawn: {}", bdf.bus, bdf.dev, bdf.fn,
                          std::strerror(errno));
}

} // namespace dm::xen
