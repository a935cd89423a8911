// Intel 82801AA AC'97 audio controller, PCI 8086:2415 (82801AA datasheet, 290655), with a STAC9700 codec:
// PCM out, PCM in and microphone in by descriptor lists, variable rates. What is recorded is silence.
//
// Missing: modem function, secondary codec, S/PDIF, FIFO errors (there are none), power management.
// Quirks: BARs of 1024 and 256 bytes, the codec ready at all times, also before a cold reset and while the
// link is held in one (Windows XP reads the codec's ID first), as QEMU's guests know it; positions move in
// small bursts, because drivers read them until two readings agree (Linux snd-intel8x0).
// Notes: docs/devices/ac97.md
#pragma once

#include "dm/core/audio_backend.hpp"
#include "dm/core/bits.hpp"
#include "dm/core/clock.hpp"
#include "dm/core/guest_memory.hpp"
#include "dm/core/io_part.hpp"
#include "dm/core/pci.hpp"
#include "dm/devices/sound/ac97_codec.hpp"
#include "dm/devices/sound/ac97_regs.hpp"
#include "dm/devices/sound/pace.hpp"

namespace dm {

class Ac97 final : public PciFunction {
public:
    /// Frames that a bus master fetches at least at a time, but at the end of a buffer.
    static constexpr u32 kBurst = 8;

    /// One bus master.
    struct Box {
        u32 bdbar = 0;
        u8 civ = 0;
        u8 lvi = 0;
        Bits<ac97::Sr> sr = ac97::Sr::DCH;
        u16 picb = 0; ///< samples left in the buffer at hand
        u8 piv = 0;
        Bits<ac97::Cr> cr;
        bool fetched = false; ///< the descriptor of CIV is at hand
        u32 addr = 0;         ///< of the next sample
        Bits<ac97::Bd> bd;
        u32 last_frame = 0; ///< for BUP
        SamplePace pace;

        bool operator==(const Box&) const = default;
        static constexpr void fields(auto&& v, auto& s) {
            v("bdbar", s.bdbar);
            v("civ", s.civ);
            v("lvi", s.lvi);
            v("sr", s.sr);
            v("picb", s.picb);
            v("piv", s.piv);
            v("cr", s.cr);
            v("fetched", s.fetched);
            v("addr", s.addr);
            v("bd", s.bd);
            v("last_frame", s.last_frame);
            v("pace", s.pace);
        }
    };
    struct State {
        std::array<Box, ac97::kBoxes> boxes;
        u32 glob_cnt = 0;
        u32 glob_sta = 0; ///< what is stored of it
        u8 cas = 0;
        Ac97Codec codec;
        u64 looked_ns = 0; ///< when the timer fired last, or a bus master was started

        bool operator==(const State&) const = default;
        static constexpr void fields(auto&& v, auto& s) {
            v("boxes", s.boxes);
            v("glob_cnt", s.glob_cnt);
            v("glob_sta", s.glob_sta);
            v("cas", s.cas);
            v("codec", s.codec);
            v("looked_ns", s.looked_ns);
        }
    };

    /// `audio`: null when the sound goes nowhere; outlives the card.
    Ac97(std::string_view name, AudioBackend* audio, GuestMemory& memory, TimerQueue& timers,
         PciWiring wiring);

    void reset() override;
    void save(StateWriter& out) const override;
    Status load(StateReader& in) override;

private:
    u64 read_nam(u64 offset, unsigned size);
    void write_nam(u64 offset, unsigned size, u64 value);
    u64 read_nabm(u64 offset, unsigned size);
    void write_nabm(u64 offset, unsigned size, u64 value);
    u32 register_at(u64 offset) const;
    void write_register(u64 offset, u32 value, u32 mask);
    u32 glob_sta() const;
    void write_glob_cnt(u32 value);
    void write_lvi(unsigned n, u8 value);
    void write_cr(unsigned n, u8 value);
    void config_written(unsigned reg, unsigned size) override;

    // Bus masters
    static bool runs(const Box& box) { return box.cr.has(ac97::Cr::RPBM) && !box.sr.has(ac97::Sr::DCH); }
    static bool interrupts(const Box& box);
    u16 rate(unsigned n) const;
    void start(unsigned n);
    void run();
    void run(unsigned n);
    u32 move(unsigned n, u32 due);
    void play(Box& box, u32 bytes);
    void play_gap(Box& box);
    void record(const Box& box, u32 bytes);
    void fetch_next(Box& box);
    void buffer_done(Box& box);
    std::optional<u64> next_look() const;
    void derive();
    Status valid(const State& state) const;

    AudioBackend* audio_;
    GuestMemory& memory_;
    TimerQueue& timers_;
    IoPart<Ac97, &Ac97::read_nam, &Ac97::write_nam> nam_{*this};
    IoPart<Ac97, &Ac97::read_nabm, &Ac97::write_nabm> nabm_{*this};
    State s_;
    Timer timer_;
};
static_assert(covers_every_field<Ac97::Box>);
static_assert(covers_every_field<Ac97::State>);

} // namespace dm
