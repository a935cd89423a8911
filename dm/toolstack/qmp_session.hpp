// One QMP connection: bytes in, bytes out, no sockets.
//
//   - the greeting comes first; until qmp_capabilities every other command is "not found";
//   - each reply is one line that ends with CR LF (libxl waits for it) and echoes the id, whatever it is;
//   - a client that sends without reading is not served on: wants_input() turns false.
#pragma once

#include "dm/core/log.hpp"
#include "dm/toolstack/json_framer.hpp"
#include "dm/toolstack/qmp_types.hpp"

#include <string>
#include <string_view>
#include <vector>

namespace dm::toolstack {

class QmpSession {
public:
    /// With more unsent output than this no command is executed and no event is queued.
    static constexpr std::size_t kOutputPause = std::size_t{256} << 10;
    static constexpr std::size_t kMostFds = 16; ///< waiting for add-fd

    /// `events`: the client may get them once it has negotiated.
    QmpSession(QmpShared& shared, bool events);

    /// `fds` came with the first of these bytes; those that wait from before and were not asked for are
    /// closed.
    void receive(std::string_view bytes, std::vector<UniqueFd> fds = {});
    bool wants_input() const { return input_.empty() && output_.size() < kOutputPause; }

    /// What is to be sent.
    const std::string& output() const { return output_; }
    /// `count` bytes of it were sent.
    void sent(std::size_t count) { output_.erase(0, count); }
    /// The client does not read any more: replies are dropped from now on.
    void abandon_output();
    /// Commands waited for output to be sent, which has happened.
    bool waiting() const { return !running_ && !input_.empty() && output_.size() < kOutputPause; }
    /// Executes them. Not from within an event: its cause may be in the middle of anything.
    void go_on() { run(); }

    /// `line` with its end; dropped before negotiation and while the client does not read.
    void event(std::string_view line);

private:
    void run();
    void take(std::string_view text);
    void execute(const Json& request, std::string_view id_member);
    QmpReply negotiate(const Json& arguments);
    void reply(const QmpReply& reply, std::string_view id_member);

    Log log_{"qmp"};
    QmpShared& shared_;
    JsonFramer framer_;
    std::string input_; ///< not looked at yet
    std::string output_;
    std::vector<UniqueFd> fds_;
    bool wants_events_;
    bool negotiated_ = false;
    bool abandoned_ = false;
    bool running_ = false;
};

} // namespace dm::toolstack
