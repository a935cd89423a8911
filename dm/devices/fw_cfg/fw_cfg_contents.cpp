#include "dm/core/bits.hpp"
#include "dm/core/check.hpp"
#include "dm/devices/fw_cfg/fw_cfg.hpp"

#include <algorithm>

namespace dm {
namespace {

constexpr u32 kHasPortsAndDma = 0b11; // of ID

std::vector<u8> little_endian(u64 value, unsigned bytes) {
    std::vector<u8> out;
    for (unsigned i = 0; i < bytes; ++i)
        out.push_back(byte_of(value, i));
    return out;
}

void append_big_endian(std::vector<u8>& to, u64 value, unsigned bytes) {
    for (unsigned i = bytes; i-- > 0;)
        to.push_back(byte_of(value, i));
}

} // namespace

FwCfgContents::FwCfgContents() {
    put_bytes(SIGNATURE, {'Q', 'E', 'M', 'U'});
    put_u32(ID, kHasPortsAndDma);
    put_u32(FILE_DIR, 0);
}

void FwCfgContents::put_bytes(u16 key, std::vector<u8> bytes) {
    const auto size = static_cast<u32>(bytes.size());
    put(key, {size, [bytes = std::move(bytes)](u64 offset, std::span<u8> out) {
                  std::copy_n(bytes.begin() + static_cast<std::ptrdiff_t>(offset), out.size(), out.begin());
              }});
}

void FwCfgContents::put_u16(u16 key, u16 value) {
    put_bytes(key, little_endian(value, 2));
}

void FwCfgContents::put_u32(u16 key, u32 value) {
    put_bytes(key, little_endian(value, 4));
}

/// An entry: size, key, two reserved bytes, name; the directory begins with the number of entries.
void FwCfgContents::add_file(std::string_view name, std::vector<u8> bytes) {
    DM_CHECK(name.size() <= kMostNameBytes);
    const auto key = static_cast<u16>(FILE_FIRST + files_++);
    append_big_endian(directory_, bytes.size(), 4);
    append_big_endian(directory_, key, 2);
    append_big_endian(directory_, 0, 2);
    directory_.insert(directory_.end(), name.begin(), name.end());
    directory_.resize(directory_.size() + kMostNameBytes + 1 - name.size());
    put_bytes(key, std::move(bytes));

    std::vector<u8> listing;
    append_big_endian(listing, files_, 4);
    listing.insert(listing.end(), directory_.begin(), directory_.end());
    put_bytes(FILE_DIR, std::move(listing));
}

const FwCfgItem* FwCfgContents::find(u16 key) const {
    const auto found = items_.find(key);
    return found == items_.end() ? nullptr : &found->second;
}

} // namespace dm
