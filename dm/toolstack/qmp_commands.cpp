#include "dm/toolstack/qmp_commands.hpp"

#include "dm/toolstack/qmp_handlers.hpp"

#include <algorithm>
#include <limits>

namespace dm::toolstack {
namespace {

constexpr bool kRequired = true;
constexpr auto kString = QmpType::String;
constexpr auto kInteger = QmpType::Integer;
constexpr auto kBoolean = QmpType::Boolean;

constexpr std::array kCommands{
    QmpCommand{"add-fd", add_fd, {{{"fdset-id", kInteger}, {"opaque", kString}}}},
    QmpCommand{"block_resize",
               block_resize,
               {{{"device", kString}, {"node-name", kString}, {"size", kInteger, kRequired}}}},
    QmpCommand{"blockdev-change-medium",
               blockdev_change_medium,
               {{{"device", kString},
                 {"id", kString},
                 {"filename", kString, kRequired},
                 {"format", kString},
                 {"force", kBoolean},
                 {"read-only-mode", kString}}}},
    QmpCommand{"change-vnc-password", change_vnc_password, {{{"password", kString, kRequired}}}},
    QmpCommand{"cont", cont},
    QmpCommand{"device_add", device_add, {{{"driver", kString, kRequired}, {"id", kString}}}, true},
    QmpCommand{"device_del", device_del, {{{"id", kString, kRequired}}}},
    QmpCommand{"eject", eject, {{{"device", kString}, {"id", kString}, {"force", kBoolean}}}},
    QmpCommand{"expire_password",
               expire_password,
               {{{"protocol", kString, kRequired}, {"time", kString, kRequired}, {"display", kString}}}},
    QmpCommand{"human-monitor-command",
               human_monitor_command,
               {{{"command-line", kString, kRequired}, {"cpu-index", kInteger}}}},
    QmpCommand{"nbd-server-add", no_colo, {}, true},
    QmpCommand{"nbd-server-start", no_colo, {}, true},
    QmpCommand{"nbd-server-stop", no_colo},
    QmpCommand{"query-block", query_block},
    QmpCommand{"query-blockstats", query_blockstats, {{{"query-nodes", kBoolean}}}},
    QmpCommand{"query-chardev", query_chardev},
    QmpCommand{"query-command-line-options", query_command_line_options, {{{"option", kString}}}},
    QmpCommand{"query-commands", query_commands},
    QmpCommand{"query-cpus-fast", query_cpus_fast},
    QmpCommand{"query-fdsets", query_fdsets},
    QmpCommand{"query-hotpluggable-cpus", query_hotpluggable_cpus},
    QmpCommand{"query-machines", query_machines},
    QmpCommand{"query-name", query_name},
    QmpCommand{"query-pci", query_pci},
    QmpCommand{"query-status", query_status},
    QmpCommand{"query-version", query_version},
    QmpCommand{"query-vnc", query_vnc},
    QmpCommand{"query-xen-replication-status", no_colo},
    QmpCommand{"quit", quit},
    QmpCommand{"remove-fd", remove_fd, {{{"fdset-id", kInteger, kRequired}, {"fd", kInteger}}}},
    QmpCommand{
        "screendump",
        screendump,
        {{{"filename", kString, kRequired}, {"device", kString}, {"head", kInteger}, {"format", kString}}}},
    QmpCommand{"send-key", send_key, {{{"keys", QmpType::Objects, kRequired}, {"hold-time", kInteger}}}},
    QmpCommand{"set_link", set_link, {{{"name", kString, kRequired}, {"up", kBoolean, kRequired}}}},
    QmpCommand{"set_password",
               set_password,
               {{{"protocol", kString, kRequired},
                 {"password", kString, kRequired},
                 {"connected", kString},
                 {"display", kString}}}},
    QmpCommand{"stop", stop},
    QmpCommand{"system_powerdown", system_powerdown},
    QmpCommand{"system_reset", system_reset},
    QmpCommand{"system_wakeup", system_wakeup},
    QmpCommand{"x-blockdev-change", no_colo, {}, true},
    QmpCommand{"xen-colo-do-checkpoint", no_colo},
    QmpCommand{"xen-load-devices-state", no_colo, {}, true},
    QmpCommand{"xen-save-devices-state",
               xen_save_devices_state,
               {{{"filename", kString, kRequired}, {"live", kBoolean}}}},
    QmpCommand{"xen-set-global-dirty-log", xen_set_global_dirty_log, {{{"enable", kBoolean, kRequired}}}},
    QmpCommand{"xen-set-replication", no_colo, {}, true},
};

constexpr bool by_name(const QmpCommand& a, const QmpCommand& b) {
    return a.name < b.name;
}
static_assert(std::is_sorted(kCommands.begin(), kCommands.end(), by_name));

bool fits_integer(const Json& value) {
    if (!value.is_number_integer()) return false;
    const auto* big = value.get_ptr<const Json::number_unsigned_t*>();
    return big == nullptr || *big <= static_cast<u64>(std::numeric_limits<std::int64_t>::max());
}

bool has_type(const Json& value, QmpType type) {
    switch (type) {
    case QmpType::Any: return true;
    case QmpType::String: return value.is_string();
    case QmpType::Integer: return fits_integer(value);
    case QmpType::Boolean: return value.is_boolean();
    case QmpType::Objects:
        return value.is_array() &&
               std::all_of(value.begin(), value.end(), [](const Json& item) { return item.is_object(); });
    }
    return false;
}

std::string_view word_of(QmpType type) {
    switch (type) {
    case QmpType::Any: return "value";
    case QmpType::String: return "string";
    case QmpType::Integer: return "integer";
    case QmpType::Boolean: return "boolean";
    case QmpType::Objects: return "array of objects";
    }
    return "";
}

bool takes(const QmpCommand& command, const std::string& name) {
    return command.any_arguments || std::any_of(command.arguments.begin(), command.arguments.end(),
                                                [&](const QmpArgument& known) { return known.name == name; });
}

Status check(const QmpCommand& command, const Json& arguments) {
    for (const QmpArgument& known : command.arguments) {
        if (known.name.empty()) break;
        const auto given = arguments.find(known.name);
        if (given == arguments.end()) {
            if (known.required) return fail("Parameter '{}' is missing", known.name);
        } else if (!has_type(*given, known.type)) {
            return fail("Invalid parameter type for '{}', expected: {}", known.name, word_of(known.type));
        }
    }
    for (const auto& item : arguments.items())
        if (item.key().empty() || !takes(command, item.key()))
            return fail("Parameter '{}' is unexpected", item.key());
    return {};
}

} // namespace

std::span<const QmpCommand> qmp_commands() {
    return kCommands;
}

QmpReply run_command(QmpContext& context, std::string_view name, const Json& arguments) {
    const auto command =
        std::lower_bound(kCommands.begin(), kCommands.end(), QmpCommand{name, nullptr}, by_name);
    if (command == kCommands.end() || command->name != name)
        return QmpError{kCommandNotFound, fmt::format("The command {} has not been found", name)};
    if (const Status checked = check(*command, arguments); !checked.ok()) return reply_to(checked);
    return command->run(context, arguments);
}

} // namespace dm::toolstack
