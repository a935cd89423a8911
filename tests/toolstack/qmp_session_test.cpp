// One connection as bytes: transcripts of libxl and libxenstat, the rules of the wire, hostile clients.
#include "dm/toolstack/qmp_events.hpp"
#include "dm/toolstack/qmp_session.hpp"
#include "tests/toolstack/fake_machine.hpp"

#include <fcntl.h>
#include <gmock/gmock.h>

namespace dm::toolstack {
namespace {

using dm::test::FakeMachine;
using testing::AllOf;
using testing::ElementsAre;
using testing::EndsWith;
using testing::HasSubstr;
using testing::IsEmpty;
using testing::Not;
using testing::SizeIs;
using testing::StartsWith;

constexpr const char* kCapabilities = "{\"execute\":\"qmp_capabilities\"}";

struct Connection {
    explicit Connection(bool events = true) : session(shared, events) {}

    /// What the client sent, and what comes back.
    std::string say(std::string_view bytes, std::vector<UniqueFd> fds = {}) {
        session.receive(bytes, std::move(fds));
        return read();
    }
    std::string read() {
        std::string out;
        while (!session.output().empty()) {
            out += session.output();
            session.sent(session.output().size());
            session.go_on();
        }
        return out;
    }
    void negotiate() {
        read();
        EXPECT_EQ(say(kCapabilities), "{\"return\": {}}\r\n");
    }

    FakeMachine machine;
    QmpShared shared{machine, {}, {}};
    QmpSession session;
};

Json parsed(std::string_view line) {
    EXPECT_TRUE(line.ends_with("\r\n")) << line;
    Json value = Json::parse(line.begin(), line.end(), nullptr, false);
    EXPECT_TRUE(value.is_object()) << line;
    return value;
}

UniqueFd some_fd() {
    return UniqueFd{open("/dev/null", O_RDWR | O_CLOEXEC)};
}

TEST(QmpSession, SpeaksFirst) {
    Connection c;
    const std::string greeting = c.read();
    EXPECT_THAT(greeting, AllOf(StartsWith("{\"QMP\": "), EndsWith("}\r\n")));
    const Json version = parsed(greeting)["QMP"]["version"];
    EXPECT_EQ(version["qemu"]["major"], 7);
    EXPECT_EQ(version["qemu"]["minor"], 2);
    EXPECT_TRUE(version["qemu"]["micro"].is_number_integer());
    EXPECT_TRUE(version["package"].is_string());
    EXPECT_THAT(parsed(greeting)["QMP"]["capabilities"], IsEmpty());
}

TEST(QmpTranscript, ConfigurationAfterTheStart) {
    Connection c;
    c.machine.chars = {{"serial0", "pty:/dev/pts/1", true}};
    c.shared.monitors = {{"libxl-cmd", "unix:/var/run/xen/qmp-libxl-1,server=on", true}};
    c.machine.vnc_info = VncInfo{"127.0.0.1", "5900", "ipv4", "none", {}};
    c.read();
    EXPECT_EQ(c.say("{\"execute\":\"qmp_capabilities\",\"id\":2020372737}\r\n"),
              "{\"return\": {}, \"id\": 2020372737}\r\n");
    const Json chardevs = parsed(c.say("{\"execute\":\"query-chardev\",\"id\":2020372736}\r\n"));
    EXPECT_EQ(chardevs["id"], 2020372736);
    EXPECT_EQ(chardevs["return"], Json::parse(R"([
        {"frontend-open": true, "filename": "pty:/dev/pts/1", "label": "serial0"},
        {"frontend-open": true, "filename": "unix:/var/run/xen/qmp-libxl-1,server=on", "label": "libxl-cmd"}])"));
    const Json vnc = parsed(c.say("{\"execute\":\"query-vnc\",\"id\":2020372738}\r\n"));
    EXPECT_EQ(vnc["return"], Json::parse(R"({"enabled": true, "host": "127.0.0.1", "service": "5900",
        "family": "ipv4", "auth": "none", "clients": []})"));
    EXPECT_EQ(
        c.say(
            "{\"execute\":\"change-vnc-password\",\"id\":2020372739,\"arguments\":{\"password\":\"x\"}}\r\n"),
        "{\"return\": {}, \"id\": 2020372739}\r\n");
    EXPECT_THAT(c.machine.calls, ElementsAre("password x"));
}

TEST(QmpTranscript, Unpausing) {
    Connection c;
    c.read();
    EXPECT_EQ(c.say("{\"execute\":\"qmp_capabilities\",\"id\":2020372737}\r\n"
                    "{\"execute\":\"cont\",\"id\":2020372736}\r\n"),
              "{\"return\": {}, \"id\": 2020372737}\r\n{\"return\": {}, \"id\": 2020372736}\r\n");
    EXPECT_EQ(c.machine.state, RunState::Running);
    EXPECT_EQ(c.say("{\"execute\":\"cont\",\"id\":2020372738}\r\n"),
              "{\"return\": {}, \"id\": 2020372738}\r\n");
}

TEST(QmpTranscript, Saving) {
    Connection c;
    c.negotiate();
    c.machine.state = RunState::Running;
    c.machine.on_change = [&] { c.session.event(event_line("STOP", "", 1'500'000)); };
    const std::string stopped = c.say("{\"execute\":\"stop\",\"id\":2020372736}\r\n");
    EXPECT_EQ(stopped, "{\"timestamp\": {\"seconds\": 1, \"microseconds\": 500000}, \"event\": \"STOP\"}\r\n"
                       "{\"return\": {}, \"id\": 2020372736}\r\n");

    char name[] = "/tmp/hvmdm-save-XXXXXX";
    UniqueFd file{mkostemp(name, O_CLOEXEC)};
    ASSERT_EQ(write(file.get(), "what an earlier save left here", 30), 30);
    std::vector<UniqueFd> fds;
    fds.emplace_back(open(name, O_WRONLY | O_CLOEXEC));
    // libxl sends the descriptor with the first byte.
    EXPECT_EQ(c.say("{", std::move(fds)), "");
    const Json added = parsed(c.say("\"execute\":\"add-fd\",\"id\":2020372738}\r\n"));
    EXPECT_EQ(added["return"]["fdset-id"], 0);
    EXPECT_TRUE(added["return"]["fd"].is_number_integer());
    EXPECT_EQ(c.say("{\"execute\":\"xen-save-devices-state\",\"id\":2020372739,\"arguments\":"
                    "{\"live\":false,\"filename\":\"/dev/fdset/0\"}}\r\n"),
              "{\"return\": {}, \"id\": 2020372739}\r\n");
    EXPECT_THAT(c.machine.calls, ElementsAre("stop", "save"));
    char content[64];
    EXPECT_EQ(pread(file.get(), content, sizeof content, 0), 5); // "state" and no stale tail
    unlink(name);
}

TEST(QmpTranscript, InsertingACd) {
    Connection c;
    c.negotiate();
    c.machine.disks = {{"ide-5632", "/old.iso", true, true}};
    EXPECT_THAT(c.say("{\"execute\":\"query-version\",\"id\":1}\r\n"), HasSubstr("\"qemu\""));
    EXPECT_EQ(c.say("{\"execute\":\"eject\",\"id\":2,\"arguments\":{\"id\":\"ide-5632\"}}\r\n"),
              "{\"return\": {}, \"id\": 2}\r\n");
    std::vector<UniqueFd> fds;
    fds.emplace_back(open("/dev/null", O_RDONLY | O_CLOEXEC));
    c.say("{", std::move(fds));
    EXPECT_THAT(c.say("\"execute\":\"add-fd\",\"id\":3,\"arguments\":{\"opaque\":\"raw:/i.iso\"}}\r\n"),
                HasSubstr("\"fdset-id\":0"));
    EXPECT_EQ(c.say("{\"execute\":\"blockdev-change-medium\",\"id\":4,\"arguments\":{\"id\":\"ide-5632\","
                    "\"filename\":\"/dev/fdset/0\",\"format\":\"raw\"}}\r\n"),
              "{\"return\": {}, \"id\": 4}\r\n");
    EXPECT_THAT(c.machine.calls, ElementsAre("eject ide-5632", "insert ide-5632 /i.iso raw ro fd"));
}

TEST(QmpTranscript, LibxenstatSendsNoLineEndsAndNoIds) {
    Connection c(/*events=*/false);
    c.machine.disks = {{"ide0-hd0", "/d.qcow2", false, false, 10, 20, 3, 4}};
    c.read();
    EXPECT_EQ(c.say("{ \"execute\": \"qmp_capabilities\" }"), "{\"return\": {}}\r\n");
    const Json stats = parsed(c.say("{ \"execute\": \"query-blockstats\" }"));
    EXPECT_EQ(stats["return"][0]["device"], "ide0-hd0");
    EXPECT_EQ(stats["return"][0]["stats"]["rd_bytes"], 10);
    EXPECT_EQ(stats["return"][0]["stats"]["wr_operations"], 4);
    c.session.event(event_line("STOP", "", 0));
    EXPECT_EQ(parsed(c.say("{ \"execute\": \"query-block\" }"))["return"][0]["inserted"]["file"], "/d.qcow2");
}

TEST(QmpTranscript, TheProbeOfNewerLibxl) {
    Connection c;
    c.negotiate();
    const Json reply = parsed(c.say("{\"execute\":\"query-command-line-options\",\"id\":1}\r\n"));
    bool chroot = false;
    bool user = false;
    for (const Json& option : reply["return"]) {
        ASSERT_TRUE(option["option"].is_string());
        for (const Json& parameter : option["parameters"]) {
            ASSERT_TRUE(parameter["name"].is_string());
            if (option["option"] != "run-with") continue;
            chroot = chroot || parameter["name"] == "chroot";
            user = user || parameter["name"] == "user";
        }
    }
    EXPECT_TRUE(chroot && user);
    EXPECT_EQ(c.say("{\"execute\":\"quit\",\"id\":2}\r\n"), "{\"return\": {}, \"id\": 2}\r\n");
    EXPECT_THAT(c.machine.calls, ElementsAre("quit"));
}

TEST(QmpSession, AnyIdIsEchoedAndNoneIsNot) {
    Connection c;
    c.negotiate();
    for (const char* id : {"0", "-1", "2020372736", "9223372036854775807", "18446744073709551615", "1.5",
                           "\"x\\n\"", "null", "true", "[1,{\"a\":[]}]", "{}"}) {
        const Json reply = parsed(c.say(fmt::format("{{\"execute\":\"query-name\",\"id\":{}}}", id)));
        EXPECT_EQ(reply["id"], Json::parse(id)) << id;
    }
    EXPECT_EQ(c.say("{\"execute\":\"stop\"}"), "{\"return\": {}}\r\n");
    EXPECT_EQ(parsed(c.say("{\"execute\":\"nonsense\",\"id\":[7]}"))["id"], Json::parse("[7]"));
    EXPECT_FALSE(parsed(c.say("{\"execute\":\"nonsense\"}")).contains("id"));
}

TEST(QmpSession, ReplyComesBeforeIdAndOnOneLine) {
    Connection c;
    c.negotiate();
    const std::string reply = c.say("{\"execute\":\"query-commands\",\"id\":1}");
    EXPECT_THAT(reply, StartsWith("{\"return\": "));
    EXPECT_EQ(reply.find('\n'), reply.size() - 1);
    EXPECT_EQ(reply.find('\r'), reply.size() - 2);
}

TEST(QmpSession, BeforeNegotiationNothingElseIsFoundAndTheConnectionStays) {
    Connection c;
    c.read();
    EXPECT_EQ(parsed(c.say("{\"execute\":\"stop\",\"id\":1}"))["error"]["class"], "CommandNotFound");
    EXPECT_THAT(c.machine.calls, IsEmpty());
    EXPECT_EQ(c.say(kCapabilities), "{\"return\": {}}\r\n");
    EXPECT_EQ(parsed(c.say(kCapabilities))["error"]["class"], "CommandNotFound");
    EXPECT_EQ(c.say("{\"execute\":\"stop\"}"), "{\"return\": {}}\r\n");
}

TEST(QmpSession, CapabilitiesThatAreNotThereCannotBeEnabled) {
    Connection c;
    c.read();
    for (const char* arguments : {"{\"enable\":[\"oob\"]}", "{\"enable\":1}", "{\"x\":1}"})
        EXPECT_EQ(parsed(c.say(fmt::format("{{\"execute\":\"qmp_capabilities\",\"arguments\":{}}}",
                                           arguments)))["error"]["class"],
                  "GenericError");
    EXPECT_EQ(c.say("{\"execute\":\"qmp_capabilities\",\"arguments\":{\"enable\":[]}}"),
              "{\"return\": {}}\r\n");
}

TEST(QmpSession, UnknownCommandsAreNotFound) {
    Connection c;
    c.negotiate();
    for (const char* command : {"query-cpus", "cpu-add", "change", "", "STOP", "stop "}) {
        const Json error = parsed(c.say(fmt::format("{{\"execute\":\"{}\",\"id\":5}}", command)));
        EXPECT_EQ(error["error"]["class"], "CommandNotFound") << command;
        EXPECT_TRUE(error["error"]["desc"].is_string());
        EXPECT_EQ(error["id"], 5);
    }
}

TEST(QmpSession, BadFramesOfCommandsAreGenericErrors) {
    Connection c;
    c.negotiate();
    for (const char* bad : {
             "{]\n",
             "{\xff\n",
             "{\x01\n",
             "{'bad \xff\n",
             "{\"execute\":\"query-name\n",
             "%p\n",
             "null\n",
             "[]\n",
             "{}",
             "{\"execute\":true}",
             "{\"execute\":\"query-name\",\"arguments\":[]}",
             "{\"execute\":\"query-name\",\"arguments\":null}",
             "{\"execute\":\"query-name\",\"extra\":1}",
             "{\"exec-oob\":\"query-name\"}",
             "{\"execute\":\"query-name\",\"arguments\":{\"x\":1}}",
             "{\"execute\":\"query-name\",\"execute\":\"quit\"}",
             "{\"execute\" \"query-name\"}",
             "{\"id\":1e999}",
             "{\"execute\":\"query-name\",}",
             "{\"id\":01}",
             "{\"id\":nul}",
             "{\"execute\":\"\xed\xa0\x80\"}",
             "{\"execute\":\"\\ud800\"}",
         }) {
        const Json reply = parsed(c.say(bad));
        EXPECT_EQ(reply["error"]["class"], "GenericError") << bad;
        EXPECT_EQ(c.say("\n{\"execute\":\"query-name\"}"), "{\"return\": {\"name\":\"g\"}}\r\n")
            << "after " << bad;
    }
    EXPECT_THAT(c.machine.calls, IsEmpty());
}

TEST(QmpSession, TheIdOfARefusedFrameIsEchoed) {
    Connection c;
    c.negotiate();
    EXPECT_EQ(parsed(c.say("{\"execute\":true,\"id\":9}"))["id"], 9);
    EXPECT_EQ(parsed(c.say("{\"id\":9}"))["id"], 9);
}

TEST(QmpSession, EverySplitOfATranscriptGivesTheSameReplies) {
    const std::string transcript = "{\"execute\":\"qmp_capabilities\",\"id\":1}\r\n"
                                   "{ \"execute\": \"query-status\" }"
                                   "{\"execute\":\"change-vnc-password\",\"id\":\"\\ud83d\\ude00\xc3\xa4\","
                                   "\"arguments\":{\"password\":\"}\\\"{\"}}\r\n{]\n{\"execute\":\"cont\"}";
    Connection whole;
    const std::string expected = whole.say(transcript);
    for (std::size_t at = 1; at < transcript.size(); ++at) {
        Connection c;
        std::string got = c.say(transcript.substr(0, at));
        got += c.say(transcript.substr(at));
        EXPECT_EQ(got, expected) << "split at " << at;
    }
    Connection c;
    std::string got;
    for (const char byte : transcript)
        got += c.say({&byte, 1});
    EXPECT_EQ(got, expected);
}

TEST(QmpSession, AClientThatDoesNotReadIsNotServedOn) {
    Connection c;
    c.negotiate();
    std::string pipeline;
    for (int i = 0; i < 20000; ++i)
        pipeline += fmt::format("{{\"execute\":\"query-name\",\"id\":{}}}\n", i);
    const std::size_t chunk = 64 * 1024;
    std::size_t fed = 0;
    std::size_t worst = 0;
    unsigned replies = 0;
    // Reads only when the session wants no more.
    while (fed < pipeline.size() || !c.session.output().empty()) {
        if (fed < pipeline.size() && c.session.wants_input()) {
            c.session.receive(std::string_view(pipeline).substr(fed, chunk));
            fed = std::min(pipeline.size(), fed + chunk);
        } else {
            const std::string& out = c.session.output();
            replies += static_cast<unsigned>(std::count(out.begin(), out.end(), '\n'));
            c.session.sent(out.size());
            c.session.go_on();
        }
        worst = std::max(worst, c.session.output().size());
    }
    EXPECT_EQ(replies, 20000U);
    EXPECT_LT(worst, QmpSession::kOutputPause + 1024);
}

TEST(QmpSession, WithoutAReaderExecutionStops) {
    Connection c;
    c.negotiate();
    std::string pipeline;
    for (int i = 0; i < 20000; ++i)
        pipeline += "{\"execute\":\"stop\",\"id\":\"some long id so that replies are long as well\"}";
    c.session.receive(pipeline);
    EXPECT_FALSE(c.session.wants_input());
    EXPECT_LT(c.machine.calls.size(), 20000U);
    EXPECT_LT(c.session.output().size(), QmpSession::kOutputPause + 1024);
    c.read();
    EXPECT_EQ(c.machine.calls.size(), 20000U);
    EXPECT_TRUE(c.session.wants_input());
}

TEST(QmpSession, WhoStoppedReadingIsStillObeyed) {
    Connection c;
    c.negotiate();
    std::string pipeline;
    for (int i = 0; i < 20000; ++i)
        pipeline += "{\"execute\":\"stop\",\"id\":\"some long id so that replies are long as well\"}";
    c.session.receive(pipeline);
    c.session.abandon_output();
    EXPECT_TRUE(c.session.waiting());
    c.session.go_on();
    EXPECT_EQ(c.machine.calls.size(), 20000U);
    EXPECT_EQ(c.session.output(), "");
}

TEST(QmpSession, EventsWaitForNegotiationAndAreBounded) {
    Connection c;
    c.read();
    c.session.event("early\r\n");
    EXPECT_EQ(c.read(), "");
    c.negotiate();
    for (int i = 0; i < 20000; ++i)
        c.session.event("an event of thirty bytes ....\r\n");
    EXPECT_LE(c.session.output().size(), QmpSession::kOutputPause + 64);
    EXPECT_THAT(c.read(), StartsWith("an event"));
}

TEST(QmpSession, AnEventDuringACommandIsSentWithoutStartingTheNextOne) {
    Connection c;
    c.negotiate();
    c.machine.on_change = [&] {
        c.session.event("event\r\n");
        c.session.sent(c.session.output().size()); // as the server does from inside the command
    };
    c.session.receive("{\"execute\":\"stop\"}{\"execute\":\"cont\"}{\"execute\":\"stop\"}");
    EXPECT_THAT(c.machine.calls, ElementsAre("stop", "resume", "stop"));
}

TEST(QmpDescriptors, NoneOneAndAsManyAsTheKernelPasses) {
    Connection c;
    c.negotiate();
    EXPECT_EQ(parsed(c.say("{\"execute\":\"add-fd\"}"))["error"]["class"], "GenericError");

    std::vector<UniqueFd> one;
    one.push_back(some_fd());
    EXPECT_TRUE(parsed(c.say("{\"execute\":\"add-fd\"}", std::move(one))).contains("return"));

    std::vector<UniqueFd> many;
    std::vector<int> numbers;
    for (int i = 0; i < 253; ++i) {
        many.push_back(some_fd());
        numbers.push_back(many.back().get());
    }
    EXPECT_TRUE(parsed(c.say("{\"execute\":\"add-fd\"}", std::move(many))).contains("return"));
    const auto open =
        std::count_if(numbers.begin(), numbers.end(), [](int fd) { return fcntl(fd, F_GETFD) >= 0; });
    EXPECT_EQ(open, static_cast<long>(QmpSession::kMostFds));
}

TEST(QmpDescriptors, OnesWithoutACommandAreClosedByTheNextAndAtTheEnd) {
    int first = -1;
    int second = -1;
    {
        Connection c;
        c.negotiate();
        std::vector<UniqueFd> fds;
        fds.push_back(some_fd());
        first = fds.back().get();
        c.say("{\"execute\":\"query-name\"}", std::move(fds));
        EXPECT_GE(fcntl(first, F_GETFD), 0);
        std::vector<UniqueFd> more;
        more.push_back(some_fd());
        second = more.back().get();
        c.say("{\"execute\":\"query-name\"}", std::move(more));
        EXPECT_LT(fcntl(first, F_GETFD), 0);
        EXPECT_GE(fcntl(second, F_GETFD), 0);
    }
    EXPECT_LT(fcntl(second, F_GETFD), 0);
}

TEST(QmpEventLines, HaveTheFormOfQemu) {
    EXPECT_EQ(event_line("SHUTDOWN", "{\"guest\":true}", 7'000'001),
              "{\"timestamp\": {\"seconds\": 7, \"microseconds\": 1}, \"event\": \"SHUTDOWN\", \"data\": "
              "{\"guest\":true}}\r\n");
}

} // namespace
} // namespace dm::toolstack
