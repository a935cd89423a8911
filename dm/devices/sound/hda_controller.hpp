// Intel's High Definition Audio controllers of the ICH6 (82801FB, 8086:2668) and ICH9 (82801I, 8086:293e):
// High Definition Audio Specification 1.0a; datasheets 301473 and 316972.  Notes: docs/devices/hda.md
//
// Missing: message-signalled interrupts and power management in configuration space, unsolicited responses
// (no codec sends any), capture of anything but silence.
// Quirks: SSYNC is at 34, as on the chips, and at 38, as in the specification. FIFORDY follows RUN, without
// which Linux reads SDSTS 5000 times at each start.
//
// The link needs no time: commands are answered before the write that started them returns. Streams follow
// machine time: each access and a timer move them to now.
#pragma once

#include "dm/core/guest_memory.hpp"
#include "dm/core/pci.hpp"
#include "dm/devices/sound/hda_codec.hpp"
#include "dm/devices/sound/hda_regs.hpp"
#include "dm/devices/sound/pace.hpp"

namespace dm {

class HdaController final : public PciFunction, private IoHandler {
public:
    enum class Model : u8 { Ich6, Ich9 };
    struct Codec {
        HdaCodec::Model model = HdaCodec::Model::Duplex;
        AudioBackend* audio = nullptr; ///< null: what it plays goes nowhere; outlives the controller
    };
    struct Config {
        Model model = Model::Ich6;
        std::array<std::optional<Codec>, hda::kMostCodecs> codecs; ///< by address on the link
    };

    struct Stream {
        u32 ctl = 0;
        u8 sts = 0; ///< without FIFORDY
        u32 lpib = 0;
        u32 cbl = 0;
        u8 lvi = 0;
        u16 fmt = 0;
        u64 bdl = 0;
        u8 entry = 0;        ///< of the list, where it is
        bool loaded = false; ///< what follows is of that entry
        bool ioc = false;
        u64 address = 0;
        u32 length = 0; ///< bytes
        u32 offset = 0;
        bool moving = false; ///< RUN, and nothing holds it up: `pace` counts
        SamplePace pace;

        static constexpr void fields(auto&& v, auto& s) {
            v("ctl", s.ctl);
            v("sts", s.sts);
            v("lpib", s.lpib);
            v("cbl", s.cbl);
            v("lvi", s.lvi);
            v("fmt", s.fmt);
            v("bdl", s.bdl);
            v("entry", s.entry);
            v("loaded", s.loaded);
            v("ioc", s.ioc);
            v("address", s.address);
            v("length", s.length);
            v("offset", s.offset);
            v("moving", s.moving);
            v("pace", s.pace);
        }
    };
    struct State {
        u32 gctl = 0;
        u16 wakeen = 0;
        u16 statests = 0;
        bool flushed = false;
        u32 intctl = 0;
        u64 wall_start_ns = 0;
        u8 ssync = 0;
        u64 corb = 0;
        u8 corb_wp = 0;
        u8 corb_rp = 0;
        bool corb_rp_reset = false;
        u8 corb_ctl = 0;
        u8 corb_sts = 0;
        bool corb_failed = false; ///< until the link is reset
        u64 rirb = 0;
        u8 rirb_wp = 0;
        u8 rintcnt = 0;
        u8 rirb_ctl = 0;
        u8 rirb_sts = 0;
        u32 icoi = 0;
        u32 icii = 0;
        u16 icis = 0;
        u64 positions = 0; ///< DPLBASE, DPUBASE
        u64 looked_ns = 0; ///< when the timer fired last, or a stream started
        std::array<Stream, hda::kStreams> streams{};

        static constexpr void fields(auto&& v, auto& s) {
            v("gctl", s.gctl);
            v("wakeen", s.wakeen);
            v("statests", s.statests);
            v("flushed", s.flushed);
            v("intctl", s.intctl);
            v("wall_start_ns", s.wall_start_ns);
            v("ssync", s.ssync);
            v("corb", s.corb);
            v("corb_wp", s.corb_wp);
            v("corb_rp", s.corb_rp);
            v("corb_rp_reset", s.corb_rp_reset);
            v("corb_ctl", s.corb_ctl);
            v("corb_sts", s.corb_sts);
            v("corb_failed", s.corb_failed);
            v("rirb", s.rirb);
            v("rirb_wp", s.rirb_wp);
            v("rintcnt", s.rintcnt);
            v("rirb_ctl", s.rirb_ctl);
            v("rirb_sts", s.rirb_sts);
            v("icoi", s.icoi);
            v("icii", s.icii);
            v("icis", s.icis);
            v("positions", s.positions);
            v("looked_ns", s.looked_ns);
            v("streams", s.streams);
        }
    };

    HdaController(std::string_view name, const Config& config, GuestMemory& memory, TimerQueue& timers,
                  PciWiring wiring);

    void reset() override;
    void save(StateWriter& out) const override;
    Status load(StateReader& in) override;

private:
    // hda_controller.cpp: registers and the command rings
    u64 read(u64 offset, unsigned size) override;
    void write(u64 offset, unsigned size, u64 value) override;
    u32 read_word(u64 offset) const;
    void write_word(u64 offset, u32 data, u32 mask);
    void write_control(u32 wanted);
    void reset_link();
    bool link_runs() const { return (s_.gctl & hda::CRST) != 0; }
    void config_written(unsigned reg, unsigned size) override;
    void run_corb();
    std::optional<u32> send(u32 verb);
    void respond(u32 address, u32 response);
    void immediate_command(u32 data);
    u32 interrupts() const;
    u32 wall_clock() const;
    u16 present() const;
    void update();
    bool fetch(u64 addr, std::span<u8> out);
    Status check(const State& s) const;
    std::string codec_section(unsigned address) const;

    // hda_streams.cpp: what moves by time
    u32 read_stream(unsigned n, u64 offset) const;
    void write_stream(unsigned n, u64 offset, u32 data, u32 mask);
    void write_stream_control(Stream& st, u32 data, u32 mask);
    u8 stream_status(const Stream& st) const;
    static bool wants_interrupt(const Stream& st);
    bool may_move(unsigned n) const;
    void start_and_stop();
    void catch_up();
    void run_stream(unsigned n, u64 now);
    std::size_t move(Stream& st, bool plays, std::span<u8> bytes, unsigned& descriptors);
    bool load_entry(Stream& st, unsigned& descriptors);
    void descriptor_error(Stream& st, std::string_view what);
    std::optional<u64> next_look_ns() const;
    static bool possible(const Stream& st);

    Log log_;
    GuestMemory& memory_;
    TimerQueue& timers_;
    Timer timer_;
    std::array<std::optional<HdaCodec>, hda::kMostCodecs> codecs_;
    State s_;
};
static_assert(covers_every_field<HdaController::State> && covers_every_field<HdaController::Stream>);

} // namespace dm
