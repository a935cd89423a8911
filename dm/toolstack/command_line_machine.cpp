// -machine, -accel, -m, -smp, -boot, -name: the board itself.
#include "dm/toolstack/command_line.hpp"

#include <algorithm>

namespace dm::toolstack {
namespace {

constexpr u64 kMiB = u64{1} << 20;

Status choose_machine(CommandLineDraft& draft, const std::string& type) {
    draft.machine_given = true;
    draft.out.probe = type == "none";
    draft.machine_is_xenfv = type == "xenfv" || type.starts_with("xenfv-");
    const bool pc = type == "pc" || type.starts_with("pc-i440fx-");
    if (draft.out.probe || draft.machine_is_xenfv || pc) return {};
    if (type == "xenpv")
        return fail("hvmdm serves HVM guests only; leave device_model_override out of PV guests");
    return fail("there is no machine '{}': use xenfv, or pc,accel=xen; see -machine help", type);
}

void choose_accels(CommandLineDraft& draft, std::string_view names) {
    while (!names.empty()) { // "xen:tcg"
        const std::string_view name = names.substr(0, names.find(':'));
        names.remove_prefix(std::min(names.size(), name.size() + 1));
        draft.accels.emplace(name);
    }
}

} // namespace

Status take_machine(CommandLineDraft& draft, const std::string& value) {
    DM_TRY_ASSIGN(QemuOpts opts, QemuOpts::parse(value, "type"));
    if (opts.wants_help()) {
        draft.print = list_of_machines();
        return {};
    }
    if (const auto type = opts.take("type")) DM_TRY(choose_machine(draft, *type));
    if (const auto accel = opts.take("accel")) choose_accels(draft, *accel);
    DM_TRY_ASSIGN(const auto split, opts.take_size("max-ram-below-4g"));
    if (split) draft.out.max_ram_below_4g = *split;
    DM_TRY_ASSIGN(const bool igd, opts.take_bool("igd-passthru", false));
    if (igd)
        draft.note("passing through a graphics card is not supported yet, the guest gets the VGA it has");
    DM_TRY_ASSIGN(const bool usb, opts.take_bool("usb", false));
    if (usb) draft.out.usb = true;
    // About migration streams, KVM, memory sharing and chips that are Xen's.
    opts.ignore({"suppress-vmdesc", "dump-guest-core", "mem-merge", "kernel-irqchip", "kernel_irqchip",
                 "vmport", "smm", "hpet", "pit", "sata", "smbus", "graphics", "acpi", "i8042", "nvdimm",
                 "enforce-config-section"});
    return opts.finish();
}

Status take_accel(CommandLineDraft& draft, const std::string& value) {
    DM_TRY_ASSIGN(QemuOpts opts, QemuOpts::parse(value, "accel"));
    if (opts.wants_help())
        draft.print = list_of_accels();
    else
        choose_accels(draft, opts.take_or("accel", "")); // the rest is for accelerators we do not have
    return {};
}

Status take_memory(CommandLineDraft& draft, const std::string& value) {
    DM_TRY_ASSIGN(QemuOpts opts, QemuOpts::parse(value, "size"));
    DM_TRY_ASSIGN(const auto size, opts.take_size("size", kMiB));
    if (size) {
        if (*size < kMiB || *size / kMiB > ~unsigned{0}) return fail("not a possible size of guest memory");
        draft.out.memory_mib = static_cast<unsigned>(*size / kMiB);
    }
    opts.ignore({"slots", "maxmem"});
    return opts.finish();
}

Status take_smp(CommandLineDraft& draft, const std::string& value) {
    DM_TRY_ASSIGN(QemuOpts opts, QemuOpts::parse(value, "cpus"));
    DM_TRY_ASSIGN(const auto cpus, opts.take_number("cpus"));
    DM_TRY_ASSIGN(const auto max, opts.take_number("maxcpus"));
    const u64 now = cpus ? *cpus : max.value_or(1);
    const u64 most = max.value_or(now);
    if (now < 1 || most < now || most > kMostCpus)
        return fail("the numbers of CPUs must be 1 <= cpus <= maxcpus <= {}", kMostCpus);
    draft.out.cpus = static_cast<unsigned>(now);
    draft.out.max_cpus = static_cast<unsigned>(most);
    opts.ignore({"sockets", "dies", "clusters", "cores", "threads"}); // Xen shows the topology
    return opts.finish();
}

Status take_boot(CommandLineDraft& draft, const std::string& value) {
    DM_TRY_ASSIGN(QemuOpts opts, QemuOpts::parse(value, "order"));
    for (const std::string_view key : {"once", "order"}) {
        const auto order = opts.take(key);
        if (!order) continue;
        for (const char letter : *order)
            if (std::string_view("acdn").find(letter) == std::string_view::npos ||
                std::count(order->begin(), order->end(), letter) > 1)
                return fail("{}={}: each of a (floppy), c (disk), d (CD), n (network) may come once", key,
                            *order);
        if (order->empty() || order->size() > 3) // what fits into the CMOS
            return fail("{}={}: one to three letters", key, *order);
        if (key == "order") draft.out.boot_order = *order;
    }
    for (const std::string_view key : {"once", "menu", "splash", "splash-time", "reboot-timeout"})
        if (opts.take(key)) draft.note(fmt::format("{} has no effect", key));
    opts.ignore({"strict"});
    return opts.finish();
}

Status take_name(CommandLineDraft& draft, const std::string& value) {
    DM_TRY_ASSIGN(QemuOpts opts, QemuOpts::parse(value, "guest"));
    draft.out.name = opts.take_or("guest", draft.out.name);
    opts.ignore({"process", "debug-threads"});
    return opts.finish();
}

Status take_no_acpi(CommandLineDraft& draft, const std::string&) {
    draft.out.acpi = false;
    return {};
}

Status finish_machine(CommandLineDraft& draft) {
    MachineOptions& out = draft.out;
    const bool qtest = draft.accels.contains("qtest");
    out.accel = qtest ? Accel::Qtest : Accel::Xen;
    out.xen_platform = draft.machine_is_xenfv;
    if (out.probe) return {};
    if (out.kernel.empty() && !out.initrd.empty())
        return fail("-initrd: a ramdisk needs -kernel, which starts it");
    if (out.kernel.empty() && !out.append.empty())
        return fail("-append: a command line needs -kernel, which reads it");
    if (qtest) {
        if (out.qtest.empty()) return fail("-accel qtest needs -qtest, which says where the test listens");
        return {};
    }
    if (!out.domid)
        return fail(
            "-xen-domid is missing: hvmdm is started by xl, through device_model_override in the guest's "
            "configuration; see -help");
    if (!draft.machine_given)
        return fail(
            "-machine is missing: xl passes -machine xenfv, or pc,accel=xen without the Xen platform device");
    if (!draft.machine_is_xenfv && !draft.accels.contains("xen"))
        return fail("-machine pc needs accel=xen: hvmdm runs guests of Xen only");
    return {};
}

} // namespace dm::toolstack
