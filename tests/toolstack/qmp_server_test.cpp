// Real sockets: the client is the test, the loop is stepped by hand.
#include "dm/toolstack/qmp_server.hpp"
#include "dm/toolstack/unix_socket.hpp"
#include "tests/toolstack/fake_machine.hpp"
#include "tests/toolstack/poll_loop.hpp"

#include <array>
#include <cstring>
#include <fcntl.h>
#include <gmock/gmock.h>
#include <sys/socket.h>
#include <sys/stat.h>
#include <sys/un.h>

namespace dm::toolstack {
namespace {

using dm::test::FakeMachine;
using dm::test::PollLoop;
using testing::AllOf;
using testing::ElementsAre;
using testing::HasSubstr;
using testing::IsEmpty;
using testing::StartsWith;

class QmpServerTest : public testing::Test {
protected:
    void SetUp() override {
        char name[] = "/tmp/hvmdm-qmp-XXXXXX";
        dir_ = mkdtemp(name);
        path_ = dir_ + "/qmp-libxl-1";
    }
    void TearDown() override {
        unlink(path_.c_str());
        rmdir(dir_.c_str());
    }

    void open(bool events = true) {
        MonitorOptions options;
        options.id = "libxl-cmd";
        options.path = path_;
        options.events = events;
        const Status opened = server_.open(options);
        ASSERT_TRUE(opened.ok()) << opened.error().message;
    }
    UniqueFd connect() {
        auto fd = connect_to(path_);
        EXPECT_TRUE(fd.ok()) << (fd.ok() ? "" : fd.error().message);
        return fd.ok() ? std::move(*fd) : UniqueFd();
    }
    static void say(const UniqueFd& fd, std::string_view text) {
        EXPECT_EQ(send(fd.get(), text.data(), text.size(), MSG_NOSIGNAL), static_cast<ssize_t>(text.size()));
    }
    static void say_with_fds(const UniqueFd& fd, std::string_view text, const std::vector<int>& fds) {
        alignas(cmsghdr) std::array<char, CMSG_SPACE(253 * sizeof(int))> control{};
        iovec piece{const_cast<char*>(text.data()), text.size()};
        msghdr message{};
        message.msg_iov = &piece;
        message.msg_iovlen = 1;
        if (!fds.empty()) {
            message.msg_control = control.data();
            message.msg_controllen = CMSG_SPACE(fds.size() * sizeof(int));
            cmsghdr* part = CMSG_FIRSTHDR(&message);
            part->cmsg_level = SOL_SOCKET;
            part->cmsg_type = SCM_RIGHTS;
            part->cmsg_len = CMSG_LEN(fds.size() * sizeof(int));
            std::memcpy(CMSG_DATA(part), fds.data(), fds.size() * sizeof(int));
        }
        EXPECT_EQ(sendmsg(fd.get(), &message, MSG_NOSIGNAL), static_cast<ssize_t>(text.size()));
    }
    /// All that has arrived; "EOF" at the end of the connection.
    std::string hear(const UniqueFd& fd) {
        std::string out;
        for (int idle = 0; idle < 2;) {
            loop_.settle();
            char buffer[65536];
            const ssize_t n = recv(fd.get(), buffer, sizeof buffer, MSG_DONTWAIT);
            if (n == 0) return out + "EOF";
            if (n < 0)
                ++idle;
            else
                out.append(buffer, static_cast<std::size_t>(n));
        }
        return out;
    }
    UniqueFd negotiated() {
        UniqueFd fd = connect();
        EXPECT_THAT(hear(fd), StartsWith("{\"QMP\""));
        say(fd, "{\"execute\":\"qmp_capabilities\"}");
        EXPECT_EQ(hear(fd), "{\"return\": {}}\r\n");
        return fd;
    }
    static int open_fds() {
        int count = 0;
        for (int fd = 0; fd < 1024; ++fd)
            count += fcntl(fd, F_GETFD) >= 0 ? 1 : 0;
        return count;
    }

    std::string dir_;
    std::string path_;
    PollLoop loop_;
    FakeMachine machine_;
    QmpServer server_{loop_, machine_};
};

constexpr const char* kQueryName = "{\"execute\":\"query-name\"}";
constexpr const char* kNameReply = "{\"return\": {\"name\":\"g\"}}\r\n";

TEST_F(QmpServerTest, AClientCanConnectAsSoonAsOpenReturns) {
    open();
    const UniqueFd fd = connect(); // nothing has run yet
    EXPECT_THAT(hear(fd), StartsWith("{\"QMP\""));
}

TEST_F(QmpServerTest, OneStepIsEnoughToAnswer) {
    open();
    const UniqueFd fd = negotiated();
    say(fd, kQueryName);
    EXPECT_TRUE(loop_.step());
    char buffer[100];
    EXPECT_GT(recv(fd.get(), buffer, sizeof buffer, MSG_DONTWAIT), 0); // libxenstat waits 10 ms only
}

TEST_F(QmpServerTest, AStaleSocketIsReplacedAndAnythingElseIsNot) {
    {
        auto dead = listen_at(path_);
        ASSERT_TRUE(dead.ok());
    }
    open();
    EXPECT_TRUE(connect());
    const std::string file = dir_ + "/file";
    UniqueFd{::open(file.c_str(), O_CREAT | O_WRONLY | O_CLOEXEC, 0600)};
    const auto refused = listen_at(file);
    ASSERT_FALSE(refused.ok());
    EXPECT_THAT(refused.error().message, HasSubstr("is no socket"));
    unlink(file.c_str());
}

TEST_F(QmpServerTest, OnlyTheOwnerMayConnect) {
    open();
    struct stat info {};
    ASSERT_EQ(stat(path_.c_str(), &info), 0);
    EXPECT_EQ(info.st_mode & 0777U, 0600U);
}

TEST_F(QmpServerTest, ProblemsWithTheSocketNameTheOption) {
    MonitorOptions options;
    options.id = "libxl-cmd";
    options.path = "/no/such/directory/qmp";
    EXPECT_THAT(server_.open(options).error().message,
                AllOf(HasSubstr("id=libxl-cmd"), HasSubstr("/no/such/directory/qmp")));
    options.path = "/tmp/" + std::string(200, 'x');
    EXPECT_THAT(server_.open(options).error().message, HasSubstr("characters"));
    options.path.clear();
    options.fd = 999;
    EXPECT_THAT(server_.open(options).error().message, HasSubstr("999"));
    UniqueFd plain{socket(AF_UNIX, SOCK_STREAM | SOCK_CLOEXEC, 0)};
    options.fd = plain.get();
    EXPECT_THAT(server_.open(options).error().message, HasSubstr("not a listening socket"));
}

TEST_F(QmpServerTest, AnInheritedListenerIsServed) {
    auto listener = listen_at(path_);
    ASSERT_TRUE(listener.ok());
    ASSERT_EQ(fcntl(listener->get(), F_SETFD, 0), 0);
    ASSERT_EQ(::listen(listener->get(), 1), 0);
    MonitorOptions options;
    options.id = "libxl-cmd";
    options.fd = listener->release();
    ASSERT_TRUE(server_.open(options).ok());
    EXPECT_NE(fcntl(options.fd, F_GETFD) & FD_CLOEXEC, 0);
    std::vector<UniqueFd> waiting; // more than libxl's backlog of one
    for (int i = 0; i < 5; ++i)
        waiting.push_back(connect());
    for (const UniqueFd& fd : waiting)
        EXPECT_THAT(hear(fd), StartsWith("{\"QMP\""));
}

TEST_F(QmpServerTest, AMonitorMayConnectToItsClient) {
    auto listener = listen_at(path_);
    ASSERT_TRUE(listener.ok());
    MonitorOptions options;
    options.id = "char0";
    options.path = path_;
    options.server = false;
    ASSERT_TRUE(server_.open(options).ok());
    auto peer = accept_one(listener->get());
    ASSERT_TRUE(peer.ok() && *peer);
    EXPECT_THAT(hear(*peer), StartsWith("{\"QMP\""));
}

TEST_F(QmpServerTest, ClientsMayComeOneAfterTheOtherForEver) {
    open();
    const int before = open_fds();
    for (int i = 0; i < 300; ++i) {
        const UniqueFd fd = negotiated();
        say(fd, kQueryName);
        EXPECT_EQ(hear(fd), kNameReply);
    }
    loop_.settle();
    EXPECT_EQ(server_.clients(), 0U);
    EXPECT_EQ(open_fds(), before);
    EXPECT_EQ(loop_.watched(), 1U);
}

TEST_F(QmpServerTest, AClientMayVanishAtAnyByte) {
    open();
    const std::string talk = "{\"execute\":\"qmp_capabilities\"}{\"execute\":\"query-commands\",\"id\":1}";
    for (std::size_t length = 0; length <= talk.size(); ++length) {
        {
            const UniqueFd fd = connect();
            if (length % 2 == 0) loop_.settle();
            say(fd, talk.substr(0, length));
            if (length % 3 == 0) loop_.settle();
        }
        EXPECT_LT(loop_.settle(), 100) << "busy after " << length;
        EXPECT_EQ(server_.clients(), 0U) << length;
    }
    const UniqueFd fd = negotiated();
    say(fd, kQueryName);
    EXPECT_EQ(hear(fd), kNameReply);
}

TEST_F(QmpServerTest, WhatWasSentBeforeLeavingIsDone) {
    open();
    {
        const UniqueFd fd = connect();
        say(fd, "{\"execute\":\"qmp_capabilities\"}{\"execute\":\"stop\"}{\"execute\":\"quit\"}");
    }
    loop_.settle();
    EXPECT_THAT(machine_.calls, ElementsAre("stop", "quit"));
}

TEST_F(QmpServerTest, WhoClosesOneDirectionStillGetsTheReplies) {
    open();
    const UniqueFd fd = connect();
    say(fd, "{\"execute\":\"qmp_capabilities\"}{\"execute\":\"query-name\"}");
    shutdown(fd.get(), SHUT_WR);
    EXPECT_THAT(hear(fd), AllOf(HasSubstr(kNameReply), testing::EndsWith("EOF")));
    EXPECT_EQ(server_.clients(), 0U);
}

TEST_F(QmpServerTest, AStuckClientDoesNotDisturbAnother) {
    open();
    const UniqueFd stuck = negotiated();
    std::string flood;
    for (int i = 0; i < 1000; ++i)
        flood += "{\"execute\":\"query-commands\"}";
    for (int i = 0; i < 20; ++i) { // never reads
        send(stuck.get(), flood.data(), flood.size(), MSG_NOSIGNAL | MSG_DONTWAIT);
        loop_.settle();
    }
    EXPECT_LT(loop_.settle(), 10) << "busy with a client that does not read";
    const UniqueFd other = negotiated();
    say(other, kQueryName);
    EXPECT_EQ(hear(other), kNameReply);
}

TEST_F(QmpServerTest, AHundredThousandCommandsWithoutReadingArriveInTheEnd) {
    open();
    const UniqueFd fd = negotiated();
    constexpr int kCommands = 100000;
    std::string pipeline;
    for (int i = 0; i < kCommands; ++i)
        pipeline += "{\"execute\":\"stop\"}";
    std::string_view rest = pipeline;
    int stalls = 0;
    std::size_t replies = 0;
    while (!rest.empty()) {
        const ssize_t sent = send(fd.get(), rest.data(), rest.size(), MSG_NOSIGNAL | MSG_DONTWAIT);
        if (sent > 0) rest.remove_prefix(static_cast<std::size_t>(sent));
        if (loop_.settle() > 0) continue;
        ++stalls; // the server waits for us to read
        const std::string out = hear(fd);
        replies += static_cast<std::size_t>(std::count(out.begin(), out.end(), '\n'));
    }
    const std::string out = hear(fd);
    replies += static_cast<std::size_t>(std::count(out.begin(), out.end(), '\n'));
    EXPECT_EQ(replies, static_cast<std::size_t>(kCommands));
    EXPECT_EQ(machine_.calls.size(), static_cast<std::size_t>(kCommands));
    EXPECT_GT(stalls, 0);
}

TEST_F(QmpServerTest, AnEventOfOneClientsCommandStartsNoCommandOfAnother) {
    open();
    const UniqueFd acts = negotiated(); // first, for the loop serves it before the other
    const UniqueFd waits = negotiated();
    std::string pipeline; // until there are more replies than the server keeps
    for (int i = 0; i < 20000; ++i)
        pipeline += "{\"execute\":\"stop\",\"id\":\"some long id so that replies are long as well\"}";
    std::string_view rest = pipeline;
    do {
        const ssize_t sent = send(waits.get(), rest.data(), rest.size(), MSG_NOSIGNAL | MSG_DONTWAIT);
        if (sent > 0) rest.remove_prefix(static_cast<std::size_t>(sent));
    } while (loop_.settle() > 0);
    std::vector<char> read(4 << 20); // room for what is left, which the loop has not seen yet
    while (recv(waits.get(), read.data(), read.size(), MSG_DONTWAIT) > 0) {
    }
    int changes = 0;
    machine_.on_change = [&] {
        if (++changes > 1) return;
        const std::size_t before = machine_.calls.size();
        server_.tray_moved("ide0-cd1", true);
        EXPECT_EQ(machine_.calls.size(), before) << "the first command is in the middle of its work";
    };
    say(acts, "{\"execute\":\"stop\"}");
    hear(acts);
    hear(waits);
    EXPECT_GT(changes, 1) << "but then they have their turn";
}

TEST_F(QmpServerTest, TooManyClientsWaitForTheirTurn) {
    open();
    std::vector<UniqueFd> all;
    for (std::size_t i = 0; i < QmpServer::kMostClients + 4; ++i) {
        all.push_back(connect());
        loop_.settle();
    }
    EXPECT_EQ(server_.clients(), QmpServer::kMostClients);
    EXPECT_EQ(hear(all.back()), "");
    all.erase(all.begin(), all.begin() + 4);
    EXPECT_THAT(hear(all.back()), StartsWith("{\"QMP\""));
    EXPECT_EQ(server_.clients(), QmpServer::kMostClients);
}

TEST_F(QmpServerTest, EventsGoToNegotiatedClientsThatWantThem) {
    open();
    MonitorOptions quiet;
    quiet.id = "libxenstat-cmd";
    quiet.path = dir_ + "/qmp-libxenstat-1";
    quiet.events = false;
    ASSERT_TRUE(server_.open(quiet).ok());
    const UniqueFd libxl = negotiated();
    const UniqueFd early = connect();
    hear(early);
    path_.swap(quiet.path);
    const UniqueFd libxenstat = negotiated();
    path_.swap(quiet.path);

    server_.shutdown(QmpCause::Guest, "guest-shutdown");
    EXPECT_THAT(hear(libxl),
                AllOf(StartsWith("{\"timestamp\": {\"seconds\": "), HasSubstr("\"event\": \"SHUTDOWN\""),
                      HasSubstr("\"guest\":true"), testing::EndsWith("}\r\n")));
    EXPECT_EQ(hear(early), "");
    EXPECT_EQ(hear(libxenstat), "");
    unlink(quiet.path.c_str());
}

TEST_F(QmpServerTest, AnEventDuringACommandComesBeforeItsReply) {
    open();
    machine_.on_change = [&] { server_.stopped(); };
    const UniqueFd fd = negotiated();
    say(fd, "{\"execute\":\"stop\",\"id\":1}");
    const std::string heard = hear(fd);
    EXPECT_LT(heard.find("STOP"), heard.find("\"return\""));
}

TEST_F(QmpServerTest, DescriptorsComeWithTheFirstByte) {
    open();
    const UniqueFd fd = negotiated();
    const UniqueFd file{::open("/dev/null", O_WRONLY | O_CLOEXEC)};
    const int before = open_fds();
    say_with_fds(fd, "{", {file.get()});
    loop_.settle();
    say(fd, "\"execute\":\"add-fd\"}\r\n");
    EXPECT_THAT(hear(fd), StartsWith("{\"return\": {\"fd\":"));
    EXPECT_EQ(open_fds(), before + 1);
}

TEST_F(QmpServerTest, AnyNumberOfDescriptorsIsSurvivedWithoutALeak) {
    open();
    Log::set_sink([](LogLevel, std::string_view) {});
    const UniqueFd file{::open("/dev/null", O_WRONLY | O_CLOEXEC)};
    const int before = open_fds();
    for (const std::size_t count : {std::size_t{0}, std::size_t{1}, std::size_t{253}}) {
        const UniqueFd fd = negotiated();
        say_with_fds(fd, kQueryName, std::vector<int>(count, file.get()));
        EXPECT_EQ(hear(fd), kNameReply) << count;
    }
    loop_.settle();
    EXPECT_EQ(open_fds(), before);
    Log::set_sink({});
}

TEST_F(QmpServerTest, FdSetsGoWithTheLastClientOfARunningGuest) {
    open();
    const UniqueFd file{::open("/dev/null", O_RDONLY | O_CLOEXEC)};
    const auto add_and_leave = [&] {
        const UniqueFd fd = negotiated();
        say_with_fds(fd, "{\"execute\":\"add-fd\"}", {file.get()});
        hear(fd);
    };
    const auto sets = [&] {
        const UniqueFd fd = negotiated();
        say(fd, "{\"execute\":\"query-fdsets\"}");
        return hear(fd);
    };
    machine_.state = RunState::Paused; // a save in several connections keeps them
    add_and_leave();
    loop_.settle();
    EXPECT_THAT(sets(), HasSubstr("\"fdset-id\":0"));
    for (const RunState served : {RunState::Running, RunState::Suspended}) {
        machine_.state = served;
        add_and_leave();
        loop_.settle();
        EXPECT_EQ(sets(), "{\"return\": []}\r\n");
    }
}

TEST_F(QmpServerTest, InheritedDescriptorsStay) {
    open();
    machine_.state = RunState::Running;
    UniqueFd file{::open("/dev/null", O_WRONLY)}; // NOLINT(android-cloexec-open): as a parent leaves it
    InheritedFd inherited;
    inherited.fd = file.get();
    inherited.set = 1;
    ASSERT_TRUE(server_.add(inherited).ok());
    EXPECT_NE(fcntl(file.release(), F_GETFD) & FD_CLOEXEC, 0);
    negotiated().reset();
    loop_.settle();
    const UniqueFd fd = negotiated();
    say(fd, "{\"execute\":\"query-fdsets\"}");
    EXPECT_THAT(hear(fd), HasSubstr("\"fdset-id\":1"));
    inherited.fd = 999;
    EXPECT_FALSE(server_.add(inherited).ok());
}

TEST_F(QmpServerTest, QueryChardevListsTheMonitors) {
    open();
    const UniqueFd fd = negotiated();
    say(fd, "{\"execute\":\"query-chardev\"}");
    EXPECT_THAT(hear(fd),
                AllOf(HasSubstr("\"label\":\"libxl-cmd\""), HasSubstr("unix:" + path_ + ",server=on")));
}

TEST_F(QmpServerTest, SixtyFourMebibytesOfGarbageAreSwallowed) {
    open();
    const UniqueFd fd = negotiated();
    const std::string junk(1 << 20, '[');
    for (int i = 0; i < 64; ++i) {
        std::string_view rest = junk;
        while (!rest.empty()) {
            const ssize_t sent = send(fd.get(), rest.data(), rest.size(), MSG_NOSIGNAL | MSG_DONTWAIT);
            if (sent > 0) rest.remove_prefix(static_cast<std::size_t>(sent));
            loop_.settle();
        }
    }
    EXPECT_THAT(hear(fd), AllOf(HasSubstr("GenericError"), testing::SizeIs(testing::Lt(200U))));
    say(fd, "\n{\"execute\":\"query-name\"}");
    EXPECT_EQ(hear(fd), kNameReply);
}

TEST_F(QmpServerTest, OutOfDescriptorsTheListenerRestsAndComesBack) {
    open();
    Log::set_sink([](LogLevel, std::string_view) {});
    std::vector<UniqueFd> hoard;
    const UniqueFd waiting = connect();
    // clang's sanitizer needs descriptors when it sees a type for the first time.
    EXPECT_EQ(loop_.host_timers().now_ns(), loop_.clock.now);
    while (true) {
        UniqueFd fd{dup(waiting.get())};
        if (!fd) break;
        hoard.push_back(std::move(fd));
    }
    EXPECT_LT(loop_.settle(), 5) << "busy without descriptors";
    hoard.clear();
    loop_.clock.now += 2 * kSecond;
    loop_.host_timers().run_due();
    EXPECT_THAT(hear(waiting), StartsWith("{\"QMP\""));
    Log::set_sink({});
}

} // namespace
} // namespace dm::toolstack
