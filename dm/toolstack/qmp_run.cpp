// QMP: running, stopping, saving.
#include "dm/toolstack/qemu_opts.hpp"
#include "dm/toolstack/qmp_handlers.hpp"

#include <cerrno>
#include <chrono>
#include <cstring>
#include <fcntl.h>
#include <unistd.h>

namespace dm::toolstack {
namespace {

/// What libxl hands over was created without O_TRUNC and may be longer than what will be written (a second
/// `xl save -c`): old bytes at its end would become part of the saved state.
Result<UniqueFd> open_state_file(const FdSets& sets, const std::string& filename) {
    UniqueFd fd;
    if (const auto set = FdSets::number_in(filename)) {
        DM_TRY_ASSIGN(fd, sets.duplicate(*set, FdAccess::Write));
    } else {
        fd = UniqueFd{open(filename.c_str(), O_WRONLY | O_CREAT | O_CLOEXEC, 0600)};
        if (!fd) return fail("{}: {}", filename, std::strerror(errno));
    }
    // A pipe or a socket cannot be truncated and need not be.
    if (ftruncate(fd.get(), 0) != 0 && errno != EINVAL)
        return fail("{}: cannot truncate: {}", filename, std::strerror(errno));
    return fd;
}

} // namespace

QmpReply cont(QmpContext& context, const Json&) {
    return reply_to(context.machine().resume());
}

QmpReply stop(QmpContext& context, const Json&) {
    return reply_to(context.machine().stop());
}

QmpReply quit(QmpContext& context, const Json&) {
    context.machine().quit();
    return Json::object();
}

QmpReply system_reset(QmpContext& context, const Json&) {
    return reply_to(context.machine().reset());
}

QmpReply system_powerdown(QmpContext& context, const Json&) {
    return reply_to(context.machine().power_down());
}

QmpReply system_wakeup(QmpContext& context, const Json&) {
    return reply_to(context.machine().wake_up());
}

QmpReply change_vnc_password(QmpContext& context, const Json& arguments) {
    return reply_to(context.machine().set_vnc_password(string_in(arguments, "password")));
}

QmpReply set_password(QmpContext& context, const Json& arguments) {
    const std::string protocol = string_in(arguments, "protocol");
    if (protocol != "vnc") return refuse("set_password: protocol '{}' is not served, only vnc", protocol);
    const std::string* connected = find_string(arguments, "connected");
    if (connected != nullptr && *connected != "keep")
        return refuse("set_password: connected '{}' is not possible with vnc, only keep", *connected);
    return change_vnc_password(context, arguments);
}

// When: "now", "never", "+SECONDS", or seconds since 1970.
QmpReply expire_password(QmpContext& context, const Json& arguments) {
    const std::string protocol = string_in(arguments, "protocol");
    if (protocol != "vnc") return refuse("expire_password: protocol '{}' is not served, only vnc", protocol);
    const std::string time = string_in(arguments, "time");
    constexpr u64 kMost = u64{1} << 40;
    const auto now =
        static_cast<long long>(std::chrono::system_clock::to_time_t(std::chrono::system_clock::now()));
    if (time == "never") return reply_to(context.machine().expire_vnc_password(std::nullopt));
    if (time == "now") return reply_to(context.machine().expire_vnc_password(now));
    const bool relative = time.starts_with('+');
    const auto seconds = parse_number(std::string_view(time).substr(relative ? 1 : 0), kMost);
    if (!seconds)
        return refuse("expire_password: time '{}': expected now, never, +SECONDS or seconds since 1970",
                      time);
    const auto when = static_cast<long long>(seconds.value());
    return reply_to(context.machine().expire_vnc_password(relative ? now + when : when));
}

QmpReply xen_set_global_dirty_log(QmpContext& context, const Json& arguments) {
    return reply_to(context.machine().log_dirty_pages(bool_in(arguments, "enable", false)));
}

QmpReply xen_save_devices_state(QmpContext& context, const Json& arguments) {
    MachineControl& machine = context.machine();
    if (is_served(machine.run_state()))
        return refuse("xen-save-devices-state: the machine runs; send stop first");
    auto file = open_state_file(context.shared.fd_sets, string_in(arguments, "filename"));
    if (!file) return QmpError{kGenericError, "xen-save-devices-state: " + file.error().message};
    const Status saved = machine.save_devices(file->get(), bool_in(arguments, "live", true));
    // libxl reads the file after the reply: what close() reports must be part of it.
    if (close(file->release()) != 0 && errno != EINTR && saved.ok())
        return refuse("xen-save-devices-state: {}", std::strerror(errno));
    return reply_to(saved);
}

QmpReply no_colo(QmpContext&, const Json&) {
    return refuse("COLO is not supported by this version of hvmdm");
}

} // namespace dm::toolstack
