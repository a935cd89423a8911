// Back ends other than pty, and what is refused.
#include "dm/host/char_serial.hpp"
#include "dm/host/char_socket.hpp"
#include "dm/host/pty.hpp"
#include "dm/host/signals.hpp"
#include "tests/host/char_rig.hpp"
#include "tests/support/free_port.hpp"

#include <csignal>
#include <fstream>
#include <netinet/in.h>
#include <sstream>
#include <sys/socket.h>
#include <sys/stat.h>
#include <sys/un.h>
#include <sys/wait.h>

namespace dm::host::test {
namespace {

using testing::AllOf;
using testing::HasSubstr;

std::string content(const std::string& path) {
    std::ostringstream text;
    text << std::ifstream(path, std::ios::binary).rdbuf();
    return text.str();
}

struct CharBackendTest : CharTest {
    TemporaryDirectory directory;
};

TEST_F(CharBackendTest, NullTakesEverything) {
    open({.kind = CharKind::Null});
    EXPECT_EQ(write("abc"), 3U);
    EXPECT_EQ(backend->description(), "null");
}

TEST_F(CharBackendTest, AFileIsTruncatedAndGetsAllOutput) {
    const std::string path = directory.file("log");
    std::ofstream(path) << "from the last start";
    open({.kind = CharKind::File, .path = path});
    EXPECT_EQ(write("abc"), 3U);
    EXPECT_EQ(write("def"), 3U);
    EXPECT_EQ(content(path), "abcdef");
    EXPECT_EQ(backend->description(), "file:" + path);
}

TEST_F(CharBackendTest, AFileIsKeptWhenAskedTo) {
    const std::string path = directory.file("log");
    std::ofstream(path) << "old ";
    open({.kind = CharKind::File, .path = path, .append = true});
    write("new");
    EXPECT_EQ(content(path), "old new");
}

TEST_F(CharBackendTest, AFullDiskLosesOutputButStopsNobody) {
    open({.kind = CharKind::File, .path = "/dev/full"});
    EXPECT_EQ(write("abc"), 3U);
    EXPECT_EQ(write("def"), 3U);
}

TEST_F(CharBackendTest, AFileThatCannotBeOpenedIsNamed) {
    EXPECT_THAT(refusal({.kind = CharKind::File, .text = "-serial file:/no/such", .path = "/no/such"}),
                AllOf(HasSubstr("-serial file:/no/such"), HasSubstr("No such file")));
}

TEST_F(CharBackendTest, APortThatLeadsNowhereIsNullAndTheLogNamesARemedy) {
    testing::internal::CaptureStderr();
    open({.kind = CharKind::Nowhere, .text = "-serial vc:80x25"});
    EXPECT_THAT(testing::internal::GetCapturedStderr(),
                AllOf(HasSubstr("-serial vc:80x25"), HasSubstr("pty")));
    EXPECT_EQ(write("abc"), 3U);
    EXPECT_EQ(backend->description(), "null");
}

TEST_F(CharBackendTest, UnsupportedKindsAreRefusedWithAListOfWhatThereIs) {
    EXPECT_THAT(refusal({.kind = CharKind::Unsupported, .text = "-serial udp::1"}),
                AllOf(HasSubstr("-serial udp::1"), HasSubstr("pty"), HasSubstr("telnet:HOST:PORT")));
}

// ----------------------------------------------------------------------------------------------------- pipes

struct PipeTest : CharBackendTest {
    std::string base = directory.path + "/p";
    std::string in = directory.file("p.in");
    std::string out = directory.file("p.out");
    PipeTest() {
        EXPECT_EQ(::mkfifo(in.c_str(), 0600), 0);
        EXPECT_EQ(::mkfifo(out.c_str(), 0600), 0);
        open({.kind = CharKind::Pipe, .path = base});
    }
};

TEST_F(PipeTest, CarriesBothDirections) {
    const UniqueFd to_guest(::open(in.c_str(), O_WRONLY | O_NONBLOCK));
    const UniqueFd from_guest(::open(out.c_str(), O_RDONLY | O_NONBLOCK));
    put(to_guest.get(), "in");
    settle();
    EXPECT_EQ(port.got, "in");
    write("out");
    EXPECT_EQ(read_all(from_guest.get()), "out");
}

TEST_F(PipeTest, WithoutAReaderTheNewestOutputIsKept) {
    const std::string text = numbered_lines(50'000);
    write_all(text, 1000);
    EXPECT_EQ(port.writable_calls, 1U);
    EXPECT_LE(wakeups(30 * kMillisecond), 3U);
    const UniqueFd from_guest(::open(out.c_str(), O_RDONLY | O_NONBLOCK));
    const std::string got = read_all(from_guest.get());
    EXPECT_GE(got.size(), 64U * 1024 - 4096);
    EXPECT_TRUE(text.ends_with(got));
}

TEST_F(CharBackendTest, APipeWithoutItsFifosSaysHowToMakeThem) {
    EXPECT_THAT(
        refusal({.kind = CharKind::Pipe, .text = "-serial pipe:/tmp/x", .path = directory.path + "/x"}),
        HasSubstr("mkfifo"));
}

// --------------------------------------------------------------------------------------------------- sockets

struct SocketTest : CharBackendTest {
    std::string path = directory.file("socket");

    UniqueFd connect_unix() const {
        sockaddr_un address{};
        address.sun_family = AF_UNIX;
        path.copy(address.sun_path, sizeof(address.sun_path) - 1);
        UniqueFd fd(::socket(AF_UNIX, SOCK_STREAM, 0));
        EXPECT_EQ(::connect(fd.get(), reinterpret_cast<sockaddr*>(&address), sizeof(address)), 0);
        return fd;
    }
    void serve() { open({.kind = CharKind::Unix, .path = path, .server = true, .wait = false}); }
    bool is_connected() const { return !backend->description().starts_with("disconnected:"); }
};

TEST_F(SocketTest, AServerCarriesBothDirections) {
    serve();
    const UniqueFd client = connect_unix();
    put(client.get(), "in");
    run_until([&] { return port.got.size() >= 2; });
    EXPECT_EQ(port.got, "in");
    EXPECT_EQ(write("out"), 3U);
    EXPECT_EQ(read_all(client.get()), "out");
    EXPECT_EQ(backend->description(), "unix:" + path + ",server=on");
}

TEST_F(SocketTest, AServerWithoutAClientDropsOutput) {
    serve();
    EXPECT_EQ(write("nobody hears this"), 17U);
    EXPECT_EQ(backend->description(), "disconnected:unix:" + path + ",server=on");
    const UniqueFd client = connect_unix();
    run_until([&] { return is_connected(); });
    write("now");
    EXPECT_EQ(read_all(client.get()), "now");
}

TEST_F(SocketTest, ClientsComeOneAfterTheOther) {
    serve();
    UniqueFd first = connect_unix();
    run_until([&] { return is_connected(); });
    const UniqueFd second = connect_unix(); // waits
    put(second.get(), "second");
    settle();
    EXPECT_EQ(port.got, "");
    EXPECT_LE(wakeups(30 * kMillisecond), 2U) << "the loop spins while a client waits";
    first.reset();
    run_until([&] { return !port.got.empty(); });
    EXPECT_EQ(port.got, "second");
}

TEST_F(SocketTest, AClientThatDoesNotReadMakesThePortWaitAndLosesNothing) {
    serve();
    const UniqueFd client = connect_unix();
    run_until([&] { return is_connected(); });
    const std::string text = numbered_lines(1000);
    std::string sent;
    while (write(text) == text.size())
        sent += text;
    EXPECT_EQ(write(text), 0U);
    EXPECT_EQ(port.writable_calls, 0U);
    const std::string got = read_all(client.get());
    EXPECT_TRUE(got.starts_with(sent));
    EXPECT_GE(port.writable_calls, 1U);
}

TEST_F(SocketTest, AClientThatLeavesWhileThePortWaitsFreesThePort) {
    serve();
    UniqueFd client = connect_unix();
    run_until([&] { return is_connected(); });
    const std::string text(4096, 'x');
    while (write(text) == text.size()) {
    }
    client.reset();
    run_until([&] { return port.writable_calls > 0; });
    EXPECT_GE(port.writable_calls, 1U);
    EXPECT_EQ(write("x"), 1U);
}

TEST_F(SocketTest, AClientThatEndsItsInputWhileThePortWaitsFreesThePort) {
    serve();
    const UniqueFd client = connect_unix();
    run_until([&] { return is_connected(); });
    const std::string text(4096, 'x');
    while (write(text) == text.size()) {
    }
    ASSERT_EQ(::shutdown(client.get(), SHUT_WR), 0); // an end of file, not a hang-up
    run_until([&] { return port.writable_calls > 0; });
    EXPECT_GE(port.writable_calls, 1U);
    EXPECT_FALSE(is_connected());
}

TEST_F(SocketTest, WhatAClientSentBeforeItLeftIsReadByASlowGuest) {
    port.room = 2;
    serve();
    UniqueFd client = connect_unix();
    put(client.get(), "abcdef");
    client.reset();
    run_until([&] { return port.got.size() >= 2; });
    EXPECT_LE(wakeups(30 * kMillisecond), 3U) << "the loop spins on the hang-up";
    EXPECT_EQ(write("an echo that nobody hears"), 25U);
    port.room = 100;
    backend->accept_input();
    run_until([&] { return !is_connected(); });
    EXPECT_EQ(port.got, "abcdef");
}

/// As `printf ... | socat` one after the other: the guest answers before it has read all.
TEST_F(SocketTest, WhatAClientSentBeforeItLeftIsReadBeforeTheNextComes) {
    port.room = 2;
    serve();
    UniqueFd first = connect_unix();
    put(first.get(), "abcdef");
    first.reset();
    const UniqueFd second = connect_unix();
    put(second.get(), "GH");
    for (std::size_t read = 2; read <= 8; read += 2) {
        run_until([&] { return port.got.size() >= read; });
        EXPECT_EQ(write("echo"), 4U);
        settle();
        port.room = 2;
        backend->accept_input();
    }
    EXPECT_EQ(port.got, "abcdefGH");
}

/// The guest does not read, and what the first client sent stands in the way of its end.
TEST_F(SocketTest, AClientThatIsGoneUnreadGivesWayToTheNext) {
    port.room = 1;
    serve();
    UniqueFd first = connect_unix();
    put(first.get(), "abc");
    run_until([&] { return !port.got.empty(); });
    first.reset();
    const UniqueFd second = connect_unix();
    settle();
    EXPECT_EQ(write("x"), 1U);
    wakeups(SocketChar::kGoneUnread + 20 * kMillisecond);
    EXPECT_EQ(write("x"), 1U);
    EXPECT_THAT(read_all(second.get()), HasSubstr("x"));
    EXPECT_EQ(port.got, "a");
    put(second.get(), "B");
    port.room = 100;
    backend->accept_input();
    run_until([&] { return port.got.size() > 1; });
    EXPECT_EQ(port.got, "aB");
}

TEST_F(SocketTest, ASocketThatAFormerProcessLeftIsReplaced) {
    serve();
    ASSERT_EQ(::rename(path.c_str(), (path + "x").c_str()), 0);
    backend.reset();
    ASSERT_EQ(::rename((path + "x").c_str(), path.c_str()), 0); // stale now
    serve();
    connect_unix();
}

TEST_F(SocketTest, AFileInThePlaceOfASocketIsNotRemoved) {
    std::ofstream(path) << "precious";
    EXPECT_THAT(refusal({.kind = CharKind::Unix, .text = "-serial unix:x", .path = path, .server = true}),
                HasSubstr("-serial unix:x"));
    EXPECT_EQ(content(path), "precious");
}

TEST_F(SocketTest, TheSocketIsRemovedAtTheEnd) {
    serve();
    EXPECT_EQ(::access(path.c_str(), F_OK), 0);
    backend.reset();
    EXPECT_NE(::access(path.c_str(), F_OK), 0);
}

TEST_F(SocketTest, AServerThatWaitsForAClientEndsWithASignal) {
    const pid_t child = ::fork();
    if (child == 0) {
        Loop own;
        const auto signals = Signals::create(own, {SIGTERM}, [](int) {});
        const auto made = make_char_backend(
            own, {.kind = CharKind::Unix, .text = "-serial unix:x", .path = path, .server = true});
        const bool told = !made.ok() && made.error().message.find("interrupted") != std::string::npos;
        ::_exit(told ? 0 : 1);
    }
    run_until([&] { return ::access(path.c_str(), F_OK) == 0; });
    ::kill(child, SIGTERM);
    int status = -1;
    pid_t ended = 0;
    run_until([&] { return (ended = ::waitpid(child, &status, WNOHANG)) != 0; });
    if (ended == 0) {
        ::kill(child, SIGKILL);
        ::waitpid(child, nullptr, 0);
    }
    ASSERT_EQ(ended, child) << "it waits on";
    EXPECT_TRUE(WIFEXITED(status) && WEXITSTATUS(status) == 0) << status;
}

TEST_F(SocketTest, AClientConnectsAndIsRefusedWithARemedyWhenThereIsNoServer) {
    EXPECT_THAT(refusal({.kind = CharKind::Unix, .text = "-serial unix:x", .path = path}),
                HasSubstr("start the server first"));
}

TEST_F(SocketTest, AClientConnectsAgainAfterTheServerCameBack) {
    open({.kind = CharKind::Unix, .path = path, .reconnect_s = 1});
    EXPECT_FALSE(is_connected());
    auto server =
        make_char_backend(loop, {.kind = CharKind::Unix, .path = path, .server = true, .wait = false});
    ASSERT_TRUE(server.ok());
    run_until([&] { return is_connected(); });
    EXPECT_TRUE(is_connected());
}

/// Of this host.
sockaddr_in at_port(u16 number) {
    sockaddr_in address{};
    address.sin_family = AF_INET;
    address.sin_addr.s_addr = htonl(INADDR_LOOPBACK);
    address.sin_port = htons(number);
    return address;
}

TEST_F(SocketTest, TcpServesOnAGivenPort) {
    const std::string port_number = std::to_string(dm::test::free_port());
    open({.kind = CharKind::Tcp, .host = "127.0.0.1", .port = port_number, .server = true, .wait = false});
    auto client = make_char_backend(
        loop, {.kind = CharKind::Tcp, .host = "127.0.0.1", .port = port_number, .no_delay = true});
    ASSERT_TRUE(client.ok()) << client.error().message;
    run_until([&] { return is_connected(); });
    client.value()->write(bytes_of("over tcp"));
    run_until([&] { return port.got.size() >= 8; });
    EXPECT_EQ(port.got, "over tcp");
    EXPECT_EQ(backend->description(), "tcp:127.0.0.1:" + port_number + ",server=on");
}

TEST_F(SocketTest, ATcpHostThatDoesNotExistIsNamed) {
    EXPECT_THAT(
        refusal({.kind = CharKind::Tcp, .text = "-serial tcp:256.1.1.1:1", .host = "256.1.1.1", .port = "1"}),
        HasSubstr("256.1.1.1"));
}

// ---------------------------------------------------------------------------------------------------- telnet

struct TelnetTest : SocketTest {
    static constexpr std::string_view kGreeting{"\xff\xfb\0\xff\xfd\0\xff\xfb\1\xff\xfb\3", 12};

    UniqueFd client;
    void serve_and_connect() {
        const u16 number = dm::test::free_port();
        open({.kind = CharKind::Tcp,
              .host = "127.0.0.1",
              .port = std::to_string(number),
              .server = true,
              .wait = false,
              .telnet = true});
        EXPECT_EQ(backend->description(), fmt::format("disconnected:telnet:127.0.0.1:{},server=on", number));
        client = UniqueFd(::socket(AF_INET, SOCK_STREAM, 0));
        const sockaddr_in address = at_port(number);
        const int small = 4096;
        ::setsockopt(client.get(), SOL_SOCKET, SO_RCVBUF, &small, sizeof(small));
        ASSERT_EQ(::connect(client.get(), reinterpret_cast<const sockaddr*>(&address), sizeof(address)), 0);
        run_until([&] { return is_connected(); });
        ASSERT_EQ(read_all(client.get()), kGreeting);
    }
    /// What the guest gets of what the client sends.
    std::string heard(std::string_view sent) {
        port.got.clear();
        put(client.get(), sent);
        settle();
        return port.got;
    }
};

using namespace std::string_view_literals;

TEST_F(TelnetTest, TheClientIsToldToSendEachCharacterAndTakesAllBitsBothWays) {
    serve_and_connect();
    EXPECT_EQ(heard("a\xff\xff\xff\xff\xfe"), "a\xff\xff\xfe");
    EXPECT_EQ(write("x\xff\xffy\xff"), 5U);
    EXPECT_EQ(read_all(client.get()), "x\xff\xff\xff\xffy\xff\xff");
}

TEST_F(TelnetTest, AnswersAndOtherCommandsOfTheClientAreNoCharacters) {
    serve_and_connect();
    EXPECT_EQ(heard("a\xff\xfd\1\xff\xfd\3b"), "ab"); // DO ECHO, DO SUPPRESS-GO-AHEAD
    EXPECT_EQ(heard("\xff\xfa\x1f\0\x50\xff\xff\xf0\0\x18\xff\xf0"
                    "c"sv),
              "c"); // a window's size with an escaped FF in it
    EXPECT_EQ(heard("\xff\xf1\xff\xf6"
                    "d"),
              "d"); // NOP, ARE YOU THERE
    EXPECT_EQ(heard("\xff"), "");
    EXPECT_EQ(heard("\xfb"), "");
    EXPECT_EQ(heard("\x18"
                    "e"),
              "e");
    EXPECT_EQ(read_all(client.get()), "") << "something was answered";
}

TEST_F(TelnetTest, ABreakIsOne) {
    serve_and_connect();
    EXPECT_EQ(heard("a\xff\xf3"
                    "b"),
              "a<break>b");
}

TEST_F(TelnetTest, TheReturnKeyIsOneCharacterHoweverTheClientSendsIt) {
    serve_and_connect();
    EXPECT_EQ(heard("a\r\nb\r\0c\nd\0"sv), "a\rb\rc\nd\0"sv);
    EXPECT_EQ(heard("\xff\xfb\0\r\n\r\0"sv), "\r\n\r\0"sv) << "the client agreed to BINARY";
}

TEST_F(TelnetTest, AClientThatReadsSlowlyGetsEveryDoubledCharacter) {
    serve_and_connect();
    std::string sent;
    for (std::size_t taken = 1; taken > 0; sent += std::string(taken, '\xff'))
        taken = write(std::string(1001, '\xff'));
    EXPECT_EQ(read_all(client.get()).size(), 2 * sent.size());
    EXPECT_GE(port.writable_calls, 1U);
}

TEST_F(TelnetTest, ANewClientBeginsAnew) {
    serve_and_connect();
    EXPECT_EQ(heard("\xff\xfa\x1f never ended"), "");
    sockaddr_in address{};
    socklen_t length = sizeof(address);
    ASSERT_EQ(::getpeername(client.get(), reinterpret_cast<sockaddr*>(&address), &length), 0);
    client = UniqueFd(::socket(AF_INET, SOCK_STREAM, 0));
    ASSERT_EQ(::connect(client.get(), reinterpret_cast<sockaddr*>(&address), length), 0);
    EXPECT_EQ(read_all(client.get()), kGreeting);
    EXPECT_EQ(heard("a"), "a");
}

TEST_F(TelnetTest, AsAClientItAsksForBinaryOnly) {
    const u16 number = dm::test::free_port();
    auto server = make_char_backend(loop, {.kind = CharKind::Tcp,
                                           .host = "127.0.0.1",
                                           .port = std::to_string(number),
                                           .server = true,
                                           .wait = false});
    ASSERT_TRUE(server.ok()) << server.error().message;
    server.value()->set_frontend(&port);
    auto guest = make_char_backend(
        loop, {.kind = CharKind::Tcp, .host = "127.0.0.1", .port = std::to_string(number), .telnet = true});
    ASSERT_TRUE(guest.ok()) << guest.error().message;
    run_until([&] { return !port.got.empty(); });
    EXPECT_EQ(port.got, kGreeting.substr(0, 6));
}

// ----------------------------------------------------------------------------------------------- host serial

TEST_F(CharBackendTest, AHostSerialPortMustBeATerminal) {
    EXPECT_THAT(refusal({.kind = CharKind::HostSerial, .text = "-serial /dev/null", .path = "/dev/null"}),
                HasSubstr("not a serial port"));
}

TEST_F(CharBackendTest, AHostSerialPortCarriesBothDirections) {
    auto other_end = Pty::open(loop); // a terminal like any other
    ASSERT_TRUE(other_end.ok());
    FakePort other_port;
    other_end.value()->set_frontend(&other_port);
    const std::string path = other_end.value()->description().substr(4);
    open({.kind = CharKind::HostSerial, .path = path});
    EXPECT_EQ(backend->description(), "serial:" + path);
    backend->set_line({.baud = 9600, .data_bits = 8});
    write("to the wire");
    run_until([&] { return other_port.got.size() >= 11; });
    EXPECT_EQ(other_port.got, "to the wire");
    other_end.value()->write(bytes_of("\xff from it"));
    run_until([&] { return port.got.size() >= 9; });
    EXPECT_EQ(port.got, "\xff from it");
}

TEST_F(CharBackendTest, AHostSerialPortThatIsGoneIsToldOfOnce) {
    UniqueFd far_end(::posix_openpt(O_RDWR | O_NOCTTY));
    ASSERT_EQ(::grantpt(far_end.get()) + ::unlockpt(far_end.get()), 0);
    open({.kind = CharKind::HostSerial, .path = ::ptsname(far_end.get())});
    far_end.reset();
    testing::internal::CaptureStderr();
    for (int i = 0; i < 20; ++i) {
        backend->accept_input();
        loop.run_once(kMillisecond);
    }
    const std::string log = testing::internal::GetCapturedStderr();
    const std::size_t first = log.find("is gone");
    EXPECT_NE(first, std::string::npos);
    EXPECT_EQ(log.find("is gone", first + 1), std::string::npos) << log;
}

TEST(SerialLine, SettingsOfTheGuestBecomeThoseOfTheTerminal) {
    termios settings{};
    apply_line(settings,
               {.baud = 38400, .data_bits = 7, .stop_bits = 2, .parity = LineSettings::Parity::Odd});
    EXPECT_EQ(::cfgetospeed(&settings), static_cast<speed_t>(B38400));
    EXPECT_EQ(settings.c_cflag & CSIZE, static_cast<tcflag_t>(CS7));
    EXPECT_NE(settings.c_cflag & CSTOPB, 0U);
    EXPECT_NE(settings.c_cflag & PARENB, 0U);
    EXPECT_NE(settings.c_cflag & PARODD, 0U);
    apply_line(settings, {.baud = 115200});
    EXPECT_EQ(::cfgetospeed(&settings), static_cast<speed_t>(B115200));
    EXPECT_EQ(settings.c_cflag & (CSTOPB | PARENB | PARODD), 0U);
}

} // namespace
} // namespace dm::host::test
