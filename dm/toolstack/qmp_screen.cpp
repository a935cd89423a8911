// QMP: the picture of the screen as a file.
#include "dm/toolstack/qmp_handlers.hpp"

namespace dm::toolstack {

QmpReply screendump(QmpContext& context, const Json& arguments) {
    const std::string* format = find_string(arguments, "format");
    if (format != nullptr && *format != "ppm" && *format != "png")
        return refuse("Parameter 'format' does not accept value '{}'", *format);
    const auto head = integer_in(arguments, "head");
    if (head && find_string(arguments, "device") == nullptr)
        return refuse("'head' must be specified together with 'device'");

    ScreenDump dump;
    dump.filename = string_in(arguments, "filename");
    dump.png = format != nullptr && *format == "png";
    dump.device = string_in(arguments, "device");
    dump.head = head.value_or(0);
    if (!dump.device.empty() && !context.machine().has_device(dump.device))
        return QmpError{kDeviceNotFound, fmt::format("Device '{}' not found", dump.device)};
    if (const auto set = FdSets::number_in(dump.filename)) {
        auto fd = context.shared.fd_sets.duplicate(*set, FdAccess::Write);
        if (!fd) return refuse("screendump: {}", fd.error().message);
        dump.fd = std::move(*fd);
    }
    return reply_to(context.machine().dump_screen(std::move(dump)));
}

} // namespace dm::toolstack
