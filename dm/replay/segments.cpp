#include "dm/replay/segments.hpp"

#include "dm/replay/columns.hpp"

#include <algorithm>
#include <fmt/format.h>
#include <zlib.h>

namespace dm::replay {

Segments describe_segments(const BlockIo& io, const Locate& locate) {
    Segments out;
    if (!has_data(io.op)) out.bytes = io.length;
    for (const iovec& v : io.iov) {
        const std::optional<GuestPhys> addr = locate(v.iov_base, v.iov_len);
        out.bytes += v.iov_len;
        put_number(out.text, u64{v.iov_len} << 1 | (addr ? 0 : 1));
        if (addr) {
            out.all_own = false;
            put_number(out.text, *addr);
        } else if (io.op == BlockIo::Op::Write) {
            const u64 sum =
                ::crc32(0, static_cast<const Bytef*>(v.iov_base), static_cast<uInt>(v.iov_len)) & 0xffffffff;
            for (unsigned i = 0; i < 4; ++i)
                out.text.push_back(static_cast<u8>(sum >> (8 * i)));
        }
    }
    return out;
}

u8 submit_code(unsigned disk, BlockIo::Op op) {
    const auto number = static_cast<unsigned>(op);
    return static_cast<u8>((number & 4) << 5 | disk << 2 | (number & 3));
}

unsigned submit_disk(u8 code) {
    return code >> 2 & 31;
}

BlockIo::Op submit_op(u8 code) {
    const unsigned number = (code >> 5 & 4) | (code & 3);
    return static_cast<BlockIo::Op>(std::min(number, static_cast<unsigned>(BlockIo::Op::WriteZeroes)));
}

std::string segments_text(std::span<const u8> text, bool writes) {
    std::string out;
    Column column(text);
    while (!column.at_end()) {
        const std::optional<u64> head = column.number();
        if (!head) break;
        if (!out.empty()) out += ", ";
        if ((*head & 1) == 0) {
            out += fmt::format("{:x}+{}", column.number().value_or(0), *head >> 1);
            continue;
        }
        out += fmt::format("own {}", *head >> 1);
        const auto sum = writes ? column.take(4) : std::nullopt;
        if (sum)
            out += fmt::format(" (crc {:02x}{:02x}{:02x}{:02x})", (*sum)[3], (*sum)[2], (*sum)[1], (*sum)[0]);
    }
    return out;
}

} // namespace dm::replay
