// For those who cannot go on before the medium has it all: a drive that is taken away, an image that is given
// to somebody else.
#pragma once

#include "dm/core/block_backend.hpp"

namespace dm {

/// Waits until what was written through `medium` is on it, and for all else of it that is in flight. 0 or an
/// errno value.
inline int flush_and_wait(BlockBackend& medium) {
    int result = 0;
    BlockIo io{.op = BlockIo::Op::Flush,
               .offset = 0,
               .iov = {},
               .done = [](BlockIo& flush, int error) { *static_cast<int*>(flush.owner) = error; },
               .owner = &result};
    medium.submit(io);
    medium.drain();
    return result;
}

} // namespace dm
