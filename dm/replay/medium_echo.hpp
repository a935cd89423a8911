// What disks delivered into buffers of the board, and where it turns up again.
//
// Devices do not look at a disk's content, they carry it: to the data port, to guest memory. A recording
// holds where content came from instead of the content itself; the replay makes some up, and the devices must
// carry that to the same places. Both sides keep the same account of what was delivered and not seen again
// yet.
#pragma once

#include "dm/replay/record.hpp"

#include <array>
#include <deque>
#include <span>
#include <vector>

namespace dm::replay {

inline constexpr u64 kUnit = 512; ///< content is made up by the sector

/// Made-up content of `disk` from byte `offset` on; never twice the same in a unit.
void make_up(unsigned disk, u64 offset, std::span<u8> out);

/// How the replay comes by the content of one read. Empty: all made up. Otherwise two bytes for each unit:
/// 0, 0: made up; 1, b: all of it is the byte b, which says nothing about a place and so stays as it is.
std::vector<u8> describe_units(std::span<const u8> content);
/// False: `units` does not describe that many bytes.
bool fill_units(std::span<const u8> units, unsigned disk, u64 offset, std::span<u8> out);

class MediumEcho {
public:
    static constexpr unsigned kMostDisks = 16;

    void delivered(unsigned disk, std::vector<u8> content);

    /// For the recorder: what `bytes` are made of. Parts shorter than `least` count as a disk's only when
    /// they reach the end of `bytes` and `whole` is set. Nothing: all literal.
    std::vector<Piece> split(std::span<const u8> bytes, std::size_t least, bool whole);
    /// For the player: the bytes of a piece; false when there are not that many.
    bool take(const Piece& piece, std::span<u8> out);
    /// For both, after a piece of one byte was read from a data port: it has 16 bits, and the other byte of
    /// the word is lost.
    void lose_byte(unsigned disk);

private:
    static constexpr std::size_t kMostDeliveries = 4; ///< of one disk; what is older was never asked for

    struct Delivery {
        std::vector<u8> content;
        std::size_t at = 0; ///< what follows was not seen yet
    };
    struct Match {
        Piece piece;
        std::size_t length = 0;
    };

    Match best_match(std::span<const u8> bytes) const;
    void advance(const Piece& piece);
    bool nothing_delivered() const;

    std::array<std::deque<Delivery>, kMostDisks> disks_;
    unsigned last_disk_ = 0;
};

} // namespace dm::replay
