// QMP: what there is.
#include "dm/core/version.hpp"
#include "dm/toolstack/options.hpp"
#include "dm/toolstack/qmp_commands.hpp"
#include "dm/toolstack/qmp_handlers.hpp"
#include "dm/toolstack/support.hpp"

namespace dm::toolstack {
namespace {

Json client_object(const VncInfo::Client& client, const std::string& family) {
    return {{"host", client.host},
            {"service", client.service},
            {"family", family},
            {"websocket", client.websocket}};
}

Json medium_object(const DriveInfo& drive) {
    return {{"file", drive.file},
            {"ro", drive.read_only},
            {"drv", "raw"},
            {"encrypted", false},
            {"image", {{"filename", drive.file}, {"format", "raw"}}}};
}

} // namespace

std::string_view word_of(RunState state) {
    switch (state) {
    case RunState::Prelaunch: return "prelaunch";
    case RunState::Running: return "running";
    case RunState::Paused: return "paused";
    case RunState::Shutdown: return "shutdown";
    case RunState::Suspended: return "suspended";
    case RunState::IoError: return "io-error";
    }
    return "";
}

Json version_object() {
    return {{"qemu", {{"major", kQemuMajor}, {"minor", kQemuMinor}, {"micro", kQemuMicro}}},
            {"package", fmt::format("hvmdm {}", kVersion)}};
}

QmpReply query_version(QmpContext&, const Json&) {
    return version_object();
}

QmpReply query_name(QmpContext& context, const Json&) {
    const std::string name = context.machine().name();
    return name.empty() ? Json::object() : Json{{"name", name}};
}

QmpReply query_status(QmpContext& context, const Json&) {
    const RunState state = context.machine().run_state();
    return Json{{"running", state == RunState::Running},
                {"singlestep", false},
                {"status", std::string(word_of(state))}};
}

QmpReply query_chardev(QmpContext& context, const Json&) {
    Json list = Json::array();
    const auto append = [&](const CharDeviceInfo& device) {
        list.push_back({{"label", device.label},
                        {"filename", device.filename},
                        {"frontend-open", device.frontend_open}});
    };
    for (const CharDeviceInfo& device : context.machine().char_devices())
        append(device);
    for (const CharDeviceInfo& monitor : context.shared.monitors)
        append(monitor);
    return list;
}

QmpReply query_vnc(QmpContext& context, const Json&) {
    const auto vnc = context.machine().vnc();
    if (!vnc) return Json{{"enabled", false}};
    Json clients = Json::array();
    for (const VncInfo::Client& client : vnc->clients)
        clients.push_back(client_object(client, vnc->family));
    return Json{{"enabled", true},       {"host", vnc->host}, {"service", vnc->service},
                {"family", vnc->family}, {"auth", vnc->auth}, {"clients", std::move(clients)}};
}

QmpReply query_cpus_fast(QmpContext& context, const Json&) {
    Json list = Json::array();
    for (unsigned i = 0; i < context.machine().vcpus(); ++i)
        list.push_back({{"cpu-index", i},
                        {"qom-path", fmt::format("/machine/unattached/cpu[{}]", i)},
                        {"thread-id", 0}, // the CPUs are the hypervisor's: no thread of ours runs them
                        {"target", "i386"},
                        {"props", {{"socket-id", i}, {"core-id", 0}, {"thread-id", 0}}}});
    return list;
}

QmpReply query_hotpluggable_cpus(QmpContext& context, const Json&) {
    const unsigned present = context.machine().vcpus();
    Json list = Json::array();
    for (unsigned i = context.machine().max_vcpus(); i-- > 0;) { // last one first, as QEMU lists them
        Json cpu{{"type", std::string(kCpuDriver)},
                 {"vcpus-count", 1},
                 {"props", {{"socket-id", i}, {"core-id", 0}, {"thread-id", 0}}}};
        if (i < present) cpu["qom-path"] = fmt::format("/machine/unattached/cpu[{}]", i);
        list.push_back(std::move(cpu));
    }
    return list;
}

QmpReply query_pci(QmpContext& context, const Json&) {
    Json devices = Json::array();
    for (const PciDeviceInfo& device : context.machine().pci_devices())
        devices.push_back({{"bus", device.bus},
                           {"slot", device.slot},
                           {"function", device.function},
                           {"qdev_id", device.qdev_id}, // libxl fails pci-attach when one is missing
                           {"class_info", {{"class", device.class_code}}},
                           {"id", {{"vendor", device.vendor}, {"device", device.device}}},
                           {"irq_pin", 0},
                           {"regions", Json::array()}});
    Json bus{{"bus", 0}, {"devices", std::move(devices)}};
    return Json::array({std::move(bus)});
}

QmpReply query_block(QmpContext& context, const Json&) {
    Json list = Json::array();
    for (const DriveInfo& drive : context.machine().drives()) {
        Json entry{{"device", drive.device},
                   {"qdev", drive.device},
                   {"type", "unknown"},
                   {"removable", drive.removable},
                   {"locked", drive.locked}};
        if (drive.removable) entry["tray_open"] = drive.tray_open;
        if (!drive.file.empty()) entry["inserted"] = medium_object(drive);
        list.push_back(std::move(entry));
    }
    return list;
}

QmpReply query_blockstats(QmpContext& context, const Json&) {
    Json list = Json::array();
    for (const DriveInfo& drive : context.machine().drives())
        list.push_back({{"device", drive.device},
                        {"qdev", drive.device},
                        {"stats",
                         {{"rd_bytes", drive.read_bytes},
                          {"wr_bytes", drive.written_bytes},
                          {"rd_operations", drive.read_operations},
                          {"wr_operations", drive.write_operations}}}});
    return list;
}

QmpReply query_commands(QmpContext&, const Json&) {
    Json list = Json::array();
    list.push_back({{"name", "qmp_capabilities"}});
    for (const QmpCommand& command : qmp_commands())
        if (command.run != no_colo) list.push_back({{"name", std::string(command.name)}});
    return list;
}

QmpReply query_machines(QmpContext&, const Json&) {
    Json list = Json::array();
    for (const std::string_view name : {"xenfv", "pc", "none"})
        list.push_back({{"name", std::string(name)},
                        {"cpu-max", name == "none" ? 1 : kMostCpus},
                        {"hotpluggable-cpus", name != "none"},
                        {"numa-mem-supported", false},
                        {"deprecated", false}});
    return list;
}

/// Newer libxl looks here for "run-with" and its parameters "chroot" and "user".
QmpReply query_command_line_options(QmpContext&, const Json& arguments) {
    const std::string* wanted = find_string(arguments, "option");
    Json list = Json::array();
    for (const OptionRow& row : option_rows()) {
        if (row.parameters.empty() || (wanted != nullptr && row.name != *wanted)) continue;
        Json parameters = Json::array();
        std::string_view rest = row.parameters;
        while (!rest.empty()) {
            const std::string_view name = rest.substr(0, rest.find(' '));
            rest.remove_prefix(std::min(rest.size(), name.size() + 1));
            parameters.push_back({{"name", std::string(name)}, {"type", "string"}});
        }
        list.push_back({{"option", std::string(row.name)}, {"parameters", std::move(parameters)}});
    }
    if (wanted != nullptr && list.empty()) return refuse("invalid option name: {}", *wanted);
    return list;
}

} // namespace dm::toolstack
