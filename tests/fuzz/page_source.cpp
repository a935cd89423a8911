#include "tests/fuzz/page_source.hpp"

#include "tests/fuzz/guard.hpp"
#include "tests/fuzz/operation.hpp"

namespace dm::fuzz {

const std::vector<u8>& PageSource::pattern(u64 page) {
    const auto [at, is_new] = patterns_.try_emplace(page);
    std::vector<u8>& drawn = at->second;
    if (!is_new) return drawn;
    drawn.resize(input_.last_byte() % (kMostBytes + 1));
    for (u8& byte : drawn)
        byte = input_.last_byte();
    if (tracing()) {
        std::string hex;
        for (const u8 byte : drawn)
            hex += fmt::format("{:02x}", byte);
        trace(fmt::format("page {}   # {:#x}", hex.empty() ? "-" : hex, page * kPageSize));
    }
    return drawn;
}

void PageSource::fill(u64 page, std::span<u8> bytes) {
    const std::vector<u8>& repeated = pattern(page);
    if (repeated.empty()) return;
    for (std::size_t i = 0; i < bytes.size(); ++i)
        bytes[i] = repeated[i % repeated.size()];
}

} // namespace dm::fuzz
