#include "dm/toolstack/json_framer.hpp"

#include <utility>

namespace dm::toolstack {
namespace {

bool is_space(char c) {
    return c == ' ' || c == '\t' || c == '\r' || c == '\n';
}

bool is_alphanumeric(char c) {
    return (c >= '0' && c <= '9') || (c >= 'a' && c <= 'z') || (c >= 'A' && c <= 'Z');
}

/// Outside strings: numbers, true, false, null and punctuation.
bool may_be_outside_string(char c) {
    return is_space(c) || is_alphanumeric(c) || std::string_view("+-.:,").find(c) != std::string_view::npos;
}

/// Control characters must be escaped, and these bytes never occur in UTF-8.
bool may_be_in_string(char c) {
    const u8 byte = static_cast<u8>(c);
    return byte >= 0x20 && byte != 0xc0 && byte != 0xc1 && byte < 0xf5;
}

} // namespace

JsonFramer::Event JsonFramer::next(std::string_view& input) {
    while (!input.empty()) {
        const char c = input.front();
        Event event = Event::NeedMore;
        switch (mode_) {
        case Mode::Between: event = between(c); break;
        case Mode::Object: event = object(c); break;
        case Mode::Oversize: oversize(c); break;
        case Mode::Garbage:
            if (c == '{') {
                mode_ = Mode::Between; // and look at it again
                continue;
            }
            if (c == '\n') mode_ = Mode::Between;
            break;
        }
        input.remove_prefix(1);
        if (event != Event::NeedMore) return event;
    }
    return Event::NeedMore;
}

std::string JsonFramer::take() {
    return std::exchange(text_, {});
}

JsonFramer::Event JsonFramer::between(char c) {
    if (is_space(c)) return Event::NeedMore;
    if (c != '{') return give_up(Mode::Garbage, Event::Garbage);
    forget();
    mode_ = Mode::Object;
    text_ = c;
    open_.push_back('}');
    return Event::NeedMore;
}

JsonFramer::Event JsonFramer::object(char c) {
    if (text_.size() == kMaxLength) {
        oversize_depth_ = open_.size();
        const Text string = string_;
        const Event event = give_up(Mode::Oversize, Event::TooLong);
        string_ = string;
        oversize(c);
        return event;
    }
    text_ += c;
    if (string_ == Text::None) {
        if (c == '"') {
            string_ = Text::Inside;
            return Event::NeedMore;
        }
        return may_be_outside_string(c) ? Event::NeedMore : bracket(c);
    }
    if (!may_be_in_string(c)) return give_up(c == '\n' ? Mode::Between : Mode::Garbage, Event::Garbage);
    if (string_ == Text::Escaped)
        string_ = Text::Inside;
    else if (c == '\\')
        string_ = Text::Escaped;
    else if (c == '"')
        string_ = Text::None;
    return Event::NeedMore;
}

JsonFramer::Event JsonFramer::bracket(char c) {
    if (c == '{' || c == '[') {
        if (open_.size() == kMaxDepth) {
            oversize_depth_ = open_.size() + 1;
            return give_up(Mode::Oversize, Event::TooDeep);
        }
        open_.push_back(c == '{' ? '}' : ']');
        return Event::NeedMore;
    }
    if (c != open_.back()) return give_up(Mode::Garbage, Event::Garbage);
    open_.pop_back();
    if (!open_.empty()) return Event::NeedMore;
    mode_ = Mode::Between;
    return Event::Object;
}

/// Follows strings and brackets so that nothing inside is taken for a command.
void JsonFramer::oversize(char c) {
    switch (string_) {
    case Text::Escaped: string_ = Text::Inside; return;
    case Text::Inside:
        if (c == '\\') string_ = Text::Escaped;
        if (c == '"') string_ = Text::None;
        return;
    case Text::None: break;
    }
    if (c == '"') string_ = Text::Inside;
    if (c == '{' || c == '[') ++oversize_depth_;
    if ((c == '}' || c == ']') && --oversize_depth_ == 0) mode_ = Mode::Between;
}

void JsonFramer::forget() {
    text_ = {}; // not clear(): a long command must not keep its buffer
    open_.clear();
    string_ = Text::None;
}

JsonFramer::Event JsonFramer::give_up(Mode mode, Event event) {
    forget();
    mode_ = mode;
    return event;
}

} // namespace dm::toolstack
