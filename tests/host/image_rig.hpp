// What tests of disk images share: a folder, requests, an engine that the test drives.
#pragma once

#include "dm/host/image.hpp"
#include "dm/host/loop.hpp"

#include <cstdlib>
#include <filesystem>
#include <fstream>
#include <gtest/gtest.h>
#include <optional>
#include <sys/stat.h>
#include <vector>

namespace dm::host {

/// A folder that goes away with the test.
struct Folder {
    explicit Folder(const std::filesystem::path& in = std::filesystem::temp_directory_path()) {
        std::string name = (in / "hvmdm-disk-XXXXXX").string();
        path = ::mkdtemp(name.data());
    }
    ~Folder() { std::filesystem::remove_all(path); }
    std::string file(const std::string& name, u64 size) const {
        const std::string full = path / name;
        std::ofstream{full};
        std::filesystem::resize_file(full, size);
        return full;
    }
    std::filesystem::path path;
};

/// Where flushing costs nothing, for tests that flush much and are not about it.
inline std::filesystem::path memory_folder() {
    return std::filesystem::is_directory("/dev/shm") ? "/dev/shm" : std::filesystem::temp_directory_path();
}

/// A request with its own memory, and what became of it.
struct Request {
    Request(BlockIo::Op op, u64 offset, std::size_t length, u8 fill = 0)
        : data(has_data(op) ? length : 0, fill) {
        vector = {data.data(), data.size()};
        io = {.op = op,
              .offset = offset,
              .iov = {&vector, has_data(op) ? 1U : 0U},
              .done = [](BlockIo& b, int e) { static_cast<Request*>(b.owner)->finish(e); },
              .owner = this,
              .length = has_data(op) ? 0 : length};
    }
    Request(const Request&) = delete;
    Request& operator=(const Request&) = delete;
    void finish(int e) {
        EXPECT_FALSE(error) << "done twice";
        error = e;
        if (log != nullptr) log->push_back(this);
    }
    std::vector<u8> data;
    iovec vector{};
    BlockIo io;
    std::optional<int> error;
    std::vector<Request*>* log = nullptr;
};

/// Tasks end when the test says so, with the result that it says.
struct ScriptedEngine final : BlockEngine {
    explicit ScriptedEngine(EventLoop& l) : BlockEngine(l) {}
    std::string_view name() const override { return "scripted"; }
    void start(Task& task) override { tasks.push_back(&task); }
    void block() override {
        Task* task = tasks.front();
        tasks.erase(tasks.begin());
        task->result = perform(*task);
        finished(*task);
    }
    void collect() override {}
    void complete(s64 result) {
        Task* task = tasks.front();
        tasks.erase(tasks.begin());
        task->result = result;
        task->done(*task);
    }
    std::vector<Task*> tasks;
};

/// Submits and lets the loop run until the request is done.
inline int run(Loop& loop, BlockBackend& medium, Request& request) {
    medium.submit(request.io);
    while (!request.error)
        loop.run_once(kSecond);
    return *request.error;
}

/// What `command` printed, and whether it succeeded.
struct Shell {
    explicit Shell(const std::string& command) {
        FILE* pipe = ::popen((command + " 2>&1").c_str(), "r");
        for (int c = std::fgetc(pipe); c != EOF; c = std::fgetc(pipe))
            text += static_cast<char>(c);
        good = ::pclose(pipe) == 0;
    }
    std::string text;
    bool good = false;
};

/// Bytes that the file takes on its file system.
inline u64 allocated(const std::string& path) {
    struct stat st {};
    return ::stat(path.c_str(), &st) == 0 ? static_cast<u64>(st.st_blocks) * 512 : 0;
}

} // namespace dm::host
