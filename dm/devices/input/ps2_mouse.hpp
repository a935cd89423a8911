// PS/2 mouse with the wheel of Microsoft's IntelliMouse (id 3) and the five buttons of its Explorer (id 4).
// (IBM PS/2 Hardware Interface Technical Reference, "Auxiliary Device"; Microsoft, "IntelliMouse and wheel
// mouse protocol".)  Notes: docs/devices/ps2_mouse.md
//
// Missing: the sample rate does not slow anything down (a viewer sends fewer events than the slowest rate
// that drivers choose). A movement that is too long for one packet goes on in the next one, so that the
// overflow bits never need to be set.
//
// Quirks: any sample rate is acknowledged, as QEMU and many mice do; drivers probe with odd ones.
#pragma once

#include "dm/core/bits.hpp"
#include "dm/core/device.hpp"
#include "dm/core/fifo.hpp"
#include "dm/core/log.hpp"
#include "dm/core/pointer.hpp"
#include "dm/devices/input/ps2.hpp"

namespace dm {

class Ps2Mouse final : public Device, public Ps2Device {
public:
    enum Command : u8 {
        SET_SCALING_1_1 = 0xe6,
        SET_SCALING_2_1 = 0xe7,
        SET_RESOLUTION = 0xe8,
        STATUS_REQUEST = 0xe9,
        SET_STREAM = 0xea,
        READ_DATA = 0xeb,
        RESET_WRAP = 0xec,
        SET_WRAP = 0xee,
        SET_REMOTE = 0xf0,
        READ_ID = 0xf2,
        SET_RATE = 0xf3,
        ENABLE = 0xf4,
        DISABLE = 0xf5,
        SET_DEFAULT = 0xf6,
        RESEND = 0xfe,
        RESET = 0xff,
    };
    enum Reply : u8 { SELF_TEST_OK = 0xaa, ACK = 0xfa, ASK_AGAIN = 0xfe };
    enum class Mode : u8 {
        Scaling21 = 0x10,
        Reporting = 0x20,
        Remote = 0x40
    }; ///< as STATUS_REQUEST shows them
    enum Id : u8 { kPlain = 0, kIntelliMouse = 3, kExplorer = 4 };

    /// What happened since the report before it, in counts; up and right are positive, wheel down is.
    struct Motion {
        s32 dx = 0;
        s32 dy = 0;
        s32 dz = 0;
        u8 buttons = 0; ///< PS/2 order: left 1, right 2, middle 4, side 8, extra 16
        static constexpr void fields(auto&& v, auto& s) {
            v("dx", s.dx);
            v("dy", s.dy);
            v("dz", s.dz);
            v("buttons", s.buttons);
        }
    };
    /// Changes of buttons that wait for a slow guest; movements between them are added up.
    static constexpr std::size_t kMotions = 32;
    static constexpr s32 kFarthest = kFarthestMotion;

    struct State {
        Fifo<u8, 8> replies;
        Fifo<u8, 4> packet; ///< rest of the report that is on its way
        Fifo<Motion, kMotions> motions;
        u8 last_sent = 0;
        u8 parameter_of = 0; ///< command that waits for its parameter; 0: none
        Bits<Mode> mode;
        bool wrap = false;
        u8 resolution = 2; ///< 4 counts a millimetre
        u8 rate = 100;
        u8 id = kPlain;
        std::array<u8, 2> rates_before{}; ///< older first: the knock that asks for a wheel
        u8 buttons = 0;                   ///< as Motion::buttons
        u8 wheel = 0;                     ///< PointerButton bits of the wheel that were down
        bool placed = false;              ///< x and y are known
        u32 x = 0;
        u32 y = 0;
        u32 width = 0;
        u32 height = 0;

        static constexpr void fields(auto&& v, auto& s) {
            v("replies", s.replies);
            v("packet", s.packet);
            v("motions", s.motions);
            v("last_sent", s.last_sent);
            v("parameter_of", s.parameter_of);
            v("mode", s.mode);
            v("wrap", s.wrap);
            v("resolution", s.resolution);
            v("rate", s.rate);
            v("id", s.id);
            v("rates_before", s.rates_before);
            v("buttons", s.buttons);
            v("wheel", s.wheel);
            v("placed", s.placed);
            v("x", s.x);
            v("y", s.y);
            v("width", s.width);
            v("height", s.height);
        }
    };

    explicit Ps2Mouse(std::string_view name) : Device(name), log_(name) {}

    void reset() override { state_ = {}; }
    void save(StateWriter& out) const override { out.section(name(), state_); }
    Status load(StateReader& in) override;

    Ps2Pending ps2_pending() const override;
    u8 ps2_take() override;
    void ps2_write(u8 byte) override;
    void ps2_attach(Ps2Host* host) override { host_ = host; }

    /// As InputSink::pointer: a place on the viewer's screen becomes a movement from the place before it.
    void pointer(unsigned x, unsigned y, unsigned width, unsigned height, u8 buttons);
    /// As InputSink::motion.
    void motion(s32 dx, s32 dy, u8 buttons);
    /// As InputTarget.
    void release_all();
    void forget_place() { state_.placed = false; }

private:
    void command(u8 byte);
    void parameter(u8 command, u8 byte);
    void set_rate(u8 rate);
    void set_defaults();
    void reply(u8 byte) { state_.replies.push(byte); }
    void reply_status();
    bool streams() const;

    void turn_wheel(Motion& motion, u8 buttons);
    void record(const Motion& motion);
    Fifo<u8, 4> next_packet();
    void refill();
    void offer();

    Log log_;
    Ps2Host* host_ = nullptr;
    State state_;
};
static_assert(covers_every_field<Ps2Mouse::State>);
static_assert(covers_every_field<Ps2Mouse::Motion>);

} // namespace dm
