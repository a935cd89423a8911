// QMP: keys pressed by the toolstack.
#include "dm/toolstack/key_names.hpp"
#include "dm/toolstack/qmp_handlers.hpp"

#include <algorithm>

namespace dm::toolstack {
namespace {

constexpr std::int64_t kUsualHoldMs = 100;
constexpr std::int64_t kLongestHoldMs = 60'000;
constexpr std::size_t kMostKeys = 16;

/// {"type": "qcode", "data": "ctrl"} or {"type": "number", "data": 29}
std::optional<KeyCode> key_of(const Json& value) {
    const std::string type = string_in(value, "type");
    const std::string* const name = find_string(value, "data");
    if (type == "qcode") return name != nullptr ? key_named(*name) : std::nullopt;
    const auto number = integer_in(value, "data");
    if (type != "number" || !number || *number <= 0 || *number > 0xff) return std::nullopt;
    return static_cast<KeyCode>(*number);
}

} // namespace

QmpReply send_key(QmpContext& context, const Json& arguments) {
    const Json& wanted = arguments["keys"];
    if (wanted.empty() || wanted.size() > kMostKeys)
        return refuse("Parameter 'keys' expects an array of 1 to {} keys", kMostKeys);
    const std::int64_t hold = integer_in(arguments, "hold-time").value_or(kUsualHoldMs);
    if (hold < 0) return refuse("Parameter 'hold-time' expects milliseconds");
    std::vector<KeyCode> keys;
    for (const Json& value : wanted) {
        const auto key = key_of(value);
        if (!key)
            return refuse("Parameter 'keys' has a key that is not known: {}",
                          value.dump(-1, ' ', true, Json::error_handler_t::replace).substr(0, 80));
        keys.push_back(*key);
    }
    return reply_to(
        context.machine().press_keys(keys, static_cast<unsigned>(std::min(hold, kLongestHoldMs))));
}

} // namespace dm::toolstack
