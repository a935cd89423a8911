// A disk behind the NBD protocol: images in QEMU's formats, served by qemu-nbd, and network disks.
//
// A server that goes away is a drive that died: what is under way and all that follows fails with EIO, the
// log says so once, and the guest runs on without the disk. There is no second connection: what the server
// had not flushed may be lost, and the guest must not go on as if it were not.
#pragma once

#include "dm/host/image.hpp"

namespace dm::host {

/// For every format but raw, and for network disks.
Result<std::unique_ptr<Image>> open_nbd_image(const ImageOptions& options, EventLoop& loop);

} // namespace dm::host

#ifdef HVMDM_NBD

#include "dm/host/nbd_server.hpp"
#include "dm/host/queued_image.hpp"

#include <array>
#include <cerrno>
#include <deque>
#include <vector>

namespace dm::host {

class NbdImage final : public QueuedImage {
public:
    static constexpr u32 kSector = 512;
    static constexpr std::size_t kBounces = 16;
    static constexpr u64 kBounce = 256 << 10; ///< requests in pieces up to this size become one command

    static Result<std::unique_ptr<NbdImage>> open(const ImageOptions& options, EventLoop& loop,
                                                  const NbdPatience& patience = {});
    ~NbdImage() override;

    /// What the server wants offsets and lengths to be multiples of.
    u32 granule() const { return granule_; }
    /// The process that serves it, if it is ours.
    pid_t server_pid() const { return process_.pid(); }

    // BlockBackend
    u32 discard_granularity() const override {
        return options_.discard && can_trim_ ? discard_granularity_ : 0;
    }

    // Image
    void wait() override;
    Status activate() override;
    Status release() override;
    bool needs_host_again() const override { return true; }
    void look_at_size() override {} // the protocol tells it once
    Status resize(u64 bytes) override;

private:
    /// A bounded run of commands at a time until all of the request is done.
    struct Request {
        BlockIo* io = nullptr;
        NbdImage* image = nullptr;
        u64 length = 0;
        u64 issued = 0;        ///< bytes of it that commands were sent for
        unsigned commands = 0; ///< in flight
        int error = 0;
        bool flush_follows = false;
        bool zeroing = false;
        bool may_unmap = false;
        u8* bounce = nullptr;
        bool busy = false;
    };

    NbdImage(const ImageOptions& options, EventLoop& loop, const LibNbd& library,
             const NbdPatience& patience);
    Status connect();
    void adopt(NbdServer server);
    void disconnect();

    int unusable(BlockIo::Op) const override { return handle_.get() != nullptr ? 0 : EIO; }
    bool can_flush() const override { return can_flush_; }
    void begin(BlockIo& io, u64 length) override;
    void issue(Request& request);
    void issue_data(Request& request);
    void issue_range(Request& request);
    void issue_zeros(Request& request);
    void sent(Request& request, s64 cookie);
    static nbd_completion_callback answer_to(Request& request);
    static int command_done(void* user, int* error);
    void finish(Request& request);
    u8* take_bounce(const Request& request);
    void return_bounce(Request& request);

    void ready(FdReady what);
    void after_work();
    void watch_again();
    void dispatch();
    void post_dispatch();
    void server_spoke();
    void gone(std::string_view why);
    std::string last_error() const;

    EventLoop& loop_;
    const LibNbd& nbd_;
    NbdPatience patience_;
    NbdHandle handle_; ///< empty: not connected, or gone
    QemuNbd process_;
    int watched_ = -1;
    unsigned direction_ = 0;
    int watched_words_ = -1;
    bool qemu_ = false;

    u32 granule_ = 1;
    u64 most_in_command_ = 0;
    u32 discard_granularity_ = 0;
    bool can_flush_ = false;
    bool can_fua_ = false;
    bool can_trim_ = false;
    bool can_zero_ = false;

    unsigned words_logged_ = 0;
    std::vector<std::unique_ptr<Request>> requests_;
    std::vector<Request*> free_;
    std::deque<Request*> done_; ///< to be finished outside of libnbd
    bool dispatch_posted_ = false;
    std::shared_ptr<bool> alive_ = std::make_shared<bool>(true);
    std::vector<std::unique_ptr<std::array<u8, kBounce>>> bounces_;
    std::vector<u8*> free_bounces_;
};

} // namespace dm::host

#endif
