// Where an NBD server is, as QEMU and libxl write it.
#pragma once

#include "dm/core/result.hpp"

#include <string>

namespace dm::host {

struct NbdAddress {
    std::string uri{};  ///< all of it, for libnbd; or, when empty,
    std::string path{}; ///< a Unix socket; or, when empty,
    std::string host{};
    std::string port{};
    std::string export_name{};
    bool operator==(const NbdAddress&) const = default;
};

/// nbd:HOST:PORT[:exportname=N], nbd:unix:PATH[:exportname=N], nbd://HOST[:PORT]/N,
/// nbd+unix:///N?socket=PATH, nbds://... The error names `file`.
Result<NbdAddress> parse_nbd_address(const std::string& file);

} // namespace dm::host
