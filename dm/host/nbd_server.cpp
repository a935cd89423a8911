#ifdef HVMDM_NBD
#include "dm/host/nbd_server.hpp"

#include "dm/host/image.hpp"
#include "dm/host/image_lock.hpp"
#include "dm/host/nbd_address.hpp"

#include <array>
#include <chrono>
#include <cstring>
#include <fcntl.h>
#include <thread>

namespace dm::host {
namespace {

using Clock = std::chrono::steady_clock;
constexpr unsigned kPauseMs = 60;
constexpr unsigned kLastWordsMs = 2000;
constexpr std::array<unsigned, 3> kTellingLocks{101, 201, 203}; // see image_lock.cpp

class Attempt {
public:
    Attempt(const LibNbd& library, const ImageOptions& options, const NbdPatience& patience)
        : library_(library), options_(options), patience_(patience), server_{NbdHandle(library), QemuNbd()} {}

    Result<NbdServer> run();
    bool was_locked() const { return was_locked_; }

private:
    nbd_handle* handle() const { return server_.handle.get(); }
    Status begin_qemu();
    Status begin_network();
    bool wait_ready();
    Error explain();
    Error explain_qemu();
    std::string who_has_it() const;

    const LibNbd& library_;
    const ImageOptions& options_;
    const NbdPatience& patience_;
    NbdServer server_;
    bool late_ = false;
    bool was_locked_ = false;
};

Result<NbdServer> Attempt::run() {
    if (handle() == nullptr) return fail("disk {}: libnbd: {}", options_.file, library_.get_error());
    library_.set_pread_initialize(handle(), false); // guest memory need not be cleared before it is read into
    DM_TRY(is_qemu_format(options_.format) ? begin_qemu() : begin_network());
    if (!wait_ready()) return explain();
    return std::move(server_);
}

Status Attempt::begin_qemu() {
    DM_TRY_ASSIGN(server_.process, QemuNbd::start(options_));
    // Not asked for sizes of blocks, qemu-nbd takes what comes and does the rest itself.
    library_.set_request_block_size(handle(), false);
    if (library_.aio_connect_socket(handle(), server_.process.take_socket()) != 0) return explain();
    return {};
}

Status Attempt::begin_network() {
    DM_TRY_ASSIGN(const NbdAddress address, parse_nbd_address(options_.file));
    int error = 0;
    if (!address.uri.empty()) {
        library_.set_uri_allow_local_file(handle(), true); // keys that the URI names
        error = library_.aio_connect_uri(handle(), address.uri.c_str());
    } else {
        library_.set_export_name(handle(), address.export_name.c_str());
        error = !address.path.empty()
                    ? library_.aio_connect_unix(handle(), address.path.c_str())
                    : library_.aio_connect_tcp(handle(), address.host.c_str(), address.port.c_str());
    }
    if (error != 0) return explain();
    return {};
}

bool Attempt::wait_ready() {
    const auto deadline = Clock::now() + std::chrono::milliseconds(patience_.connect_ms);
    while (library_.aio_is_ready(handle()) == 0) {
        if (library_.aio_is_dead(handle()) != 0 || library_.aio_is_closed(handle()) != 0) return false;
        const auto left =
            std::chrono::duration_cast<std::chrono::milliseconds>(deadline - Clock::now()).count();
        late_ = left <= 0;
        if (late_ || library_.poll(handle(), static_cast<int>(left)) < 0) return false;
    }
    return true;
}

Error Attempt::explain() {
    const char* said = library_.get_error();
    const std::string why = late_ ? fmt::format("no answer within {} s", patience_.connect_ms / 1000)
                            : said != nullptr ? said
                                              : "the connection was closed";
    if (server_.process.running()) {
        server_.handle.reset();
        return explain_qemu();
    }
    return fail("disk {}: the NBD server cannot be used: {}; check that it runs and serves this export",
                options_.file, why);
}

/// In the words of qemu-nbd, which knows best.
Error Attempt::explain_qemu() {
    static_cast<void>(server_.process.wait_for_end(kLastWordsMs));
    const std::vector<std::string> lines = server_.process.new_words();
    if (lines.empty())
        return fail("disk {}: qemu-nbd cannot be used: it ended without a word; try qemu-nbd --version",
                    options_.file);
    std::string words = lines.front();
    for (const std::string_view prefix : {"': ", "qemu-nbd: "}) // what we told it needs no repetition
        if (const std::size_t at = words.find(prefix); at != std::string::npos) {
            words.erase(0, at + prefix.size());
            break;
        }
    was_locked_ = words.find(" lock") != std::string::npos;
    return fail("disk {}: qemu-nbd cannot open it as {}: {}{}; {}", options_.file, options_.format, words,
                was_locked_ ? who_has_it() : "", remedy_for(words));
}

std::string Attempt::who_has_it() const {
    const UniqueFd fd(::open(options_.file.c_str(), O_RDONLY | O_CLOEXEC | O_NONBLOCK));
    for (const unsigned byte : kTellingLocks)
        if (const std::string owner = fd ? lock_owner(fd.get(), byte) : ""; !owner.empty())
            return fmt::format(" ({} has it)", owner);
    return {};
}

} // namespace

Result<NbdServer> connect_nbd(const LibNbd& library, const ImageOptions& options,
                              const NbdPatience& patience) {
    const auto deadline = Clock::now() + std::chrono::milliseconds(patience.lock_ms);
    while (true) {
        Attempt attempt(library, options, patience);
        Result<NbdServer> server = attempt.run();
        if (server.ok() || !attempt.was_locked() || Clock::now() >= deadline) return server;
        std::this_thread::sleep_for(std::chrono::milliseconds(kPauseMs));
    }
}

} // namespace dm::host

#endif
