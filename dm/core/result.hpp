// Result<T>: a value or the reason why there is none. For start-up and for host failures; guest misbehaviour
// is never an error object, it is answered as the hardware would.
#pragma once

#include "dm/core/check.hpp"

#include <fmt/format.h>
#include <string>
#include <utility>
#include <variant>

namespace dm {

/// One sentence for the person who runs the host: what failed, which option or file, and what to do about it.
struct Error {
    std::string message;
};

/// fail("disk {}: {}", path, reason)
template <class... Args> [[nodiscard]] Error fail(fmt::format_string<Args...> format, Args&&... args) {
    return Error{fmt::format(format, std::forward<Args>(args)...)};
}

template <class T> class [[nodiscard]] Result {
public:
    Result(T value) : content_(std::in_place_index<0>, std::move(value)) {}
    Result(Error error) : content_(std::in_place_index<1>, std::move(error)) {}
    /// A unique_ptr<Derived> where a unique_ptr<Base> is wanted, and the like.
    template <class U>
    // NOLINTNEXTLINE(bugprone-forwarding-reference-overload): `requires` keeps Result itself out
    requires(std::is_convertible_v<U&&, T> && !std::is_same_v<std::remove_cvref_t<U>, T>) Result(U&& value)
        : content_(std::in_place_index<0>, std::forward<U>(value)) {}

    bool ok() const { return content_.index() == 0; }
    explicit operator bool() const { return ok(); }

    T& value() & { return checked(), std::get<0>(content_); }
    const T& value() const& { return checked(), std::get<0>(content_); }
    T&& value() && { return checked(), std::get<0>(std::move(content_)); }
    T* operator->() { return &value(); }
    T& operator*() { return value(); }

    const Error& error() const {
        DM_CHECK(!ok());
        return std::get<1>(content_);
    }

private:
    void checked() const { DM_CHECK(ok()); }
    std::variant<T, Error> content_;
};

template <> class [[nodiscard]] Result<void> {
public:
    Result() = default;
    Result(Error error) : error_(std::move(error)), failed_(true) {}

    bool ok() const { return !failed_; }
    explicit operator bool() const { return ok(); }
    const Error& error() const {
        DM_CHECK(failed_);
        return error_;
    }

private:
    Error error_;
    bool failed_ = false;
};

using Status = Result<void>;

} // namespace dm

#define DM_CONCAT_(a, b) a##b
#define DM_CONCAT(a, b) DM_CONCAT_(a, b)

/// Returns the error of `expr` from the enclosing function, if there is one.
#define DM_TRY(expr)                                                                                         \
    do {                                                                                                     \
        auto dm_try_result = (expr);                                                                         \
        if (!dm_try_result.ok()) return dm_try_result.error();                                               \
    } while (false)

// NOLINTBEGIN(bugprone-macro-parentheses): `target` may be a declaration, `name` is one
/// DM_TRY_ASSIGN(auto fd, open_it(path)): declares or assigns on success, returns the error otherwise.
#define DM_TRY_ASSIGN(target, expr) DM_TRY_ASSIGN_(DM_CONCAT(dm_try_, __LINE__), target, expr)
#define DM_TRY_ASSIGN_(name, target, expr)                                                                   \
    auto name = (expr);                                                                                      \
    if (!name.ok()) return name.error();                                                                     \
    target = std::move(name).value()
// NOLINTEND(bugprone-macro-parentheses)
