// Bytes from a socket to lines, with a bound on what one line may hold.
#pragma once

#include <cstddef>
#include <optional>
#include <string>
#include <string_view>

namespace dm::qtest {

class LineFramer {
public:
    explicit LineFramer(std::size_t longest) : longest_(longest) {}

    void append(std::string_view bytes);

    struct Line {
        std::string_view text; ///< without its end; valid until the next append()
        bool too_long = false; ///< then `text` is empty: the line was thrown away
    };
    /// The next complete line.
    std::optional<Line> next();

private:
    std::size_t longest_;
    std::string kept_;
    std::size_t at_ = 0;       ///< of kept_: what is before was given out
    std::size_t searched_ = 0; ///< of kept_: no end of line before it
    bool dropping_ = false;    ///< inside a line that is too long
};

} // namespace dm::qtest
