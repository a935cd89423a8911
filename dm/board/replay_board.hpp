// The machine of a recording, built on the player instead of a hypervisor.
#pragma once

#include "dm/board/board.hpp"
#include "dm/replay/player.hpp"
#include "dm/replay/recorder.hpp"

namespace dm {

/// The board of the recording that `player` plays. Errors: a machine that this program cannot build.
Result<std::unique_ptr<Board>> make_replay_board(const replay::MachineShape& shape, replay::Player& player);

/// What a recorder is told of the machine that `parts` describe.
replay::MachineShape shape_of(const BoardParts& parts);

/// Tells the recorder what machine this is, and has it stand before disks and serial ports.
void put_under_record(BoardParts& parts, replay::Recorder& recorder);

/// Where disks' content comes out of the board byte by byte.
std::vector<Port> medium_ports();

} // namespace dm
