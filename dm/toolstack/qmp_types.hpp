// What QMP commands are made of. Nothing here throws: JSON is parsed without exceptions and every value is
// asked for its type before it is used.
#pragma once

#include "dm/core/machine_control.hpp"
#include "dm/toolstack/fdset.hpp"

#include <nlohmann/json.hpp>
#include <string>
#include <string_view>
#include <utility>
#include <variant>
#include <vector>

namespace dm::toolstack {

using Json = nlohmann::json;

/// Compact, on one line, and valid UTF-8 whatever a file name holds.
inline std::string to_text(const Json& value) {
    return value.dump(-1, ' ', false, Json::error_handler_t::replace);
}

// libxl acts on CommandNotFound: it then tries an older command.
inline constexpr std::string_view kGenericError = "GenericError";
inline constexpr std::string_view kCommandNotFound = "CommandNotFound";
inline constexpr std::string_view kDeviceNotFound = "DeviceNotFound";

struct QmpError {
    std::string_view error_class = kGenericError;
    std::string description;
};

/// The content of "return", or an error.
using QmpReply = std::variant<Json, QmpError>;

template <class... A> QmpReply refuse(fmt::format_string<A...> format, A&&... args) {
    return QmpError{kGenericError, fmt::format(format, std::forward<A>(args)...)};
}

/// An empty "return", or the error.
inline QmpReply reply_to(const Status& status) {
    if (status.ok()) return Json::object();
    return QmpError{kGenericError, status.error().message};
}

/// All monitors of a machine share this.
struct QmpShared {
    MachineControl& machine;
    FdSets fd_sets;
    std::vector<CharDeviceInfo> monitors; ///< listed by query-chardev beside the machine's own
};

/// What a command may use.
struct QmpContext {
    QmpShared& shared;
    std::vector<UniqueFd>& received; ///< came with the last bytes that had any, oldest first

    MachineControl& machine() const { return shared.machine; }
};

// Members of `arguments`, whose types the command table has checked already.

inline const std::string* find_string(const Json& arguments, std::string_view key) {
    const auto at = arguments.find(key);
    return at == arguments.end() ? nullptr : at->get_ptr<const std::string*>();
}
inline std::string string_in(const Json& arguments, std::string_view key) {
    const std::string* text = find_string(arguments, key);
    return text == nullptr ? std::string() : *text;
}
inline bool bool_in(const Json& arguments, std::string_view key, bool fallback) {
    const auto at = arguments.find(key);
    const auto* value = at == arguments.end() ? nullptr : at->get_ptr<const bool*>();
    return value == nullptr ? fallback : *value;
}
inline std::optional<std::int64_t> integer_in(const Json& arguments, std::string_view key) {
    const auto at = arguments.find(key);
    if (at == arguments.end()) return std::nullopt;
    const auto* value = at->get_ptr<const Json::number_integer_t*>();
    if (value == nullptr) return std::nullopt;
    return *value;
}

} // namespace dm::toolstack
