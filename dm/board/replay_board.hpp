// The machine of a recording, built on the player instead of a hypervisor.
#pragma once

#include "dm/board/board.hpp"
#include "dm/replay/player.hpp"
#include "dm/replay/recorder.hpp"

namespace dm {

/// The board of the recording that `player` plays. Errors: a machine that this program cannot build.
Result<std::unique_ptr<Board>> make_replay_board(const replay::MachineShape& shape, replay::Player& player);

/// Saves the board, builds another one in its place and loads that: the player goes on with a machine that
/// knows only what was saved. Between operations. Errors: a state that is refused, or that the new board
/// would not save.
Status exchange_board(std::unique_ptr<Board>& board, const replay::MachineShape& shape,
                      replay::Player& player);

/// What a recorder is told of the machine that `parts` describe.
replay::MachineShape shape_of(const BoardParts& parts);

/// Tells the recorder what machine this is, and has it stand before disks and serial ports.
void put_under_record(BoardParts& parts, replay::Recorder& recorder);

/// Where disks' content comes out of the board byte by byte.
std::vector<Port> medium_ports();

} // namespace dm
