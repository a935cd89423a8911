// QMP: hotplug, and the cables of network cards.
#include "dm/toolstack/qemu_opts.hpp"
#include "dm/toolstack/qmp_handlers.hpp"

namespace dm::toolstack {
namespace {

/// Properties as `-device` would have them. libxl sends numbers as strings up to 4.17 and as integers since.
Result<std::string> property_text(std::string_view name, const Json& value) {
    if (const auto* text = value.get_ptr<const std::string*>()) return *text;
    if (const auto* flag = value.get_ptr<const bool*>()) return std::string(*flag ? "on" : "off");
    if (value.is_number_integer()) return to_text(value);
    return fail("Invalid parameter type for '{}', expected: a string, a number or a boolean", name);
}

Result<u64> number_property(const DeviceRequest& request, const std::string& name) {
    const auto found = request.properties.find(name);
    if (found == request.properties.end()) return fail("Parameter '{}' is missing", name);
    return parse_number(found->second, INT32_MAX);
}

QmpReply plug_cpu(MachineControl& machine, const DeviceRequest& request) {
    for (const auto& [name, value] : request.properties)
        if (name != "socket-id" && name != "core-id" && name != "thread-id")
            return refuse("Parameter '{}' is unexpected", name);
    const auto socket = number_property(request, "socket-id");
    if (!socket) return reply_to(socket.error());
    for (const char* name : {"core-id", "thread-id"}) {
        const auto number = number_property(request, name);
        if (!number) return reply_to(number.error());
        if (number.value() != 0) return refuse("{} must be 0: each CPU is a socket of its own", name);
    }
    const u64 index = socket.value();
    if (index >= machine.max_vcpus())
        return refuse("socket-id {} is out of range: the guest has {} CPUs at most", index,
                      machine.max_vcpus());
    if (index < machine.vcpus()) return refuse("CPU {} is there already", index);
    return reply_to(machine.plug_cpu(static_cast<unsigned>(index)));
}

} // namespace

QmpReply device_add(QmpContext& context, const Json& arguments) {
    DeviceRequest request;
    request.driver = string_in(arguments, "driver");
    request.id = string_in(arguments, "id");
    for (const auto& item : arguments.items()) {
        if (item.key() == "driver" || item.key() == "id") continue;
        auto text = property_text(item.key(), item.value());
        if (!text) return reply_to(text.error());
        request.properties.emplace(item.key(), std::move(*text));
    }
    if (!request.id.empty() && context.machine().has_device(request.id) &&
        !context.machine().awaits_device(request))
        return refuse("Duplicate device ID '{}'", request.id);
    if (request.driver == kCpuDriver) return plug_cpu(context.machine(), request);
    return reply_to(context.machine().add_device(request));
}

QmpReply device_del(QmpContext& context, const Json& arguments) {
    const std::string id = string_in(arguments, "id");
    if (!context.machine().has_device(id))
        return QmpError{kDeviceNotFound, fmt::format("Device '{}' not found", id)};
    return reply_to(context.machine().remove_device(id));
}

QmpReply set_link(QmpContext& context, const Json& arguments) {
    return reply_to(context.machine().set_link(string_in(arguments, "name"), bool_in(arguments, "up", true)));
}

} // namespace dm::toolstack
