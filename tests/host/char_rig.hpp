// A serial port for char back ends to talk to, and a loop to run them on.
#pragma once

#include "dm/core/char_backend.hpp"
#include "dm/host/char_factory.hpp"
#include "dm/host/loop.hpp"

#include <array>
#include <cstdlib>
#include <fcntl.h>
#include <gmock/gmock.h>
#include <string>
#include <unistd.h>

namespace dm::host::test {

inline std::span<const u8> bytes_of(std::string_view text) {
    return {reinterpret_cast<const u8*>(text.data()), text.size()}; // NOLINT: text as bytes
}

/// Takes as much as `room` says and keeps it.
struct FakePort final : CharFrontend {
    std::size_t can_receive() const override { return room; }
    void receive(std::span<const u8> bytes) override {
        EXPECT_LE(bytes.size(), room) << "more than the port said it would take";
        if (room != SIZE_MAX) room -= bytes.size();
        got.append(bytes.begin(), bytes.end());
    }
    void writable() override { ++writable_calls; }
    void break_received() override { got += "<break>"; }

    std::size_t room = SIZE_MAX;
    std::string got;
    unsigned writable_calls = 0;
};

/// A directory that goes away with its files.
struct TemporaryDirectory {
    TemporaryDirectory() {
        std::string pattern = "/tmp/hvmdm-test-XXXXXX";
        EXPECT_NE(::mkdtemp(pattern.data()), nullptr);
        path = pattern;
    }
    ~TemporaryDirectory() {
        for (const std::string& name : names)
            ::unlink(name.c_str());
        ::rmdir(path.c_str());
    }
    TemporaryDirectory(const TemporaryDirectory&) = delete;
    TemporaryDirectory& operator=(const TemporaryDirectory&) = delete;
    std::string file(const std::string& name) {
        names.push_back(path + "/" + name);
        return names.back();
    }
    std::string path;
    std::vector<std::string> names;
};

struct CharTest : testing::Test {
    Loop loop;
    FakePort port;
    std::unique_ptr<CharBackend> backend;

    void open(const CharOptions& options) {
        auto made = make_char_backend(loop, options);
        ASSERT_TRUE(made.ok()) << made.error().message;
        backend = std::move(made).value();
        backend->set_frontend(&port);
    }
    std::string refusal(const CharOptions& options) {
        auto made = make_char_backend(loop, options);
        EXPECT_FALSE(made.ok());
        return made.ok() ? "" : made.error().message;
    }
    std::size_t write(std::string_view text) { return backend->write(bytes_of(text)); }

    /// In pieces, as a guest does: waits where the back end has no room.
    void write_all(std::string_view text, std::size_t piece) {
        while (!text.empty()) {
            const unsigned told = port.writable_calls;
            const std::string_view part = text.substr(0, piece);
            const std::size_t taken = write(part);
            text.remove_prefix(taken);
            if (taken == part.size()) continue;
            run_until([&] { return port.writable_calls > told; });
            ASSERT_GT(port.writable_calls, told) << "the port was never told of room";
        }
    }
    /// Runs the loop until nothing has happened for a while, or `done`.
    template <class Done> void run_until(Done done) {
        for (int i = 0; i < 200 && !done(); ++i)
            loop.run_once(5 * kMillisecond);
    }
    void settle() {
        for (int i = 0; i < 5; ++i)
            loop.run_once(2 * kMillisecond);
    }
    /// How often the loop wakes up within `ns` although nothing happens.
    unsigned wakeups(u64 ns) {
        const u64 end = loop.host_timers().now_ns() + ns;
        unsigned n = 0;
        for (; loop.host_timers().now_ns() < end; ++n)
            loop.run_once(end - loop.host_timers().now_ns());
        return n;
    }
    /// Reads until there is nothing, while the loop runs.
    std::string read_all(int fd, std::size_t most = SIZE_MAX) {
        ::fcntl(fd, F_SETFL, ::fcntl(fd, F_GETFL) | O_NONBLOCK);
        std::string text;
        std::array<char, 4096> buffer{};
        for (int quiet = 0; quiet < 5 && text.size() < most;) {
            const ssize_t n = ::read(fd, buffer.data(), std::min(buffer.size(), most - text.size()));
            if (n > 0) {
                text.append(buffer.data(), static_cast<std::size_t>(n));
                quiet = 0;
            } else {
                ++quiet;
            }
            loop.run_once(1 * kMillisecond);
        }
        return text;
    }
    static void put(int fd, std::string_view text) {
        EXPECT_EQ(::write(fd, text.data(), text.size()), static_cast<ssize_t>(text.size()));
    }
};

/// Numbered lines, so that a gap shows.
inline std::string numbered_lines(unsigned count) {
    std::string text;
    for (unsigned i = 0; i < count; ++i)
        text += fmt::format("line {:06}\n", i);
    return text;
}

} // namespace dm::host::test
