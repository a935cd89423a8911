// Ensoniq AudioPCI ES1370, PCI 1274:5000 ("AudioPCI Specification" rev. 1.02), with its AK4531 codec: two
// DACs and the ADC by DMA, sample counters with interrupts, loop and stop mode. What is recorded is silence.
//
// Missing: MIDI goes nowhere, joystick, CCB voices, the memory behind pages 0 to b, S/PDIF and MPEG clocks;
// the codec's mixer (it can only be written, and what is played is as the guest's memory has it).
// Quirks: the phantom frame registers are nobody's, ones (Linux writes them against an error of the part).
// Notes: docs/devices/es1370.md
#pragma once

#include "dm/core/audio_backend.hpp"
#include "dm/core/clock.hpp"
#include "dm/core/guest_memory.hpp"
#include "dm/core/io_part.hpp"
#include "dm/core/pci.hpp"
#include "dm/devices/sound/es1370_regs.hpp"
#include "dm/devices/sound/pace.hpp"

#include <array>
#include <optional>

namespace dm {

class Es1370 final : public PciFunction {
public:
    static constexpr u32 kFastest = 48000; ///< frames a second, whatever PCLKDIV says

    struct Converter {
        u32 frame_addr = 0;
        u16 frame_size = 0; ///< dwords of the buffer less one
        u16 frame_at = 0;   ///< dword at hand
        u8 byte = 0;        ///< in that dword
        u16 samples = 0;    ///< frames between two interrupts less one
        u16 samples_left = 0;
        bool stopped = false; ///< at the end of its buffer, in stop mode
        SamplePace pace;

        bool operator==(const Converter&) const = default;
        static constexpr void fields(auto&& v, auto& s) {
            v("frame_addr", s.frame_addr);
            v("frame_size", s.frame_size);
            v("frame_at", s.frame_at);
            v("byte", s.byte);
            v("samples", s.samples);
            v("samples_left", s.samples_left);
            v("stopped", s.stopped);
            v("pace", s.pace);
        }
    };
    struct State {
        u32 control = es1370::kControlAtReset;
        u32 serial = 0;
        u8 interrupts = 0; ///< DAC1, DAC2 and ADC of STATUS
        u8 mempage = 0;
        u8 uart_control = 0;
        std::array<Converter, es1370::kConverters> converters;
        u64 looked_ns = 0; ///< when the timer fired last, or a converter was started

        bool operator==(const State&) const = default;
        static constexpr void fields(auto&& v, auto& s) {
            v("control", s.control);
            v("serial", s.serial);
            v("interrupts", s.interrupts);
            v("mempage", s.mempage);
            v("uart_control", s.uart_control);
            v("converters", s.converters);
            v("looked_ns", s.looked_ns);
        }
    };

    /// `audio`: null when the sound goes nowhere; outlives the card.
    Es1370(std::string_view name, AudioBackend* audio, GuestMemory& memory, TimerQueue& timers,
           PciWiring wiring);

    void reset() override;
    void save(StateWriter& out) const override;
    Status load(StateReader& in) override;

private:
    u64 read(u64 offset, unsigned size);
    void write(u64 offset, unsigned size, u64 value);
    u32 register_at(u64 offset) const;
    void write_register(u64 offset, u32 value, u32 mask);
    void write_serial(u32 value);
    void write_uart(u32 value, u32 mask);
    unsigned paged_converter(u64 offset) const;
    u32 paged(u64 offset) const;
    void write_paged(u64 offset, u32 value, u32 mask);
    u32 status() const;
    bool uart_interrupts() const;
    void config_written(unsigned reg, unsigned size) override;

    // Converters
    using Flags = std::array<bool, es1370::kConverters>;
    Flags running() const;
    bool runs(unsigned n) const;
    u32 format(unsigned n) const;
    u32 frame_bytes(unsigned n) const;
    u32 rate(unsigned n) const;
    void follow(const Flags& ran);
    void run();
    void run(unsigned n);
    u32 move(unsigned n, u32 due);
    void transfer(unsigned n, u32 bytes);
    void count(unsigned n, u32 frames);
    std::optional<u64> next_look() const;
    void derive();
    Status valid(const State& state) const;

    AudioBackend* audio_;
    GuestMemory& memory_;
    TimerQueue& timers_;
    Log log_;
    IoPart<Es1370, &Es1370::read, &Es1370::write> registers_{*this};
    State s_;
    Timer timer_;
};
static_assert(covers_every_field<Es1370::Converter>);
static_assert(covers_every_field<Es1370::State>);

} // namespace dm
