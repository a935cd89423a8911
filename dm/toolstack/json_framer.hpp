// Cuts a byte stream into JSON objects.
//
// A QMP client need not end its commands with a newline (libxenstat does not) and may split them anywhere, so
// the end of a command is its closing brace. The framer looks at brackets, strings and impossible bytes only;
// whether the text is JSON is for the parser to say.
//
// After bytes that cannot belong to an object everything up to the next newline or opening brace is dropped,
// as QEMU does: one report for each such run. A too deep or too long object is dropped up to its closing
// brace.
#pragma once

#include "dm/core/types.hpp"

#include <string>
#include <string_view>
#include <vector>

namespace dm::toolstack {

class JsonFramer {
public:
    static constexpr std::size_t kMaxDepth = 128; ///< libxl needs 3
    static constexpr std::size_t kMaxLength = 1 << 20;

    enum class Event : u8 {
        NeedMore, ///< `input` is used up
        Object,   ///< take() has it
        Garbage,  ///< bytes that cannot begin or continue an object
        TooDeep,
        TooLong,
    };

    /// Takes bytes off the front of `input` up to the next event.
    Event next(std::string_view& input);
    /// The object that next() reported.
    std::string take();

    /// Bytes held back for an object that is not complete.
    std::size_t pending() const { return text_.size(); }

private:
    enum class Mode : u8 { Between, Object, Garbage, Oversize };
    enum class Text : u8 { None, Inside, Escaped };

    Event between(char c);
    Event object(char c);
    Event bracket(char c);
    void oversize(char c);
    void forget();
    Event give_up(Mode mode, Event event);

    Mode mode_ = Mode::Between;
    Text string_ = Text::None;
    std::string text_;
    std::vector<char> open_; ///< the closing brackets that are owed
    u64 oversize_depth_ = 0; ///< brackets owed in Mode::Oversize
};

} // namespace dm::toolstack
