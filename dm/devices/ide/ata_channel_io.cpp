// The ports of an IDE channel, and its saved state.
#include "dm/devices/ide/ata_channel.hpp"

#include <algorithm>
#include <cstring>

namespace dm {

using ata::Reg;

u64 AtaChannel::CommandBlock::read(u64 offset, unsigned size) {
    u64 value = 0;
    if (offset == 0) {
        std::array<u8, 4> bytes{};
        // A byte takes a whole word off the drive: Solaris' boot loader reads so.
        channel.read_data(std::span(bytes).first(size == 1 ? 2 : size));
        for (unsigned i = 0; i < size; ++i)
            value |= u64{bytes[i]} << (i * 8);
        return value;
    }
    for (unsigned i = 0; i < size && offset + i < 8; ++i)
        value |= u64{channel.read_register(static_cast<Reg>(offset + i))} << (i * 8);
    return value;
}

void AtaChannel::CommandBlock::write(u64 offset, unsigned size, u64 value) {
    if (offset == 0) {
        std::array<u8, 4> bytes{};
        for (unsigned i = 0; i < size; ++i)
            bytes[i] = byte_of(value, i);
        channel.write_data(std::span(bytes).first(size == 1 ? 2 : size));
        return;
    }
    for (unsigned i = 0; i < size && offset + i < 8; ++i)
        channel.write_register(static_cast<Reg>(offset + i), byte_of(value, i));
}

void AtaChannel::CommandBlock::read_string(u64 offset, unsigned size, std::span<u8> bytes) {
    if (offset == 0 && size > 1)
        channel.read_data(bytes);
    else
        IoHandler::read_string(offset, size, bytes);
}

void AtaChannel::CommandBlock::write_string(u64 offset, unsigned size, std::span<const u8> bytes) {
    if (offset == 0 && size > 1)
        channel.write_data(bytes);
    else
        IoHandler::write_string(offset, size, bytes);
}

/// `out` is a whole number of words. A block that ends inside may be followed by the next one at once.
void AtaChannel::read_data(std::span<u8> out) {
    while (!out.empty()) {
        if (s_.phase != Phase::DataIn) {
            std::memset(out.data(), 0, out.size());
            return;
        }
        const u32 step = static_cast<u32>(std::min<std::size_t>(out.size(), s_.block_end - s_.position));
        std::memcpy(out.data(), &s_.buffer[s_.position], step);
        s_.position += step;
        out = out.subspan(step);
        if (s_.position == s_.block_end) selected_drive().block_moved();
    }
}

void AtaChannel::write_data(std::span<const u8> in) {
    while (!in.empty() && s_.phase == Phase::DataOut) {
        const u32 step = static_cast<u32>(std::min<std::size_t>(in.size(), s_.block_end - s_.position));
        std::memcpy(&s_.buffer[s_.position], in.data(), step);
        s_.position += step;
        in = in.subspan(step);
        if (s_.position == s_.block_end) selected_drive().block_moved();
    }
}

Status AtaChannel::valid(const State& state) const {
    const auto refuse = [this](std::string_view what) { return fail("saved state: {}: {}", name(), what); };
    if (state.selected > 1) return refuse("selects a device that no cable has");
    if ((state.control.raw() & ~0x86) != 0) return refuse("impossible device control register");
    if (state.phase > Phase::DataOut || state.dma_direction > DmaDirection::ToGuest)
        return refuse("impossible transfer phase");
    const bool in_reset = state.control.has(ata::ControlBit::SRST);
    const ata::TaskFile& active = state.task[state.selected];
    const ata::TaskFile& other = state.task[1 - state.selected];
    const auto has = [](const ata::TaskFile& t, ata::StatusBit bit) { return t.status.has(bit); };
    const bool moving = state.phase != Phase::None;
    if (moving ? state.position >= state.block_end || state.block_end > kBufferSize ||
                     (state.block_end - state.position) % 2 != 0
               : state.position != 0 || state.block_end != 0)
        return refuse("the transfer stands outside its buffer");
    if (moving != has(active, ata::StatusBit::DRQ) || has(other, ata::StatusBit::DRQ))
        return refuse("DRQ and the transfer disagree");
    const bool waiting = state.dma_wanted || state.stalled;
    if (has(active, ata::StatusBit::BSY) != (in_reset || waiting) ||
        has(other, ata::StatusBit::BSY) != in_reset)
        return refuse("busy without a reason");
    if ((in_reset || state.stalled) && moving) return refuse("a transfer while the drive is busy");
    if (in_reset && waiting) return refuse("a transfer during a reset");
    if ((moving || waiting) && !present(state.selected))
        return refuse("a transfer of a device that is not there");
    return {};
}

void AtaChannel::save(StateWriter& out) const {
    out.section(name(), s_);
    out.section(name() + "/bus-master", bus_master_.state());
    for (const auto& drive : drives_)
        if (drive) drive->save(out, fmt::format("{}/{}", name(), &drive == drives_.data() ? 0 : 1));
}

Status AtaChannel::load(StateReader& in) {
    DM_TRY(load_section(in, name(), loaded_, [this](const State& state) { return valid(state); }));
    DM_TRY(load_section(in, name() + "/bus-master", loaded_bus_master_,
                        [this](const BusMaster::State& state) { return BusMaster::valid(state, name()); }));
    for (unsigned unit = 0; unit < 2; ++unit) {
        const std::string place = fmt::format("{}/{}", name(), unit);
        DM_TRY(drives_[unit] ? drives_[unit]->load(in, place) : AtaDrive::load_detached(in, place));
    }
    return {};
}

void AtaChannel::commit() {
    cancel_transfer();
    s_ = loaded_;
    bus_master_.restore(loaded_bus_master_);
    for (const auto& drive : drives_)
        if (drive) drive->commit();
    update_irq();
}

} // namespace dm
