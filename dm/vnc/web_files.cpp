#include "dm/vnc/web_files.hpp"

#include <algorithm>
#include <array>
#include <dirent.h>
#include <fcntl.h>
#include <sys/stat.h>

namespace dm::vnc {
namespace {

struct Kind {
    std::string_view ending;
    std::string_view type;
};
constexpr std::array kKinds{
    Kind{".html", "text/html; charset=utf-8"},
    Kind{".js", "text/javascript; charset=utf-8"},
    Kind{".css", "text/css; charset=utf-8"},
    Kind{".json", "application/json"},
    Kind{".svg", "image/svg+xml"},
    Kind{".png", "image/png"},
    Kind{".ico", "image/x-icon"},
    Kind{".ttf", "font/ttf"},
    Kind{".woff", "font/woff"},
    Kind{".woff2", "font/woff2"},
    Kind{".mp3", "audio/mpeg"},
    Kind{".oga", "audio/ogg"},
};

struct Directory {
    explicit Directory(int fd) : stream(fdopendir(fd)) {
        if (stream == nullptr) ::close(fd);
    }
    ~Directory() {
        if (stream != nullptr) closedir(stream);
    }
    Directory(const Directory&) = delete;
    Directory& operator=(const Directory&) = delete;
    DIR* stream;
};

} // namespace

std::optional<std::string_view> mime_type(std::string_view name) {
    for (const Kind& kind : kKinds)
        if (name.ends_with(kind.ending)) return kind.type;
    return std::nullopt;
}

Result<std::unique_ptr<WebFiles>> WebFiles::open(const std::string& directory) {
    std::unique_ptr<WebFiles> files(new WebFiles);
    files->directory_ = UniqueFd(::open(directory.c_str(), O_RDONLY | O_DIRECTORY | O_CLOEXEC));
    if (files->directory_) files->list(files->directory_.get(), "", 0);
    std::sort(files->names_.begin(), files->names_.end());
    if (!files->find("/vnc.html"))
        return fail(
            "-hvmdm-web: {}/vnc.html cannot be read: install the package novnc, or name the folder where "
            "noVNC is with path=",
            directory);
    return files;
}

void WebFiles::list(int directory, const std::string& prefix, unsigned depth) {
    const Directory entries(openat(directory, ".", O_RDONLY | O_DIRECTORY | O_CLOEXEC));
    if (entries.stream == nullptr) return;
    while (const dirent* entry = readdir(entries.stream)) { // NOLINT(concurrency-mt-unsafe): its own stream
        const std::string name = entry->d_name;
        struct stat about {};
        if (name.starts_with('.') || names_.size() == kMostFiles ||
            fstatat(directory, name.c_str(), &about, AT_SYMLINK_NOFOLLOW) != 0)
            continue;
        if (S_ISREG(about.st_mode) && mime_type(name)) names_.push_back(prefix + name);
        if (!S_ISDIR(about.st_mode) || depth == kDeepest) continue;
        const UniqueFd below(
            openat(directory, name.c_str(), O_RDONLY | O_DIRECTORY | O_NOFOLLOW | O_CLOEXEC));
        if (below) list(below.get(), prefix + name + "/", depth + 1);
    }
}

std::optional<WebFiles::File> WebFiles::find(std::string_view path) const {
    if (!path.starts_with('/')) return std::nullopt;
    const auto name = std::lower_bound(names_.begin(), names_.end(), path.substr(1));
    if (name == names_.end() || *name != path.substr(1)) return std::nullopt;
    File file;
    file.fd =
        UniqueFd(openat(directory_.get(), name->c_str(), O_RDONLY | O_NOFOLLOW | O_NONBLOCK | O_CLOEXEC));
    struct stat about {};
    if (!file.fd || fstat(file.fd.get(), &about) != 0 || !S_ISREG(about.st_mode)) return std::nullopt;
    file.size = static_cast<u64>(about.st_size);
    file.type = mime_type(*name).value_or("application/octet-stream");
    return file;
}

} // namespace dm::vnc
