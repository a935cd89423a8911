// A High Definition Audio controller with codecs and its surroundings, and the moves of a driver.
#pragma once

#include "dm/devices/sound/hda_controller.hpp"
#include "tests/support/fake_audio.hpp"
#include "tests/support/rig.hpp"

namespace dm::test {

namespace hda_rig {
inline constexpr Bdf kBdf{0, 6, 0};
inline constexpr u64 kBase = 0xf1000000;
inline constexpr unsigned kIntx = 6 * 4;
inline constexpr u64 kRamSize = u64{256} * 1024;
inline constexpr u32 kCorb = 0x1000;
inline constexpr u32 kRirb = 0x2000;
inline constexpr u32 kPositionBuffer = 0x3000;
inline constexpr u32 kLists = 0x4000;    ///< 0x1000 for each stream
inline constexpr u32 kBuffers = 0x10000; ///< 0x4000 for each stream

inline constexpr u32 kDac = 2, kOut = 3, kAdc = 4, kIn = 5; ///< nodes
inline constexpr unsigned kPlays = 4;                       ///< the first stream that does
inline constexpr u16 k48Stereo = 0x0011;                    ///< of 16 bits

constexpr u32 verb(u32 address, u32 node, u32 rest) {
    return address << 28 | node << 20 | rest;
}
constexpr u64 sd(unsigned stream, u64 reg) {
    return hda::kStreamBase + stream * hda::kStreamSize + reg;
}
} // namespace hda_rig

struct HdaRig : Rig {
    using Codecs = std::vector<std::pair<unsigned, HdaCodec::Model>>; ///< with their addresses
    explicit HdaRig(HdaController::Model model = HdaController::Model::Ich6,
                    const Codecs& codecs = {{0, HdaCodec::Model::Duplex}})
        : Rig(hda_rig::kRamSize),
          dev("intel-hda", config(model, codecs), hypervisor.ram, timers, pci_wiring(hda_rig::kBdf.dev, 1)) {
        pci.attach(hda_rig::kBdf, dev);
        enable();
    }
    HdaController::Config config(HdaController::Model model, const Codecs& codecs) {
        HdaController::Config made{.model = model, .codecs = {}};
        for (const auto& [address, codec] : codecs)
            made.codecs[address] = {codec, &audio};
        return made;
    }
    /// BAR and decoding, as firmware leaves them.
    void enable(u16 command = 6) {
        pci.config_write(hda_rig::kBdf, pci::BAR0, 4, static_cast<u32>(hda_rig::kBase));
        pci.config_write(hda_rig::kBdf, pci::COMMAND, 2, command);
    }

    Device& device() override { return dev; }
    std::vector<Target> targets() const override {
        using namespace hda_rig;
        return {{Target::Kind::Memory, kBase, 0x80},
                {Target::Kind::Memory, kBase + sd(0, 0), 0x20},
                {Target::Kind::Memory, kBase + sd(kPlays, 0), 0x40},
                {Target::Kind::Memory, kBase, hda::kBarSize},
                {Target::Kind::Config, kBdf.devfn(), 256}};
    }
    void copy_surroundings(Rig& from) override {
        Rig::copy_surroundings(from);
        corb_wp = static_cast<HdaRig&>(from).corb_wp;
        rirb_rp = static_cast<HdaRig&>(from).rirb_rp;
    }

    // What a driver does.
    u32 reg(u64 offset, unsigned size = 4) { return static_cast<u32>(peek(hda_rig::kBase + offset, size)); }
    void set(u64 offset, u32 value, unsigned size = 4) { poke(hda_rig::kBase + offset, value, size); }
    bool irq() const { return hypervisor.intx.level(hda_rig::kIntx); }
    void put32(u32 addr, u32 value) {
        hypervisor.ram.view(addr, 4); // a fuzzer's memory is filled when it is first looked at
        for (unsigned i = 0; i < 4; ++i)
            ram[addr + i] = byte_of(value, i);
    }
    u32 get32(u32 addr) {
        hypervisor.ram.view(addr, 4);
        return ram[addr] | u32{ram[addr + 1]} << 8 | u32{ram[addr + 2]} << 16 | u32{ram[addr + 3]} << 24;
    }

    /// As Linux's snd_hdac_bus_reset_link().
    void link_up() {
        set(hda::WAKEEN + 2, 0x7fff, 2);
        set(hda::GCTL, 0, 1);
        set(hda::GCTL, hda::CRST, 1);
    }
    /// As its snd_hdac_bus_init_cmd_io().
    void start_rings() {
        using namespace hda_rig;
        set(hda::CORBLBASE, kCorb);
        set(hda::CORBUBASE, 0);
        set(hda::CORBCTL + 2, 2, 1);
        set(hda::CORBWP, 0, 2);
        set(hda::CORBWP + 2, 0x8000, 2);
        set(hda::CORBWP + 2, 0, 2);
        set(hda::CORBCTL, hda::CORB_RUN, 1);
        set(hda::RIRBLBASE, kRirb);
        set(hda::RIRBUBASE, 0);
        set(hda::RIRBCTL + 2, 2, 1);
        set(hda::RIRBWP, 0x8000, 2);
        set(hda::RIRBWP + 2, 1, 2);
        set(hda::RIRBCTL, hda::RIRB_DMA | hda::RINTCTL, 1);
        corb_wp = rirb_rp = 0;
    }
    void start() {
        link_up();
        start_rings();
        set(hda::INTCTL, 0xc0000000);
    }
    void queue(u32 word) { put32(hda_rig::kCorb + 4 * ++corb_wp, word); }
    void send() { set(hda::CORBWP, corb_wp, 2); }
    /// The next response; nothing: there is none.
    std::optional<u64> response() {
        if (rirb_rp == reg(hda::RIRBWP, 1)) return std::nullopt;
        const u32 at = hda_rig::kRirb + 8 * ++rirb_rp;
        return get32(at) | u64{get32(at + 4)} << 32;
    }
    std::optional<u64> command(u32 word) {
        queue(word);
        send();
        return response();
    }
    u32 ask(u32 node, u32 rest, u32 address = 0) {
        return static_cast<u32>(command(hda_rig::verb(address, node, rest)).value_or(0xdeadbeef));
    }

    static u32 list(unsigned stream) { return hda_rig::kLists + 0x1000 * stream; }
    static u32 buffer(unsigned stream) { return hda_rig::kBuffers + 0x4000 * stream; }
    void put_entry(unsigned stream, unsigned entry, u64 addr, u32 length, u32 flags = 1) {
        const u32 at = list(stream) + 16 * entry;
        put32(at, static_cast<u32>(addr));
        put32(at + 4, static_cast<u32>(addr >> 32));
        put32(at + 8, length);
        put32(at + 12, flags);
    }
    /// Reset and set up, with `entries` buffers one behind the other.
    void prepare(unsigned stream, u16 format, unsigned entries, u32 length, u32 flags = 1) {
        using namespace hda_rig;
        set(sd(stream, hda::SDCTL), hda::SRST, 1);
        set(sd(stream, hda::SDCTL), 0, 1);
        for (unsigned i = 0; i < entries; ++i)
            put_entry(stream, i, buffer(stream) + i * length, length, flags);
        set(sd(stream, hda::SDCTL) + 2, (stream + 1) << 4, 1);
        set(sd(stream, hda::SDCBL), entries * length);
        set(sd(stream, hda::SDLVI), entries - 1, 2);
        set(sd(stream, hda::SDFIFOS) + 2, format, 2);
        set(sd(stream, hda::SDBDPL), list(stream));
        set(sd(stream, hda::SDBDPU), 0);
    }
    void run(unsigned stream, u32 flags = hda::RUN | 0x1c) {
        set(hda::INTCTL, reg(hda::INTCTL) | 1U << stream);
        set(hda_rig::sd(stream, hda::SDCTL), flags, 1);
    }
    u8 status(unsigned stream) { return static_cast<u8>(reg(hda_rig::sd(stream, hda::SDCTL) + 3, 1)); }
    u32 lpib(unsigned stream) { return reg(hda_rig::sd(stream, hda::SDLPIB)); }
    void clear(unsigned stream) { set(hda_rig::sd(stream, hda::SDCTL) + 3, 0x1c, 1); }

    void stimulate(Rng& rng) override {
        using namespace hda_rig;
        audio.keep = 0;
        const auto any = [&](u64 bound) { return static_cast<u32>(rng.below(bound)); };
        if (rng.one_in(4)) {
            enable();
            start();
            set(hda::DPLBASE, kPositionBuffer | 1);
        }
        const unsigned stream = any(hda::kStreams);
        switch (rng.below(5)) {
        case 0:
            for (u32 i = any(8); i < 8; ++i)
                queue(verb(any(4), any(8), static_cast<u32>(rng.next()) & 0xfffff));
            send();
            break;
        case 1:
            set(hda::ICOI, verb(0, any(7), 0xf0000 + any(0x40)));
            set(hda::ICIS, 3, 2);
            break;
        case 2:
            for (const u32 address : {0U, 3U})
                command(verb(address, kDac, 0x70600 | (stream + 1) << 4 | (rng.one_in(4) ? any(16) : 0)));
            [[fallthrough]];
        case 3:
            prepare(stream, rng.one_in(2) ? k48Stereo : static_cast<u16>(rng.next()), 1 + any(8),
                    rng.one_in(8) ? any(64) : 128 * (1 + any(20)), any(4));
            run(stream);
            break;
        default: clear(stream); break;
        }
    }

    FakeAudio audio;
    u8 corb_wp = 0;
    u8 rirb_rp = 0;
    HdaController dev;
};

/// Two codecs on the later chip.
struct HdaTwoCodecsRig : HdaRig {
    HdaTwoCodecsRig()
        : HdaRig(HdaController::Model::Ich9, {{0, HdaCodec::Model::Output}, {3, HdaCodec::Model::Micro}}) {}
};

} // namespace dm::test
