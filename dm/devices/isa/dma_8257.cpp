#include "dm/devices/isa/dma_8257.hpp"

#include <algorithm>

namespace dm {
namespace {

constexpr u8 kAllChannels = 0x0f;
constexpr unsigned kCascade = 4;

// MODE
constexpr u8 kChannelSelect = 0x03;
constexpr u8 kTypeWrite = 0x04; // device to memory
constexpr u8 kTypeRead = 0x08;  // memory to device
constexpr u8 kTypeMask = 0x0c;
constexpr u8 kAutoInitialise = 0x10;
constexpr u8 kDecrement = 0x20;
constexpr u8 kCascadeMode = 0xc0;

/// Which page register each channel has, as the offset from 0x80 (and 0x480).
constexpr std::array<u8, Dma8257::kChannels> kPageOf{0x7, 0x3, 0x1, 0x2, 0xf, 0xb, 0x9, 0xa};

constexpr unsigned unit_of(unsigned channel) {
    return channel < kCascade ? 1 : 2;
}

constexpr u8 with_bit(u8 mask, unsigned n, bool on) {
    return static_cast<u8>(on ? mask | 1U << n : mask & ~(1U << n));
}

} // namespace

Dma8257::Dma8257(std::string_view name, GuestMemory& memory) : Device(name), log_(name), memory_(memory) {
    for (unsigned n = 0; n < kChannels; ++n)
        ports_[n].attach(*this, n);
}

// What devices see.

void Dma8257::set_request(unsigned channel, bool level) {
    Controller& c = controller(channel);
    c.dreq = with_bit(c.dreq, channel % 4, level);
    update();
}

bool Dma8257::open(unsigned channel) const {
    const Controller& c = controller(channel);
    const unsigned requests = (c.dreq | c.software_request) & ~c.mask;
    return channel != kCascade && !c.command.has(Command::DISABLE) && (requests >> (channel % 4) & 1) != 0 &&
           (registers(channel).mode & kCascadeMode) != kCascadeMode;
}

u8 Dma8257::open_channels() const {
    u8 mask = 0;
    for (unsigned n = 0; n < kChannels; ++n)
        mask = with_bit(mask, n, open(n));
    return mask;
}

void Dma8257::update() {
    const u8 now = open_channels();
    const unsigned opened = now & ~open_;
    open_ = now;
    // A device that is told may close its own channel or that of another one.
    for (unsigned n = 0; n < kChannels; ++n)
        if ((opened >> n & 1) != 0 && open(n)) ports_[n].acknowledge();
}

Dma8257::Run Dma8257::next_run(unsigned channel, std::size_t most_bytes) const {
    const Channel& c = registers(channel);
    const unsigned unit = unit_of(channel);
    const bool down = (c.mode & kDecrement) != 0;
    // The address counter has 16 bits: at its end it wraps inside the page.
    const u32 to_wrap = down ? u32{c.address} + 1 : 0x10000 - u32{c.address};
    const u64 units = std::min<u64>({most_bytes / unit, u64{c.count} + 1, to_wrap});
    const u32 lowest = down ? c.address - static_cast<u32>(units) + 1 : c.address;
    const u8 page = state_.page[kPageOf[channel]];
    const u64 base = u64{state_.high_page[kPageOf[channel]]} << 24 |
                     u64{unit == 1 ? page : static_cast<u8>(page & 0xfe)} << 16;
    return {base + u64{lowest} * unit, units * unit};
}

bool Dma8257::advance(unsigned channel, std::size_t bytes) {
    Controller& c = controller(channel);
    Channel& r = registers(channel);
    const auto units = static_cast<u32>(bytes / unit_of(channel));
    const bool tc = units == u32{r.count} + 1;
    r.address = static_cast<u16>((r.mode & kDecrement) != 0 ? r.address - units : r.address + units);
    r.count = static_cast<u16>(r.count - units);
    if (!tc) return false;
    c.reached_tc = with_bit(c.reached_tc, channel % 4, true);
    c.software_request = with_bit(c.software_request, channel % 4, false);
    if ((r.mode & kAutoInitialise) != 0) {
        r.address = r.base_address;
        r.count = r.base_count;
    } else {
        c.mask = with_bit(c.mask, channel % 4, true);
    }
    return true;
}

template <class MoveRun>
DmaChannel::Moved Dma8257::transfer(unsigned channel, std::size_t bytes, MoveRun move_run) {
    DmaChannel::Moved moved;
    if (!open(channel)) return moved;
    while (!moved.terminal_count) {
        const Run run = next_run(channel, bytes - moved.bytes);
        if (run.bytes == 0) break;
        move_run(run, moved.bytes);
        moved.bytes += run.bytes;
        moved.terminal_count = advance(channel, run.bytes);
    }
    update();
    return moved;
}

DmaChannel::Moved Dma8257::Port::read_memory(std::span<u8> out) {
    const u8 mode = dma_->registers(number_).mode;
    const unsigned unit = unit_of(number_);
    return dma_->transfer(number_, out.size(), [&](const Run& run, std::size_t done) {
        const std::span<u8> bytes = out.subspan(done, run.bytes);
        if ((mode & kTypeMask) != kTypeRead)
            std::ranges::fill(bytes, u8{0xff});
        else if ((mode & kDecrement) == 0)
            dma_->memory_.read(run.lowest, bytes);
        else
            for (std::size_t at = 0; at < run.bytes; at += unit)
                dma_->memory_.read(run.lowest + run.bytes - unit - at, bytes.subspan(at, unit));
    });
}

DmaChannel::Moved Dma8257::Port::write_memory(std::span<const u8> in) {
    const u8 mode = dma_->registers(number_).mode;
    const unsigned unit = unit_of(number_);
    return dma_->transfer(number_, in.size(), [&](const Run& run, std::size_t done) {
        const std::span<const u8> bytes = in.subspan(done, run.bytes);
        if ((mode & kTypeMask) != kTypeWrite) return;
        if ((mode & kDecrement) == 0) {
            dma_->memory_.write(run.lowest, bytes);
            return;
        }
        for (std::size_t at = 0; at < run.bytes; at += unit)
            dma_->memory_.write(run.lowest + run.bytes - unit - at, bytes.subspan(at, unit));
    });
}

// What the guest sees.

u8 Dma8257::read_address_or_count(Controller& c, unsigned reg) {
    const Channel& channel = c.channels[reg / 2];
    const u16 value = (reg & 1) == 0 ? channel.address : channel.count;
    const u8 byte = byte_of(value, c.high_byte ? 1 : 0);
    c.high_byte = !c.high_byte;
    return byte;
}

void Dma8257::write_address_or_count(Controller& c, unsigned reg, u8 value) {
    Channel& channel = c.channels[reg / 2];
    const unsigned lane = c.high_byte ? 1 : 0;
    c.high_byte = !c.high_byte;
    u16& base = (reg & 1) == 0 ? channel.base_address : channel.base_count;
    u16& current = (reg & 1) == 0 ? channel.address : channel.count;
    base = with_byte(base, lane, value);
    current = with_byte(current, lane, value);
}

u64 Dma8257::read_register(unsigned which, unsigned reg) {
    Controller& c = state_.controllers[which];
    if (reg < COMMAND) return read_address_or_count(c, reg);
    switch (static_cast<Reg>(reg)) {
    case COMMAND: { // STATUS
        const u8 status = static_cast<u8>((c.dreq | c.software_request) << 4 | c.reached_tc);
        c.reached_tc = 0;
        return status;
    }
    case MASTER_CLEAR: return 0; // temporary register: memory to memory only
    case ALL_MASK: return c.mask;
    case REQUEST:
    case SINGLE_MASK:
    case MODE:
    case CLEAR_BYTE_POINTER:
    case CLEAR_MASK: break; // write-only
    }
    return ones(1);
}

void Dma8257::write_command(unsigned which, u8 value) {
    Controller& c = state_.controllers[which];
    c.command = Bits<Command>{value};
    if (c.command.has(Command::MEM_TO_MEM)) log_.unimplemented("memory to memory transfers");
}

void Dma8257::write_register(unsigned which, unsigned reg, u8 value) {
    Controller& c = state_.controllers[which];
    const unsigned selected = value & kChannelSelect;
    const bool set = (value & 0x04) != 0;
    if (reg < COMMAND) {
        write_address_or_count(c, reg, value);
        return;
    }
    switch (static_cast<Reg>(reg)) {
    case COMMAND: write_command(which, value); break;
    case REQUEST: c.software_request = with_bit(c.software_request, selected, set); break;
    case SINGLE_MASK: c.mask = with_bit(c.mask, selected, set); break;
    case MODE: c.channels[selected].mode = static_cast<u8>(value & ~kChannelSelect); break;
    case CLEAR_BYTE_POINTER: c.high_byte = false; break;
    case MASTER_CLEAR: {
        const Controller before = c;
        c = {};
        c.channels = before.channels;
        c.dreq = before.dreq;
        break;
    }
    case CLEAR_MASK: c.mask = 0; break;
    case ALL_MASK: c.mask = value & kAllChannels; break;
    }
    update();
}

u64 Dma8257::read_first(u64 offset, unsigned) {
    return read_register(0, static_cast<unsigned>(offset));
}
void Dma8257::write_first(u64 offset, unsigned, u64 value) {
    write_register(0, static_cast<unsigned>(offset), static_cast<u8>(value));
}
u64 Dma8257::read_second(u64 offset, unsigned) {
    return read_register(1, static_cast<unsigned>(offset / 2));
}
void Dma8257::write_second(u64 offset, unsigned, u64 value) {
    write_register(1, static_cast<unsigned>(offset / 2), static_cast<u8>(value));
}

u64 Dma8257::read_page(u64 offset, unsigned) {
    return state_.page[offset];
}
void Dma8257::write_page(u64 offset, unsigned, u64 value) {
    state_.page[offset] = static_cast<u8>(value);
    state_.high_page[offset] = 0; // as EISA has it, for drivers that know 24 bits only
}
u64 Dma8257::read_high_page(u64 offset, unsigned) {
    return state_.high_page[offset];
}
void Dma8257::write_high_page(u64 offset, unsigned, u64 value) {
    state_.high_page[offset] = static_cast<u8>(value);
}

void Dma8257::reset() {
    state_ = {};
    open_ = 0;
}

Status Dma8257::load(StateReader& in) {
    DM_TRY(load_section(in, name(), state_, [this](const State& s) -> Status {
        for (const Controller& c : s.controllers) {
            bool possible = ((c.mask | c.reached_tc | c.software_request | c.dreq) & ~kAllChannels) == 0;
            for (const Channel& channel : c.channels)
                possible = possible && (channel.mode & kChannelSelect) == 0;
            if (!possible) return fail("saved state: {}: impossible channel masks or modes", name());
        }
        return {};
    }));
    // Devices were told before the save, and what they made of it is in their own states.
    open_ = open_channels();
    return {};
}

} // namespace dm
