// -qtest-log: what was said, for the person who reads a failed test.
#pragma once

#include "dm/core/result.hpp"

#include <chrono>
#include <cstdio>
#include <memory>
#include <string_view>

namespace dm::qtest {

class Transcript {
public:
    /// `path`: "" and "none" for no log.
    static Result<Transcript> open(const std::string& path);

    void received(std::string_view line);
    /// One or more whole lines.
    void sent(std::string_view lines);

private:
    struct Close {
        void operator()(std::FILE* file) const { static_cast<void>(std::fclose(file)); }
    };
    void write(char direction, std::string_view line);

    std::unique_ptr<std::FILE, Close> file_;
    std::chrono::steady_clock::time_point start_ = std::chrono::steady_clock::now();
};

} // namespace dm::qtest
