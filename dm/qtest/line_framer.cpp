#include "dm/qtest/line_framer.hpp"

#include <algorithm>
#include <utility>

namespace dm::qtest {

void LineFramer::append(std::string_view bytes) {
    kept_.erase(0, at_);
    searched_ -= std::min(searched_, at_);
    at_ = 0;
    kept_ += bytes;
}

std::optional<LineFramer::Line> LineFramer::next() {
    const std::size_t end = kept_.find('\n', std::max(at_, searched_));
    if (end != std::string::npos) {
        const std::string_view text = std::string_view(kept_).substr(at_, end - at_);
        at_ = searched_ = end + 1;
        const bool too_long = std::exchange(dropping_, false) || text.size() > longest_;
        return too_long ? Line{{}, true} : Line{text, false};
    }
    if (kept_.size() - at_ > longest_) {
        dropping_ = true;
        at_ = kept_.size();
    }
    searched_ = kept_.size();
    return std::nullopt;
}

} // namespace dm::qtest
