#include "tests/fuzz/no_files.hpp"

#include <cerrno>
#include <cstdarg>
#include <fcntl.h>

namespace dm::fuzz {
namespace {

unsigned forbidden = 0;

} // namespace

NoFiles::NoFiles() {
    ++forbidden;
}

NoFiles::~NoFiles() {
    --forbidden;
}

} // namespace dm::fuzz

// NOLINTBEGIN(bugprone-reserved-identifier,cert-dcl37-c,cert-dcl50-cpp,cert-dcl51-cpp): the linker's names
extern "C" int __real_open(const char* path, int flags, ...);
extern "C" int __wrap_open(const char* path, int flags, ...);

extern "C" int __wrap_open(const char* path, int flags, ...) {
    if (dm::fuzz::forbidden > 0) {
        errno = EACCES;
        return -1;
    }
    va_list arguments;
    va_start(arguments, flags);
    const mode_t mode = (flags & O_CREAT) != 0 ? va_arg(arguments, mode_t) : 0;
    va_end(arguments);
    return __real_open(path, flags, mode);
}
// NOLINTEND(bugprone-reserved-identifier,cert-dcl37-c,cert-dcl50-cpp,cert-dcl51-cpp)
