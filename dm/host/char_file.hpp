// Back ends that only take output: `-serial null` and `-serial file:PATH`.
#pragma once

#include "dm/core/char_backend.hpp"
#include "dm/core/char_options.hpp"
#include "dm/core/log.hpp"
#include "dm/core/result.hpp"
#include "dm/core/unique_fd.hpp"

#include <memory>

namespace dm::host {

class NullChar final : public CharBackend {
public:
    std::size_t write(std::span<const u8> bytes) override { return bytes.size(); }
    void accept_input() override {}
    void set_frontend(CharFrontend*) override {}
    std::string description() const override { return "null"; }
};

class FileChar final : public CharBackend {
public:
    static Result<std::unique_ptr<CharBackend>> open(const CharOptions& options);

    std::size_t write(std::span<const u8> bytes) override;
    void accept_input() override {}
    void set_frontend(CharFrontend*) override {}
    std::string description() const override { return "file:" + path_; }

    FileChar(UniqueFd fd, std::string path) : fd_(std::move(fd)), path_(std::move(path)) {}

private:
    UniqueFd fd_;
    std::string path_;
    Log log_{"serial-file"};
    bool failing_ = false;
};

} // namespace dm::host
