#include "dm/core/shared_library.hpp"

#include <dlfcn.h>

namespace dm {

Result<SharedLibrary> SharedLibrary::open(const char* name, const char* package) {
    void* const handle = ::dlopen(name, RTLD_NOW | RTLD_LOCAL);
    if (handle == nullptr)
        return fail("{} cannot be loaded ({}); install the package {}", name, ::dlerror(), package);
    return SharedLibrary(name, handle);
}

void* SharedLibrary::address(const char* name) {
    void* const found = ::dlsym(handle_, name);
    if (found == nullptr && missing_ == nullptr) missing_ = name;
    return found;
}

Status SharedLibrary::complete(const char* wanted) const {
    if (missing_ == nullptr) return {};
    return fail("{} has no {}; install {} or later", name_, missing_, wanted);
}

} // namespace dm
