#include "dm/host/char_factory.hpp"

#include "dm/host/char_file.hpp"
#include "dm/host/char_pipe.hpp"
#include "dm/host/char_serial.hpp"
#include "dm/host/char_socket.hpp"
#include "dm/host/pty.hpp"

namespace dm::host {

Result<std::unique_ptr<CharBackend>> make_char_backend(EventLoop& loop, const CharOptions& options) {
    switch (options.kind) {
    case CharKind::Null: return std::unique_ptr<CharBackend>(std::make_unique<NullChar>());
    case CharKind::Pty: return Pty::open(loop);
    case CharKind::File: return FileChar::open(options);
    case CharKind::Pipe: return PipeChar::open(loop, options);
    case CharKind::Unix:
    case CharKind::Tcp: return SocketChar::open(loop, options);
    case CharKind::HostSerial: return SerialChar::open(loop, options);
    case CharKind::Stdio:
        return fail("{}: a guest that the toolstack starts has no terminal of its own; use pty and "
                    "xl console -t serial",
                    options.text);
    case CharKind::Unsupported: break;
    }
    return fail("{}: there is no such serial port here; there are pty, null, file:PATH, pipe:PATH, "
                "unix:PATH[,server[,wait=off]], tcp:HOST:PORT[,server[,wait=off]] and /dev/PORT",
                options.text);
}

} // namespace dm::host
