// The two DMA controllers of a PC (Intel 8237A, 231466; in the PIIX3: 290550, "DMA registers") and their page
// registers: channels 0-3 move bytes, 5-7 words, channel 4 cascades the first controller.
//
// Not here, as on the PIIX3: memory to memory, rotating priority, compressed timing (the command bits are
// storage). Nobody arbitrates: a device that has an open channel moves its bytes in one go.
// Beyond the PIIX3: the EISA high page registers at 0x480-0x48f, which guests of Xen know.
// See docs/devices/dma_8257.md.
#pragma once

#include "dm/core/device.hpp"
#include "dm/core/guest_memory.hpp"
#include "dm/core/io_part.hpp"
#include "dm/core/log.hpp"
#include "dm/devices/isa/dma_channel.hpp"

#include <array>

namespace dm {

class Dma8257 final : public Device {
public:
    static constexpr unsigned kChannels = 8;

    /// Registers of one controller, from the eighth on.
    enum Reg : u8 {
        COMMAND = 0x8, ///< read: STATUS
        REQUEST = 0x9,
        SINGLE_MASK = 0xa,
        MODE = 0xb,
        CLEAR_BYTE_POINTER = 0xc,
        MASTER_CLEAR = 0xd, ///< read: temporary register
        CLEAR_MASK = 0xe,
        ALL_MASK = 0xf,
    };
    enum class Command : u8 { MEM_TO_MEM = 0x01, DISABLE = 0x04 };

    struct Channel {
        u16 base_address = 0;
        u16 base_count = 0;
        u16 address = 0;
        u16 count = 0;
        u8 mode = 0; ///< bits 2-7 of MODE
        bool operator==(const Channel&) const = default;
        static constexpr void fields(auto&& v, auto& s) {
            v("base_address", s.base_address);
            v("base_count", s.base_count);
            v("address", s.address);
            v("count", s.count);
            v("mode", s.mode);
        }
    };
    /// Bit n of a mask is channel n of this controller.
    struct Controller {
        Bits<Command> command;
        u8 mask = 0x0f;
        u8 reached_tc = 0;
        u8 software_request = 0;
        u8 dreq = 0;
        bool high_byte = false; ///< the byte pointer flip-flop
        std::array<Channel, 4> channels{};
        bool operator==(const Controller&) const = default;
        static constexpr void fields(auto&& v, auto& s) {
            v("command", s.command);
            v("mask", s.mask);
            v("reached_tc", s.reached_tc);
            v("software_request", s.software_request);
            v("dreq", s.dreq);
            v("high_byte", s.high_byte);
            v("channels", s.channels);
        }
    };
    struct State {
        std::array<Controller, 2> controllers{};
        std::array<u8, 16> page{};
        std::array<u8, 16> high_page{};
        bool operator==(const State&) const = default;
        static constexpr void fields(auto&& v, auto& s) {
            v("controllers", s.controllers);
            v("page", s.page);
            v("high_page", s.high_page);
        }
    };

    Dma8257(std::string_view name, GuestMemory& memory);

    // All of byte width.
    IoHandler& first_controller() { return first_; }        ///< 16 bytes at 0x00
    IoHandler& second_controller() { return second_; }      ///< 32 bytes at 0xc0: registers at even ports
    IoHandler& page_registers() { return page_; }           ///< 16 bytes at 0x80
    IoHandler& high_page_registers() { return high_page_; } ///< 16 bytes at 0x480

    /// 0-3 and 5-7; channel 4 is the cascade and never opens.
    DmaChannel& channel(unsigned number) { return ports_[number]; }

    void reset() override;
    void save(StateWriter& out) const override { out.section(name(), state_); }
    Status load(StateReader& in) override;

private:
    /// One device's end of a channel.
    class Port final : public DmaChannel {
    public:
        void attach(Dma8257& dma, unsigned number) {
            dma_ = &dma;
            number_ = number;
        }
        void connect(DmaClient* client) override { client_ = client; }
        void set_request(bool level) override { dma_->set_request(number_, level); }
        bool open() const override { return dma_->open(number_); }
        Moved read_memory(std::span<u8> out) override;
        Moved write_memory(std::span<const u8> in) override;
        void acknowledge() {
            if (client_ != nullptr) client_->dma_acknowledged();
        }

    private:
        Dma8257* dma_ = nullptr;
        unsigned number_ = 0;
        DmaClient* client_ = nullptr;
    };

    /// A run of units that lie next to each other in guest memory.
    struct Run {
        GuestPhys lowest = 0;
        std::size_t bytes = 0;
    };

    Controller& controller(unsigned channel) { return state_.controllers[channel / 4]; }
    const Controller& controller(unsigned channel) const { return state_.controllers[channel / 4]; }
    Channel& registers(unsigned channel) { return controller(channel).channels[channel % 4]; }
    const Channel& registers(unsigned channel) const { return controller(channel).channels[channel % 4]; }

    void set_request(unsigned channel, bool level);
    bool open(unsigned channel) const;
    void update();
    u8 open_channels() const;

    u64 read_register(unsigned which, unsigned reg);
    void write_register(unsigned which, unsigned reg, u8 value);
    u8 read_address_or_count(Controller& c, unsigned reg);
    void write_address_or_count(Controller& c, unsigned reg, u8 value);
    void write_command(unsigned which, u8 value);

    u64 read_first(u64 offset, unsigned size);
    void write_first(u64 offset, unsigned size, u64 value);
    u64 read_second(u64 offset, unsigned size);
    void write_second(u64 offset, unsigned size, u64 value);
    u64 read_page(u64 offset, unsigned size);
    void write_page(u64 offset, unsigned size, u64 value);
    u64 read_high_page(u64 offset, unsigned size);
    void write_high_page(u64 offset, unsigned size, u64 value);

    Run next_run(unsigned channel, std::size_t most_bytes) const;
    bool advance(unsigned channel, std::size_t bytes);
    template <class MoveRun>
    DmaChannel::Moved transfer(unsigned channel, std::size_t bytes, MoveRun move_run);

    Log log_;
    GuestMemory& memory_;
    IoPart<Dma8257, &Dma8257::read_first, &Dma8257::write_first> first_{*this};
    IoPart<Dma8257, &Dma8257::read_second, &Dma8257::write_second> second_{*this};
    IoPart<Dma8257, &Dma8257::read_page, &Dma8257::write_page> page_{*this};
    IoPart<Dma8257, &Dma8257::read_high_page, &Dma8257::write_high_page> high_page_{*this};
    std::array<Port, kChannels> ports_;
    State state_;
    u8 open_ = 0; ///< channels that are open, as last told to their devices
};
static_assert(covers_every_field<Dma8257::Channel>);
static_assert(covers_every_field<Dma8257::Controller>);
static_assert(covers_every_field<Dma8257::State>);

} // namespace dm
