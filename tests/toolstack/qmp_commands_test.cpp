// Every command that libxl and libxenstat send: its arguments, what the machine is told, what comes back.
#include "dm/core/version.hpp"
#include "dm/toolstack/options.hpp"
#include "dm/toolstack/probe_machine.hpp"
#include "dm/toolstack/qmp_commands.hpp"
#include "dm/toolstack/qmp_handlers.hpp"
#include "tests/toolstack/fake_machine.hpp"

#include <fcntl.h>
#include <fstream>
#include <gmock/gmock.h>

namespace dm::toolstack {
namespace {

using dm::test::BareMachine;
using dm::test::FakeMachine;
using testing::AllOf;
using testing::ElementsAre;
using testing::HasSubstr;
using testing::IsEmpty;
using testing::SizeIs;

struct Bench {
    template <class Machine>
    static QmpReply run_on(Machine& machine, std::string_view name, std::string_view arguments) {
        QmpShared shared{machine, {}, {}};
        std::vector<UniqueFd> received;
        QmpContext context{shared, received};
        return run_command(context, name, Json::parse(arguments, nullptr, false));
    }
    QmpReply run(std::string_view name, std::string_view arguments = "{}") {
        QmpContext context{shared, received};
        return run_command(context, name, Json::parse(arguments, nullptr, false));
    }
    Json ok(std::string_view name, std::string_view arguments = "{}") {
        const QmpReply reply = run(name, arguments);
        if (const auto* error = std::get_if<QmpError>(&reply)) {
            ADD_FAILURE() << name << " " << arguments << ": " << error->description;
            return {};
        }
        return std::get<Json>(reply);
    }
    /// "GenericError: what", or "" when it worked.
    std::string error(std::string_view name, std::string_view arguments = "{}") {
        const QmpReply reply = run(name, arguments);
        const auto* error = std::get_if<QmpError>(&reply);
        return error == nullptr ? "" : fmt::format("{}: {}", error->error_class, error->description);
    }

    FakeMachine machine;
    QmpShared shared{machine, {}, {}};
    std::vector<UniqueFd> received;
};

struct CommandRow {
    const char* name;
    const char* arguments; ///< as libxl sends them
    const char* call;      ///< what the machine is told; "" nothing
};

constexpr CommandRow kContract[] = {
    {"query-status", "{}", ""},
    {"query-chardev", "{}", ""},
    {"query-vnc", "{}", ""},
    {"change-vnc-password", R"({"password":"x"})", "password x"},
    {"cont", "{}", "resume"},
    {"stop", "{}", "stop"},
    {"xen-set-global-dirty-log", R"({"enable":true})", "log dirty"},
    {"xen-set-global-dirty-log", R"({"enable":false})", "no log dirty"},
    {"query-cpus-fast", "{}", ""},
    {"query-hotpluggable-cpus", "{}", ""},
    {"device_add", R"({"id":"cpu-2","driver":"qemu32-i386-cpu","socket-id":2,"core-id":0,"thread-id":0})",
     "plug cpu 2"},
    {"system_wakeup", "{}", "wake up"},
    {"query-version", "{}", ""},
    {"eject", R"({"id":"ide-5632"})", "eject ide-5632"},
    {"screendump", R"({"filename":"/tmp/a b.ppm"})", "dump /tmp/a b.ppm :0"},
    {"screendump", R"({"filename":"/a","format":"png"})", "dump /a png :0"},
    {"screendump", R"({"filename":"/a","format":"ppm","device":"ide-5632","head":0})", "dump /a ide-5632:0"},
    {"eject", R"({"device":"ide-5632","force":true})", "eject ide-5632 by force"},
    {"blockdev-change-medium", R"({"id":"ide-5632","filename":"/i.iso","format":"raw"})",
     "insert ide-5632 /i.iso raw ro path"},
    {"block_resize", R"({"device":"ide0-hd0","size":1073741824})", "resize ide0-hd0 1073741824"},
    {"block_resize", R"({"node-name":"d","size":512})", "resize d 512"},
    {"set_link", R"({"name":"nic0","up":false})", "link nic0 down"},
    {"query-fdsets", "{}", ""},
    {"device_add",
     R"({"driver":"xen-pci-passthrough","id":"pci-pt-03_00.0","hostaddr":"0000:03:00.0","addr":"5.0","permissive":true})",
     "add xen-pci-passthrough pci-pt-03_00.0 addr=5.0 hostaddr=0000:03:00.0 permissive=on"},
    {"query-pci", "{}", ""},
    {"device_del", R"({"id":"pci-pt-04_00.0"})", "remove pci-pt-04_00.0"},
    {"device_add", R"({"driver":"nec-usb-xhci","id":"xenusb-0","p2":"4","p3":"4"})",
     "add nec-usb-xhci xenusb-0 p2=4 p3=4"},
    {"device_add",
     R"({"driver":"usb-host","id":"xenusb-1-2","bus":"xenusb-0.0","port":"1","hostbus":1,"hostaddr":2})",
     "add usb-host xenusb-1-2 bus=xenusb-0.0 hostaddr=2 hostbus=1 port=1"},
    {"send-key", R"({"keys":[{"type":"qcode","data":"ctrl"},{"type":"number","data":211}]})",
     "press 1d d3 for 100"},
    {"send-key", R"({"keys":[{"type":"qcode","data":"a"}],"hold-time":5})", "press 1e for 5"},
    {"human-monitor-command", R"({"command-line":"info status"})", ""},
    {"query-command-line-options", "{}", ""},
    {"quit", "{}", "quit"},
    {"query-blockstats", "{}", ""},
    {"query-block", "{}", ""},
    {"query-name", "{}", ""},
    {"query-commands", "{}", ""},
    {"query-machines", "{}", ""},
    {"system_reset", "{}", "reset"},
    {"system_powerdown", "{}", "power down"},
    {"set_password", R"({"protocol":"vnc","password":"y"})", "password y"},
    {"expire_password", R"({"protocol":"vnc","time":"never"})", "expire never"},
    {"expire_password", R"({"protocol":"vnc","time":"4000000000"})", "expire 4000000000"},
};

class QmpContract : public testing::TestWithParam<CommandRow> {
protected:
    static void furnish(FakeMachine& machine) {
        machine.disks = {{"ide-5632", "/old.iso", true, true}};
        machine.pci = {{0, 4, 0, "pci-pt-04_00.0", 0x200, 0x8086, 0x100e}};
    }
};

TEST_P(QmpContract, ReachesTheMachineAndSucceeds) {
    Bench bench;
    furnish(bench.machine);
    bench.ok(GetParam().name, GetParam().arguments);
    if (*GetParam().call == '\0')
        EXPECT_THAT(bench.machine.calls, IsEmpty());
    else
        EXPECT_THAT(bench.machine.calls, ElementsAre(GetParam().call));
}
TEST_P(QmpContract, WhatTheMachineRefusesIsAGenericError) {
    Bench bench;
    furnish(bench.machine);
    bench.machine.refusal = "the reason";
    const std::string error = bench.error(GetParam().name, GetParam().arguments);
    if (*GetParam().call != '\0' && std::string_view(GetParam().name) != "quit") {
        EXPECT_EQ(error, "GenericError: the reason");
    }
}
TEST_P(QmpContract, AnArgumentTooManyIsRefused) {
    Bench bench;
    furnish(bench.machine);
    if (std::string_view(GetParam().name) == "device_add") return; // takes any property
    Json arguments = Json::parse(GetParam().arguments);
    arguments["surprise"] = 1;
    EXPECT_THAT(bench.error(GetParam().name, arguments.dump()), HasSubstr("'surprise' is unexpected"));
    EXPECT_THAT(bench.machine.calls, IsEmpty());
}
TEST_P(QmpContract, WrongTypesAreRefusedBeforeTheMachineHearsOfIt) {
    const Json arguments = Json::parse(GetParam().arguments);
    for (const auto& item : arguments.items()) {
        Bench bench;
        furnish(bench.machine);
        Json bent = arguments;
        bent[item.key()] = Json::array({1});
        EXPECT_THAT(bench.error(GetParam().name, bent.dump()),
                    HasSubstr("GenericError: Invalid parameter type"));
        EXPECT_THAT(bench.machine.calls, IsEmpty());
    }
}
INSTANTIATE_TEST_SUITE_P(Libxl, QmpContract, testing::ValuesIn(kContract));

TEST(QmpCommands, ARequiredArgumentThatIsMissingIsNamed) {
    Bench bench;
    for (const QmpCommand& command : qmp_commands())
        for (const QmpArgument& argument : command.arguments) {
            if (!argument.required) continue;
            EXPECT_THAT(bench.error(command.name), AllOf(HasSubstr("GenericError"), HasSubstr("is missing")))
                << command.name;
        }
}

TEST(QmpCommands, RunStatesHaveTheWordsThatLibxlExpects) {
    Bench bench;
    const auto status = [&](RunState state) {
        bench.machine.state = state;
        return bench.ok("query-status");
    };
    EXPECT_EQ(status(RunState::Prelaunch)["status"], "prelaunch");
    EXPECT_EQ(status(RunState::Paused)["status"], "paused");
    EXPECT_EQ(status(RunState::Running)["running"], true);
    EXPECT_EQ(status(RunState::Shutdown)["status"], "shutdown");
    EXPECT_EQ(status(RunState::Suspended)["running"], false);
    EXPECT_EQ(status(RunState::IoError)["status"], "io-error");
    EXPECT_EQ(status(RunState::IoError)["running"], false);
}

TEST(QmpCommands, EveryPciDeviceHasAQdevId) {
    Bench bench;
    bench.machine.pci = {{0, 3, 0, "", 0x300, 0x1234, 0x1111}, {0, 4, 1, "nic0", 0x200, 1, 2}};
    const Json buses = bench.ok("query-pci");
    ASSERT_THAT(buses, SizeIs(1));
    for (const Json& device : buses[0]["devices"])
        EXPECT_TRUE(device["qdev_id"].is_string());
    EXPECT_EQ(buses[0]["devices"][1]["slot"], 4);
    EXPECT_EQ(buses[0]["devices"][1]["function"], 1);
}

TEST(QmpCommands, VncThatIsOffIsSaidToBeOff) {
    Bench bench;
    EXPECT_EQ(bench.ok("query-vnc"), Json::parse(R"({"enabled":false})"));
    bench.machine.vnc_info = VncInfo{"::1", "5901", "ipv6", "vnc", {{"::2", "1234", true}}};
    EXPECT_EQ(bench.ok("query-vnc")["clients"][0]["host"], "::2");
    EXPECT_EQ(bench.ok("query-vnc")["clients"][0]["websocket"], true);
}

TEST(QmpCommands, CpusArePluggedInOnceAndInRange) {
    Bench bench;
    EXPECT_THAT(bench.ok("query-cpus-fast"), SizeIs(2));
    EXPECT_EQ(bench.ok("query-cpus-fast")[1]["cpu-index"], 1);
    const Json all = bench.ok("query-hotpluggable-cpus");
    ASSERT_THAT(all, SizeIs(4));
    EXPECT_EQ(all[0]["type"], "qemu32-i386-cpu");
    EXPECT_EQ(all[0]["props"]["socket-id"], 3);
    EXPECT_FALSE(all[0].contains("qom-path"));
    EXPECT_TRUE(all[3].contains("qom-path"));
    const auto plug = [&](std::string_view rest) {
        return bench.error("device_add", fmt::format(R"({{"driver":"qemu32-i386-cpu",{}}})", rest));
    };
    EXPECT_EQ(plug(R"("socket-id":"2","core-id":"0","thread-id":"0")"), ""); // strings up to 4.17
    for (const char* bad :
         {R"("socket-id":1,"core-id":0,"thread-id":0)", R"("socket-id":4,"core-id":0,"thread-id":0)",
          R"("socket-id":-1,"core-id":0,"thread-id":0)", R"("socket-id":2,"core-id":1,"thread-id":0)",
          R"("socket-id":2,"core-id":0)", R"("socket-id":2,"core-id":0,"thread-id":0,"x":1)"})
        EXPECT_THAT(plug(bad), HasSubstr("GenericError")) << bad;
    EXPECT_THAT(bench.machine.calls, ElementsAre("plug cpu 2"));
}

TEST(QmpCommands, UnknownDevicesAreNotFound) {
    Bench bench;
    bench.machine.disks = {{"ide0-hd0", "/d", false, false}};
    EXPECT_THAT(bench.error("eject", R"({"id":"ide-9"})"), HasSubstr("DeviceNotFound: "));
    EXPECT_THAT(bench.error("screendump", R"({"filename":"/a","device":"x"})"),
                HasSubstr("DeviceNotFound: "));
    EXPECT_THAT(bench.error("screendump", R"({"filename":"/a","head":0})"), HasSubstr("'head' must be"));
    EXPECT_THAT(bench.error("screendump", R"({"filename":"/a","format":"gif"})"), HasSubstr("value 'gif'"));
    EXPECT_THAT(bench.error("screendump", R"({"filename":"/dev/fdset/7"})"), HasSubstr("screendump: "));
    EXPECT_THAT(bench.error("blockdev-change-medium", R"({"id":"ide-9","filename":"/x"})"),
                HasSubstr("DeviceNotFound: "));
    EXPECT_THAT(bench.error("device_del", R"({"id":"nic9"})"), HasSubstr("DeviceNotFound: "));
    EXPECT_THAT(bench.error("eject", R"({"id":"ide0-hd0"})"), HasSubstr("GenericError: "));
    EXPECT_THAT(bench.error("eject"), HasSubstr("'id' is missing"));
    EXPECT_THAT(bench.error("device_add", R"({"driver":"e1000","id":"ide0-hd0"})"), HasSubstr("Duplicate"));
    EXPECT_THAT(bench.machine.calls, IsEmpty());
}

TEST(QmpCommands, AMediumComesFromAnFdSetThatAllowsIt) {
    Bench bench;
    bench.machine.disks = {{"ide-5632", "", true, true}};
    bench.received.emplace_back(open("/dev/null", O_RDONLY | O_CLOEXEC));
    EXPECT_EQ(bench.ok("add-fd", R"({"opaque":"raw:/path:with colon.iso"})")["fdset-id"], 0);
    bench.ok("blockdev-change-medium", R"({"id":"ide-5632","filename":"/dev/fdset/0"})");
    EXPECT_THAT(bench.error("blockdev-change-medium",
                            R"({"id":"ide-5632","filename":"/dev/fdset/0","read-only-mode":"read-write"})"),
                HasSubstr("writing"));
    EXPECT_THAT(bench.error("blockdev-change-medium", R"({"id":"ide-5632","filename":"/dev/fdset/7"})"),
                HasSubstr("fd set 7"));
    EXPECT_THAT(
        bench.error("blockdev-change-medium", R"({"id":"ide-5632","filename":"/x","read-only-mode":"x"})"),
        HasSubstr("'x'"));
    EXPECT_THAT(bench.machine.calls, ElementsAre("insert ide-5632 /path:with colon.iso  ro fd"));
}

TEST(QmpCommands, FdSetsAreListedAndRemoved) {
    Bench bench;
    bench.received.emplace_back(open("/dev/null", O_RDONLY | O_CLOEXEC));
    bench.ok("add-fd", R"({"fdset-id":3,"opaque":"stub-devid:5632"})");
    const Json sets = bench.ok("query-fdsets");
    ASSERT_THAT(sets, SizeIs(1));
    EXPECT_EQ(sets[0]["fdset-id"], 3);
    EXPECT_EQ(sets[0]["fds"][0]["opaque"], "stub-devid:5632");
    EXPECT_TRUE(sets[0]["fds"][0]["fd"].is_number_integer());
    EXPECT_THAT(bench.error("remove-fd", R"({"fdset-id":4})"), HasSubstr("GenericError"));
    EXPECT_THAT(bench.error("remove-fd", R"({"fdset-id":-1})"), HasSubstr("GenericError"));
    EXPECT_THAT(bench.error("remove-fd", R"({"fdset-id":4294967299})"), HasSubstr("GenericError"));
    bench.ok("remove-fd", R"({"fdset-id":3})");
    EXPECT_THAT(bench.ok("query-fdsets"), IsEmpty());
    EXPECT_THAT(bench.error("add-fd", R"({"fdset-id":-1})"), HasSubstr("GenericError"));
}

TEST(QmpCommands, SavingNeedsAStoppedMachineAndAFileForWriting) {
    Bench bench;
    for (const RunState served : {RunState::Running, RunState::Suspended}) {
        bench.machine.state = served;
        EXPECT_THAT(bench.error("xen-save-devices-state", R"({"filename":"/tmp/x"})"), HasSubstr("stop"));
    }
    bench.machine.state = RunState::Paused;
    EXPECT_THAT(bench.error("xen-save-devices-state", R"({"filename":"/dev/fdset/0"})"),
                HasSubstr("fd set 0"));
    EXPECT_THAT(bench.error("xen-save-devices-state", R"({"filename":"/no/such/dir/x"})"),
                HasSubstr("/no/such/dir/x"));
    EXPECT_THAT(bench.machine.calls, IsEmpty());
    bench.received.emplace_back(open("/dev/null", O_WRONLY | O_CLOEXEC));
    bench.ok("add-fd");
    bench.ok("xen-save-devices-state", R"({"filename":"/dev/fdset/0"})");
    EXPECT_THAT(bench.machine.calls, ElementsAre("save live")); // live unless told otherwise
    bench.machine.refusal = "the device has more";
    EXPECT_EQ(bench.error("xen-save-devices-state", R"({"filename":"/dev/fdset/0","live":false})"),
              "GenericError: the device has more");
}

TEST(QmpCommands, TheDirtyLogMayBeSwitchedOffWhileStopped) {
    Bench bench;
    bench.machine.state = RunState::Paused;
    bench.ok("xen-set-global-dirty-log", R"({"enable":false})");
}

TEST(QmpCommands, WhatAMachineLeavesOutIsAGenericErrorThatSaysSo) {
    BareMachine machine;
    for (const auto& [name, arguments] : std::vector<std::pair<const char*, const char*>>{
             {"system_wakeup", "{}"},
             {"system_reset", "{}"},
             {"system_powerdown", "{}"},
             {"eject", R"({"id":"ide-5632"})"},
             {"blockdev-change-medium", R"({"id":"ide-5632","filename":"/x"})"},
             {"xen-save-devices-state", R"({"filename":"/dev/null"})"},
             {"xen-set-global-dirty-log", R"({"enable":true})"},
             {"device_add", R"({"driver":"e1000"})"},
             {"device_del", R"({"id":"ide-5632"})"}}) {
        const QmpReply reply = Bench::run_on(machine, name, arguments);
        const auto* error = std::get_if<QmpError>(&reply);
        ASSERT_NE(error, nullptr) << name;
        EXPECT_EQ(error->error_class, kGenericError);
        EXPECT_THAT(error->description, HasSubstr("not supported by this version of hvmdm yet")) << name;
    }
}

TEST(QmpCommands, ColoIsKnownAndRefused) {
    Bench bench;
    for (const char* name :
         {"nbd-server-start", "nbd-server-add", "nbd-server-stop", "x-blockdev-change", "xen-set-replication",
          "query-xen-replication-status", "xen-colo-do-checkpoint", "xen-load-devices-state"})
        EXPECT_THAT(bench.error(name), HasSubstr("GenericError: COLO"));
    EXPECT_THAT(bench.ok("query-commands").dump(), testing::Not(HasSubstr("colo")));
}

TEST(QmpCommands, SetPasswordIsForVncOnly) {
    Bench bench;
    EXPECT_THAT(bench.error("set_password", R"({"protocol":"spice","password":"x"})"), HasSubstr("spice"));
    EXPECT_THAT(bench.error("set_password", R"({"protocol":"vnc","password":"x","connected":"fail"})"),
                HasSubstr("keep"));
}

TEST(QmpCommands, OneOptionCanBeAskedFor) {
    Bench bench;
    EXPECT_THAT(bench.ok("query-command-line-options", R"({"option":"run-with"})"), SizeIs(1));
    EXPECT_THAT(bench.error("query-command-line-options", R"({"option":"nonsense"})"), HasSubstr("nonsense"));
}

TEST(QmpCommands, FileNamesThatAreNoUtf8DoNotBreakAReply) {
    Bench bench;
    bench.machine.disks = {{"ide0-hd0", "/\xff\xfe.img", false, false}};
    const std::string text = to_text(bench.ok("query-block"));
    EXPECT_FALSE(Json::parse(text, nullptr, false).is_discarded());
}

TEST(QmpCommands, TheProbeHasNoMachineButAnswers) {
    bool quit = false;
    ProbeMachine machine([&] { quit = true; });
    for (const char* query :
         {"query-status", "query-chardev", "query-vnc", "query-cpus-fast", "query-hotpluggable-cpus",
          "query-pci", "query-block", "query-blockstats", "query-name", "query-command-line-options", "quit"})
        EXPECT_TRUE(std::holds_alternative<Json>(Bench::run_on(machine, query, "{}"))) << query;
    EXPECT_TRUE(quit);
    EXPECT_TRUE(std::holds_alternative<QmpError>(Bench::run_on(machine, "cont", "{}")));
}

std::string human(Bench& bench, std::string_view line) {
    const Json reply = bench.ok("human-monitor-command", Json{{"command-line", line}}.dump());
    EXPECT_TRUE(reply.is_string()) << line;
    const auto* text = reply.get_ptr<const std::string*>();
    return text == nullptr ? std::string() : *text;
}

TEST(HumanMonitor, AlwaysAnswersWithAString) {
    Bench bench;
    bench.machine.disks = {{"ide0-hd0", "/d.img", false, false}, {"ide-5632", "", true, true}};
    bench.machine.chars = {{"serial0", "pty:/dev/pts/1", true}};
    bench.machine.pci = {{0, 3, 0, "vga", 0x300, 0x1234, 0x1111}};
    bench.machine.state = RunState::Running;
    EXPECT_EQ(human(bench, "info status"), "VM status: running\r\n");
    EXPECT_THAT(human(bench, "  info   version "), HasSubstr("7.2."));
    EXPECT_THAT(human(bench, "info vnc"), HasSubstr("disabled"));
    EXPECT_THAT(human(bench, "info block"), AllOf(HasSubstr("/d.img"), HasSubstr("not inserted")));
    EXPECT_THAT(human(bench, "info blockstats"), HasSubstr("rd_bytes=0"));
    EXPECT_THAT(human(bench, "info chardev"), HasSubstr("pty:/dev/pts/1"));
    EXPECT_THAT(human(bench, "info cpus"), HasSubstr("CPU #1"));
    EXPECT_THAT(human(bench, "info pci"), HasSubstr("1234:1111"));
    EXPECT_EQ(human(bench, "info name"), "g\r\n");
    EXPECT_THAT(human(bench, "help"), HasSubstr("system_reset"));
    EXPECT_EQ(human(bench, ""), "");
    EXPECT_EQ(human(bench, "nonsense"), "unknown command: 'nonsense'\r\n");
    EXPECT_EQ(human(bench, "info nonsense"), "unknown command: 'info nonsense'\r\n");
    EXPECT_EQ(human(bench, "stopx"), "unknown command: 'stopx'\r\n");
}

TEST(HumanMonitor, Acts) {
    Bench bench;
    bench.machine.disks = {{"ide-5632", "/i.iso", true, true}};
    EXPECT_EQ(human(bench, "stop"), "");
    EXPECT_EQ(human(bench, "c"), "");
    EXPECT_EQ(human(bench, "eject -f ide-5632"), "");
    EXPECT_EQ(human(bench, "screendump /a -f png ide-5632 0"), "");
    EXPECT_EQ(bench.machine.calls.back(), "dump /a png ide-5632:0");
    EXPECT_THAT(human(bench, "screendump /a ide-5632 x"), HasSubstr("head 'x'"));
    EXPECT_THAT(human(bench, "screendump"), HasSubstr("'filename' is missing"));
    EXPECT_EQ(human(bench, "set_password vnc secret"), "");
    EXPECT_THAT(human(bench, "eject nothing"), HasSubstr("not found"));
    bench.machine.refusal = "no";
    EXPECT_EQ(human(bench, "system_reset"), "Error: no\r\n");
    EXPECT_THAT(bench.machine.calls, ElementsAre("stop", "resume", "eject ide-5632 by force",
                                                 "dump /a png ide-5632:0", "password secret", "reset"));
}

TEST(HumanMonitor, PressesKeys) {
    Bench bench;
    EXPECT_EQ(human(bench, "sendkey ctrl-alt-delete"), "");
    EXPECT_EQ(human(bench, "sendkey 0x1d-f2 20"), "");
    EXPECT_EQ(human(bench, "sendkey shift--"), "");
    EXPECT_EQ(human(bench, "sendkey <"), "");
    EXPECT_THAT(human(bench, "sendkey ctrl-altt"), HasSubstr("not known: {\"data\":\"altt\""));
    EXPECT_THAT(human(bench, "sendkey 0x100"), HasSubstr("not known"));
    EXPECT_THAT(human(bench, "sendkey a b"), HasSubstr("hold time 'b'"));
    EXPECT_THAT(human(bench, "sendkey a -1"), HasSubstr("milliseconds"));
    EXPECT_THAT(human(bench, "sendkey"), HasSubstr("1 to 16 keys"));
    EXPECT_THAT(bench.machine.calls, ElementsAre("press 1d 38 d3 for 100", "press 1d 3c for 20",
                                                 "press 2a 0c for 100", "press 56 for 100"));
}

TEST(HumanMonitor, ChangesMedia) {
    Bench bench;
    bench.machine.disks = {{"ide-5632", "/i.iso", true, true}};
    EXPECT_EQ(human(bench, "change ide-5632 /b.iso"), "");
    EXPECT_EQ(human(bench, "change -f ide-5632 /c.img raw read-write"), "");
    EXPECT_THAT(human(bench, "change ide-5632"), HasSubstr("DRIVE FILENAME"));
    EXPECT_THAT(human(bench, "change ide-5632 /b raw retain more"), HasSubstr("DRIVE FILENAME"));
    EXPECT_THAT(human(bench, "change nothing /b.iso"), HasSubstr("not found"));
    EXPECT_EQ(human(bench, "change vnc password secret"), "");
    EXPECT_THAT(bench.machine.calls, ElementsAre("insert ide-5632 /b.iso  ro path",
                                                 "insert ide-5632 /c.img raw rw path", "password secret"));
}

TEST(SendKey, RefusesWhatIsNoKey) {
    Bench bench;
    for (const char* arguments :
         {R"({"keys":1})", R"({"keys":[]})", R"({"keys":[1]})", R"({"keys":[{}]})",
          R"({"keys":[{"type":"qcode","data":29}]})", R"({"keys":[{"type":"number","data":"ctrl"}]})",
          R"({"keys":[{"type":"number","data":0}]})", R"({"keys":[{"type":"number","data":256}]})",
          R"({"keys":[{"type":"other","data":1}]})",
          R"({"keys":[{"type":"qcode","data":"a"}],"hold-time":-1})"}) {
        const QmpReply reply = Bench::run_on(bench.machine, "send-key", arguments);
        EXPECT_TRUE(std::holds_alternative<QmpError>(reply)) << arguments;
    }
    EXPECT_THAT(bench.machine.calls, IsEmpty());
}

TEST(Version, IsTheOneOfTheProject) {
    std::ifstream file("CMakeLists.txt"); // tests run in the root of the sources
    const std::string text(std::istreambuf_iterator<char>(file), {});
    EXPECT_THAT(text, HasSubstr(fmt::format("VERSION {} ", kVersion)));
}

} // namespace
} // namespace dm::toolstack
