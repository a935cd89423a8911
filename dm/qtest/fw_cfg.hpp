// QEMU's firmware configuration device (docs/specs/fw_cfg.txt of QEMU), as much as programs of the test
// protocol need to find the RAM. Guests of Xen have none: hvmloader brings the tables.
#pragma once

#include "dm/core/io_space.hpp"

#include <map>

namespace dm::qtest {

class FwCfg final : public IoHandler {
public:
    static constexpr u64 kBase = 0x510;
    static constexpr u64 kLength = 2;
    static constexpr unsigned kMaxWidth = 2;

    enum Key : u16 {
        SIGNATURE = 0x00,
        ID = 0x01,
        RAM_SIZE = 0x03,
        NB_CPUS = 0x05,
        MAX_CPUS = 0x0f,
        FILE_DIR = 0x19,
    };

    FwCfg(u64 ram_bytes, unsigned cpus, unsigned max_cpus);

    u64 read(u64 offset, unsigned size) override;
    void write(u64 offset, unsigned size, u64 value) override;

private:
    enum Reg : u8 { SELECTOR = 0, DATA = 1 };
    void set(u16 key, u64 value, unsigned size);

    std::map<u16, std::vector<u8>> items_;
    u16 selected_ = SIGNATURE;
    std::size_t position_ = 0;
};

} // namespace dm::qtest
