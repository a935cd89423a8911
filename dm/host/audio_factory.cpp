#include "dm/host/audio_factory.hpp"

#include "dm/host/wav_file.hpp"

namespace dm::host {

Result<std::unique_ptr<AudioBackend>> make_audio_backend(const AudioOptions& options, TimerQueue& timers) {
    switch (options.kind) {
    case AudioKind::None: break;
    case AudioKind::Wav: return WavFile::open(options.text, options.path, timers);
    }
    return std::unique_ptr<AudioBackend>();
}

} // namespace dm::host
