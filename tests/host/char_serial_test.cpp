// The modem lines of a host's serial port, played by a terminal whose ioctls for them are ours.
#include "dm/host/char_serial.hpp"

#include "tests/host/char_rig.hpp"

#include <cerrno>
#include <cstdarg>
#include <sys/ioctl.h>

namespace dm::host::test {
namespace {

/// In the kernel's bits.
struct Modem {
    bool there = false;
    int lines = 0;
};
Modem modem;

std::optional<int> modem_ioctl(unsigned long request, int* bits) {
    if (!modem.there) return std::nullopt;
    if (request == TIOCMGET)
        *bits = modem.lines;
    else if (request == TIOCMBIS)
        modem.lines |= *bits;
    else if (request == TIOCMBIC)
        modem.lines &= ~*bits;
    else
        return std::nullopt;
    return 0;
}

struct SerialLinesTest : CharTest {
    UniqueFd far_end{::posix_openpt(O_RDWR | O_NOCTTY)};
    SerialLinesTest() {
        EXPECT_EQ(::grantpt(far_end.get()) + ::unlockpt(far_end.get()), 0);
        open({.kind = CharKind::HostSerial, .path = ::ptsname(far_end.get())});
    }
    ~SerialLinesTest() override { modem = {}; }
    SerialLinesTest(const SerialLinesTest&) = delete;
    SerialLinesTest& operator=(const SerialLinesTest&) = delete;
};

TEST_F(SerialLinesTest, OutputsSwitchTheirLinesAndNoOthers) {
    modem = {.there = true, .lines = TIOCM_CTS | TIOCM_RTS};
    EXPECT_TRUE(backend->set_modem_outputs(ModemLine::DTR));
    EXPECT_EQ(modem.lines, TIOCM_CTS | TIOCM_DTR);
    EXPECT_TRUE(backend->set_modem_outputs(ModemLine::DTR | ModemLine::RTS));
    EXPECT_EQ(modem.lines, TIOCM_CTS | TIOCM_DTR | TIOCM_RTS);
    EXPECT_TRUE(backend->set_modem_outputs(0));
    EXPECT_EQ(modem.lines, TIOCM_CTS);
}

TEST_F(SerialLinesTest, EachInputIsWhereMsrHasIt) {
    modem.there = true;
    for (const auto& [host, here] : {std::pair{TIOCM_CTS, u8{0x10}},
                                     {TIOCM_DSR, u8{0x20}},
                                     {TIOCM_RI, u8{0x40}},
                                     {TIOCM_CD, u8{0x80}},
                                     {TIOCM_DTR | TIOCM_RTS, u8{0}}}) {
        modem.lines = host;
        EXPECT_EQ(backend->modem_inputs(), here);
    }
}

TEST_F(SerialLinesTest, ATerminalThatIsNoSerialPortHasNone) {
    EXPECT_FALSE(backend->set_modem_outputs(3));
    EXPECT_EQ(backend->modem_inputs(), std::nullopt);
}

} // namespace
} // namespace dm::host::test

// NOLINTBEGIN(bugprone-reserved-identifier,cert-dcl37-c,cert-dcl50-cpp,cert-dcl51-cpp): the linker's names
extern "C" int __real_ioctl(int fd, unsigned long request, ...);
extern "C" int __wrap_ioctl(int fd, unsigned long request, ...);

extern "C" int __wrap_ioctl(int fd, unsigned long request, ...) {
    va_list arguments;
    va_start(arguments, request);
    void* const argument = va_arg(arguments, void*);
    va_end(arguments);
    auto* const bits = static_cast<int*>(argument);
    if (const auto answer = dm::host::test::modem_ioctl(request, bits)) return *answer;
    return __real_ioctl(fd, request, argument);
}
// NOLINTEND(bugprone-reserved-identifier,cert-dcl37-c,cert-dcl50-cpp,cert-dcl51-cpp)
