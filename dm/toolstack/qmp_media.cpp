// QMP: descriptors and removable media.
#include "dm/toolstack/qmp_handlers.hpp"

#include <algorithm>

namespace dm::toolstack {
namespace {

/// The drive that `id` (libxl) or `device` (older clients) names.
std::variant<DriveInfo, QmpError> removable_drive(const QmpContext& context, const Json& arguments) {
    const std::string* name = find_string(arguments, "id");
    if (name == nullptr) name = find_string(arguments, "device");
    if (name == nullptr) return QmpError{kGenericError, "Parameter 'id' is missing"};
    const std::vector<DriveInfo> drives = context.machine().drives();
    const auto drive =
        std::find_if(drives.begin(), drives.end(), [&](const DriveInfo& d) { return d.device == *name; });
    if (drive == drives.end()) return QmpError{kDeviceNotFound, fmt::format("Device '{}' not found", *name)};
    if (!drive->removable)
        return QmpError{kGenericError, fmt::format("Device '{}' has no removable medium", *name)};
    return *drive;
}

/// libxl describes a descriptor as "FORMAT:PATH"; the path is what people and query-block know.
std::string path_in(const std::string& opaque) {
    const std::size_t colon = opaque.find(':');
    return colon == std::string::npos ? opaque : opaque.substr(colon + 1);
}

} // namespace

QmpReply add_fd(QmpContext& context, const Json& arguments) {
    const auto wanted = integer_in(arguments, "fdset-id");
    if (wanted && (*wanted < 0 || *wanted > INT32_MAX))
        return refuse("add-fd: fdset-id {} is not a number of an fd set", *wanted);
    if (context.received.empty()) return refuse("add-fd: no file descriptor came with the command");
    UniqueFd fd = std::move(context.received.front());
    context.received.erase(context.received.begin());
    const auto set = wanted ? std::optional(static_cast<u32>(*wanted)) : std::nullopt;
    const auto added = context.shared.fd_sets.add(set, std::move(fd), string_in(arguments, "opaque"));
    if (!added) return refuse("add-fd: {}", added.error().message);
    return Json{{"fdset-id", added.value().set}, {"fd", added.value().fd}};
}

QmpReply remove_fd(QmpContext& context, const Json& arguments) {
    const auto set = integer_in(arguments, "fdset-id").value_or(-1);
    const auto fd = integer_in(arguments, "fd");
    if (set < 0 || set > INT32_MAX || (fd && (*fd < 0 || *fd > INT32_MAX)))
        return refuse("remove-fd: there is no such fd set or file descriptor");
    return reply_to(context.shared.fd_sets.remove(static_cast<u32>(set),
                                                  fd ? std::optional(static_cast<int>(*fd)) : std::nullopt));
}

QmpReply query_fdsets(QmpContext& context, const Json&) {
    Json list = Json::array();
    for (const auto& [number, members] : context.shared.fd_sets.all()) {
        Json fds = Json::array();
        for (const FdSets::Member& member : members) {
            Json entry{{"fd", member.fd.get()}};
            if (!member.opaque.empty()) entry["opaque"] = member.opaque;
            fds.push_back(std::move(entry));
        }
        list.push_back({{"fdset-id", number}, {"fds", std::move(fds)}});
    }
    return list;
}

QmpReply block_resize(QmpContext& context, const Json& arguments) {
    const std::string* name = find_string(arguments, "device");
    if (name == nullptr) name = find_string(arguments, "node-name");
    if (name == nullptr) return refuse("block_resize: device is missing");
    const std::int64_t size = integer_in(arguments, "size").value_or(-1);
    if (size <= 0) return refuse("block_resize: {} is no size of a disk", size);
    return reply_to(context.machine().resize_drive(*name, static_cast<u64>(size)));
}

QmpReply eject(QmpContext& context, const Json& arguments) {
    const auto drive = removable_drive(context, arguments);
    if (const auto* error = std::get_if<QmpError>(&drive)) return *error;
    return reply_to(
        context.machine().eject(std::get<DriveInfo>(drive).device, bool_in(arguments, "force", false)));
}

QmpReply blockdev_change_medium(QmpContext& context, const Json& arguments) {
    const auto drive = removable_drive(context, arguments);
    if (const auto* error = std::get_if<QmpError>(&drive)) return *error;
    const std::string* mode = find_string(arguments, "read-only-mode");
    if (mode != nullptr && *mode != "retain" && *mode != "read-only" && *mode != "read-write")
        return refuse("Invalid parameter '{}'", *mode);

    MediumChange change;
    change.drive = std::get<DriveInfo>(drive).device;
    change.filename = string_in(arguments, "filename");
    change.format = string_in(arguments, "format");
    change.force = bool_in(arguments, "force", false);
    const bool retain = mode == nullptr || *mode == "retain";
    change.read_only = retain ? std::get<DriveInfo>(drive).read_only : *mode == "read-only";
    if (const auto set = FdSets::number_in(change.filename)) {
        const FdAccess access = change.read_only ? FdAccess::Read : FdAccess::Write;
        auto fd = context.shared.fd_sets.duplicate(*set, access);
        if (!fd) return refuse("blockdev-change-medium: {}", fd.error().message);
        change.fd = std::move(*fd);
        const std::string path = path_in(context.shared.fd_sets.opaque_of(*set, access));
        if (!path.empty()) change.filename = path;
    }
    return reply_to(context.machine().change_medium(std::move(change)));
}

} // namespace dm::toolstack
