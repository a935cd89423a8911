// The half of the double that PV back ends use: grant tables and xenstore.
#include "dm/xen/libxen.hpp"
#include "tests/support/fake_libxen.hpp"

#include <algorithm>
#include <array>
#include <cerrno>
#include <cstdlib>
#include <cstring>
#include <deque>
#include <fcntl.h>
#include <fmt/format.h>
#include <sys/mman.h>
#include <unistd.h>

using dm::kPageSize;
using dm::u32;
using dm::u64;
using dm::u8;
using dm::test::FakeXen;

struct xengntdev_handle {
    int unused;
};

/// A connection to xenstored.
struct xs_handle {
    struct Watch {
        std::string path; ///< as node() takes it
        std::string token;
    };
    std::array<int, 2> pipe{-1, -1};
    std::vector<Watch> watches;
    std::deque<std::pair<std::string, std::string>> news;
};

namespace {

FakeXen& xen() {
    return FakeXen::current();
}

xengntdev_handle the_gnttab;
std::vector<xs_handle*> connections;

int refuse(int error) {
    errno = error;
    return -1;
}

constexpr std::string_view kHome = "/local/domain/0/";

std::string at_home(std::string_view path) {
    return std::string(path.starts_with(kHome) ? path.substr(kHome.size()) : path);
}

bool below(std::string_view path, std::string_view directory) {
    return path == directory ||
           (path.starts_with(directory) && path.size() > directory.size() && path[directory.size()] == '/');
}

void tell(xs_handle& connection, const std::string& path, const std::string& token) {
    connection.news.emplace_back(path, token);
    const char byte = 0;
    if (::write(connection.pipe[1], &byte, 1) != 1) std::abort();
}

xs_handle& checked(xs_handle* handle, const char* path, const char* call) {
    ++xen().store_calls;
    xen().expect(std::ranges::find(connections, handle) != connections.end(),
                 fmt::format("{}: bad handle", call));
    const std::string_view text = path;
    xen().expect(!text.empty() && text.size() < 1024 && !text.ends_with('/') &&
                     text.find("//") == std::string_view::npos,
                 fmt::format("{}: bad path {}", call, text));
    return *handle;
}

/// What the libraries return is freed by their caller.
void* allocated(const void* bytes, std::size_t size) {
    auto* copy = static_cast<char*>(std::malloc(size + 1));
    std::memcpy(copy, bytes, size);
    copy[size] = 0;
    return copy;
}

/// An array of strings in one piece of memory.
char** allocated(const std::vector<std::string>& strings) {
    std::size_t size = sizeof(char*) * std::max<std::size_t>(strings.size(), 1);
    for (const std::string& s : strings)
        size += s.size() + 1;
    auto** list = static_cast<char**>(std::malloc(size));
    auto* at = reinterpret_cast<char*>(list + std::max<std::size_t>(strings.size(), 1));
    for (std::size_t i = 0; i < strings.size(); ++i) {
        list[i] = at;
        std::memcpy(at, strings[i].c_str(), strings[i].size() + 1);
        at += strings[i].size() + 1;
    }
    return list;
}

} // namespace

namespace dm::test {

u32 FakeXen::grant(u64 gfn, bool read_only) {
    expect(frames_.contains(gfn), "a grant of a page that is not there (test error)");
    grants_[next_gref_] = {gfn, read_only};
    return next_gref_++;
}

void FakeXen::fire_watches(const std::string& path, bool removed) {
    for (xs_handle* connection : connections)
        for (const auto& watch : connection->watches) {
            if (below(path, watch.path)) tell(*connection, path, watch.token);
            if (removed && watch.path != path && below(watch.path, path))
                tell(*connection, watch.path, watch.token);
        }
}

void FakeXen::store_write(const std::string& path, const std::string& value) {
    for (std::size_t slash = path.find('/', 1); slash != std::string::npos; slash = path.find('/', slash + 1))
        store.try_emplace(path.substr(0, slash), "");
    store[path] = value;
    fire_watches(path, false);
}

void FakeXen::store_remove(const std::string& path) {
    const auto gone = std::erase_if(store, [&](const auto& node) { return below(node.first, path); });
    if (gone > 0) fire_watches(path, true);
}

std::string FakeXen::node(const std::string& path) const {
    const auto found = store.find(path);
    return found == store.end() ? "-" : found->second;
}

} // namespace dm::test

extern "C" {

xengnttab_handle* xengnttab_open(xentoollog_logger* logger, unsigned) {
    xen().expect(logger != nullptr, "xengnttab_open: without a logger it writes to stderr");
    if (!xen().devices_present || !xen().gntdev_present) return errno = ENOENT, nullptr;
    ++xen().open_handles;
    return &the_gnttab;
}
int xengnttab_close(xengnttab_handle*) {
    return --xen().open_handles, 0;
}
void* xengnttab_map_domain_grant_refs(xengnttab_handle* handle, uint32_t count, uint32_t domid,
                                      uint32_t* refs, int prot) {
    xen().expect(handle == &the_gnttab && count > 0, "map_grant_refs: bad call");
    xen().check_domain(domid, "map_grant_refs");
    for (u32 i = 0; i < count; ++i) {
        const auto grant = xen().grants_.find(refs[i]);
        if (grant == xen().grants_.end()) return refuse(EINVAL), nullptr;
        if (grant->second.read_only && (prot & PROT_WRITE) != 0) return refuse(EACCES), nullptr;
    }
    auto* at =
        static_cast<u8*>(::mmap(nullptr, count * kPageSize, PROT_NONE, MAP_PRIVATE | MAP_ANONYMOUS, -1, 0));
    for (u32 i = 0; i < count; ++i) {
        const u64 page = xen().frames_.at(xen().grants_.at(refs[i]).gfn);
        if (::mmap(at + i * kPageSize, kPageSize, prot, MAP_SHARED | MAP_FIXED, xen().backing_,
                   static_cast<off_t>(page * kPageSize)) == MAP_FAILED)
            std::abort();
    }
    xen().grant_mappings += static_cast<int>(count);
    xen().grant_areas_[at] = count;
    return at;
}
void* xengnttab_map_grant_ref(xengnttab_handle* handle, uint32_t domid, uint32_t ref, int prot) {
    return xengnttab_map_domain_grant_refs(handle, 1, domid, &ref, prot);
}
int xengnttab_unmap(xengnttab_handle*, void* start, uint32_t count) {
    const auto area = xen().grant_areas_.find(start);
    xen().expect(area != xen().grant_areas_.end() && area->second == count,
                 "gnttab_unmap: that was never mapped");
    if (area == xen().grant_areas_.end()) return refuse(EINVAL);
    xen().grant_areas_.erase(area);
    xen().grant_mappings -= static_cast<int>(count);
    return ::munmap(start, count * kPageSize);
}
int xengnttab_grant_copy(xengnttab_handle* handle, uint32_t count, xengnttab_grant_copy_segment_t* segs) {
    xen().expect(handle == &the_gnttab && count > 0, "grant_copy: bad call");
    if (!xen().grant_copy_known) return refuse(ENOSYS);
    ++xen().grant_copies;
    for (u32 i = 0; i < count; ++i) {
        auto& s = segs[i];
        const bool in = s.flags == GNTCOPY_source_gref;
        xen().expect(in || s.flags == GNTCOPY_dest_gref, "grant_copy: bad flags");
        const auto& theirs = (in ? s.source : s.dest).foreign;
        void* ours = (in ? s.dest : s.source).virt;
        xen().check_domain(theirs.domid, "grant_copy");
        xen().expect(theirs.offset + u32{s.len} <= kPageSize && s.len > 0, "grant_copy: beyond the page");
        const auto grant = xen().grants_.find(theirs.ref);
        if (grant == xen().grants_.end() || (!in && grant->second.read_only)) {
            s.status = GNTST_bad_gntref;
            continue;
        }
        const auto at = static_cast<off_t>(xen().frames_.at(grant->second.gfn) * kPageSize + theirs.offset);
        const ssize_t done =
            in ? ::pread(xen().backing_, ours, s.len, at) : ::pwrite(xen().backing_, ours, s.len, at);
        if (done != s.len) std::abort();
        s.status = GNTST_okay;
    }
    return 0;
}

xs_handle* xs_open(unsigned long) {
    if (!xen().devices_present) return errno = ENOENT, nullptr;
    ++xen().open_handles;
    auto* handle = new xs_handle;
    if (::pipe2(handle->pipe.data(), O_CLOEXEC | O_NONBLOCK) != 0) std::abort();
    connections.push_back(handle);
    return handle;
}
void xs_close(xs_handle* handle) {
    --xen().open_handles;
    xen().watches -= static_cast<unsigned>(handle->watches.size());
    std::erase(connections, handle);
    ::close(handle->pipe[0]);
    ::close(handle->pipe[1]);
    delete handle;
}
bool xs_write(xs_handle* handle, xs_transaction_t, const char* path, const void* data, unsigned length) {
    checked(handle, path, "xs_write");
    xen().store_write(at_home(path), std::string(static_cast<const char*>(data), length));
    return true;
}
void* xs_read(xs_handle* handle, xs_transaction_t, const char* path, unsigned* length) {
    checked(handle, path, "xs_read");
    const auto found = xen().store.find(at_home(path));
    if (found == xen().store.end()) return errno = ENOENT, nullptr;
    *length = static_cast<unsigned>(found->second.size());
    return allocated(found->second.data(), found->second.size());
}
bool xs_mkdir(xs_handle* handle, xs_transaction_t, const char* path) {
    checked(handle, path, "xs_mkdir");
    if (!xen().store.contains(at_home(path))) xen().store_write(at_home(path), "");
    return true;
}
bool xs_rm(xs_handle* handle, xs_transaction_t, const char* path) {
    checked(handle, path, "xs_rm");
    if (!xen().store.contains(at_home(path))) return errno = ENOENT, false;
    xen().store_remove(at_home(path));
    return true;
}
char** xs_directory(xs_handle* handle, xs_transaction_t, const char* path, unsigned* count) {
    checked(handle, path, "xs_directory");
    const std::string directory = at_home(path);
    if (!xen().store.contains(directory)) return errno = ENOENT, nullptr;
    std::vector<std::string> names;
    for (const auto& [node, value] : xen().store)
        if (node != directory && below(node, directory) &&
            node.find('/', directory.size() + 1) == std::string::npos)
            names.push_back(node.substr(directory.size() + 1));
    *count = static_cast<unsigned>(names.size());
    return allocated(names);
}
bool xs_watch(xs_handle* handle, const char* path, const char* token) {
    checked(handle, path, "xs_watch");
    ++xen().watches;
    handle->watches.push_back({at_home(path), token});
    tell(*handle, at_home(path), token); // one event at once, whatever there is
    return true;
}
bool xs_unwatch(xs_handle* handle, const char* path, const char* token) {
    checked(handle, path, "xs_unwatch");
    const auto gone = std::erase_if(
        handle->watches, [&](const auto& w) { return w.path == at_home(path) && w.token == token; });
    xen().expect(gone == 1, "xs_unwatch: there is no such watch");
    xen().watches -= static_cast<unsigned>(gone);
    return gone == 1; // news that wait are delivered all the same
}
int xs_fileno(xs_handle* handle) {
    return handle->pipe[0];
}
char** xs_check_watch(xs_handle* handle) {
    if (handle->news.empty()) return errno = EAGAIN, nullptr;
    const auto [path, token] = handle->news.front();
    handle->news.pop_front();
    char byte = 0;
    if (::read(handle->pipe[0], &byte, 1) != 1) std::abort();
    return allocated({path, token});
}

} // extern "C"
