// Records in words, for traces and for what went wrong.
#pragma once

#include "dm/core/types.hpp"
#include "dm/replay/record.hpp"

#include <string>

namespace dm::replay {

/// What the machine calls its addresses; "" where it has no name for one.
class Names {
public:
    virtual ~Names() = default;
    virtual std::string port(u64 port) const = 0;
    virtual std::string memory(u64 addr) const = 0;
    virtual std::string config(Bdf bdf, unsigned reg) const = 0;
};

/// "in 3fd COM1.LSR -> 60". `names` may be null.
std::string describe(const Record& record, const Names* names);

} // namespace dm::replay
