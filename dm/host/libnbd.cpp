#ifdef HVMDM_NBD
#include "dm/host/libnbd.hpp"

#include <dlfcn.h>

namespace dm::host {
namespace {

constexpr const char* kLibrary = "libnbd.so.0";

class Loader {
public:
    explicit Loader(void* library) : library_(library) {}
    template <class Function> void find(Function& function, const char* name) {
        function = reinterpret_cast<Function>(::dlsym(library_, name)); // what POSIX promises of dlsym
        if (function == nullptr && missing_ == nullptr) missing_ = name;
    }
    const char* missing() const { return missing_; }

private:
    void* library_;
    const char* missing_ = nullptr;
};

const char* find_all(void* library, LibNbd& out) {
    Loader loader(library);
    loader.find(out.create, "nbd_create");
    loader.find(out.close, "nbd_close");
    loader.find(out.get_error, "nbd_get_error");
    loader.find(out.get_errno, "nbd_get_errno");
    loader.find(out.set_export_name, "nbd_set_export_name");
    loader.find(out.set_pread_initialize, "nbd_set_pread_initialize");
    loader.find(out.set_request_block_size, "nbd_set_request_block_size");
    loader.find(out.set_uri_allow_local_file, "nbd_set_uri_allow_local_file");
    loader.find(out.aio_connect_socket, "nbd_aio_connect_socket");
    loader.find(out.aio_connect_tcp, "nbd_aio_connect_tcp");
    loader.find(out.aio_connect_unix, "nbd_aio_connect_unix");
    loader.find(out.aio_connect_uri, "nbd_aio_connect_uri");
    loader.find(out.aio_is_ready, "nbd_aio_is_ready");
    loader.find(out.aio_is_dead, "nbd_aio_is_dead");
    loader.find(out.aio_is_closed, "nbd_aio_is_closed");
    loader.find(out.aio_get_fd, "nbd_aio_get_fd");
    loader.find(out.aio_get_direction, "nbd_aio_get_direction");
    loader.find(out.aio_notify_read, "nbd_aio_notify_read");
    loader.find(out.aio_notify_write, "nbd_aio_notify_write");
    loader.find(out.aio_pread, "nbd_aio_pread");
    loader.find(out.aio_pwrite, "nbd_aio_pwrite");
    loader.find(out.aio_flush, "nbd_aio_flush");
    loader.find(out.aio_trim, "nbd_aio_trim");
    loader.find(out.aio_zero, "nbd_aio_zero");
    loader.find(out.aio_disconnect, "nbd_aio_disconnect");
    loader.find(out.poll, "nbd_poll");
    loader.find(out.get_size, "nbd_get_size");
    loader.find(out.get_block_size, "nbd_get_block_size");
    loader.find(out.is_read_only, "nbd_is_read_only");
    loader.find(out.can_flush, "nbd_can_flush");
    loader.find(out.can_fua, "nbd_can_fua");
    loader.find(out.can_trim, "nbd_can_trim");
    loader.find(out.can_zero, "nbd_can_zero");
    return loader.missing();
}

} // namespace

Result<const LibNbd*> LibNbd::load() {
    static LibNbd library;
    static bool loaded = false;
    if (loaded) return &library;
    void* handle = ::dlopen(kLibrary, RTLD_NOW | RTLD_LOCAL);
    if (handle == nullptr)
        return fail("{} cannot be loaded ({}); install the package libnbd0", kLibrary, ::dlerror());
    if (const char* missing = find_all(handle, library); missing != nullptr)
        return fail("{} has no {}; install libnbd 1.12 or later", kLibrary, missing);
    loaded = true;
    return &library;
}

} // namespace dm::host

#endif
