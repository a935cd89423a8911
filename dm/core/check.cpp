#include "dm/core/check.hpp"

#include <cstdio>
#include <cstdlib>

namespace dm {

void check_failed(const char* condition, const char* file, int line) {
    static_cast<void>(
        std::fprintf(stderr, "hvmdm: internal error, please report: %s at %s:%d\n", condition, file, line));
    std::abort();
}

} // namespace dm
