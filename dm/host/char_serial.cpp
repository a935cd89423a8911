#include "dm/host/char_serial.hpp"

#include "dm/core/log.hpp"

#include <array>
#include <cerrno>
#include <cstring>
#include <fcntl.h>
#include <sys/ioctl.h>

namespace dm::host {
namespace {

constexpr u8 kMark = 0xff; // with PARMRK: FF 00 00 is a break, FF FF is FF

struct Speed {
    u32 baud;
    speed_t setting;
};
constexpr std::array kSpeeds{
    Speed{50, B50},         Speed{75, B75},       Speed{110, B110},     Speed{134, B134},
    Speed{150, B150},       Speed{200, B200},     Speed{300, B300},     Speed{600, B600},
    Speed{1200, B1200},     Speed{1800, B1800},   Speed{2400, B2400},   Speed{4800, B4800},
    Speed{9600, B9600},     Speed{19200, B19200}, Speed{38400, B38400}, Speed{57600, B57600},
    Speed{115200, B115200},
};

/// The fastest one that is not above what the guest chose: divisors round down.
speed_t nearest(u32 baud) {
    speed_t best = kSpeeds.front().setting;
    for (const Speed& speed : kSpeeds)
        if (speed.baud <= baud) best = speed.setting;
    return best;
}

tcflag_t character_size(u8 data_bits) {
    switch (data_bits) {
    case 5: return CS5;
    case 6: return CS6;
    case 7: return CS7;
    default: return CS8;
    }
}

} // namespace

void apply_line(termios& settings, const LineSettings& line) {
    using Parity = LineSettings::Parity;
    ::cfsetispeed(&settings, nearest(line.baud));
    ::cfsetospeed(&settings, nearest(line.baud));
    settings.c_cflag &= ~static_cast<tcflag_t>(CSIZE | CSTOPB | PARENB | PARODD);
    settings.c_cflag |= character_size(line.data_bits);
    if (line.stop_bits == 2) settings.c_cflag |= CSTOPB;
    if (line.parity != Parity::None) settings.c_cflag |= PARENB;
#ifdef CMSPAR
    settings.c_cflag &= ~static_cast<tcflag_t>(CMSPAR);
    if (line.parity == Parity::Mark || line.parity == Parity::Space) settings.c_cflag |= CMSPAR;
#endif
    if (line.parity == Parity::Odd || line.parity == Parity::Mark) settings.c_cflag |= PARODD;
}

Result<std::unique_ptr<CharBackend>> SerialChar::open(EventLoop& loop, const CharOptions& options) {
    UniqueFd fd(::open(options.path.c_str(), O_RDWR | O_NOCTTY | O_CLOEXEC | O_NONBLOCK));
    if (!fd) return fail("{}: cannot open {}: {}", options.text, options.path, std::strerror(errno));
    termios settings{};
    if (::isatty(fd.get()) == 0 || ::tcgetattr(fd.get(), &settings) != 0)
        return fail(
            "{}: {} is not a serial port or terminal (null, file:PATH and pty are there for the rest)",
            options.text, options.path);
    ::cfmakeraw(&settings);
    settings.c_cflag |= CLOCAL | CREAD;
    settings.c_iflag &= ~static_cast<tcflag_t>(IGNBRK | BRKINT | IGNPAR);
    settings.c_iflag |= PARMRK; // breaks must be told from zeros
    if (::tcsetattr(fd.get(), TCSANOW, &settings) != 0)
        return fail("{}: cannot set {} up: {}", options.text, options.path, std::strerror(errno));
    return std::unique_ptr<CharBackend>(std::make_unique<SerialChar>(loop, std::move(fd), options.path));
}

void SerialChar::set_line(const LineSettings& line) {
    termios settings{};
    if (::tcgetattr(port_.fd(), &settings) != 0) return;
    apply_line(settings, line);
    ::tcsetattr(port_.fd(), TCSANOW, &settings); // a speed that the hardware lacks leaves the old one
}

void SerialChar::set_break(bool on) {
    ::ioctl(port_.fd(), on ? TIOCSBRK : TIOCCBRK);
}

/// A terminal that is no serial port has none.
bool SerialChar::set_modem_outputs(u8 lines) {
    int on = 0;
    int off = 0;
    ((lines & ModemLine::DTR) != 0 ? on : off) |= TIOCM_DTR;
    ((lines & ModemLine::RTS) != 0 ? on : off) |= TIOCM_RTS;
    return ::ioctl(port_.fd(), TIOCMBIC, &off) == 0 && ::ioctl(port_.fd(), TIOCMBIS, &on) == 0;
}

std::optional<u8> SerialChar::modem_inputs() {
    int host = 0;
    if (::ioctl(port_.fd(), TIOCMGET, &host) != 0) return std::nullopt;
    const auto line = [&](int there, u8 here) { return (host & there) != 0 ? unsigned{here} : 0U; };
    return static_cast<u8>(line(TIOCM_CTS, ModemLine::CTS) | line(TIOCM_DSR, ModemLine::DSR) |
                           line(TIOCM_RI, ModemLine::RI) | line(TIOCM_CD, ModemLine::DCD));
}

/// Undoes PARMRK. A sequence may be split anywhere.
void SerialChar::input(std::span<const u8> bytes) {
    std::array<u8, CharChannel::kMostInput> plain{};
    std::size_t n = 0;
    for (const u8 byte : bytes) {
        if (marks_ == 0 && byte == kMark) {
            marks_ = 1;
        } else if (marks_ == 1 && byte == 0) {
            marks_ = 2;
        } else if (marks_ == 2 && byte == 0) {
            marks_ = 0;
            deliver(std::span(plain).first(n));
            n = 0;
            if (frontend() != nullptr) frontend()->break_received();
        } else { // also FF FF, and FF 00 c: a character with a parity error is given as it is
            marks_ = 0;
            plain[n++] = byte;
        }
    }
    deliver(std::span(plain).first(n));
}

void SerialChar::closed() {
    Log("serial").warning("{} is gone; the guest's port is disconnected", path_);
}

} // namespace dm::host
