// One QMP connection. An input is what a client sends, cut by bytes that no client needs: see Control.
#include "dm/toolstack/qmp_events.hpp"
#include "dm/toolstack/qmp_session.hpp"
#include "tests/fuzz/guard.hpp"
#include "tests/fuzz/no_files.hpp"
#include "tests/fuzz/target.hpp"
#include "tests/toolstack/fake_machine.hpp"

#include <fcntl.h>

namespace dm::fuzz {
namespace {

using namespace toolstack;

enum Control : u8 {
    DELIVER = 0x01,   ///< what came so far arrives
    WITH_FD = 0x02,   ///< ... together with a descriptor
    SENT = 0x03,      ///< the client read everything
    SENT_SOME = 0x04, ///< the client read a little
    EVENT = 0x05,
    REFUSE = 0x06, ///< from now on the machine refuses what it is asked for; or does not any more
    ABANDON = 0x07,
};

constexpr std::size_t kMostOutput = QmpSession::kOutputPause + 2 * JsonFramer::kMaxLength;

class Client {
public:
    explicit Client(bool events) : session_(shared_, events) {
        machine_.chars = {{"serial0", "pty:/dev/pts/1", true}};
        machine_.disks = {{"ide0-hd0", "/d.raw", false, false, 1, 2, 3, 4},
                          {"ide-5632", "/i.iso", true, true}};
        machine_.vnc_info = VncInfo{"127.0.0.1", "5900", "ipv4", "none", {}};
        machine_.on_change = [this] { session_.event(event_line("STOP", "", 1'500'000)); };
    }

    void control(u8 byte) {
        switch (byte) {
        case DELIVER: deliver(0); break;
        case WITH_FD: deliver(1); break;
        case SENT: read(session_.output().size()); break;
        case SENT_SOME: read(std::min<std::size_t>(session_.output().size(), 100)); break;
        case EVENT: session_.event(event_line("RTC_CHANGE", "{\"offset\": 1}", 2'000'000)); break;
        case REFUSE: machine_.refusal = machine_.refusal.empty() ? "not now: \xff \" \n" : ""; break;
        case ABANDON:
            session_.abandon_output();
            session_.go_on();
            break;
        default: text_ += static_cast<char>(byte); return;
        }
        machine_.calls.clear();
        if (session_.output().size() > kMostOutput)
            finding("{} bytes wait for a client that does not read", session_.output().size());
    }
    void finish() {
        deliver(0);
        while (!session_.output().empty())
            read(session_.output().size());
    }

private:
    void deliver(unsigned count) {
        std::vector<UniqueFd> fds;
        for (unsigned i = 0; i < count; ++i)
            fds.emplace_back(::openat(AT_FDCWD, "/dev/null", O_RDWR | O_CLOEXEC));
        session_.receive(std::exchange(text_, {}), std::move(fds));
    }
    /// Every line that the client reads is one JSON object.
    void read(std::size_t bytes) {
        line_ += session_.output().substr(0, bytes);
        session_.sent(bytes);
        session_.go_on();
        for (std::size_t end = line_.find("\r\n"); end != std::string::npos; end = line_.find("\r\n")) {
            const Json value = Json::parse(line_.substr(0, end), nullptr, false);
            if (!value.is_object()) finding("not an object: {}", line_.substr(0, end));
            const bool known = value.contains("return") || value.contains("error") ||
                               value.contains("event") || value.contains("QMP");
            if (!known) finding("nobody waits for {}", line_.substr(0, end));
            line_.erase(0, end + 2);
        }
    }

    test::FakeMachine machine_;
    QmpShared shared_{machine_, {}, {}};
    QmpSession session_;
    std::string text_;
    std::string line_;
};

void run(const Target&, std::span<const u8> input) {
    const NoFiles no_files; // commands name files
    const std::string_view text{reinterpret_cast<const char*>(input.data()), input.size()};
    const auto what = [&] { return text; };
    const Operating operating(what);
    Client client(!input.empty() && (input[0] & 1) == 0);
    for (const u8 byte : input)
        client.control(byte);
    client.finish();
}

const Registered qmp_session{{"qmp-session", run}};

} // namespace
} // namespace dm::fuzz
