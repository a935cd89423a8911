#include "dm/host/char_telnet.hpp"

#include <utility>

namespace dm::host {
namespace {

enum Command : u8 { SE = 240, BRK = 243, SB = 250, WILL = 251, WONT = 252, DO = 253, DONT = 254 };
constexpr u8 kBinary = 0;

} // namespace

TelnetInput::Is TelnetInput::next(u8 byte) {
    const bool after_return = std::exchange(after_return_, false);
    switch (std::exchange(in_, In::Data)) {
    case In::Data:
        if (byte == kTelnetIac)
            in_ = In::Command;
        else if (!after_return || binary_ || (byte != 0 && byte != '\n')) {
            after_return_ = byte == '\r';
            return Is::Character;
        }
        break;
    case In::Command: return command(byte);
    case In::Option:
        if (byte == kBinary && (verb_ == WILL || verb_ == WONT)) binary_ = verb_ == WILL;
        break;
    case In::Parameters: in_ = byte == kTelnetIac ? In::CommandInParameters : In::Parameters; break;
    case In::CommandInParameters:
        if (byte != SE) in_ = In::Parameters;
        break;
    }
    return Is::Nothing;
}

TelnetInput::Is TelnetInput::command(u8 byte) {
    verb_ = byte;
    if (byte == SB) in_ = In::Parameters;
    if (byte >= WILL && byte <= DONT) in_ = In::Option;
    if (byte == BRK) return Is::Break;
    return byte == kTelnetIac ? Is::Character : Is::Nothing;
}

} // namespace dm::host
