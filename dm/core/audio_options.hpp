// What `-audiodev` asks for, as plain data: the toolstack room fills it in, the host room makes an
// AudioBackend of it.
#pragma once

#include "dm/core/types.hpp"

#include <string>

namespace dm {

enum class AudioKind : u8 {
    None, ///< none, and every driver that there is not: the sound goes nowhere
    Wav,  ///< wav: a RIFF file
};

struct AudioOptions {
    AudioKind kind = AudioKind::None;
    std::string id{};
    std::string path{}; ///< Wav
    std::string text{}; ///< the option as the user wrote it, for messages
};

} // namespace dm
