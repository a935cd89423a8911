// TCP ports for tests that have to name one before anybody listens on it.
#pragma once

#include "dm/core/unique_fd.hpp"

#include <arpa/inet.h>
#include <gtest/gtest.h>
#include <netinet/in.h>
#include <sys/socket.h>
#include <unistd.h>

namespace dm::test {

/// A port that nobody has, another one with each call. Not one of those that the kernel gives to connections
/// (32768 and up on Linux, 49152 and up on FreeBSD): a client of some other test would have it sooner or
/// later. And above those that the VNC tests take for their displays.
inline u16 free_port() {
    constexpr unsigned kFirst = 29000;
    constexpr unsigned kCount = 3700;
    static unsigned next = static_cast<unsigned>(::getpid()) * 7;
    for (unsigned tries = 0; tries < kCount; ++tries) {
        const u16 port = static_cast<u16>(kFirst + next++ % kCount);
        const UniqueFd probe(::socket(AF_INET, SOCK_STREAM | SOCK_CLOEXEC, 0));
        sockaddr_in address{};
        address.sin_family = AF_INET;
        address.sin_port = htons(port);
        if (::bind(probe.get(), reinterpret_cast<const sockaddr*>(&address), sizeof(address)) == 0)
            return port;
    }
    ADD_FAILURE() << "no port from " << kFirst << " on is free";
    return 0;
}

} // namespace dm::test
