#include "dm/host/image_lock.hpp"

#ifdef __linux__

#include "dm/core/unique_fd.hpp"

#include <array>
#include <charconv>
#include <dirent.h>
#include <fcntl.h>
#include <sys/stat.h>
#include <unistd.h>

namespace dm::host {
namespace {

constexpr std::size_t kMostRead = 16384;

struct Folder {
    explicit Folder(const std::string& path) : handle(::opendir(path.c_str())) {}
    ~Folder() {
        if (handle != nullptr) ::closedir(handle);
    }
    Folder(const Folder&) = delete;
    Folder& operator=(const Folder&) = delete;
    /// The next entry that is a number.
    std::string next() {
        while (handle != nullptr) {
            const dirent* entry = ::readdir(handle);
            if (entry == nullptr) break;
            if (entry->d_name[0] >= '0' && entry->d_name[0] <= '9') return entry->d_name;
        }
        return {};
    }
    DIR* handle;
};

std::string content_of(const std::string& path) {
    std::string text;
    const UniqueFd fd(::open(path.c_str(), O_RDONLY | O_CLOEXEC));
    std::array<char, 1024> piece{};
    while (fd && text.size() < kMostRead) {
        const ssize_t length = ::read(fd.get(), piece.data(), piece.size());
        if (length <= 0) break;
        text.append(piece.data(), static_cast<std::size_t>(length));
    }
    return text;
}

/// "lock:\t1: OFDLCK  ADVISORY  READ -1 08:02:4711 100 101": whether a line covers the byte.
bool covers(const std::string& info, unsigned byte) {
    for (std::size_t at = info.find("lock:"); at != std::string::npos; at = info.find("lock:", at + 1)) {
        const std::string line = info.substr(at, info.find('\n', at) - at);
        if (line.find("OFDLCK") == std::string::npos) continue;
        const std::size_t last = line.rfind(' ');
        const std::size_t first = line.rfind(' ', last - 1);
        if (last == std::string::npos || first == std::string::npos) continue;
        unsigned from = 0;
        unsigned to = ~0U; // "EOF"
        std::from_chars(&line[first + 1], &line[last], from);
        std::from_chars(&line[last + 1], line.data() + line.size(), to);
        if (byte >= from && byte <= to) return true;
    }
    return false;
}

/// Whether a descriptor of the process holds the lock.
bool holds(const std::string& process, const struct stat& file, unsigned byte, const std::string& not_this) {
    Folder descriptors(process + "/fd");
    for (std::string number = descriptors.next(); !number.empty(); number = descriptors.next()) {
        struct stat st {};
        if (number == not_this || ::stat((process + "/fd/" + number).c_str(), &st) != 0) continue;
        if (st.st_dev != file.st_dev || st.st_ino != file.st_ino) continue;
        if (covers(content_of(process + "/fdinfo/" + number), byte)) return true;
    }
    return false;
}

/// What follows `option` on the command line of a device model.
std::string argument_after(const std::string& command_line, const std::string& option) {
    const std::string wanted = std::string(1, '\0') + option + '\0';
    const std::size_t at = command_line.find(wanted);
    if (at == std::string::npos) return {};
    const std::size_t begin = at + wanted.size();
    const std::string value = command_line.substr(begin, command_line.find('\0', begin) - begin);
    return value.substr(0, value.find(','));
}

/// Which guest a device model runs, or the parent of an image server.
std::string guest_of(const std::string& pid) {
    const std::string guest = argument_after(content_of("/proc/" + pid + "/cmdline"), "-name");
    if (!guest.empty()) return guest;
    const std::string status = content_of("/proc/" + pid + "/status");
    constexpr std::string_view kParent = "\nPPid:\t";
    const std::size_t at = status.find(kParent);
    if (at == std::string::npos) return {};
    const std::size_t begin = at + kParent.size();
    const std::string parent = status.substr(begin, status.find('\n', begin) - begin);
    return argument_after(content_of("/proc/" + parent + "/cmdline"), "-name");
}

std::string describe(const std::string& process, const std::string& pid) {
    std::string name = content_of(process + "/comm");
    while (!name.empty() && name.back() == '\n')
        name.pop_back();
    const std::string guest = guest_of(pid);
    return fmt::format("process {} ({}){}{}", pid, name, guest.empty() ? "" : " of guest ", guest);
}

} // namespace

std::string lock_owner(int fd, unsigned byte) {
    struct stat file {};
    if (::fstat(fd, &file) != 0) return {};
    const std::string own = std::to_string(::getpid());
    Folder processes("/proc");
    for (std::string pid = processes.next(); !pid.empty(); pid = processes.next()) {
        const std::string process = "/proc/" + pid;
        const bool self = pid == own;
        if (!holds(process, file, byte, self ? std::to_string(fd) : std::string())) continue;
        return self ? "another disk of this guest" : describe(process, pid);
    }
    return {};
}

} // namespace dm::host

#else

namespace dm::host {

std::string lock_owner(int, unsigned) {
    return {};
}

} // namespace dm::host

#endif
