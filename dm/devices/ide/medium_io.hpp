// A drive's one request to its medium.
#pragma once

#include "dm/core/block_backend.hpp"

#include <optional>

namespace dm {

/// Carries one request at a time. The request owns its place on the medium, so nothing that happens to
/// registers while it is in flight can redirect it (CVE-2023-5088). A completion that arrives inside submit()
/// does not nest: requests that a completion starts run in a loop.
class MediumIo {
public:
    class Client {
    public:
        virtual ~Client() = default;
        /// `error`: 0 or an errno value. May submit the next request.
        virtual void io_done(int error) = 0;
    };

    MediumIo() = default;
    MediumIo(const MediumIo&) = delete;
    MediumIo& operator=(const MediumIo&) = delete;
    ~MediumIo() { cancel(); }

    /// `iov` and what it points to must stay until io_done().
    void submit(BlockBackend& medium, BlockIo::Op op, u64 offset, std::span<const iovec> iov, Client& client);
    void discard(BlockBackend& medium, u64 offset, u64 length, Client& client);
    bool busy() const { return in_flight_ || next_.has_value(); }

    /// Waits until the medium is done with the request and forgets the result: what was handed to the medium
    /// cannot be recalled, so its memory stays pinned until then.
    void cancel();
    /// Waits for the request and for those that its completion starts.
    void finish();

private:
    struct Request {
        BlockBackend* medium;
        BlockIo::Op op;
        u64 offset;
        std::span<const iovec> iov;
        Client* client;
        u64 length; ///< of a discard
    };

    void start(const Request& request);
    void pump();
    void completed(int error);

    BlockIo io_;
    BlockBackend* medium_ = nullptr;
    Client* client_ = nullptr;
    std::optional<Request> next_;
    bool in_flight_ = false;
    bool submitting_ = false;
    bool pumping_ = false;
    int error_ = 0;
};

} // namespace dm
