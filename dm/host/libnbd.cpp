#ifdef HVMDM_NBD
#include "dm/host/libnbd.hpp"

#include "dm/core/shared_library.hpp"

namespace dm::host {
namespace {

void find_all(SharedLibrary& file, LibNbd& out) {
    file.find(out.create, "nbd_create");
    file.find(out.close, "nbd_close");
    file.find(out.get_error, "nbd_get_error");
    file.find(out.get_errno, "nbd_get_errno");
    file.find(out.set_export_name, "nbd_set_export_name");
    file.find(out.set_pread_initialize, "nbd_set_pread_initialize");
    file.find(out.set_request_block_size, "nbd_set_request_block_size");
    file.find(out.set_uri_allow_local_file, "nbd_set_uri_allow_local_file");
    file.find(out.aio_connect_socket, "nbd_aio_connect_socket");
    file.find(out.aio_connect_tcp, "nbd_aio_connect_tcp");
    file.find(out.aio_connect_unix, "nbd_aio_connect_unix");
    file.find(out.aio_connect_uri, "nbd_aio_connect_uri");
    file.find(out.aio_is_ready, "nbd_aio_is_ready");
    file.find(out.aio_is_dead, "nbd_aio_is_dead");
    file.find(out.aio_is_closed, "nbd_aio_is_closed");
    file.find(out.aio_get_fd, "nbd_aio_get_fd");
    file.find(out.aio_get_direction, "nbd_aio_get_direction");
    file.find(out.aio_notify_read, "nbd_aio_notify_read");
    file.find(out.aio_notify_write, "nbd_aio_notify_write");
    file.find(out.aio_pread, "nbd_aio_pread");
    file.find(out.aio_pwrite, "nbd_aio_pwrite");
    file.find(out.aio_flush, "nbd_aio_flush");
    file.find(out.aio_trim, "nbd_aio_trim");
    file.find(out.aio_zero, "nbd_aio_zero");
    file.find(out.aio_disconnect, "nbd_aio_disconnect");
    file.find(out.poll, "nbd_poll");
    file.find(out.get_size, "nbd_get_size");
    file.find(out.get_block_size, "nbd_get_block_size");
    file.find(out.is_read_only, "nbd_is_read_only");
    file.find(out.can_flush, "nbd_can_flush");
    file.find(out.can_fua, "nbd_can_fua");
    file.find(out.can_trim, "nbd_can_trim");
    file.find(out.can_zero, "nbd_can_zero");
}

} // namespace

Result<const LibNbd*> LibNbd::load() {
    static LibNbd library;
    static bool loaded = false;
    if (loaded) return &library;
    DM_TRY_ASSIGN(SharedLibrary file, SharedLibrary::open("libnbd.so.0", "libnbd0"));
    find_all(file, library);
    DM_TRY(file.complete("libnbd 1.12"));
    loaded = true;
    return &library;
}

} // namespace dm::host

#endif
