// One request of a vCPU, copied out of the shared page, and how it is carried out on the machine's address
// spaces. Source: xen/include/public/hvm/ioreq.h (struct ioreq, IOREQ_TYPE_*).
#pragma once

#include "dm/core/guest_memory.hpp"
#include "dm/core/io_space.hpp"
#include "dm/core/log.hpp"
#include "dm/core/pci.hpp"

#include <functional>

namespace dm::xen {

/// A private copy: the shared one is never read twice.
struct Request {
    u8 type = 0; ///< IOREQ_TYPE_*
    bool read = false;
    bool pointer = false;    ///< data is the guest-physical address of the first element
    bool descending = false; ///< the direction flag: later elements are at lower addresses
    u32 size = 0;            ///< bytes of an element
    u32 count = 0;
    u64 addr = 0;
    u64 data = 0;
};

/// Serves requests; any content of one gets an answer. What is impossible reads as ones and writes nothing.
class RequestServer {
public:
    /// What the guest's memory map has to hear.
    struct MapNews {
        std::function<void()> invalidate; ///< it changed
        std::function<void()> request{};  ///< another request begins
    };
    RequestServer(IoSpace& ports, IoSpace& memory, PciBus& pci, GuestMemory& ram, MapNews news)
        : ports_(ports), memory_(memory), pci_(pci), ram_(ram), news_(std::move(news)) {}

    /// Leaves the result of a read without pointer in `request.data`.
    void serve(Request& request);

private:
    void serve_port(Request& request);
    void serve_memory(Request& request);
    void serve_config(Request& request);

    void port_string(const Request& request);
    void port_string_descending(const Request& request);
    void memory_string(const Request& request);
    void memory_string_descending(const Request& request);
    void memory_fill(const Request& request);

    IoSpace& ports_;
    IoSpace& memory_;
    PciBus& pci_;
    GuestMemory& ram_;
    MapNews news_;
    Log log_{"ioreq"};
};

} // namespace dm::xen
