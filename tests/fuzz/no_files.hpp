// A fuzzer must not open, let alone truncate, the files that its input happens to name. Programs that link
// this pass --wrap=open to the linker.
#pragma once

namespace dm::fuzz {

/// While there is one open() fails, as in a directory where nothing may be made. openat() works.
class NoFiles {
public:
    NoFiles();
    ~NoFiles();
    NoFiles(const NoFiles&) = delete;
    NoFiles& operator=(const NoFiles&) = delete;
};

} // namespace dm::fuzz
