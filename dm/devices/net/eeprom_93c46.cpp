#include "dm/devices/net/eeprom_93c46.hpp"

namespace dm {
namespace {

using Phase = Eeprom93c46::Phase;
using State = Eeprom93c46::State;

constexpr unsigned kCommandBits = 8;
constexpr unsigned kAddressBits = 6;
constexpr unsigned kWordBits = 16;
constexpr u16 kErased = 0xffff;

enum Operation : u8 { Other = 0, Write = 1, Read = 2, Erase = 3 };
/// Of Other: the address' upper two bits.
enum Extended : u8 { Disable = 0, WriteAll = 1, EraseAll = 2, Enable = 3 };

void enter(State& s, Phase phase) {
    s.phase = phase;
    s.bits = 0;
    s.shift = 0;
}

/// Done at once; a driver that waits for it sees "ready".
void finish(State& s) {
    enter(s, Phase::Idle);
    s.out = true;
}

void extended(State& s) {
    switch (static_cast<Extended>(s.address >> (kAddressBits - 2))) {
    case Disable:
        s.enabled = false;
        finish(s);
        break;
    case Enable:
        s.enabled = true;
        finish(s);
        break;
    case EraseAll:
        if (s.enabled) s.words.fill(kErased);
        finish(s);
        break;
    case WriteAll: enter(s, Phase::WriteAll); break;
    }
}

void command(State& s) {
    const auto operation = static_cast<Operation>(s.shift >> kAddressBits & 3);
    s.address = static_cast<u8>(s.shift & (Eeprom93c46::kWords - 1));
    switch (operation) {
    case Read:
        enter(s, Phase::Read);
        s.shift = s.words[s.address];
        s.out = false; // one zero goes ahead of the word
        break;
    case Write: enter(s, Phase::Write); break;
    case Erase:
        if (s.enabled) s.words[s.address] = kErased;
        finish(s);
        break;
    case Other: extended(s); break;
    }
}

void store(State& s) {
    if (s.enabled && s.phase == Phase::Write) s.words[s.address] = s.shift;
    if (s.enabled && s.phase == Phase::WriteAll) s.words.fill(s.shift);
    finish(s);
}

void rising_edge(State& s, bool in) {
    const auto take = [&] {
        s.shift = static_cast<u16>(s.shift << 1 | (in ? 1 : 0));
        ++s.bits;
    };
    switch (s.phase) {
    case Phase::Idle:
        if (in) enter(s, Phase::Command);
        break;
    case Phase::Command:
        take();
        if (s.bits == kCommandBits) command(s);
        break;
    case Phase::Read:
        s.out = (s.shift & 0x8000) != 0;
        s.shift = static_cast<u16>(s.shift << 1);
        // Some drivers leave CS high and send the next start bit right away (FreeBSD's).
        if (++s.bits == kWordBits) enter(s, Phase::Idle);
        break;
    case Phase::Write:
    case Phase::WriteAll:
        take();
        if (s.bits == kWordBits) store(s);
        break;
    }
}

} // namespace

void Eeprom93c46::drive(State& s, bool select, bool clock, bool in) {
    const bool rises = select && clock && !s.clock;
    if (select != s.select) enter(s, Phase::Idle);
    if (select && !s.select) s.out = true;
    s.select = select;
    s.clock = clock;
    if (rises) rising_edge(s, in);
}

bool Eeprom93c46::valid(const State& s) {
    const bool known = s.phase == Phase::Idle || s.phase == Phase::Command || s.phase == Phase::Read ||
                       s.phase == Phase::Write || s.phase == Phase::WriteAll;
    return known && s.address < kWords && s.bits < (s.phase == Phase::Command ? kCommandBits : kWordBits);
}

} // namespace dm
