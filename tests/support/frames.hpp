// Ethernet frames for tests: made with correct checksums, and judged by arithmetic of their own, the slow
// way.
#pragma once

#include "dm/core/bits.hpp"
#include "dm/core/types.hpp"
#include "dm/devices/net/ethernet.hpp"

#include <initializer_list>
#include <span>
#include <vector>

namespace dm::test {

using Bytes = std::vector<u8>;

inline void put_be(Bytes& frame, std::size_t at, u64 value, unsigned bytes) {
    for (unsigned i = 0; i < bytes; ++i)
        frame.at(at + i) = static_cast<u8>(value >> ((bytes - 1 - i) * 8));
}
inline u64 get_be(std::span<const u8> frame, std::size_t at, unsigned bytes) {
    u64 value = 0;
    for (unsigned i = 0; i < bytes; ++i)
        value = value << 8 | frame[at + i];
    return value;
}

/// RFC 1071, word by word.
inline u16 slow_sum(std::span<const u8> bytes, u64 start = 0) {
    u64 sum = start;
    for (std::size_t i = 0; i < bytes.size(); i += 2)
        sum += u64{bytes[i]} << 8 | (i + 1 < bytes.size() ? bytes[i + 1] : 0U);
    while (sum > 0xffff)
        sum = (sum & 0xffff) + (sum >> 16);
    return static_cast<u16>(sum);
}

/// Where things are in a frame of FrameMaker.
struct FrameShape {
    bool six = false;
    bool tagged = false;
    bool udp = false;
    std::size_t options = 0; ///< bytes of TCP options, a multiple of 4

    std::size_t ip() const { return tagged ? 18 : 14; }
    std::size_t l4() const { return ip() + (six ? 40 : 20); }
    std::size_t data() const { return l4() + (udp ? 8 : 20 + options); }
    std::size_t field() const { return l4() + (udp ? 6 : 16); } ///< the checksum's
};

/// Sum of the pseudo header, for `length` bytes of TCP or UDP.
inline u16 pseudo_sum(std::span<const u8> frame, const FrameShape& shape, u64 length) {
    const std::span<const u8> addresses =
        shape.six ? frame.subspan(shape.ip() + 8, 32) : frame.subspan(shape.ip() + 12, 8);
    return slow_sum(addresses, (shape.udp ? 17 : 6) + length);
}

/// TCP (sequence 0x01020304, flags PSH, ACK and FIN) or UDP from 192.168.5.2 to .3, fd00::2 to fd00::3. Both
/// checksums are right.
inline Bytes make_frame(std::size_t payload, const FrameShape& shape = {}, u8 seed = 1) {
    Bytes f(shape.data() + payload);
    put_be(f, 0, 0x00163e000003, 6);
    put_be(f, 6, 0x00163e000002, 6);
    if (shape.tagged) put_be(f, 12, 0x81000064, 4);
    put_be(f, shape.ip() - 2, shape.six ? 0x86dd : 0x0800, 2);
    const std::size_t ip = shape.ip();
    const u64 protocol = shape.udp ? 17 : 6;
    if (shape.six) {
        put_be(f, ip, 0x60012345, 4);
        put_be(f, ip + 4, f.size() - ip - 40, 2);
        put_be(f, ip + 6, protocol, 1);
        put_be(f, ip + 7, 64, 1);
        put_be(f, ip + 8, 0xfd00, 2);
        put_be(f, ip + 23, 2, 1);
        put_be(f, ip + 24, 0xfd00, 2);
        put_be(f, ip + 39, 3, 1);
    } else {
        put_be(f, ip, 0x4500, 2);
        put_be(f, ip + 2, f.size() - ip, 2);
        put_be(f, ip + 4, 0xfffe, 2); // an identification that wraps
        put_be(f, ip + 6, 0x4000, 2);
        put_be(f, ip + 8, 64, 1);
        put_be(f, ip + 9, protocol, 1);
        put_be(f, ip + 12, 0xc0a80502, 4);
        put_be(f, ip + 16, 0xc0a80503, 4);
        put_be(f, ip + 10, 0xffff - slow_sum(std::span(f).subspan(ip, 20)), 2);
    }
    const std::size_t l4 = shape.l4();
    put_be(f, l4, 40000, 2);
    put_be(f, l4 + 2, 5001, 2);
    if (shape.udp) {
        put_be(f, l4 + 4, f.size() - l4, 2);
    } else {
        put_be(f, l4 + 4, 0x01020304, 4);
        put_be(f, l4 + 8, 0x0a0b0c0d, 4);
        put_be(f, l4 + 12, (5 + shape.options / 4) << 4, 1);
        put_be(f, l4 + 13, 0x19, 1);
        put_be(f, l4 + 14, 0xffff, 2);
        for (std::size_t i = 0; i < shape.options; ++i)
            f[l4 + 20 + i] = 1;
    }
    for (std::size_t i = 0; i < payload; ++i)
        f[shape.data() + i] = static_cast<u8>(seed + i * 7 + i / 251);
    const u64 length = f.size() - l4;
    put_be(f, shape.field(), 0xffff - slow_sum(std::span(f).subspan(l4), pseudo_sum(f, shape, length)), 2);
    return f;
}

/// Frame and check sequence as they are on the wire.
inline Bytes with_fcs(Bytes frame) {
    const u32 fcs = ethernet::check_sequence(frame);
    for (unsigned i = 0; i < ethernet::kCheckSequence; ++i)
        frame.push_back(byte_of(fcs, i));
    return frame;
}

/// True when IP header and TCP or UDP have right checksums and lengths.
inline bool well_summed(std::span<const u8> f, const FrameShape& shape) {
    const std::size_t ip = shape.ip();
    if (f.size() < shape.data()) return false;
    if (shape.six) {
        if (get_be(f, ip + 4, 2) != f.size() - ip - 40) return false;
    } else {
        if (get_be(f, ip + 2, 2) != f.size() - ip || slow_sum(f.subspan(ip, 20)) != 0xffff) return false;
    }
    return slow_sum(f.subspan(shape.l4()), pseudo_sum(f, shape, f.size() - shape.l4())) == 0xffff;
}

} // namespace dm::test
