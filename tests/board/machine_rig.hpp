// A whole machine as its program makes it, with QMP at one socket and a test in place of the guest at
// another.
#pragma once

#include "dm/board/machine.hpp"
#include "dm/core/check.hpp"

#include <array>
#include <deque>
#include <filesystem>
#include <fstream>
#include <gmock/gmock.h>
#include <nlohmann/json.hpp>
#include <sys/socket.h>
#include <sys/un.h>

namespace dm::test {

using Json = nlohmann::json;

/// The far end of a unix socket, in lines. The machine's loop runs while it waits.
class LineClient {
public:
    LineClient(host::Loop& loop, UniqueFd socket) : loop_(loop), socket_(std::move(socket)) {}

    void send(const std::string& text, int fd = -1) {
        iovec piece{const_cast<char*>(text.data()), text.size()};
        msghdr message{};
        message.msg_iov = &piece;
        message.msg_iovlen = 1;
        alignas(cmsghdr) std::array<char, CMSG_SPACE(sizeof(int))> control{};
        if (fd >= 0) {
            message.msg_control = control.data();
            message.msg_controllen = control.size();
            cmsghdr* header = CMSG_FIRSTHDR(&message);
            header->cmsg_level = SOL_SOCKET;
            header->cmsg_type = SCM_RIGHTS;
            header->cmsg_len = CMSG_LEN(sizeof(int));
            std::memcpy(CMSG_DATA(header), &fd, sizeof fd);
        }
        ASSERT_EQ(::sendmsg(socket_.get(), &message, MSG_NOSIGNAL), static_cast<ssize_t>(text.size()));
    }
    /// Empty after a while of silence.
    std::string line() {
        for (int patience = 0; patience < 2000; ++patience) {
            if (const std::size_t end = text_.find('\n'); end != std::string::npos) {
                std::string found = text_.substr(0, end);
                text_.erase(0, end + 1);
                return found;
            }
            loop_.run_once(kMillisecond);
            std::array<char, 4096> buffer{};
            const ssize_t got = ::recv(socket_.get(), buffer.data(), buffer.size(), MSG_DONTWAIT);
            if (got > 0) text_.append(buffer.data(), static_cast<std::size_t>(got));
        }
        ADD_FAILURE() << "no answer; so far: " << text_;
        return {};
    }

private:
    host::Loop& loop_;
    UniqueFd socket_;
    std::string text_;
};

struct MachineRig : testing::Test {
    MachineRig() {
        std::string name = (std::filesystem::temp_directory_path() / "hvmdm-machine-XXXXXX").string();
        folder = ::mkdtemp(name.data());
        options.accel = toolstack::Accel::Qtest;
        options.qtest = folder / "qtest";
        options.memory_mib = 16;
        options.name = "rig";
        options.monitors.push_back({.id = "libxl-cmd", .path = folder / "qmp"});
    }
    ~MachineRig() override {
        machine.reset();
        std::filesystem::remove_all(folder);
    }

    std::string file(const std::string& name, std::size_t size, char filling) const {
        std::ofstream(folder / name) << std::string(size, filling);
        return folder / name;
    }
    static sockaddr_un address(const std::string& path) {
        sockaddr_un out{};
        out.sun_family = AF_UNIX;
        DM_CHECK(path.size() < sizeof out.sun_path);
        path.copy(out.sun_path, path.size());
        return out;
    }
    /// Where the machine looks for the guest. A machine may come after another.
    UniqueFd listen() const {
        const sockaddr_un guest_address = address(options.qtest);
        ::unlink(options.qtest.c_str());
        UniqueFd listener(::socket(AF_UNIX, SOCK_STREAM | SOCK_CLOEXEC, 0));
        EXPECT_EQ(
            ::bind(listener.get(), reinterpret_cast<const sockaddr*>(&guest_address), sizeof guest_address),
            0);
        EXPECT_EQ(::listen(listener.get(), 1), 0);
        return listener;
    }
    void start() {
        const UniqueFd listener = listen();
        auto made = Machine::create(loop, options);
        ASSERT_TRUE(made.ok()) << made.error().message;
        machine = std::move(made).value();
        guest.emplace(loop, UniqueFd(::accept4(listener.get(), nullptr, nullptr, SOCK_CLOEXEC)));
        const Status started = machine->start();
        ASSERT_TRUE(started.ok()) << started.error().message;
        connect();
    }
    void connect() {
        const sockaddr_un qmp_address = address(options.monitors[0].path);
        UniqueFd socket(::socket(AF_UNIX, SOCK_STREAM | SOCK_CLOEXEC, 0));
        ASSERT_EQ(
            ::connect(socket.get(), reinterpret_cast<const sockaddr*>(&qmp_address), sizeof qmp_address), 0);
        qmp.emplace(loop, std::move(socket));
        EXPECT_NE(qmp->line().find("QMP"), std::string::npos);
        EXPECT_EQ(say("qmp_capabilities")["return"], Json::object());
    }

    /// The reply; events that come meanwhile are kept.
    Json say(const std::string& command, const Json& arguments = nullptr, int fd = -1) {
        Json request{{"execute", command}};
        if (!arguments.is_null()) request["arguments"] = arguments;
        qmp->send(request.dump(), fd);
        for (;;) {
            const std::string text = qmp->line();
            Json got = Json::parse(text, nullptr, false);
            if (got.is_discarded() || !got.contains("event")) return got;
            events.push_back(std::move(got));
        }
    }
    std::string error_of(const std::string& command, const Json& arguments) {
        const Json got = say(command, arguments);
        if (!got.contains("error")) return "success: " + got.dump();
        return got["error"]["class"].get<std::string>() + ": " + got["error"]["desc"].get<std::string>();
    }
    /// Names of the events so far; DEVICE_TRAY_MOVED with what became of the tray.
    std::vector<std::string> take_events() {
        say("query-status"); // what was sent before its reply has arrived with it
        std::vector<std::string> names;
        for (const Json& event : events) {
            std::string name = event["event"];
            if (name == "DEVICE_TRAY_MOVED") name += event["data"]["tray-open"] == true ? " open" : " closed";
            if (name == "BLOCK_IO_ERROR")
                name += " " + event["data"]["operation"].get<std::string>() + " " +
                        event["data"]["action"].get<std::string>();
            names.push_back(name);
        }
        events.clear();
        return names;
    }

    // The guest.
    void out(u16 port, unsigned value) {
        guest->send(fmt::format("outb {:#x} {:#x}\n", port, value));
        EXPECT_EQ(guest->line(), "OK");
    }
    void outw(u16 port, unsigned value) {
        guest->send(fmt::format("outw {:#x} {:#x}\n", port, value));
        EXPECT_EQ(guest->line(), "OK");
    }
    unsigned in(u16 port, const char* command = "inb") {
        guest->send(fmt::format("{} {:#x}\n", command, port));
        const std::string answer = guest->line();
        return answer.starts_with("OK ") ? static_cast<unsigned>(std::stoul(answer.substr(3), nullptr, 16))
                                         : ~0U;
    }
    u8 wait_while_busy(u16 control) {
        for (int patience = 0; patience < 2000; ++patience) {
            const unsigned status = in(control);
            if ((status & 0x80) == 0) return static_cast<u8>(status);
            loop.run_once(kMillisecond);
        }
        return 0xff;
    }

    std::filesystem::path folder;
    toolstack::MachineOptions options;
    host::Loop loop;
    std::unique_ptr<Machine> machine;
    std::optional<LineClient> guest;
    std::optional<LineClient> qmp;
    std::deque<Json> events;
};

} // namespace dm::test
