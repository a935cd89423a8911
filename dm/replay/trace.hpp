// A recording as text, one line for each thing that happens.
#pragma once

#include "dm/replay/stage.hpp"
#include "dm/replay/words.hpp"

#include <cstdio>

namespace dm::replay {

class Trace final : public Audience {
public:
    /// Prints from operation `from` on.
    Trace(std::FILE* out, const Names& names, u64 from) : out_(out), names_(names), from_(from) {}

    void entrance(u64 operation, u64 time_ns, const Record& record) override;
    void happened(unsigned depth, const Record& record) override;

private:
    std::FILE* out_;
    const Names& names_;
    u64 from_;
    u64 operation_ = 0;
};

} // namespace dm::replay
