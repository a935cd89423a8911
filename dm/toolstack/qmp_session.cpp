#include "dm/toolstack/qmp_session.hpp"

#include "dm/toolstack/qmp_commands.hpp"
#include "dm/toolstack/qmp_handlers.hpp"

#include <algorithm>
#include <set>

namespace dm::toolstack {
namespace {

constexpr std::string_view kLineEnd = "\r\n";

/// Nothing for text that is no JSON, and for an object that names a member twice: which one counts would be
/// a guess.
std::optional<Json> parse_json(std::string_view text) {
    std::vector<std::set<std::string>> open;
    bool ambiguous = false;
    const auto watch = [&](int, Json::parse_event_t event, Json& parsed) {
        switch (event) {
        case Json::parse_event_t::object_start: open.emplace_back(); break;
        case Json::parse_event_t::object_end: open.pop_back(); break;
        case Json::parse_event_t::key:
            if (const auto* key = parsed.get_ptr<const std::string*>())
                ambiguous = !open.back().insert(*key).second || ambiguous;
            break;
        case Json::parse_event_t::array_start:
        case Json::parse_event_t::array_end:
        case Json::parse_event_t::value: break;
        }
        return true;
    };
    Json value = Json::parse(text.begin(), text.end(), watch, /*allow_exceptions=*/false);
    if (value.is_discarded() || ambiguous) return std::nullopt;
    return value;
}

/// What is wrong with the frame of a command.
Status check_request(const Json& request) {
    for (const auto& item : request.items()) {
        const std::string& key = item.key();
        if (key == "execute") {
            if (!item.value().is_string()) return fail("QMP input member 'execute' must be a string");
        } else if (key == "arguments") {
            if (!item.value().is_object()) return fail("QMP input member 'arguments' must be an object");
        } else if (key == "exec-oob") {
            return fail("Out-of-band execution is not available");
        } else if (key != "id") {
            return fail("QMP input member '{}' is unexpected", key);
        }
    }
    if (!request.contains("execute")) return fail("QMP input lacks member 'execute'");
    return {};
}

std::string_view what_is_wrong(JsonFramer::Event event) {
    switch (event) {
    case JsonFramer::Event::TooDeep: return "JSON nesting is too deep";
    case JsonFramer::Event::TooLong: return "JSON object is too long";
    case JsonFramer::Event::Garbage:
    case JsonFramer::Event::NeedMore:
    case JsonFramer::Event::Object: break;
    }
    return "JSON parse error, expecting an object";
}

} // namespace

QmpSession::QmpSession(QmpShared& shared, bool events) : shared_(shared), wants_events_(events) {
    const Json version = version_object();
    output_ =
        fmt::format(R"({{"QMP": {{"version": {}, "capabilities": []}}}}{})", to_text(version), kLineEnd);
}

void QmpSession::receive(std::string_view bytes, std::vector<UniqueFd> fds) {
    input_ += bytes;
    if (!fds.empty()) {
        if (fds.size() > kMostFds) {
            log_.warning("{} file descriptors at once, {} are kept", fds.size(), kMostFds);
            fds.resize(kMostFds);
        }
        fds_ = std::move(fds);
    }
    run();
}

void QmpSession::abandon_output() {
    abandoned_ = true;
    output_.clear();
}

void QmpSession::event(std::string_view line) {
    if (negotiated_ && wants_events_ && !abandoned_ && output_.size() < kOutputPause) output_ += line;
}

void QmpSession::run() {
    if (running_) return;
    running_ = true;
    std::string_view rest = input_;
    while (!rest.empty() && output_.size() < kOutputPause) {
        const JsonFramer::Event event = framer_.next(rest);
        if (event == JsonFramer::Event::Object)
            take(framer_.take());
        else if (event != JsonFramer::Event::NeedMore)
            reply(refuse("{}", what_is_wrong(event)), {});
    }
    input_.erase(0, input_.size() - rest.size());
    running_ = false;
}

void QmpSession::take(std::string_view text) {
    const std::optional<Json> request = parse_json(text);
    if (!request) {
        reply(refuse("Invalid JSON syntax"), {});
        return;
    }
    const auto id = request->find("id");
    const std::string id_member = id == request->end() ? std::string() : ", \"id\": " + to_text(*id);
    if (const Status checked = check_request(*request); !checked.ok()) {
        reply(reply_to(checked), id_member);
        return;
    }
    execute(*request, id_member);
}

void QmpSession::execute(const Json& request, std::string_view id_member) {
    const std::string name = string_in(request, "execute");
    const auto found = request.find("arguments");
    const Json arguments = found == request.end() ? Json::object() : *found;
    log_.debug("{}", name); // not its arguments: there are passwords among them
    if (name == "qmp_capabilities") {
        reply(negotiate(arguments), id_member);
    } else if (!negotiated_) {
        reply(QmpError{kCommandNotFound, "Expecting capabilities negotiation with 'qmp_capabilities'"},
              id_member);
    } else {
        QmpContext context{shared_, fds_};
        reply(run_command(context, name, arguments), id_member);
    }
}

QmpReply QmpSession::negotiate(const Json& arguments) {
    if (negotiated_)
        return QmpError{kCommandNotFound, "Capabilities negotiation is already complete, command ignored"};
    for (const auto& item : arguments.items()) {
        if (item.key() != "enable") return refuse("Parameter '{}' is unexpected", item.key());
        if (!item.value().is_array()) return refuse("Invalid parameter type for 'enable', expected: array");
        if (!item.value().empty()) return refuse("No capability that can be enabled is available");
    }
    negotiated_ = true;
    return Json::object();
}

void QmpSession::reply(const QmpReply& reply, std::string_view id_member) {
    if (abandoned_) return;
    if (const auto* error = std::get_if<QmpError>(&reply)) {
        log_.debug("{}: {}", error->error_class, error->description);
        output_ += fmt::format(R"({{"error": {{"class": "{}", "desc": {}}}{}}}{})", error->error_class,
                               to_text(error->description), id_member, kLineEnd);
        return;
    }
    output_ += fmt::format(R"({{"return": {}{}}}{})", to_text(std::get<Json>(reply)), id_member, kLineEnd);
}

} // namespace dm::toolstack
