#include "dm/replay/medium_echo.hpp"

#include <algorithm>
#include <cstring>

namespace dm::replay {

void make_up(unsigned disk, u64 offset, std::span<u8> out) {
    u64 word_at = ~u64{0};
    u64 word = 0;
    for (u8& byte : out) {
        if (offset / 8 != word_at) { // splitmix64
            word_at = offset / 8;
            word = (word_at + 1) * 0x9e3779b97f4a7c15 + disk;
            word = (word ^ word >> 30) * 0xbf58476d1ce4e5b9;
            word = (word ^ word >> 27) * 0x94d049bb133111eb;
            word ^= word >> 31;
        }
        byte = static_cast<u8>(word >> (offset % 8 * 8));
        ++offset;
    }
}

std::vector<u8> describe_units(std::span<const u8> content) {
    std::vector<u8> units;
    bool any = false;
    for (; !content.empty(); content = content.subspan(std::min<u64>(kUnit, content.size()))) {
        const std::span<const u8> unit = content.first(std::min<u64>(kUnit, content.size()));
        const bool uniform =
            std::all_of(unit.begin(), unit.end(), [&](u8 byte) { return byte == unit.front(); });
        any = any || uniform;
        units.push_back(uniform ? 1 : 0);
        units.push_back(uniform ? unit.front() : 0);
    }
    if (!any) units.clear();
    return units;
}

bool fill_units(std::span<const u8> units, unsigned disk, u64 offset, std::span<u8> out) {
    if (units.empty()) {
        make_up(disk, offset, out);
        return true;
    }
    if (units.size() != (out.size() + kUnit - 1) / kUnit * 2) return false;
    for (; !out.empty(); units = units.subspan(2)) {
        const std::span<u8> unit = out.first(std::min<u64>(kUnit, out.size()));
        if (units[0] != 0)
            std::ranges::fill(unit, units[1]);
        else
            make_up(disk, offset, unit);
        offset += unit.size();
        out = out.subspan(unit.size());
    }
    return true;
}

void MediumEcho::delivered(unsigned disk, std::vector<u8> content) {
    if (disk >= kMostDisks || content.empty()) return;
    auto& queue = disks_[disk];
    if (queue.size() == kMostDeliveries) queue.pop_front();
    queue.push_back({std::move(content)});
    last_disk_ = disk;
}

/// The disk that delivered last is asked first.
MediumEcho::Match MediumEcho::best_match(std::span<const u8> bytes) const {
    Match best;
    const auto try_disk = [&](unsigned disk) {
        const auto& queue = disks_[disk];
        for (std::size_t skip = 0; skip < queue.size(); ++skip) {
            const std::span<const u8> rest = std::span(queue[skip].content).subspan(queue[skip].at);
            const std::size_t most = std::min(rest.size(), bytes.size());
            const auto length = static_cast<std::size_t>(
                std::mismatch(bytes.begin(), bytes.begin() + static_cast<std::ptrdiff_t>(most), rest.begin())
                    .first -
                bytes.begin());
            if (length <= best.length) continue;
            best.length = length;
            best.piece = {.source = Source::Medium,
                          .disk = static_cast<u8>(disk),
                          .skip = static_cast<u8>(skip),
                          .length = static_cast<u32>(length)};
        }
    };
    try_disk(last_disk_);
    for (unsigned disk = 0; disk < kMostDisks; ++disk)
        if (disk != last_disk_ && !disks_[disk].empty()) try_disk(disk);
    return best;
}

void MediumEcho::advance(const Piece& piece) {
    auto& queue = disks_[piece.disk];
    queue.erase(queue.begin(), queue.begin() + piece.skip);
    queue.front().at += piece.length;
    if (queue.front().at == queue.front().content.size()) queue.pop_front();
}

std::vector<Piece> MediumEcho::split(std::span<const u8> bytes, std::size_t least, bool whole) {
    std::vector<Piece> pieces;
    u32 literal = 0;
    bool any = false;
    const auto end_literal = [&] {
        if (literal > 0) pieces.push_back({.source = Source::Literal, .length = literal});
        literal = 0;
    };
    while (!bytes.empty()) {
        const Match match = best_match(bytes);
        if (match.length == 0 && !any && pieces.empty() && nothing_delivered()) return {};
        if (match.length >= least || (whole && match.length == bytes.size())) {
            end_literal();
            pieces.push_back(match.piece);
            advance(match.piece);
            bytes = bytes.subspan(match.length);
            any = true;
        } else {
            ++literal;
            bytes = bytes.subspan(1);
        }
    }
    end_literal();
    if (!any) pieces.clear();
    return pieces;
}

bool MediumEcho::nothing_delivered() const {
    return std::all_of(disks_.begin(), disks_.end(), [](const auto& queue) { return queue.empty(); });
}

bool MediumEcho::take(const Piece& piece, std::span<u8> out) {
    if (piece.disk >= kMostDisks) return false;
    const auto& queue = disks_[piece.disk];
    if (piece.skip >= queue.size()) return false;
    const Delivery& delivery = queue[piece.skip];
    if (piece.length == 0 || piece.length != out.size() ||
        piece.length > delivery.content.size() - delivery.at)
        return false;
    std::memcpy(out.data(), delivery.content.data() + delivery.at, out.size());
    advance(piece);
    return true;
}

void MediumEcho::lose_byte(unsigned disk) {
    if (!disks_[disk].empty()) advance({.disk = static_cast<u8>(disk), .length = 1});
}

} // namespace dm::replay
