#include "dm/host/char_factory.hpp"

#include "dm/core/log.hpp"
#include "dm/host/char_file.hpp"
#include "dm/host/char_pipe.hpp"
#include "dm/host/char_serial.hpp"
#include "dm/host/char_socket.hpp"
#include "dm/host/pty.hpp"

namespace dm::host {
namespace {

std::unique_ptr<CharBackend> to_nobody(const CharOptions& options) {
    const Log log("serial");
    log.warning("{}: nobody is there, what the guest writes is dropped; serial=\"pty\" in xl.cfg and "
                "xl console -t serial show it",
                options.text);
    return std::make_unique<NullChar>();
}

} // namespace

Result<std::unique_ptr<CharBackend>> make_char_backend(EventLoop& loop, const CharOptions& options) {
    switch (options.kind) {
    case CharKind::Nowhere: return to_nobody(options);
    case CharKind::Null: return std::unique_ptr<CharBackend>(std::make_unique<NullChar>());
    case CharKind::Pty: return Pty::open(loop);
    case CharKind::File: return FileChar::open(options);
    case CharKind::Pipe: return PipeChar::open(loop, options);
    case CharKind::Unix:
    case CharKind::Tcp: return SocketChar::open(loop, options);
    case CharKind::HostSerial: return SerialChar::open(loop, options);
    case CharKind::Unsupported: break;
    }
    return fail("{}: there is no such serial port here; there are pty, null, file:PATH, pipe:PATH, "
                "unix:PATH[,server[,wait=off]], tcp: or telnet:HOST:PORT[,server[,wait=off]] and /dev/PORT",
                options.text);
}

} // namespace dm::host
