// libnbd, loaded when the first disk needs it: it brings XML and Unicode libraries that would cost every
// other guest's process start-up time and memory.
#pragma once

#ifdef HVMDM_NBD

#include "dm/core/result.hpp"

#include <libnbd.h>

namespace dm::host {

struct LibNbd {
    // By their names without nbd_.
    decltype(&::nbd_create) create = nullptr;
    decltype(&::nbd_close) close = nullptr;
    decltype(&::nbd_get_error) get_error = nullptr;
    decltype(&::nbd_get_errno) get_errno = nullptr;
    decltype(&::nbd_set_export_name) set_export_name = nullptr;
    decltype(&::nbd_set_pread_initialize) set_pread_initialize = nullptr;
    decltype(&::nbd_set_request_block_size) set_request_block_size = nullptr;
    decltype(&::nbd_set_uri_allow_local_file) set_uri_allow_local_file = nullptr;
    decltype(&::nbd_aio_connect_socket) aio_connect_socket = nullptr;
    decltype(&::nbd_aio_connect_tcp) aio_connect_tcp = nullptr;
    decltype(&::nbd_aio_connect_unix) aio_connect_unix = nullptr;
    decltype(&::nbd_aio_connect_uri) aio_connect_uri = nullptr;
    decltype(&::nbd_aio_is_ready) aio_is_ready = nullptr;
    decltype(&::nbd_aio_is_dead) aio_is_dead = nullptr;
    decltype(&::nbd_aio_is_closed) aio_is_closed = nullptr;
    decltype(&::nbd_aio_get_fd) aio_get_fd = nullptr;
    decltype(&::nbd_aio_get_direction) aio_get_direction = nullptr;
    decltype(&::nbd_aio_notify_read) aio_notify_read = nullptr;
    decltype(&::nbd_aio_notify_write) aio_notify_write = nullptr;
    decltype(&::nbd_aio_pread) aio_pread = nullptr;
    decltype(&::nbd_aio_pwrite) aio_pwrite = nullptr;
    decltype(&::nbd_aio_flush) aio_flush = nullptr;
    decltype(&::nbd_aio_trim) aio_trim = nullptr;
    decltype(&::nbd_aio_zero) aio_zero = nullptr;
    decltype(&::nbd_aio_disconnect) aio_disconnect = nullptr;
    decltype(&::nbd_poll) poll = nullptr;
    decltype(&::nbd_get_size) get_size = nullptr;
    decltype(&::nbd_get_block_size) get_block_size = nullptr;
    decltype(&::nbd_is_read_only) is_read_only = nullptr;
    decltype(&::nbd_can_flush) can_flush = nullptr;
    decltype(&::nbd_can_fua) can_fua = nullptr;
    decltype(&::nbd_can_trim) can_trim = nullptr;
    decltype(&::nbd_can_zero) can_zero = nullptr;

    /// The error names the package. Loaded once; before a chroot.
    static Result<const LibNbd*> load();
};

/// A connection's handle.
class NbdHandle {
public:
    NbdHandle() = default;
    explicit NbdHandle(const LibNbd& library) : library_(&library), handle_(library.create()) {}
    NbdHandle(NbdHandle&& other) noexcept
        : library_(other.library_), handle_(std::exchange(other.handle_, nullptr)) {}
    NbdHandle& operator=(NbdHandle&& other) noexcept {
        if (this == &other) return *this;
        reset();
        library_ = other.library_;
        handle_ = std::exchange(other.handle_, nullptr);
        return *this;
    }
    NbdHandle(const NbdHandle&) = delete;
    NbdHandle& operator=(const NbdHandle&) = delete;
    ~NbdHandle() { reset(); }

    nbd_handle* get() const { return handle_; }
    void reset() {
        if (handle_ != nullptr) library_->close(std::exchange(handle_, nullptr));
    }

private:
    const LibNbd* library_ = nullptr;
    nbd_handle* handle_ = nullptr;
};

} // namespace dm::host

#endif
