// 93C46 serial EEPROM (Microchip DS20001749): 64 words of 16 bits behind four wires. Programming takes no
// time.
#pragma once

#include "dm/core/fields.hpp"
#include "dm/core/types.hpp"

#include <array>

namespace dm {

class Eeprom93c46 {
public:
    static constexpr unsigned kWords = 64;

    enum class Phase : u8 {
        Idle,    ///< until a start bit comes
        Command, ///< two bits of operation, six of address
        Read,    ///< a word goes out
        Write,   ///< a word comes in
        WriteAll
    };
    struct State {
        std::array<u16, kWords> words{};
        Phase phase = Phase::Idle;
        u8 bits = 0;    ///< moved in this phase
        u16 shift = 0;  ///< those bits, or the ones that are to go out
        u8 address = 0; ///< where a word comes in
        bool enabled = false;
        bool select = false; ///< CS
        bool clock = false;  ///< SK
        bool out = false;    ///< DO

        bool operator==(const State&) const = default;
        static constexpr void fields(auto&& v, auto& s) {
            v("words", s.words);
            v("phase", s.phase);
            v("bits", s.bits);
            v("shift", s.shift);
            v("address", s.address);
            v("enabled", s.enabled);
            v("select", s.select);
            v("clock", s.clock);
            v("out", s.out);
        }
    };

    /// The wires are at these levels now.
    static void drive(State& s, bool select, bool clock, bool in);
    static bool valid(const State& s);
};
static_assert(covers_every_field<Eeprom93c46::State>);

} // namespace dm
