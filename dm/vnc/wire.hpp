// Exactly so many bytes over a socket before a moment: the handshakes' way to talk.
#pragma once

#include "dm/core/types.hpp"

#include <chrono>
#include <span>
#include <string_view>

namespace dm::vnc {

using Moment = std::chrono::steady_clock::time_point;

inline Moment after_ms(int ms) {
    return std::chrono::steady_clock::now() + std::chrono::milliseconds(ms);
}
/// For poll(): never negative, and at least 1 while `end` lies ahead.
int ms_until(Moment end);

/// Waits for poll()'s `events` on `fd`, or its failure. False: `end` is over.
bool wait_for(int fd, short events, Moment end);

bool read_exactly(int fd, std::span<u8> out, Moment end);
bool write_exactly(int fd, std::span<const u8> bytes, Moment end);

/// Network byte order.
void put16(std::span<u8> out, std::size_t at, unsigned value);
void put32(std::span<u8> out, std::size_t at, u32 value);
u32 get32(std::span<const u8> bytes, std::size_t at);

std::span<const u8> as_bytes(std::string_view text);

} // namespace dm::vnc
