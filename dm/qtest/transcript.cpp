#include "dm/qtest/transcript.hpp"

#include <cerrno>
#include <cstring>

namespace dm::qtest {

Result<Transcript> Transcript::open(const std::string& path) {
    Transcript transcript;
    if (path.empty() || path == "none" || path == "/dev/null") return transcript;
    transcript.file_.reset(std::fopen(path.c_str(), "we"));
    if (transcript.file_ == nullptr) return fail("-qtest-log {}: {}", path, std::strerror(errno));
    return transcript;
}

void Transcript::received(std::string_view line) {
    if (file_ != nullptr) write('R', line);
}

void Transcript::sent(std::string_view lines) {
    if (file_ == nullptr) return;
    while (!lines.empty()) {
        const std::size_t end = lines.find('\n');
        write('S', lines.substr(0, end));
        lines.remove_prefix(std::min(lines.size(), end + 1));
    }
}

void Transcript::write(char direction, std::string_view line) {
    const std::chrono::duration<double> since = std::chrono::steady_clock::now() - start_;
    fmt::print(file_.get(), "[{} +{:.6f}] {}\n", direction, since.count(), line);
    static_cast<void>(std::fflush(file_.get())); // a log: whoever reads it sees what is missing
}

} // namespace dm::qtest
