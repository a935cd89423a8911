#include "dm/xen/handles.hpp"

#include "dm/core/log.hpp"
#include "dm/xen/libxen.hpp"

#include <array>
#include <cerrno>
#include <cstdarg>
#include <cstdio>
#include <cstring>

namespace dm::xen {
namespace {

/// The libraries' own complaints; ours name the option and the remedy, so these are for -d only.
extern "C" __attribute__((format(printf, 5, 0))) void library_message(xentoollog_logger*, xentoollog_level,
                                                                      int errnoval, const char* context,
                                                                      const char* format, va_list args) {
    if (!Log::debug_enabled()) return;
    std::array<char, 512> text{};
    static_cast<void>(std::vsnprintf(text.data(), text.size(), format, args));
    Log("xen").debug("{}: {} (errno {})", context != nullptr ? context : "libxen", text.data(), errnoval);
}
extern "C" void library_progress(xentoollog_logger*, const char*, const char*, int, unsigned long,
                                 unsigned long) {}
extern "C" void library_destroy(xentoollog_logger*) {}

Error cannot_open(const char* what, int error) {
    return fail("cannot open {}: {}. hvmdm runs in dom0 of a Xen host, as root or with access to /dev/xen; "
                "is Xen booted and are its modules (xen-privcmd, xen-evtchn) loaded?",
                what, std::strerror(error));
}

} // namespace

xentoollog_logger* library_logger() {
    static xentoollog_logger logger{library_message, library_progress, library_destroy};
    return &logger;
}

void HandleCloser::operator()(xendevicemodel_handle* h) const {
    xendevicemodel_close(h);
}
void HandleCloser::operator()(xenforeignmemory_handle* h) const {
    xenforeignmemory_close(h);
}
void HandleCloser::operator()(xenevtchn_handle* h) const {
    xenevtchn_close(h);
}
void HandleCloser::operator()(xencall_handle* h) const {
    xencall_close(h);
}
void HandleCloser::operator()(xs_handle* h) const {
    xs_close(h);
}

Result<Handles> Handles::open() {
    Handles h;
    h.dmod.reset(xendevicemodel_open(library_logger(), 0));
    if (!h.dmod) return cannot_open("Xen's device-model interface (/dev/xen/privcmd)", errno);
    h.fmem.reset(xenforeignmemory_open(library_logger(), 0));
    if (!h.fmem) return cannot_open("Xen's guest-memory interface (/dev/xen/privcmd)", errno);
    DM_TRY(open_event_channels()); // so that what is missing is told before anything is built
    h.call.reset(xencall_open(library_logger(), 0));
    if (!h.call) return cannot_open("Xen's hypercall interface (/dev/xen/privcmd)", errno);
    h.store.reset(xs_open(0));
    return h;
}

Result<Handle<xenevtchn_handle>> open_event_channels() {
    Handle<xenevtchn_handle> handle(xenevtchn_open(library_logger(), 0));
    if (!handle) return cannot_open("Xen's event channels (/dev/xen/evtchn)", errno);
    return handle;
}

Status Handles::restrict_all(u16 domid) {
    if (xentoolcore_restrict_all(domid) != 0)
        return fail("-xen-domid-restrict: the Xen handles cannot be restricted to domain {}: {}", domid,
                    std::strerror(errno));
    return {};
}

} // namespace dm::xen
