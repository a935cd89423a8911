// What the machine's addresses are called: datasheets' register names by the places that the board gives
// them.
#pragma once

#include "dm/board/board.hpp"
#include "dm/replay/words.hpp"

namespace dm {

/// Name of a register at a fixed port, "COM1.LSR"; "" when nothing is known there.
std::string fixed_port_name(u64 port);
/// Name of a register of a PCI function's header or of one of ours, "piix3-isa.PIRQRCA".
std::string config_name(std::string_view device, unsigned reg);

/// With the BARs of a board as they are decoded at that moment.
class BoardNames final : public replay::Names {
public:
    explicit BoardNames(Board& board) : board_(board) {}
    std::string port(u64 port) const override;
    std::string memory(u64 addr) const override;
    std::string config(Bdf bdf, unsigned reg) const override;

private:
    std::string in_bar(u64 addr, bool io) const;

    Board& board_;
};

} // namespace dm
