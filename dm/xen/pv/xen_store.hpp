// xenstore: small values by path, and news about them. Paths without a leading slash are below our own
// domain's home. What is read may have been written by the guest. Every call waits for xenstored: for rare
// moments only.
#pragma once

#include "dm/core/event_loop.hpp"
#include "dm/core/log.hpp"
#include "dm/core/result.hpp"
#include "dm/xen/handles.hpp"

#include <charconv>
#include <functional>
#include <memory>
#include <optional>
#include <string>
#include <string_view>
#include <unordered_map>
#include <vector>

namespace dm::xen {

class XenStore {
public:
    /// Called in the loop with the path that was written or removed: the watched one or one below it. Once
    /// soon after watching, too. News may be late or doubled: look at the store, not at the news.
    using Changed = std::function<void(const std::string& path)>;

    /// Watches as long as it lives.
    class Watch {
    public:
        Watch() = default;
        Watch(Watch&& other) noexcept;
        Watch& operator=(Watch&& other) noexcept;
        Watch(const Watch&) = delete;
        Watch& operator=(const Watch&) = delete;
        ~Watch();

    private:
        friend class XenStore;
        Watch(XenStore& store, std::string path, std::string token)
            : store_(&store), path_(std::move(path)), token_(std::move(token)) {}
        XenStore* store_ = nullptr;
        std::string path_;
        std::string token_;
    };

    static Result<std::unique_ptr<XenStore>> open(EventLoop& loop);
    ~XenStore();
    XenStore(const XenStore&) = delete;
    XenStore& operator=(const XenStore&) = delete;

    std::optional<std::string> read(const std::string& path);
    /// Decimal, nothing else around it.
    template <class T> std::optional<T> read_number(const std::string& path) {
        const std::optional<std::string> text = read(path);
        if (!text) return std::nullopt;
        T value{};
        const char* end = text->data() + text->size();
        const auto [parsed, error] = std::from_chars(text->data(), end, value);
        if (error != std::errc{} || parsed != end) return std::nullopt;
        return value;
    }
    std::vector<std::string> list(const std::string& path);
    /// Failures are logged: there is nothing else to do about them.
    bool write(const std::string& path, std::string_view value);
    bool make_directory(const std::string& path);
    bool remove(const std::string& path);
    /// The watch must not outlive this object.
    Watch watch(const std::string& path, Changed changed);

private:
    XenStore(EventLoop& loop, Handle<xs_handle> handle);
    void news();
    void unwatch(const std::string& path, const std::string& token);
    bool report(bool done, std::string_view what, const std::string& path);

    EventLoop& loop_;
    Handle<xs_handle> handle_;
    bool watching_ = false;
    u64 last_token_ = 0;
    std::shared_ptr<bool> alive_ = std::make_shared<bool>(true);
    std::unordered_map<std::string, std::shared_ptr<Changed>> watches_; // by token
    Log log_{"xenstore"};
};

} // namespace dm::xen
