// The files of the web console: which there are is found out once, at the start; a name that was not found
// then cannot be asked for. They are opened below a directory that was opened before the process locks itself
// up.
#pragma once

#include "dm/core/result.hpp"
#include "dm/core/types.hpp"
#include "dm/vnc/posix.hpp"

#include <memory>
#include <optional>
#include <string>
#include <string_view>
#include <vector>

namespace dm::vnc {

inline constexpr std::string_view kNovncDirectory = "/usr/share/novnc"; ///< of the package novnc

class WebFiles {
public:
    static constexpr std::size_t kMostFiles = 2000;
    static constexpr unsigned kDeepest = 8;

    /// Errors name the package to install.
    static Result<std::unique_ptr<WebFiles>> open(const std::string& directory);

    struct File {
        UniqueFd fd;
        u64 size = 0;
        std::string_view type;
    };
    /// `path`: as in a request, "/core/rfb.js". Any thread.
    std::optional<File> find(std::string_view path) const;

private:
    WebFiles() = default;
    void list(int directory, const std::string& prefix, unsigned depth);

    UniqueFd directory_;
    std::vector<std::string> names_; ///< sorted; without the first '/'
};

/// Nothing: files of this kind are not served.
std::optional<std::string_view> mime_type(std::string_view name);

} // namespace dm::vnc
