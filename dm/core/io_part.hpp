// One register block of a chip that has several: an IoHandler made of two of the chip's own functions.
//
//     IoPart<Chip, &Chip::read_apm, &Chip::write_apm> apm_{*this};
#pragma once

#include "dm/core/io_space.hpp"

namespace dm {

template <class Chip, u64 (Chip::*Read)(u64 offset, unsigned size),
          void (Chip::*Write)(u64 offset, unsigned size, u64 value)>
class IoPart final : public IoHandler {
public:
    explicit IoPart(Chip& chip) : chip_(chip) {}
    u64 read(u64 offset, unsigned size) override { return (chip_.*Read)(offset, size); }
    void write(u64 offset, unsigned size, u64 value) override { (chip_.*Write)(offset, size, value); }

private:
    Chip& chip_;
};

} // namespace dm
