// What is left of a recording when its process dies, or its disk is full.
#include "tests/replay/recorded_machine.hpp"

#include <csignal>
#include <gtest/gtest.h>
#include <sys/resource.h>
#include <sys/wait.h>

namespace dm {
namespace {

/// Runs `body` in a process of its own; returns its wait status.
template <class Body> int in_child(Body body) {
    const pid_t child = ::fork();
    if (child == 0) {
        body();
        ::_exit(0);
    }
    int status = 0;
    ::waitpid(child, &status, 0);
    return status;
}

void make_traffic(test::RecordedMachine& machine, unsigned operations) {
    test::Rng rng(1);
    for (unsigned i = 0; i < operations; ++i)
        machine.out(0x70 + (i & 1), rng.next() & 0x7f);
}

/// Serves the loop until the file has that size.
void wait_for_size(test::RecordedMachine& machine, const std::string& path, std::uintmax_t size) {
    for (unsigned i = 0; i < 2000; ++i) {
        machine.loop.advance(0);
        std::error_code error;
        if (std::filesystem::file_size(path, error) >= size && !error) return;
        ::usleep(5000);
    }
}

TEST(Killed, WhatIsOlderThanASecondIsInTheFile) {
    const std::string path = test::scratch_path("killed");
    const int status = in_child([&] {
        test::RecordedMachine machine(path);
        make_traffic(machine, 500);
        wait_for_size(machine, path, 1000);
        static_cast<void>(::raise(SIGKILL));
    });
    EXPECT_TRUE(WIFSIGNALED(status));
    const test::Played played = test::play(test::file_content(path));
    EXPECT_TRUE(played.equal()) << played.error << played.difference;
    EXPECT_FALSE(played.ended_in_order);
    EXPECT_GE(played.operations, 500U);
    std::filesystem::remove(path);
}

TEST(Killed, AFullDiskEndsTheRecordingAtAWholeBlockAndTheGuestGoesOn) {
    const std::string path = test::scratch_path("full");
    const int status = in_child([&] {
        Log::set_sink([](LogLevel, std::string_view) {});
        static_cast<void>(::signal(SIGXFSZ, SIG_IGN));
        const rlimit limit{96 << 10, 96 << 10};
        ::setrlimit(RLIMIT_FSIZE, &limit);
        test::RecordedMachine machine(path);
        make_traffic(machine, 1'000'000);
        if (machine.in(0x3fd) != 0x60) ::_exit(1);
        machine.board->quiesce();
        machine.board.reset(); // leaves the file behind
        ::_exit(0);
    });
    EXPECT_EQ(status, 0);
    const std::vector<u8> file = test::file_content(path);
    EXPECT_LE(file.size(), 96U << 10);
    const auto recording = replay::Recording::from(file);
    ASSERT_TRUE(recording.ok()) << recording.error().message;
    EXPECT_EQ(recording.value().unfinished(), 0U);
    const test::Played played = test::play(recording.value());
    EXPECT_TRUE(played.equal()) << played.error << played.difference;
    EXPECT_GT(played.operations, 1000U);
    std::filesystem::remove(path);
}

TEST(Killed, TheFileIsReadableByItsOwnerAlone) {
    const std::string path = test::scratch_path("mine");
    const test::RecordedMachine machine(path);
    EXPECT_EQ(std::filesystem::status(path).permissions(),
              std::filesystem::perms::owner_read | std::filesystem::perms::owner_write);
}

TEST(Killed, TheProcessIdMayBePartOfTheName) {
    const auto writer = replay::Writer::create(test::scratch_path("%p-name"));
    ASSERT_TRUE(writer.ok());
    const std::string path = test::scratch_path(fmt::format("{}-name", ::getpid()));
    EXPECT_TRUE(std::filesystem::remove(path)) << path;
}

} // namespace
} // namespace dm
