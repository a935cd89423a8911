// Creative Sound Blaster 16 (CT1740, DSP 4.05, mixer CT1745; "Sound Blaster Series Hardware Programming
// Guide"): 8 and 16 bits, mono and stereo, single-cycle and auto-initialise DMA both ways. What is recorded
// is silence.
//
// Missing: FM (its ports are nobody's), MPU-401, the ASP, ADPCM, direct mode, DMA identification (E2); the
// mixer is storage: what is played is as the guest's memory has it. IRQ and DMA channels are jumpered: the
// mixer's registers tell them, and cannot move them.
// Notes: docs/devices/sb16.md
#pragma once

#include "dm/core/audio_backend.hpp"
#include "dm/core/clock.hpp"
#include "dm/core/device.hpp"
#include "dm/core/io_space.hpp"
#include "dm/core/irq.hpp"
#include "dm/devices/isa/dma_channel.hpp"
#include "dm/devices/sound/pace.hpp"
#include "dm/devices/sound/sb16_regs.hpp"

#include <optional>

namespace dm {

class Sb16 final : public Device, public IoHandler, private DmaClient {
public:
    /// What is being moved, if anything.
    struct Transfer {
        bool on = false;
        bool paused = false;
        bool held_up = false; ///< its DMA channel was masked when it looked
        bool repeats = false; ///< auto-initialise
        bool wide = false;    ///< 16 bits, on the other channel
        bool records = false;
        bool is_signed = false;
        bool stereo = false;
        u32 block = 0; ///< samples between two interrupts
        u32 left = 0;
        SamplePace pace;

        bool operator==(const Transfer&) const = default;
        static constexpr void fields(auto&& v, auto& s) {
            v("on", s.on);
            v("paused", s.paused);
            v("held_up", s.held_up);
            v("repeats", s.repeats);
            v("wide", s.wide);
            v("records", s.records);
            v("is_signed", s.is_signed);
            v("stereo", s.stereo);
            v("block", s.block);
            v("left", s.left);
            v("pace", s.pace);
        }
    };
    struct State {
        u8 reset_port = 0;
        Fifo<u8, 64> answers;
        u8 last_answer = 0;
        u8 command = 0;
        Fifo<u8, 3> parameters;
        u8 missing = 0; ///< parameters of the command that are still to come
        u8 test = 0;
        bool speaker = false;
        u32 rate = 11025; ///< of bytes, where it was set by a time constant
        u32 block = 2048; ///< samples, of the commands that do not say it
        Transfer transfer;
        std::optional<u64> silent_until;
        u8 irqs = 0; ///< of IRQ_STATUS
        u8 mixer_index = 0;
        std::array<u8, 128> mixer{};
        u64 looked_ns = 0; ///< when the timer fired last, or a transfer was started

        bool operator==(const State&) const = default;
        static constexpr void fields(auto&& v, auto& s) {
            v("reset_port", s.reset_port);
            v("answers", s.answers);
            v("last_answer", s.last_answer);
            v("command", s.command);
            v("parameters", s.parameters);
            v("missing", s.missing);
            v("test", s.test);
            v("speaker", s.speaker);
            v("rate", s.rate);
            v("block", s.block);
            v("transfer", s.transfer);
            v("silent_until", s.silent_until);
            v("irqs", s.irqs);
            v("mixer_index", s.mixer_index);
            v("mixer", s.mixer);
            v("looked_ns", s.looked_ns);
        }
    };
    /// Where the jumpers are.
    struct Jumpers {
        u8 irq_select; ///< as IRQ_SELECT tells it: 02 is IRQ 5
        u8 dma_select; ///< as DMA_SELECT does: 22 is channels 1 and 5
    };

    /// `audio`: null when the sound goes nowhere; outlives the card, as the channels do.
    Sb16(std::string_view name, AudioBackend* audio, IrqLine irq, TimerQueue& timers, DmaChannel& dma8,
         DmaChannel& dma16, Jumpers jumpers);
    ~Sb16() override;

    /// Offsets from the base; bytes only.
    u64 read(u64 offset, unsigned size) override;
    void write(u64 offset, unsigned size, u64 value) override;

    void reset() override;
    void save(StateWriter& out) const override;
    Status load(StateReader& in) override;

private:
    void dma_acknowledged() override;

    // sb16.cpp: ports and transfers
    void write_reset(u8 value);
    void reset_dsp();
    u8 read_dsp();
    u8 read_mixer() const;
    void write_mixer(u8 value);
    void reset_mixer();
    DmaChannel& channel() { return s_.transfer.wide ? dma16_ : dma8_; }
    bool moves() const { return s_.transfer.on && !s_.transfer.paused; }
    void begin(Transfer transfer, u32 rate, u32 samples);
    void run();
    u32 move(u32 due);
    void block_done();
    u32 frames_left() const;
    void derive();
    void arm();
    Status valid(const State& state) const;

    // sb16_dsp.cpp: commands
    void write_dsp(u8 value);
    void execute();
    void execute_generic();
    void begin_8bit(bool records, bool repeats, std::optional<u32> samples);
    void begin_silence();
    void answer(u8 value) { s_.answers.push(value); }
    u16 low_high() const { return static_cast<u16>(s_.parameters.at(0) | s_.parameters.at(1) << 8); }

    AudioBackend* audio_;
    IrqLine irq_;
    TimerQueue& timers_;
    DmaChannel& dma8_;
    DmaChannel& dma16_;
    Jumpers jumpers_;
    Log log_;
    State s_;
    Timer timer_;
};
static_assert(covers_every_field<Sb16::Transfer>);
static_assert(covers_every_field<Sb16::State>);

} // namespace dm
