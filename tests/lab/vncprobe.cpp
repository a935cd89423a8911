// Measures, in dom0, how soon viewers see what the guest of guests/display draws, and attacks its VNC server.
//
//   vncprobe latency PORT TTY QUIET_MS COUNT ATTACKERS
//                                              one line "latency MICROSECONDS" for each change
//   vncprobe ports TTY COUNT                   one line "port NANOSECONDS" for each hundred port accesses
//   vncprobe pace TTY LETTER COUNT MS          tells the guest so often, so far apart, and waits for each
//   vncprobe watch PORT SECONDS                a viewer that only looks
//   vncprobe hostile PORT VIEWERS SECONDS      viewers that stall, flood, babble and come back
#include <arpa/inet.h>
#include <array>
#include <atomic>
#include <chrono>
#include <cstdio>
#include <cstdlib>
#include <cstring>
#include <fcntl.h>
#include <netinet/in.h>
#include <netinet/tcp.h>
#include <poll.h>
#include <string>
#include <sys/socket.h>
#include <termios.h>
#include <thread>
#include <unistd.h>
#include <vector>

namespace {

using Clock = std::chrono::steady_clock;
using std::chrono::milliseconds;

constexpr int kPatienceMs = 20'000;

[[noreturn]] void give_up(const char* what) {
    std::perror(what);
    std::exit(1);
}

long long since(Clock::time_point begin, long long unit_ns) {
    return std::chrono::nanoseconds(Clock::now() - begin).count() / unit_ns;
}

int connect_from(const std::string& source, int port) {
    const int fd = socket(AF_INET, SOCK_STREAM | SOCK_CLOEXEC, 0);
    sockaddr_in own{};
    own.sin_family = AF_INET;
    inet_pton(AF_INET, source.c_str(), &own.sin_addr);
    sockaddr_in server{};
    server.sin_family = AF_INET;
    server.sin_port = htons(static_cast<std::uint16_t>(port));
    server.sin_addr.s_addr = htonl(INADDR_LOOPBACK);
    const int on = 1;
    setsockopt(fd, IPPROTO_TCP, TCP_NODELAY, &on, sizeof(on));
    if (bind(fd, reinterpret_cast<sockaddr*>(&own), sizeof(own)) != 0 ||
        connect(fd, reinterpret_cast<sockaddr*>(&server), sizeof(server)) != 0) {
        close(fd);
        return -1;
    }
    return fd;
}

bool receive(int fd, void* out, std::size_t n) {
    auto* bytes = static_cast<char*>(out);
    while (n > 0) {
        pollfd p{fd, POLLIN, 0};
        if (poll(&p, 1, kPatienceMs) <= 0) return false;
        const ssize_t got = read(fd, bytes, n);
        if (got <= 0) return false;
        bytes += got;
        n -= static_cast<std::size_t>(got);
    }
    return true;
}

bool put(int fd, const std::string& bytes) {
    return send(fd, bytes.data(), bytes.size(), MSG_NOSIGNAL) == static_cast<ssize_t>(bytes.size());
}

std::string raw(std::initializer_list<int> bytes) {
    std::string text;
    for (const int b : bytes)
        text.push_back(static_cast<char>(b));
    return text;
}

unsigned number(const unsigned char* at, unsigned bytes) {
    unsigned n = 0;
    for (unsigned i = 0; i < bytes; ++i)
        n = n << 8 | at[i];
    return n;
}

/// Handshake without a password; false when the server refuses.
bool enter(int fd) {
    std::array<char, 12> version{};
    std::array<unsigned char, 24> init{};
    std::array<char, 4> result{};
    unsigned char types = 0;
    if (!receive(fd, version.data(), version.size()) || !put(fd, "RFB 003.008\n") || !receive(fd, &types, 1))
        return false;
    std::vector<char> list(types);
    if (types == 0 || !receive(fd, list.data(), list.size()) || !put(fd, raw({1})) ||
        !receive(fd, result.data(), 4) || !put(fd, raw({1})) || !receive(fd, init.data(), init.size()))
        return false;
    std::vector<char> name(number(&init[20], 4));
    return receive(fd, name.data(), name.size());
}

class Viewer {
public:
    explicit Viewer(int port) : fd_(connect_from("127.0.0.1", port)) {
        if (fd_ < 0 || !enter(fd_)) give_up("the VNC server does not let me in");
        put(fd_, raw({2, 0, 0, 2, 0, 0, 0, 0, 0xff, 0xff, 0xff, 0x21})); // raw, DesktopSize
        request(false);
    }
    /// Reads updates for so long; true as soon as pixels came if `until_pixels`.
    bool look(milliseconds time, bool until_pixels) {
        const auto end = Clock::now() + time;
        for (;;) {
            const auto left = std::chrono::duration_cast<milliseconds>(end - Clock::now()).count();
            pollfd p{fd_, POLLIN, 0};
            if (left <= 0 || poll(&p, 1, static_cast<int>(left)) <= 0) return false;
            if (update() && until_pixels) return true;
        }
    }

private:
    void request(bool incremental) {
        put(fd_, raw({3, incremental ? 1 : 0, 0, 0, 0, 0, 0x0a, 0, 0x06, 0x40}));
    }
    /// One message; whether pixels were in it.
    bool update() {
        std::array<unsigned char, 4> head{};
        if (!receive(fd_, head.data(), 4) || head[0] != 0) give_up("the VNC server is gone");
        bool pixels = false;
        for (unsigned n = number(&head[2], 2); n > 0; --n) {
            std::array<unsigned char, 12> rect{};
            if (!receive(fd_, rect.data(), rect.size())) give_up("the VNC server is gone");
            if (number(&rect[8], 4) != 0) continue;
            pixels_.resize(std::size_t{4} * number(&rect[4], 2) * number(&rect[6], 2));
            if (!receive(fd_, pixels_.data(), pixels_.size())) give_up("the VNC server is gone");
            pixels = true;
        }
        request(true);
        return pixels;
    }
    int fd_;
    std::vector<char> pixels_;
};

class Guest {
public:
    explicit Guest(const char* tty) : fd_(open(tty, O_RDWR | O_NOCTTY | O_CLOEXEC)) {
        if (fd_ < 0) give_up(tty);
        termios t{};
        tcgetattr(fd_, &t);
        cfmakeraw(&t);
        tcsetattr(fd_, TCSANOW, &t);
        tcflush(fd_, TCIFLUSH);
    }
    void tell(char what) {
        if (write(fd_, &what, 1) != 1) give_up("the guest's serial port");
    }
    /// False: it says nothing for so long that nobody would wait.
    bool await(char what) {
        char c = 0;
        do {
            if (!receive(fd_, &c, 1)) return false;
        } while (c != what);
        return true;
    }

private:
    int fd_;
};

void ports(const char* tty, int count) {
    Guest guest(tty);
    for (int i = 0; i < count; ++i) {
        const auto begin = Clock::now();
        guest.tell('p');
        const bool answered = guest.await('p');
        std::printf("port %lld\n", since(begin, 100));
        if (!answered) return; // the figure is the time that was waited
    }
}

void pace(const char* tty, char letter, int count, int ms) {
    Guest guest(tty);
    const auto begin = Clock::now();
    for (int i = 0; i < count; ++i) {
        std::this_thread::sleep_until(begin + milliseconds(ms) * i);
        guest.tell(letter);
        if (!guest.await(letter)) give_up("the guest says nothing");
    }
    std::printf("paced %lld\n", since(begin, 1000));
}

void attack(int port, int i, const std::atomic<bool>& stop) {
    const std::string source = "127.0.3." + std::to_string(i % 250 + 1);
    while (!stop) {
        const int fd = connect_from(source, port);
        if (fd < 0) {
            usleep(20'000);
            continue;
        }
        fcntl(fd, F_SETFL, O_NONBLOCK); // a send that does not fit is dropped
        switch (i % 6) {
        case 0: put(fd, "RFB"); break;
        case 1: close(fd); continue;
        case 2: // asks and never reads
            if (enter(fd))
                for (int n = 0; n < 200; ++n)
                    put(fd, raw({3, 0, 0, 0, 0, 0, 0x0a, 0, 0x06, 0x40}));
            break;
        case 3: // moves the pointer without end
            if (enter(fd))
                for (int n = 0; !stop && n < 100'000; ++n) {
                    put(fd, raw({5, 0, 0, n & 127, 0, n >> 7 & 127}));
                    if (n % 100 == 0) usleep(1000);
                }
            break;
        case 4: // a clipboard that does not come
            if (enter(fd)) put(fd, raw({6, 0, 0, 0, 0x7f, 0xff, 0xff, 0xff}));
            break;
        case 5:
            for (int n = 0; n < 100; ++n)
                put(fd, std::string(100, static_cast<char>(n * 37)));
            break;
        }
        for (int n = 0; n < 20 && !stop; ++n)
            usleep(50'000);
        close(fd);
    }
}

void start_attack(int port, int viewers) {
    static const std::atomic<bool> stop = false;
    for (int i = 0; i < viewers; ++i)
        std::thread([port, i] { attack(port, i, stop); }).detach();
}

/// The viewer is in before the attack begins: without a password hostile viewers may take all places.
void latency(int port, const char* tty, int quiet_ms, int count, int attackers) {
    Guest guest(tty);
    Viewer viewer(port);
    viewer.look(milliseconds(1500), false);
    start_attack(port, attackers);
    if (attackers > 0) viewer.look(milliseconds(5000), false);
    for (int i = 0; i < count; ++i) {
        viewer.look(milliseconds(quiet_ms + 40 + i * 7 % 60), false); // not in step with anything
        const auto begin = Clock::now();
        guest.tell('d');
        if (!viewer.look(milliseconds(kPatienceMs), true)) give_up("the change does not come");
        std::printf("latency %lld\n", since(begin, 1000));
        if (!guest.await('d')) give_up("the guest says nothing");
    }
    std::fflush(stdout);
    std::_Exit(0); // attackers may wait for something
}

void hostile(int port, int viewers, int seconds) {
    start_attack(port, viewers);
    std::puts("attacking");
    std::fflush(stdout);
    std::this_thread::sleep_for(std::chrono::seconds(seconds));
    std::_Exit(0);
}

} // namespace

int main(int argc, char** argv) {
    const std::string what = argc > 1 ? argv[1] : "";
    const auto n = [&](int i) { return std::atoi(argv[i]); };
    if (what == "latency" && argc == 7)
        latency(n(2), argv[3], n(4), n(5), n(6));
    else if (what == "ports" && argc == 4)
        ports(argv[2], n(3));
    else if (what == "pace" && argc == 6)
        pace(argv[2], argv[3][0], n(4), n(5));
    else if (what == "watch" && argc == 4)
        Viewer(n(2)).look(milliseconds(1000 * n(3)), false);
    else if (what == "hostile" && argc == 5)
        hostile(n(2), n(3), n(4));
    else
        return std::fputs("usage: vncprobe latency|ports|pace|watch|hostile ...\n", stderr), 2;
    return 0;
}
