// The libxen* handles of this process, opened once. The only stable-ABI libraries: no libxenctrl.
#pragma once

#include "dm/core/result.hpp"
#include "dm/core/types.hpp"

#include <memory>

struct xendevicemodel_handle;
struct xenforeignmemory_handle;
struct xenevtchn_handle;
struct xencall_handle;
struct xs_handle;
struct xentoollog_logger;

namespace dm::xen {

struct HandleCloser {
    void operator()(xendevicemodel_handle* h) const;
    void operator()(xenforeignmemory_handle* h) const;
    void operator()(xenevtchn_handle* h) const;
    void operator()(xencall_handle* h) const;
    void operator()(xs_handle* h) const;
};
template <class H> using Handle = std::unique_ptr<H, HandleCloser>;

struct Handles {
    Handle<xendevicemodel_handle> dmod;
    Handle<xenforeignmemory_handle> fmem;
    Handle<xencall_handle> call;
    Handle<xs_handle> store; ///< null when xenstored cannot be reached

    static Result<Handles> open();
    /// From now on every handle reaches domain `domid` only (-xen-domid-restrict).
    static Status restrict_all(u16 domid);
};

/// For the libraries: what they say goes to our log, at debug level. Without it they write to stderr, which
/// is a file on dom0's disk, as often as a guest makes them.
xentoollog_logger* library_logger();

/// A descriptor for event channels; one for each, see event_channel.hpp.
Result<Handle<xenevtchn_handle>> open_event_channels();

} // namespace dm::xen
