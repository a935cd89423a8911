#include "dm/xen/request.hpp"

#include "dm/core/bits.hpp"
#include "dm/xen/libxen.hpp"

#include <algorithm>
#include <array>
#include <bit>
#include <cstring>

namespace dm::xen {
namespace {

constexpr u32 kMostElements = 4096; // Xen never asks for more in one request
constexpr std::size_t kBounceBytes = 4096;

bool sane(const Request& r, u32 widest) {
    return std::has_single_bit(r.size) && r.size <= widest && r.count >= 1 && r.count <= kMostElements;
}

/// Whole elements at the start of `ram`, at most `left` bytes.
std::span<u8> whole_elements(std::span<u8> ram, u64 left, u32 size) {
    const u64 bytes = std::min<u64>(ram.size(), left);
    return ram.first(bytes - bytes % size);
}

Bdf to_bdf(u64 sbdf) {
    return {static_cast<u8>(sbdf >> 8), static_cast<u8>(sbdf >> 3 & 0x1f), static_cast<u8>(sbdf & 7)};
}

} // namespace

void RequestServer::serve(Request& r) {
    if (news_.request) news_.request();
    switch (r.type) {
    case IOREQ_TYPE_PIO: return serve_port(r);
    case IOREQ_TYPE_COPY: return serve_memory(r);
    case IOREQ_TYPE_PCI_CONFIG: return serve_config(r);
    case IOREQ_TYPE_TIMEOFFSET: return log_.debug("guest moved its clock by {} s", static_cast<s64>(r.data));
    case IOREQ_TYPE_INVALIDATE: return news_.invalidate();
    default:
        log_.guest("request of unknown type {} answered with ones", r.type);
        if (r.read) r.data = ~u64{0};
    }
}

void RequestServer::serve_port(Request& r) {
    if (!sane(r, 4) || r.addr > 0xffff) {
        log_.guest("impossible port request: port {:#x}, size {}, count {}", r.addr, r.size, r.count);
        if (r.read) r.data = ~u64{0};
        return;
    }
    if (r.pointer) return r.descending ? port_string_descending(r) : port_string(r);
    if (r.read) {
        for (u32 i = 0; i < r.count; ++i)
            r.data = ports_.read(r.addr, r.size);
        return;
    }
    for (u32 i = 0; i < r.count; ++i)
        ports_.write(r.addr, r.size, r.data & ones(r.size));
}

void RequestServer::port_string(const Request& r) {
    std::array<u8, kBounceBytes> bounce;
    u64 left = u64{r.size} * r.count;
    GuestPhys at = r.data;
    while (left > 0) {
        std::span<u8> bytes = whole_elements(ram_.view(at, left), left, r.size);
        const bool direct = !bytes.empty();
        // An element across two mappings, or no RAM there: through the bounce buffer, which knows both.
        if (!direct) bytes = std::span(bounce).first(r.size);
        if (r.read) {
            ports_.read_string(r.addr, r.size, bytes);
            if (direct)
                ram_.wrote(at, bytes.size());
            else
                ram_.write(at, bytes);
        } else {
            if (!direct) ram_.read(at, bytes);
            ports_.write_string(r.addr, r.size, bytes);
        }
        at += bytes.size();
        left -= bytes.size();
    }
}

void RequestServer::port_string_descending(const Request& r) {
    std::array<u8, 8> element{};
    const std::span<u8> bytes = std::span(element).first(r.size);
    for (u32 i = 0; i < r.count; ++i) {
        const GuestPhys at = r.data - u64{i} * r.size;
        if (r.read) {
            ports_.read_string(r.addr, r.size, bytes);
            ram_.write(at, bytes);
        } else {
            ram_.read(at, bytes);
            ports_.write_string(r.addr, r.size, bytes);
        }
    }
}

void RequestServer::serve_memory(Request& r) {
    if (!sane(r, 8)) {
        log_.guest("impossible memory request: address {:#x}, size {}, count {}", r.addr, r.size, r.count);
        if (r.read) r.data = ~u64{0};
        return;
    }
    if (r.pointer) return r.descending ? memory_string_descending(r) : memory_string(r);
    if (!r.read) return r.count == 1 ? memory_.write(r.addr, r.size, r.data & ones(r.size)) : memory_fill(r);
    for (u32 i = 0; i < r.count; ++i) {
        const u64 step = u64{i} * r.size;
        r.data = memory_.read(r.descending ? r.addr - step : r.addr + step, r.size);
    }
}

void RequestServer::memory_string(const Request& r) {
    std::array<u8, 8> bounce{};
    u64 left = u64{r.size} * r.count;
    GuestPhys ram_at = r.data;
    u64 at = r.addr;
    while (left > 0) {
        std::span<u8> bytes = whole_elements(ram_.view(ram_at, left), left, r.size);
        const bool direct = !bytes.empty();
        if (!direct) bytes = std::span(bounce).first(r.size);
        if (r.read) {
            memory_.read_span(at, r.size, bytes);
            if (direct)
                ram_.wrote(ram_at, bytes.size());
            else
                ram_.write(ram_at, bytes);
        } else {
            if (!direct) ram_.read(ram_at, bytes);
            memory_.write_span(at, r.size, bytes);
        }
        ram_at += bytes.size();
        at += bytes.size();
        left -= bytes.size();
    }
}

void RequestServer::memory_string_descending(const Request& r) {
    std::array<u8, 8> element{};
    const std::span<u8> bytes = std::span(element).first(r.size);
    for (u32 i = 0; i < r.count; ++i) {
        const u64 step = u64{i} * r.size;
        if (r.read) {
            memory_.read_span(r.addr - step, r.size, bytes);
            ram_.write(r.data - step, bytes);
        } else {
            ram_.read(r.data - step, bytes);
            memory_.write_span(r.addr - step, r.size, bytes);
        }
    }
}

/// rep stos: the same value into consecutive addresses, so the order does not show.
void RequestServer::memory_fill(const Request& r) {
    std::array<u8, kBounceBytes> pattern;
    u64 left = u64{r.size} * r.count;
    u64 at = r.descending ? r.addr - (left - r.size) : r.addr;
    const u64 filled = std::min<u64>(left, pattern.size());
    for (u64 i = 0; i < filled; ++i)
        pattern[i] = byte_of(r.data, static_cast<unsigned>(i % r.size));
    while (left > 0) {
        const u64 bytes = std::min<u64>(left, filled);
        memory_.write_span(at, r.size, std::span(pattern).first(bytes));
        at += bytes;
        left -= bytes;
    }
}

void RequestServer::serve_config(Request& r) {
    const Bdf bdf = to_bdf(r.addr >> 32);
    const u32 reg = static_cast<u32>(r.addr);
    if (!sane(r, 4) || r.addr >> 48 != 0) { // segment 0 only
        log_.guest("impossible config request: address {:#x}, size {}, count {}", r.addr, r.size, r.count);
        if (r.read) r.data = ~u64{0};
        return;
    }
    for (u32 i = 0; i < r.count; ++i) {
        const u64 step = u64{i} * r.size;
        const GuestPhys at = r.descending ? r.data - step : r.data + step;
        std::array<u8, 4> raw{};
        const std::span<u8> bytes = std::span(raw).first(r.size);
        if (r.read) {
            const u32 value = pci_.config_read(bdf, reg, r.size);
            if (!r.pointer) {
                r.data = value;
                continue;
            }
            for (unsigned b = 0; b < r.size; ++b)
                bytes[b] = byte_of(value, b);
            ram_.write(at, bytes);
        } else {
            u32 value = static_cast<u32>(r.data & ones(r.size));
            if (r.pointer) {
                ram_.read(at, bytes);
                value = 0;
                for (unsigned b = 0; b < r.size; ++b)
                    value |= u32{bytes[b]} << (b * 8);
            }
            pci_.config_write(bdf, reg, r.size, value);
        }
    }
}

} // namespace dm::xen
