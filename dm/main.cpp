// hvmdm: the device model of one HVM guest, started by the toolstack.
#include "dm/board/machine.hpp"
#include "dm/core/version.hpp"
#include "dm/host/loop.hpp"
#include "dm/host/signals.hpp"
#include "dm/toolstack/options.hpp"
#include "dm/toolstack/probe_machine.hpp"
#include "dm/toolstack/qemu_opts.hpp"
#include "dm/toolstack/qmp_server.hpp"

#include <csignal>
#include <cstdio>
#include <fmt/ranges.h>
#include <span>
#include <unistd.h>

namespace {

using namespace dm;

const Log kLog{""};

int give_up(const Error& error) {
    kLog.error("{}", error.message);
    return 1;
}

/// The top of qemu-dm-NAME.log: who this is, and what it was asked for.
void log_header(const toolstack::MachineOptions& options, std::span<const char* const> arguments) {
    kLog.info("version {}, pid {}, domain {} \"{}\"", kVersion, ::getpid(),
              options.domid ? fmt::to_string(*options.domid) : "none", options.name);
    std::string words;
    for (const char* word : arguments)
        words += " " + toolstack::without_secrets(word);
    kLog.info("arguments:{}", words);
    kLog.info("{} MiB RAM, {} of {} vCPUs, boot order {}", options.memory_mib, options.cpus, options.max_cpus,
              options.boot_order);
    for (const toolstack::DiskOptions& disk : options.disks)
        kLog.info("drive {}: {} {}{}", disk.id, disk.media == toolstack::DiskMedia::Cdrom ? "CD-ROM" : "disk",
                  disk.file.empty() ? "without medium" : disk.file, disk.read_only ? ", read-only" : "");
    for (const toolstack::NicOptions& nic : options.nics)
        kLog.info("network card {}: {} on tap {}", nic.id, nic.model, nic.tap);
    for (const std::string& sentence : options.unsupported)
        kLog.warning("{}", sentence);
}

int run_probe(host::Loop& loop, const toolstack::MachineOptions& options) {
    toolstack::ProbeMachine machine([&loop] { loop.quit(0); });
    toolstack::QmpServer qmp(loop, machine);
    for (const toolstack::MonitorOptions& monitor : options.monitors)
        if (const Status opened = qmp.open(monitor); !opened.ok()) return give_up(opened.error());
    return loop.run();
}

int run_machine(host::Loop& loop, const toolstack::MachineOptions& options) {
    Result<std::unique_ptr<Machine>> machine = Machine::create(loop, options);
    if (!machine.ok()) return give_up(machine.error());
    if (const Status started = machine.value()->start(); !started.ok()) return give_up(started.error());
    const int status = loop.run();
    kLog.info("ends with status {}", status);
    return status;
}

} // namespace

int main(int argc, char** argv) {
    const std::span<const char* const> arguments(argv + 1, static_cast<std::size_t>(argc > 0 ? argc - 1 : 0));
    Result<toolstack::CommandLine> parsed = toolstack::parse_command_line(arguments);
    if (!parsed.ok()) return give_up(parsed.error());
    if (parsed->print) return std::fputs(parsed->print->c_str(), stdout) < 0 ? 1 : 0;
    const toolstack::MachineOptions& options = parsed->machine;
    Log::enable_debug(options.debug);
    host::ignore_io_signals();
    host::Loop loop;
    auto signals = host::Signals::create(loop, {SIGHUP, SIGINT, SIGTERM}, [&loop](int) { loop.quit(0); });
    if (!signals.ok()) return give_up(signals.error());
    log_header(options, arguments);
    return options.probe ? run_probe(loop, options) : run_machine(loop, options);
}
