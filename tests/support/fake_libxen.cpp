#include "tests/support/fake_libxen.hpp"
#include "dm/xen/libxen.hpp"

#include <algorithm>
#include <array>
#include <cerrno>
#include <cstdlib>
#include <cstring>
#include <fcntl.h>
#include <fmt/format.h>
#include <sys/mman.h>
#include <sys/socket.h>
#include <unistd.h>

// Opaque to the callers; ours are told apart by address.
struct xendevicemodel_handle {
    int unused;
};
struct xenforeignmemory_handle {
    int unused;
};
struct xencall_handle {
    int unused;
};
struct xenforeignmemory_resource_handle {
    int unused;
};

namespace dm::test {
namespace {

FakeXen* instance = nullptr;
xendevicemodel_handle the_dmod;
xenforeignmemory_handle the_fmem;
xencall_handle the_call;
xenforeignmemory_resource_handle the_resource;

constexpr u32 kFirstRemotePort = 100;
constexpr u32 kBufferedRemotePort = 99;
constexpr u16 kServerId = 1;

int refuse(int error) {
    errno = error;
    return -1;
}

template <class H> H* opened(H& handle) {
    if (!FakeXen::current().devices_present) {
        errno = ENOENT;
        return nullptr;
    }
    ++FakeXen::current().open_handles;
    return &handle;
}

} // namespace

FakeXen& FakeXen::current() {
    return *instance;
}

FakeXen::FakeXen() {
    instance = this;
    backing_ = ::memfd_create("fake-guest", MFD_CLOEXEC);
    void* shared = ::mmap(nullptr, 2 * kPageSize, PROT_READ | PROT_WRITE, MAP_SHARED | MAP_ANONYMOUS, -1, 0);
    shared_ = static_cast<u8*>(shared);
}

FakeXen::~FakeXen() {
    instance = nullptr;
    ::close(backing_);
    ::munmap(shared_, 2 * kPageSize);
}

void FakeXen::check_domain(u32 id, const char* call) {
    expect(id == domid, fmt::format("{}: domain {} is not ours", call, id));
}

void FakeXen::add_ram(u64 first_gfn, u64 pages) {
    for (u64 i = 0; i < pages; ++i)
        frames_[first_gfn + i] = next_page_++;
    if (::ftruncate(backing_, static_cast<off_t>(next_page_ * kPageSize)) != 0) std::abort();
}

u8* FakeXen::page(u64 gfn) {
    const auto it = frames_.find(gfn);
    if (it == frames_.end()) return nullptr;
    // Leaked on purpose: a test looks at few pages.
    void* at = ::mmap(nullptr, kPageSize, PROT_READ | PROT_WRITE, MAP_SHARED, backing_,
                      static_cast<off_t>(it->second * kPageSize));
    return static_cast<u8*>(at);
}

void FakeXen::post(unsigned vcpu, bool read, u8 type, u64 addr, u32 size, u64 data) {
    ioreq_t& slot = reinterpret_cast<ioreq_t*>(shared_ + kPageSize)[vcpu];
    expect(server_enabled, "request posted to a server that is not enabled (test error)");
    expect(slot.state == STATE_IOREQ_NONE, "slot was not free: the last answer was never taken");
    slot.addr = addr;
    slot.data = data;
    slot.size = size;
    slot.count = 1;
    slot.dir = read ? 1 : 0;
    slot.type = type;
    slot.state = STATE_IOREQ_READY;
    raise_remote(kFirstRemotePort + vcpu);
}

FakeXen::Events::Events() {
    std::array<int, 2> ends{};
    if (::socketpair(AF_UNIX, SOCK_STREAM | SOCK_CLOEXEC, 0, ends.data()) != 0) std::abort();
    read_end = ends[0];
    write_end = ends[1];
    ::fcntl(write_end, F_SETFL, O_NONBLOCK);
}

FakeXen::Events::~Events() {
    ::close(read_end);
    ::close(write_end);
}

void FakeXen::Events::raise(u32 local) {
    if (masked.contains(local)) {
        latched.insert(local);
        return;
    }
    masked.insert(local);
    if (::write(write_end, &local, sizeof(local)) != sizeof(local)) std::abort();
}

void FakeXen::raise_remote(u32 remote) {
    for (const auto& device : event_devices_)
        for (const auto& [local, bound_to] : device->bound)
            if (bound_to == remote) device->raise(local);
}

bool FakeXen::take_unmasked() {
    bool raised = false;
    u32 port = 0;
    for (const auto& device : event_devices_)
        while (::recv(device->write_end, &port, sizeof(port), MSG_DONTWAIT) == sizeof(port)) {
            expect(device->masked.contains(port), "unmask of a port that is not masked");
            device->masked.erase(port);
            if (device->latched.erase(port) == 0) continue;
            device->raise(port);
            raised = true;
        }
    return raised;
}

u32 FakeXen::new_guest_port() {
    const u32 port = kFirstGuestPort + static_cast<u32>(guest_ports_.size());
    guest_ports_[port] = 0;
    return port;
}

void FakeXen::notify_back_end(u32 guest_port) {
    expect(guest_ports_.contains(guest_port), "the guest has no such port (test error)");
    raise_remote(guest_port);
}

std::optional<u64> FakeXen::take_answer(unsigned vcpu) {
    take_unmasked();
    ioreq_t& slot = reinterpret_cast<ioreq_t*>(shared_ + kPageSize)[vcpu];
    if (slot.state != STATE_IORESP_READY) return std::nullopt;
    slot.state = STATE_IOREQ_NONE;
    return slot.data;
}

} // namespace dm::test

using dm::kPageSize;
using dm::u32;
using dm::u64;
using dm::u8;
using dm::test::FakeXen;

namespace {
FakeXen& xen() {
    return FakeXen::current();
}

FakeXen::Events& device(xenevtchn_handle* handle) {
    return *reinterpret_cast<FakeXen::Events*>(handle);
}

/// Common checks of every device-model operation on our server.
bool valid(xendevicemodel_handle* dmod, domid_t domid, const char* call) {
    xen().expect(dmod == &dm::test::the_dmod, fmt::format("{}: bad handle", call));
    xen().check_domain(domid, call);
    if (xen().domain_gone) errno = ESRCH;
    return !xen().domain_gone;
}
bool valid_server(xendevicemodel_handle* dmod, domid_t domid, ioservid_t id, const char* call) {
    if (!valid(dmod, domid, call)) return false;
    xen().expect(xen().server_created && id == dm::test::kServerId,
                 fmt::format("{}: bad server id {}", call, id));
    return true;
}
} // namespace

extern "C" {

xendevicemodel_handle* xendevicemodel_open(xentoollog_logger*, unsigned) {
    return dm::test::opened(dm::test::the_dmod);
}
int xendevicemodel_close(xendevicemodel_handle*) {
    return --xen().open_handles, 0;
}
xenforeignmemory_handle* xenforeignmemory_open(xentoollog_logger*, unsigned) {
    return dm::test::opened(dm::test::the_fmem);
}
int xenforeignmemory_close(xenforeignmemory_handle*) {
    return --xen().open_handles, 0;
}
xenevtchn_handle* xenevtchn_open(xentoollog_logger*, unsigned) {
    if (!xen().devices_present) {
        errno = ENOENT;
        return nullptr;
    }
    ++xen().open_handles;
    xen().event_devices_.push_back(std::make_unique<FakeXen::Events>());
    return reinterpret_cast<xenevtchn_handle*>(xen().event_devices_.back().get());
}
int xenevtchn_close(xenevtchn_handle* handle) {
    std::erase_if(xen().event_devices_, [&](const auto& d) { return d.get() == &device(handle); });
    return --xen().open_handles, 0;
}
xencall_handle* xencall_open(xentoollog_logger*, unsigned) {
    return dm::test::opened(dm::test::the_call);
}
int xencall_close(xencall_handle*) {
    return --xen().open_handles, 0;
}
int xentoolcore_restrict_all(domid_t domid) {
    xen().check_domain(domid, "restrict_all");
    xen().calls.emplace_back("restrict");
    return 0;
}

int xendevicemodel_create_ioreq_server(xendevicemodel_handle* dmod, domid_t domid, int handle_bufioreq,
                                       ioservid_t* id) {
    xen().expect(dmod == &dm::test::the_dmod, "create_ioreq_server: bad handle");
    xen().expect(handle_bufioreq == 2, "create_ioreq_server: the buffered ring must be ATOMIC");
    xen().expect(!xen().server_created, "create_ioreq_server: a second server");
    if (domid != xen().domid) return dm::test::refuse(ESRCH);
    if (!xen().hvm) return dm::test::refuse(EINVAL);
    *id = dm::test::kServerId;
    xen().server_created = true;
    return 0;
}
int xendevicemodel_destroy_ioreq_server(xendevicemodel_handle* dmod, domid_t domid, ioservid_t id) {
    if (!valid_server(dmod, domid, id, "destroy_ioreq_server")) return -1;
    xen().server_created = xen().server_enabled = false;
    return 0;
}
int xendevicemodel_get_ioreq_server_info(xendevicemodel_handle* dmod, domid_t domid, ioservid_t id,
                                         xen_pfn_t* gfn, xen_pfn_t* buf_gfn, evtchn_port_t* port) {
    if (!valid_server(dmod, domid, id, "get_ioreq_server_info")) return -1;
    xen().expect(gfn == nullptr && buf_gfn == nullptr,
                 "get_ioreq_server_info: gfns asked for beside the resource");
    *port = dm::test::kBufferedRemotePort;
    return 0;
}
int xendevicemodel_set_ioreq_server_state(xendevicemodel_handle* dmod, domid_t domid, ioservid_t id,
                                          int enabled) {
    if (!valid_server(dmod, domid, id, "set_ioreq_server_state")) return -1;
    xen().expect(xen().resource_mappings == 1, "set_ioreq_server_state: enabled before the pages are mapped");
    xen().server_enabled = enabled != 0;
    for (u32 v = 0; v < xen().vcpus; ++v)
        reinterpret_cast<ioreq_t*>(xen().shared_ + kPageSize)[v].vp_eport = dm::test::kFirstRemotePort + v;
    return 0;
}
int xendevicemodel_map_io_range_to_ioreq_server(xendevicemodel_handle* dmod, domid_t domid, ioservid_t id,
                                                int is_mmio, u64 start, u64 end) {
    if (!valid_server(dmod, domid, id, "map_io_range")) return -1;
    xen().expect(start <= end, fmt::format("map_io_range: {:#x} > {:#x}", start, end));
    xen().expect(is_mmio != 0 || end <= 0xffff, "map_io_range: no such port");
    auto& ranges = is_mmio != 0 ? xen().memory_ranges : xen().port_ranges;
    for (const auto& [first, last] : ranges)
        xen().expect(end < first || start > last,
                     fmt::format("map_io_range: {:#x}-{:#x} overlaps", start, end));
    xen().expect(ranges.size() < 256, "map_io_range: more than 256 ranges");
    // Adjacent ranges become one.
    for (auto it = ranges.begin(); it != ranges.end();) {
        if (it->second + 1 != start && end + 1 != it->first) {
            ++it;
            continue;
        }
        start = std::min(start, it->first);
        end = std::max(end, it->second);
        it = ranges.erase(it);
    }
    ranges.emplace(start, end);
    return 0;
}
int xendevicemodel_unmap_io_range_from_ioreq_server(xendevicemodel_handle* dmod, domid_t domid, ioservid_t id,
                                                    int is_mmio, u64 start, u64 end) {
    if (!valid_server(dmod, domid, id, "unmap_io_range")) return -1;
    auto& ranges = is_mmio != 0 ? xen().memory_ranges : xen().port_ranges;
    // Parts may go, as long as all of it is there.
    const auto held = std::find_if(ranges.begin(), ranges.end(),
                                   [&](const auto& r) { return r.first <= start && r.second >= end; });
    xen().expect(start <= end && held != ranges.end(),
                 fmt::format("unmap_io_range: {:#x}-{:#x} is not registered", start, end));
    if (held == ranges.end()) return dm::test::refuse(ENOENT);
    const std::pair<u64, u64> range = *held;
    ranges.erase(held);
    if (range.first < start) ranges.emplace(range.first, start - 1);
    if (range.second > end) ranges.emplace(end + 1, range.second);
    return 0;
}
int xendevicemodel_map_pcidev_to_ioreq_server(xendevicemodel_handle* dmod, domid_t domid, ioservid_t id,
                                              uint16_t segment, uint8_t bus, uint8_t device,
                                              uint8_t function) {
    if (!valid_server(dmod, domid, id, "map_pcidev")) return -1;
    xen().expect(segment == 0 && device < 32 && function < 8, "map_pcidev: impossible address");
    xen().expect(xen().functions.insert(u32{bus} << 8 | u32{device} << 3 | function).second,
                 "map_pcidev: twice");
    return 0;
}
int xendevicemodel_unmap_pcidev_from_ioreq_server(xendevicemodel_handle* dmod, domid_t domid, ioservid_t id,
                                                  uint16_t, uint8_t bus, uint8_t device, uint8_t function) {
    if (!valid_server(dmod, domid, id, "unmap_pcidev")) return -1;
    xen().expect(xen().functions.erase(u32{bus} << 8 | u32{device} << 3 | function) == 1,
                 "unmap_pcidev: not there");
    return 0;
}
int xendevicemodel_set_pci_intx_level(xendevicemodel_handle* dmod, domid_t domid, uint16_t segment,
                                      uint8_t bus, uint8_t device, uint8_t intx, unsigned level) {
    if (!valid(dmod, domid, "set_pci_intx_level")) return -1;
    xen().expect(segment == 0 && bus == 0 && device < 32 && intx < 4 && level <= 1,
                 "set_pci_intx_level: bad line");
    int& held = xen().intx_levels[device * 4U + intx];
    xen().expect(held != static_cast<int>(level), "set_pci_intx_level: no change");
    held = static_cast<int>(level);
    return 0;
}
int xendevicemodel_inject_msi(xendevicemodel_handle* dmod, domid_t domid, uint64_t msi_addr,
                              uint32_t msi_data) {
    if (!valid(dmod, domid, "inject_msi")) return -1;
    xen().calls.push_back(fmt::format("msi {:#x} to {:#x}", msi_data, msi_addr));
    return 0;
}
int xendevicemodel_set_isa_irq_level(xendevicemodel_handle* dmod, domid_t domid, uint8_t irq,
                                     unsigned level) {
    if (!valid(dmod, domid, "set_isa_irq_level")) return -1;
    xen().expect(irq < 16 && level <= 1, "set_isa_irq_level: bad line");
    int& held = xen().isa_levels[irq];
    xen().expect(held != static_cast<int>(level), "set_isa_irq_level: no change");
    held = static_cast<int>(level);
    return 0;
}
int xendevicemodel_set_pci_link_route(xendevicemodel_handle* dmod, domid_t domid, uint8_t link, uint8_t irq) {
    if (!valid(dmod, domid, "set_pci_link_route")) return -1;
    xen().expect(link < 4 && irq < 16, "set_pci_link_route: bad link");
    xen().calls.push_back(fmt::format("link {} -> {}", link, irq));
    return 0;
}
int xendevicemodel_track_dirty_vram(xendevicemodel_handle* dmod, domid_t domid, u64 first, u32 nr,
                                    unsigned long* bitmap) {
    if (!valid(dmod, domid, "track_dirty_vram")) return -1;
    xen().expect((nr == 0) == (bitmap == nullptr), "track_dirty_vram: bitmap and count disagree");
    if (nr == 0) {
        xen().tracked_.reset();
        return 0;
    }
    const std::pair<u64, u64> range{first, nr};
    auto* bytes = reinterpret_cast<u8*>(bitmap);
    if (xen().tracked_ != range) {
        std::memset(bytes, 0xff, (nr + 7) / 8);
        xen().tracked_ = range;
        return 0;
    }
    for (const u64 gfn : xen().dirty_vram)
        if (gfn >= first && gfn < first + nr)
            bytes[(gfn - first) / 8] |= static_cast<u8>(1U << ((gfn - first) % 8));
    xen().dirty_vram.clear();
    return 0;
}
int xendevicemodel_modified_memory(xendevicemodel_handle* dmod, domid_t domid, u64 first, u32 nr) {
    if (!valid(dmod, domid, "modified_memory")) return -1;
    xen().expect(nr > 0, "modified_memory: no pages");
    xen().calls.push_back(fmt::format("modified {:#x}+{}", first, nr));
    return 0;
}
int xendevicemodel_set_mem_type(xendevicemodel_handle* dmod, domid_t domid, hvmmem_type_t type, u64 first,
                                u32 nr) {
    if (!valid(dmod, domid, "set_mem_type")) return -1;
    xen().calls.push_back(fmt::format("mem_type {} {:#x}+{}", static_cast<int>(type), first, nr));
    return 0;
}
int xendevicemodel_shutdown(xendevicemodel_handle* dmod, domid_t domid, unsigned reason) {
    if (!valid(dmod, domid, "shutdown")) return -1;
    xen().shutdowns.push_back(reason);
    return 0;
}
int xendevicemodel_relocate_memory(xendevicemodel_handle* dmod, domid_t domid, u32 size, u64 src, u64 dst) {
    if (!valid(dmod, domid, "relocate_memory")) return -1;
    if (xen().relocation_fails) return errno = EPERM, -1;
    std::vector<u64> moved;
    for (u64 i = 0; i < size; ++i) {
        xen().expect(xen().frames_.contains(src + i), "relocate_memory: nothing there");
        moved.push_back(xen().frames_[src + i]);
        xen().frames_.erase(src + i);
    }
    for (u64 i = 0; i < size; ++i)
        xen().frames_[dst + i] = moved[i];
    xen().calls.push_back(fmt::format("relocate {:#x} -> {:#x} +{}", src, dst, size));
    return 0;
}
int xendevicemodel_pin_memory_cacheattr(xendevicemodel_handle* dmod, domid_t domid, u64 start, u64 end,
                                        u32 type) {
    if (!valid(dmod, domid, "pin_memory_cacheattr")) return -1;
    xen().expect(start <= end, "pin_memory_cacheattr: bad range");
    xen().calls.push_back(fmt::format("cacheattr {} {:#x}-{:#x}", static_cast<int>(type), start, end));
    return 0;
}
int xendevicemodel_nr_vcpus(xendevicemodel_handle* dmod, domid_t domid, unsigned* vcpus) {
    if (!valid(dmod, domid, "nr_vcpus")) return -1;
    *vcpus = xen().vcpus;
    return 0;
}

void* xenforeignmemory_map2(xenforeignmemory_handle* fmem, uint32_t dom, void* wish, int prot, int flags,
                            size_t pages, const xen_pfn_t gfns[], int errors[]) {
    xen().expect(fmem == &dm::test::the_fmem && pages > 0, "foreignmemory_map: bad call");
    xen().check_domain(dom, "foreignmemory_map");
    ++xen().map_calls;
    if (xen().domain_gone) return dm::test::refuse(ESRCH), nullptr;
    xen().expect((wish != nullptr) == ((flags & MAP_FIXED) != 0), "foreignmemory_map2: bad place");
    auto* at = static_cast<u8*>(
        ::mmap(wish, pages * kPageSize, PROT_NONE, MAP_PRIVATE | MAP_ANONYMOUS | flags, -1, 0));
    bool complete = true;
    for (size_t i = 0; i < pages; ++i) {
        const auto it = xen().frames_.find(gfns[i]);
        const bool there = it != xen().frames_.end();
        complete = complete && there;
        if (errors != nullptr) errors[i] = there ? 0 : -EINVAL;
        // Holes stay PROT_NONE: touching one kills the test, as SIGBUS would the process.
        if (there && ::mmap(at + i * kPageSize, kPageSize, prot, MAP_SHARED | MAP_FIXED, xen().backing_,
                            static_cast<off_t>(it->second * kPageSize)) == MAP_FAILED)
            std::abort();
    }
    if (errors == nullptr && !complete) {
        ::munmap(at, pages * kPageSize);
        return dm::test::refuse(EINVAL), nullptr;
    }
    xen().foreign_mappings += static_cast<int>(pages);
    return at;
}
void* xenforeignmemory_map(xenforeignmemory_handle* fmem, uint32_t dom, int prot, size_t pages,
                           const xen_pfn_t gfns[], int errors[]) {
    return xenforeignmemory_map2(fmem, dom, nullptr, prot, 0, pages, gfns, errors);
}
int xenforeignmemory_unmap(xenforeignmemory_handle* fmem, void* addr, size_t pages) {
    xen().expect(fmem == &dm::test::the_fmem && addr != nullptr, "foreignmemory_unmap: bad call");
    xen().foreign_mappings -= static_cast<int>(pages);
    return ::munmap(addr, pages * kPageSize);
}
xenforeignmemory_resource_handle* xenforeignmemory_map_resource(xenforeignmemory_handle* fmem, domid_t domid,
                                                                unsigned type, unsigned id,
                                                                unsigned long frame, unsigned long nr,
                                                                void** addr, int, int) {
    xen().expect(fmem == &dm::test::the_fmem, "map_resource: bad handle");
    xen().check_domain(domid, "map_resource");
    xen().expect(type == XENMEM_resource_ioreq_server && id == dm::test::kServerId && frame == 0 && nr == 2,
                 "map_resource: bad resource");
    ++xen().resource_mappings;
    *addr = xen().shared_;
    return &dm::test::the_resource;
}
int xenforeignmemory_unmap_resource(xenforeignmemory_handle*, xenforeignmemory_resource_handle* resource) {
    xen().expect(resource == &dm::test::the_resource, "unmap_resource: bad handle");
    return --xen().resource_mappings, 0;
}

int xenevtchn_fd(xenevtchn_handle* handle) {
    return device(handle).read_end;
}
xenevtchn_port_or_error_t xenevtchn_bind_interdomain(xenevtchn_handle* handle, uint32_t domid,
                                                     evtchn_port_t remote) {
    xen().check_domain(domid, "bind_interdomain");
    if (remote >= FakeXen::kFirstGuestPort) { // of a PV driver, which may lie
        if (!xen().guest_ports_.contains(remote)) return dm::test::refuse(EINVAL);
        for (const auto& other : xen().event_devices_)
            for (const auto& [local, bound_to] : other->bound)
                if (bound_to == remote) return dm::test::refuse(EINVAL);
    } else {
        xen().expect(xen().server_enabled,
                     "bind_interdomain: the ports are not valid before the server is enabled");
        xen().expect(
            remote == dm::test::kBufferedRemotePort ||
                (remote >= dm::test::kFirstRemotePort && remote < dm::test::kFirstRemotePort + xen().vcpus),
            "bind_interdomain: no such port");
    }
    xen().expect(
        device(handle).bound.empty(),
        "bind_interdomain: a second channel on one descriptor, whose reader Linux may forget to wake");
    const u32 local = xen().next_local_port_++;
    device(handle).bound[local] = remote;
    return static_cast<int>(local);
}
int xenevtchn_unbind(xenevtchn_handle* handle, evtchn_port_t port) {
    xen().expect(device(handle).bound.erase(port) == 1, "unbind: port is not bound");
    device(handle).masked.erase(port);
    device(handle).latched.erase(port);
    return 0;
}
int xenevtchn_notify(xenevtchn_handle* handle, evtchn_port_t port) {
    const auto found = device(handle).bound.find(port);
    xen().expect(found != device(handle).bound.end(), "notify: port is not bound");
    if (found == device(handle).bound.end()) return dm::test::refuse(EINVAL);
    const u32 remote = found->second;
    if (remote >= FakeXen::kFirstGuestPort) return ++xen().guest_ports_[remote], 0;
    ++xen().notifications;
    if (xen().on_notify) xen().on_notify(remote - dm::test::kFirstRemotePort);
    return 0;
}

void* xencall_alloc_buffer(xencall_handle*, size_t size) {
    return std::calloc(1, size);
}
void xencall_free_buffer(xencall_handle*, void* p) {
    std::free(p);
}
long xencall2L(xencall_handle*, unsigned op, u64 arg1, u64 arg2) {
    xen().expect(op == __HYPERVISOR_memory_op && arg1 == XENMEM_populate_physmap, "unexpected hypercall");
    const auto& reservation = *reinterpret_cast<const xen_memory_reservation*>(
        arg2); // NOLINT(performance-no-int-to-ptr): as hypercalls do
    xen().check_domain(reservation.domid, "populate_physmap");
    if (xen().refuse_populate) return 0;
    for (u64 i = 0; i < reservation.nr_extents; ++i) {
        const u64 gfn = reservation.extent_start[i];
        xen().expect(!xen().frames_.contains(gfn), "populate_physmap: there is a page already");
        xen().add_ram(gfn, 1);
    }
    return static_cast<long>(reservation.nr_extents);
}
int xencall2(xencall_handle*, unsigned op, u64 arg1, u64 arg2) {
    xen().expect(op == __HYPERVISOR_hvm_op && arg1 == HVMOP_set_param, "unexpected hypercall");
    const auto& param = *reinterpret_cast<const xen_hvm_param*>(arg2); // NOLINT(performance-no-int-to-ptr)
    xen().check_domain(param.domid, "set_param");
    if (xen().set_param_fails) return errno = EPERM, -1;
    xen().calls.push_back(fmt::format("param {} = {}", param.index, param.value));
    return 0;
}

} // extern "C"
