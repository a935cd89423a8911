#include "dm/xen/pv/xen_store.hpp"

#include "dm/xen/libxen.hpp"

#include <cerrno>
#include <cstdlib>
#include <cstring>
#include <utility>

namespace dm::xen {
namespace {

struct Free {
    void operator()(void* p) const { std::free(p); }
};
template <class T> using FromLibrary = std::unique_ptr<T, Free>;

constexpr int kMostNews = 256; // of one round: a guest may write as fast as we read

} // namespace

XenStore::Watch::Watch(Watch&& other) noexcept
    : store_(std::exchange(other.store_, nullptr)), path_(std::move(other.path_)),
      token_(std::move(other.token_)) {}

XenStore::Watch& XenStore::Watch::operator=(Watch&& other) noexcept {
    std::swap(store_, other.store_);
    std::swap(path_, other.path_);
    std::swap(token_, other.token_);
    return *this;
}

XenStore::Watch::~Watch() {
    if (store_ != nullptr) store_->unwatch(path_, token_);
}

Result<std::unique_ptr<XenStore>> XenStore::open(EventLoop& loop) {
    Handle<xs_handle> handle(xs_open(0));
    if (!handle) return fail("xenstore cannot be reached: {}; is xenstored running?", std::strerror(errno));
    return std::unique_ptr<XenStore>(new XenStore(loop, std::move(handle)));
}

XenStore::XenStore(EventLoop& loop, Handle<xs_handle> handle) : loop_(loop), handle_(std::move(handle)) {}

XenStore::~XenStore() {
    if (watching_) loop_.unwatch(xs_fileno(handle_.get()));
}

bool XenStore::report(bool done, std::string_view what, const std::string& path) {
    if (!done) log_.guest("{} cannot be {}: {}", path, what, std::strerror(errno));
    return done;
}

std::optional<std::string> XenStore::read(const std::string& path) {
    unsigned length = 0;
    const FromLibrary<void> value(xs_read(handle_.get(), XBT_NULL, path.c_str(), &length));
    if (!value) return std::nullopt;
    return std::string(static_cast<const char*>(value.get()), length);
}

std::vector<std::string> XenStore::list(const std::string& path) {
    unsigned count = 0;
    const FromLibrary<char*> names(xs_directory(handle_.get(), XBT_NULL, path.c_str(), &count));
    return names ? std::vector<std::string>(names.get(), names.get() + count) : std::vector<std::string>{};
}

bool XenStore::write(const std::string& path, std::string_view value) {
    return report(
        xs_write(handle_.get(), XBT_NULL, path.c_str(), value.data(), static_cast<unsigned>(value.size())),
        "written", path);
}

bool XenStore::make_directory(const std::string& path) {
    return report(xs_mkdir(handle_.get(), XBT_NULL, path.c_str()), "made", path);
}

bool XenStore::remove(const std::string& path) {
    const bool gone = xs_rm(handle_.get(), XBT_NULL, path.c_str()) || errno == ENOENT;
    return report(gone, "removed", path);
}

XenStore::Watch XenStore::watch(const std::string& path, Changed changed) {
    std::string token = std::to_string(++last_token_);
    watches_[token] = std::make_shared<Changed>(std::move(changed));
    report(xs_watch(handle_.get(), path.c_str(), token.c_str()), "watched", path);
    if (!std::exchange(watching_, true))
        loop_.watch(xs_fileno(handle_.get()), FdEvents::Readable, [this](FdReady) { news(); });
    return Watch(*this, path, std::move(token));
}

void XenStore::unwatch(const std::string& path, const std::string& token) {
    watches_.erase(token);
    report(xs_unwatch(handle_.get(), path.c_str(), token.c_str()), "left alone", path);
}

void XenStore::news() {
    for (int i = 0; i < kMostNews; ++i) {
        const FromLibrary<char*> event(xs_check_watch(handle_.get()));
        if (!event) return;
        const auto found = watches_.find(event.get()[XS_WATCH_TOKEN]);
        if (found == watches_.end()) continue; // news from before it was unwatched
        const auto changed = found->second;    // which may end its own watch
        (*changed)(event.get()[XS_WATCH_PATH]);
    }
    // The library may hold more without its descriptor telling so.
    loop_.post([this, alive = std::weak_ptr(alive_)] {
        if (!alive.expired()) news();
    });
}

} // namespace dm::xen
