#include "dm/host/qemu_nbd.hpp"

#include "dm/host/lockdown.hpp"

#include <algorithm>
#include <array>
#include <cerrno>
#include <chrono>
#include <csignal>
#include <cstdlib>
#include <cstring>
#include <fcntl.h>
#include <filesystem>
#include <poll.h>
#include <sys/socket.h>
#include <sys/stat.h>
#include <sys/un.h>
#include <sys/wait.h>

extern char** environ;

namespace dm::host {
namespace {

constexpr int kListener = 3; // where a server that is started by its socket finds that
constexpr std::size_t kMostUnfinished = 4096;
constexpr std::array<std::string_view, 4> kPlaces{"/usr/bin", "/usr/local/bin", "/usr/lib/xen/bin",
                                                  "/usr/local/lib/xen/bin"};

std::string find_program() {
    if (const char* wish = std::getenv("HVMDM_QEMU_NBD")) return wish;
    const char* const path = std::getenv("PATH");
    std::string folders = path != nullptr ? path : "";
    for (const std::string_view place : kPlaces)
        folders.append(":").append(place);
    while (!folders.empty()) {
        const std::size_t end = std::min(folders.find(':'), folders.size());
        std::string program = folders.substr(0, end) + "/qemu-nbd";
        if (end > 0 && ::access(program.c_str(), X_OK) == 0) return program;
        folders.erase(0, end + 1);
    }
    return {};
}

struct Ends {
    UniqueFd server; ///< listens
    UniqueFd client; ///< waits there already to be accepted
};

/// A socket's name lives in a folder that is ours alone, and only until we are connected.
Result<Ends> connect_ahead() {
    Ends ends{UniqueFd(::socket(AF_UNIX, SOCK_STREAM | SOCK_CLOEXEC, 0)),
              UniqueFd(::socket(AF_UNIX, SOCK_STREAM | SOCK_CLOEXEC, 0))};
    std::error_code none;
    std::string folder = std::filesystem::temp_directory_path(none) / "hvmdm-XXXXXX";
    if (::mkdtemp(folder.data()) == nullptr)
        return fail("no folder for a socket can be made in {}: {}", folder, std::strerror(errno));
    sockaddr_un address{};
    address.sun_family = AF_UNIX;
    const std::string path = folder + "/s";
    bool good = path.size() < sizeof(address.sun_path);
    int error = ENAMETOOLONG;
    if (good) {
        std::memcpy(address.sun_path, path.data(), path.size());
        const auto* name = reinterpret_cast<const sockaddr*>(&address);
        good = ::bind(ends.server.get(), name, sizeof(address)) == 0 && ::listen(ends.server.get(), 1) == 0 &&
               ::connect(ends.client.get(), name, sizeof(address)) == 0;
        error = errno;
        ::unlink(path.c_str());
    }
    ::rmdir(folder.c_str());
    if (!good) return fail("no socket can be made in {}: {}", folder, std::strerror(error));
    return ends;
}

/// Commas end a value there; two are one.
std::string escaped(const std::string& text) {
    std::string out;
    for (const char c : text) {
        out += c;
        if (c == ',') out += c;
    }
    return out;
}

std::string_view cache_word(const ImageOptions& o) {
    if (o.no_flush) return "unsafe";
    if (o.direct) return o.write_through ? "directsync" : "none";
    return o.write_through ? "writethrough" : "writeback";
}

std::vector<std::string> arguments_for(const std::string& program, const ImageOptions& o) {
    struct stat st {};
    const bool device = ::stat(o.file.c_str(), &st) == 0 && S_ISBLK(st.st_mode);
    std::vector<std::string> out{program, "--image-opts", fmt::format("--cache={}", cache_word(o))};
    out.emplace_back(o.discard ? "--discard=unmap" : "--discard=ignore");
    if (o.detect_zeroes == DetectZeroes::On) out.emplace_back("--detect-zeroes=on");
    if (o.detect_zeroes == DetectZeroes::Unmap) out.emplace_back("--detect-zeroes=unmap");
    if (o.read_only) out.emplace_back("--read-only");
    out.push_back(qemu_image_options(o, device));
    return out;
}

/// Everything that the child needs, made before there is a child.
struct Launch {
    std::vector<std::string> arguments;
    std::vector<std::string> variables;
    std::vector<char*> argv;
    std::vector<char*> envp;
    char* pid_digits = nullptr; ///< the last ones of LISTEN_PID=
    int listener = -1;
    int words = -1;
};

constexpr std::string_view kPidVariable = "LISTEN_PID=";
constexpr std::size_t kPidDigits = 10;

void prepare(Launch& launch) {
    for (char** variable = environ; *variable != nullptr; ++variable)
        if (std::strncmp(*variable, "LISTEN_", 7) != 0) launch.variables.emplace_back(*variable);
    launch.variables.emplace_back("LISTEN_FDS=1");
    launch.variables.push_back(std::string(kPidVariable) + std::string(kPidDigits, '0'));
    launch.pid_digits = launch.variables.back().data() + kPidVariable.size();
    for (std::string& argument : launch.arguments)
        launch.argv.push_back(argument.data());
    launch.argv.push_back(nullptr);
    for (std::string& variable : launch.variables)
        launch.envp.push_back(variable.data());
    launch.envp.push_back(nullptr);
}

/// In the child, where little is allowed: other threads of ours may have held any lock.
[[noreturn]] void become(Launch& launch) {
    sigset_t none;
    ::sigemptyset(&none);
    ::sigprocmask(SIG_SETMASK, &none, nullptr);
    lift_file_size_limit(); // it writes the image
    ::setpgid(0, 0);        // what is typed at xl's terminal is not meant for it
    auto pid = static_cast<unsigned>(::getpid());
    for (std::size_t i = kPidDigits; i > 0 && pid > 0; --i, pid /= 10)
        launch.pid_digits[i - 1] = static_cast<char>('0' + pid % 10);
    const int nothing = ::open("/dev/null", O_RDWR);
    // None of ours is 0 to 3 any more once these are in place; dup2() clears close-on-exec.
    const int words = ::fcntl(launch.words, F_DUPFD, kListener + 1);
    const int listener = ::fcntl(launch.listener, F_DUPFD, kListener + 1);
    ::dup2(nothing, STDIN_FILENO);
    ::dup2(words, STDOUT_FILENO);
    ::dup2(words, STDERR_FILENO);
    ::dup2(listener, kListener);
#ifdef CLOSE_RANGE_UNSHARE // nothing of the guest's for it, whatever we inherited
    ::close_range(kListener + 1, ~0U, 0);
#else
    ::closefrom(kListener + 1);
#endif
    ::execve(launch.argv[0], launch.argv.data(), launch.envp.data());
    ::_exit(127);
}

} // namespace

std::string qemu_image_options(const ImageOptions& o, bool block_device) {
    std::string out = fmt::format("driver={},file.driver={},file.filename={}", o.format,
                                  block_device ? "host_device" : "file", escaped(o.file));
    if (o.locking != Locking::Auto)
        out += o.locking == Locking::On ? ",file.locking=on" : ",file.locking=off";
    return out;
}

std::string remedy_for(const std::string& words) {
    const auto says = [&words](std::string_view text) { return words.find(text) != std::string::npos; };
    if (says(" lock")) return "shut down who uses it first, or give this guest an image of its own";
    if (says("backing file"))
        return "put the backing file where the image says it is, or correct that with qemu-img rebase -u";
    if (says("is not in") || says("magic") || says("not supported by") || says("invalid"))
        return "give the format that qemu-img info tells";
    if (says("Permission denied")) return "check owner and mode of the image and of the folders above it";
    if (says("No such file")) return "check the path in the domain's disk= list";
    return "look at it with qemu-img check";
}

Result<QemuNbd> QemuNbd::start(const ImageOptions& options) {
    Launch launch;
    const std::string program = find_program();
    if (program.empty() || ::access(program.c_str(), X_OK) != 0)
        return fail("disk {}: format={} needs {}, which is not there; install the package qemu-utils",
                    options.file, options.format, program.empty() ? "qemu-nbd" : program);
    launch.arguments = arguments_for(program, options);
    prepare(launch);
    DM_TRY_ASSIGN(Ends ends, connect_ahead());
    std::array<int, 2> pipe_ends{};
    if (::pipe2(pipe_ends.data(), O_CLOEXEC) != 0)
        return fail("disk {}: no pipe: {}", options.file, std::strerror(errno));
    QemuNbd out;
    out.words_.reset(pipe_ends[0]);
    const UniqueFd its_words(pipe_ends[1]);
    ::fcntl(out.words_.get(), F_SETFL, O_NONBLOCK);
    out.socket_ = std::move(ends.client);
    launch.listener = ends.server.get();
    launch.words = its_words.get();
    out.pid_ = ::fork();
    if (out.pid_ == 0) become(launch);
    if (out.pid_ < 0)
        return fail("disk {}: qemu-nbd cannot be started: {}", options.file, std::strerror(errno));
    return out;
}

QemuNbd::QemuNbd(QemuNbd&& other) noexcept
    : socket_(std::move(other.socket_)), words_(std::move(other.words_)),
      unfinished_(std::move(other.unfinished_)), silent_(other.silent_), pid_(std::exchange(other.pid_, -1)) {
}

QemuNbd& QemuNbd::operator=(QemuNbd&& other) noexcept {
    socket_ = std::move(other.socket_);
    words_ = std::move(other.words_);
    unfinished_ = std::move(other.unfinished_);
    silent_ = other.silent_;
    pid_ = std::exchange(other.pid_, -1);
    return *this;
}

std::vector<std::string> QemuNbd::new_words() {
    std::array<char, 1024> piece{};
    while (!silent_ && words_) {
        const ssize_t length = ::read(words_.get(), piece.data(), piece.size());
        if (length < 0 && errno == EINTR) continue;
        if (length < 0 && errno == EAGAIN) break;
        silent_ = length <= 0;
        if (length > 0) unfinished_.append(piece.data(), static_cast<std::size_t>(length));
        if (unfinished_.size() > kMostUnfinished) break;
    }
    if (silent_) reap();
    if (silent_ || unfinished_.size() > kMostUnfinished) unfinished_ += '\n';
    std::vector<std::string> lines;
    for (std::size_t end = unfinished_.find('\n'); end != std::string::npos; end = unfinished_.find('\n')) {
        if (end > 0) lines.push_back(unfinished_.substr(0, end));
        unfinished_.erase(0, end + 1);
    }
    return lines;
}

void QemuNbd::reap() {
    if (pid_ <= 0) return;
    const pid_t ended = ::waitpid(pid_, nullptr, WNOHANG);
    // With SIGCHLD ignored, which we may have inherited, the kernel has reaped it.
    if (ended == pid_ || (ended < 0 && errno == ECHILD)) pid_ = -1;
}

bool QemuNbd::wait_for_end(unsigned most_ms) {
    using Clock = std::chrono::steady_clock;
    const auto deadline = Clock::now() + std::chrono::milliseconds(most_ms);
    while (pid_ > 0) {
        reap();
        if (pid_ < 0 || Clock::now() >= deadline) break;
        ::poll(nullptr, 0, 5);
    }
    return pid_ < 0;
}

} // namespace dm::host
