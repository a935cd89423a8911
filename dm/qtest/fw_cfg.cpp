#include "dm/qtest/fw_cfg.hpp"

#include "dm/core/bits.hpp"

namespace dm::qtest {

FwCfg::FwCfg(u64 ram_bytes, unsigned cpus, unsigned max_cpus) {
    constexpr u32 kPortsOnly = 1; // no DMA interface
    items_[SIGNATURE] = {'Q', 'E', 'M', 'U'};
    set(ID, kPortsOnly, 4);
    set(RAM_SIZE, ram_bytes, 8);
    set(NB_CPUS, cpus, 2);
    set(MAX_CPUS, max_cpus, 2);
    set(FILE_DIR, 0, 4);
}

void FwCfg::set(u16 key, u64 value, unsigned size) {
    std::vector<u8>& item = items_[key];
    for (unsigned i = 0; i < size; ++i)
        item.push_back(byte_of(value, i));
}

u64 FwCfg::read(u64 offset, unsigned size) {
    if (offset != DATA || size != 1) return ones(size);
    const auto item = items_.find(selected_);
    if (item == items_.end() || position_ >= item->second.size()) return 0; // as the device pads
    return item->second[position_++];
}

void FwCfg::write(u64 offset, unsigned size, u64 value) {
    if (offset != SELECTOR || size != 2) return;
    selected_ = static_cast<u16>(value);
    position_ = 0;
}

} // namespace dm::qtest
