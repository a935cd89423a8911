// The states through which the two ends of a PV device find each other in xenstore (Xen's
// public/io/xenbus.h).
#pragma once

#include "dm/xen/pv/xen_store.hpp"

namespace dm::xen {

enum class XenbusState : u8 {
    Unknown = 0, ///< also: the node is not there
    Initialising = 1,
    InitWait = 2,
    Initialised = 3,
    Connected = 4,
    Closing = 5,
    Closed = 6,
    Reconfiguring = 7,
    Reconfigured = 8,
};

/// What the end at `directory` says of itself; Unknown for anything that is no state.
inline XenbusState read_state(XenStore& store, const std::string& directory) {
    const auto number = store.read_number<unsigned>(directory + "/state");
    constexpr auto kLast = static_cast<unsigned>(XenbusState::Reconfigured);
    return number && *number <= kLast ? static_cast<XenbusState>(*number) : XenbusState::Unknown;
}

inline void write_state(XenStore& store, const std::string& directory, XenbusState state) {
    store.write(directory + "/state", fmt::to_string(static_cast<unsigned>(state)));
}

} // namespace dm::xen
