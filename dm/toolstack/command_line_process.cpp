// How the process starts, whom it serves, and how it is locked up.
#include "dm/toolstack/command_line.hpp"

namespace dm::toolstack {
namespace {

constexpr u64 kMostDomid = 0x7fef; // DOMID_FIRST_RESERVED - 1

Status set_run_as(MachineOptions& out, const std::string& value) {
    RunAs who;
    const std::size_t colon = value.find(':');
    if (colon == std::string::npos) {
        who.user = value;
        if (value.empty()) return fail("expected USER or UID:GID");
    } else {
        const auto uid = parse_number(value.substr(0, colon), ~u32{0} - 1);
        const auto gid = parse_number(value.substr(colon + 1), ~u32{0} - 1);
        if (!uid || !gid) return fail("expected USER or UID:GID");
        who.uid = static_cast<unsigned>(uid.value());
        who.gid = static_cast<unsigned>(gid.value());
    }
    out.run_as = std::move(who);
    return {};
}

Status set_chroot(MachineOptions& out, const std::string& dir) {
    if (!dir.starts_with('/')) return fail("expected an absolute path");
    out.chroot_dir = dir;
    return {};
}

} // namespace

Status take_domid(CommandLineDraft& draft, const std::string& value) {
    const auto domid = parse_number(value, kMostDomid);
    if (!domid) return fail("expected the number of a domain");
    if (domid.value() == 0)
        return fail("domain 0 is not a guest; its disks are served by qemu-system-i386 -xen-attach");
    draft.out.domid = static_cast<unsigned>(domid.value());
    return {};
}

Status take_start_paused(CommandLineDraft& draft, const std::string&) {
    draft.out.start_paused = true;
    return {};
}

Status take_no_shutdown(CommandLineDraft& draft, const std::string&) {
    draft.out.exit_on_shutdown = false;
    return {};
}

Status take_incoming(CommandLineDraft& draft, const std::string& value) {
    if (value.starts_with("file:") && value.size() > 5) {
        draft.out.incoming_file = value.substr(5);
        return {};
    }
    if (!value.starts_with("fd:")) return fail("only fd:NUMBER and file:PATH are supported");
    const std::string number = value.substr(3);
    if (number == "-1")
        return fail("the saved guest has no record of its device model: it cannot be restored");
    const auto fd = parse_number(number, INT32_MAX);
    if (!fd) return fail("only fd:NUMBER and file:PATH are supported");
    draft.out.incoming_fd = static_cast<int>(fd.value());
    return {};
}

Status take_kernel(CommandLineDraft& draft, const std::string& value) {
    draft.out.kernel = value;
    return {};
}
Status take_initrd(CommandLineDraft& draft, const std::string& value) {
    draft.out.initrd = value;
    return {};
}
Status take_append(CommandLineDraft& draft, const std::string& value) {
    draft.out.append = value;
    return {};
}

Status take_firmware_dir(CommandLineDraft& draft, const std::string& value) {
    draft.out.firmware_dirs.push_back(value);
    return {};
}

Status take_add_fd(CommandLineDraft& draft, const std::string& value) {
    DM_TRY_ASSIGN(QemuOpts opts, QemuOpts::parse(value, ""));
    DM_TRY_ASSIGN(const auto fd, opts.take_number("fd", INT32_MAX));
    DM_TRY_ASSIGN(const auto set, opts.take_number("set", INT32_MAX));
    InheritedFd out;
    out.opaque = opts.take_or("opaque", "");
    DM_TRY(opts.finish());
    if (!fd || *fd < 3 || !set) return fail("expected fd=NUMBER,set=NUMBER with a descriptor from 3 on");
    out.fd = static_cast<int>(*fd);
    out.set = static_cast<unsigned>(*set);
    draft.out.inherited_fds.push_back(std::move(out));
    return {};
}

Status take_restrict(CommandLineDraft& draft, const std::string&) {
    draft.out.restrict_to_domain = true;
    return {};
}

Status take_chroot(CommandLineDraft& draft, const std::string& value) {
    return set_chroot(draft.out, value);
}

Status take_runas(CommandLineDraft& draft, const std::string& value) {
    return set_run_as(draft.out, value);
}

Status take_run_with(CommandLineDraft& draft, const std::string& value) {
    DM_TRY_ASSIGN(QemuOpts opts, QemuOpts::parse(value, ""));
    if (const auto dir = opts.take("chroot")) DM_TRY(set_chroot(draft.out, *dir));
    if (const auto user = opts.take("user")) DM_TRY(set_run_as(draft.out, *user));
    opts.ignore({"async-teardown"});
    return opts.finish();
}

Status take_qtest(CommandLineDraft& draft, const std::string& value) {
    if (!value.starts_with("unix:")) return fail("expected unix:PATH, where the test listens");
    DM_TRY_ASSIGN(QemuOpts opts, QemuOpts::parse(std::string_view(value).substr(5), "path"));
    draft.out.qtest = opts.take_or("path", "");
    DM_TRY_ASSIGN(const bool server, opts.take_bool("server", false));
    if (draft.out.qtest.empty() || server) return fail("expected unix:PATH, where the test listens");
    return opts.finish();
}

Status take_qtest_log(CommandLineDraft& draft, const std::string& value) {
    draft.out.qtest_log = value;
    return {};
}

Status take_record(CommandLineDraft& draft, const std::string& value) {
    if (value.empty()) return fail("expected the name of a file");
    draft.out.record_file = value;
    return {};
}

Status take_debug(CommandLineDraft& draft, const std::string&) {
    draft.out.debug = true;
    return {};
}

} // namespace dm::toolstack
