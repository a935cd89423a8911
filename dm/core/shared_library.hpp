// A library that is loaded by those who need it: what it brings (start-up time, memory, its own libraries) is
// not paid for by every other guest's process. dlopen(3); a chroot hides libraries, so whoever may need one
// later loads it before.
#pragma once

#include "dm/core/result.hpp"

namespace dm {

class SharedLibrary {
public:
    /// Stays loaded for as long as the process lives. The error names the package and why.
    static Result<SharedLibrary> open(const char* name, const char* package);

    /// A function or a variable by its name in the library.
    template <class Thing> void find(Thing*& thing, const char* name) {
        thing = reinterpret_cast<Thing*>(address(name)); // what POSIX promises of dlsym
    }
    /// The same of what is not used itself, but tells the releases apart.
    void require(const char* name) { address(name); }
    /// An error when something was not there. `wanted`: the release that has it all.
    Status complete(const char* wanted) const;

private:
    SharedLibrary(const char* name, void* handle) : name_(name), handle_(handle) {}
    void* address(const char* name);

    const char* name_;
    void* handle_;
    const char* missing_ = nullptr;
};

} // namespace dm
