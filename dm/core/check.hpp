// DM_CHECK: a broken promise between our own parts. Never reachable from a guest, a viewer, the toolstack,
// an image or a saved state: those get an answer, not an abort.
#pragma once

namespace dm {
[[noreturn]] void check_failed(const char* condition, const char* file, int line);
}

#define DM_CHECK(condition)                                                                                  \
    do {                                                                                                     \
        if (!(condition)) ::dm::check_failed(#condition, __FILE__, __LINE__);                                \
    } while (false)
