#include "dm/host/nbd_address.hpp"

#include <algorithm>

namespace dm::host {
namespace {

constexpr std::string_view kScheme = "nbd:";
constexpr std::string_view kUnix = "unix:";
constexpr std::string_view kExport = ":exportname=";

Error no_address(const std::string& file, std::string_view what) {
    return fail("disk {}: {}; an NBD disk is nbd://HOST:PORT/EXPORT, nbd+unix:///EXPORT?socket=PATH, "
                "nbd:HOST:PORT or nbd:unix:PATH",
                file, what);
}

bool is_number(std::string_view text) {
    return !text.empty() &&
           std::all_of(text.begin(), text.end(), [](char c) { return c >= '0' && c <= '9'; });
}

} // namespace

Result<NbdAddress> parse_nbd_address(const std::string& file) {
    NbdAddress out;
    const std::size_t colon = file.find(':');
    if (file.compare(colon, 3, "://") == 0) {
        out.uri = file;
        if (file.substr(0, colon).ends_with("+unix") && file.find("socket=") == std::string::npos)
            return no_address(file, "socket= is missing");
        return out;
    }
    if (!file.starts_with(kScheme)) return no_address(file, "it is no address of a server");
    std::string rest = file.substr(kScheme.size());
    if (const std::size_t at = rest.find(kExport); at != std::string::npos) {
        out.export_name = rest.substr(at + kExport.size());
        rest.resize(at);
    }
    if (rest.starts_with(kUnix)) {
        out.path = rest.substr(kUnix.size());
        if (out.path.empty()) return no_address(file, "the socket's path is missing");
        return out;
    }
    const std::size_t last = rest.rfind(':');
    if (last == std::string::npos || last == 0) return no_address(file, "host or port is missing");
    out.host = rest.substr(0, last);
    out.port = rest.substr(last + 1);
    if (!is_number(out.port)) return no_address(file, "the port is no number");
    if (out.host.front() == '[' && out.host.back() == ']') out.host = out.host.substr(1, out.host.size() - 2);
    return out;
}

} // namespace dm::host
