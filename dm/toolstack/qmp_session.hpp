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
    static constexpr std::size_t kOutputPause = std::size_t{256} * 1024;
    static constexpr std::size_t kMostFds = 16; ///< waiting for add-fd

    /// `events`: the client may get them once it has negotiated.
    QmpSession(QmpShared& shared, bool events);

    /// `fds` came with the first of these bytes; those that wait from before and were not asked for are
    /// closed.
    void receive(std::string_view bytes, std::vector<UniqueFd> fds = {});
    bool wants_input() const { return input_.empty() && output_.size() < kOutputPause; }

    /// What is to be sent.
    const std::string& output() const { return output_; }
    /// `count` bytes of it were sent; commands that waited for that are executed.
    void sent(std::size_t count);
    /// The client does not read any more: execute what it sent, drop the replies.
    void abandon_output();

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
    bool running_ = false; ///< a command may cause events, and sending them must not start the next command
};

} // namespace dm::toolstack
