#include "dm/replay/front.hpp"

#include <algorithm>
#include <cstring>

namespace dm::replay {
namespace {

constexpr u64 kPorts = 0x10000;
constexpr unsigned kWidestPort = 4;
constexpr unsigned kWidestMemory = 8;

Record range_record(FrontSpace::Of of, bool added, u64 first, u64 last) {
    const bool memory = of == FrontSpace::Of::Memory;
    const RangeChange change = memory ? (added ? RangeChange::AddMemory : RangeChange::RemoveMemory)
                                      : (added ? RangeChange::AddPorts : RangeChange::RemovePorts);
    return {.kind = Kind::Range, .size = static_cast<u8>(change), .where = first, .value = last - first};
}

} // namespace

FrontSpace::FrontSpace(Journal& journal, Of of, std::vector<Port> medium_ports)
    : journal_(journal), of_(of), medium_ports_(std::move(medium_ports)),
      front_(of == Of::Ports ? "ports" : "memory", of == Of::Ports ? kPorts - 1 : ~u64{0}),
      everything_(front_.map({.base = 0,
                              .length = of == Of::Ports ? kPorts : ~u64{0},
                              .max_width = of == Of::Ports ? kWidestPort : kWidestMemory,
                              .routed = false},
                             *this)) {}

FrontSpace::~FrontSpace() {
    front_.set_range_sink(nullptr); // the accelerator forgets all ranges at once
}

void FrontSpace::stand_before(IoSpace& real) {
    real_ = &real;
    real.set_range_sink(this);
}

bool FrontSpace::gives_medium(u64 offset) const {
    return std::find(medium_ports_.begin(), medium_ports_.end(), offset) != medium_ports_.end();
}

Record FrontSpace::entrance(Kind of_ports, Kind of_memory, u64 offset, unsigned size) const {
    return {.kind = of_ == Of::Ports ? of_ports : of_memory, .size = static_cast<u8>(size), .where = offset};
}

u64 FrontSpace::read(u64 offset, unsigned size) {
    Journal::Entrance access(journal_, entrance(Kind::PortIn, Kind::MemoryIn, offset, size));
    const u64 value = real_->read(offset, size);
    access.reply(value, gives_medium(offset));
    return value;
}

void FrontSpace::write(u64 offset, unsigned size, u64 value) {
    Record record = entrance(Kind::PortOut, Kind::MemoryOut, offset, size);
    record.value = value;
    const Journal::Entrance access(journal_, std::move(record));
    real_->write(offset, size, value);
}

// The bytes may be guest memory, which changes while we look: what is recorded is what the board gets and
// gives.
template <class Do> void FrontSpace::string_in(u64 offset, unsigned size, std::span<u8> bytes, Do read_real) {
    if (!journal_.recording()) return read_real(bytes);
    Record record = entrance(Kind::PortInString, Kind::MemoryInSpan, offset, size);
    record.length = bytes.size();
    Journal::Entrance access(journal_, std::move(record));
    buffer_.resize(bytes.size());
    read_real(std::span<u8>(buffer_));
    access.reply(buffer_, gives_medium(offset));
    std::memcpy(bytes.data(), buffer_.data(), bytes.size());
}

template <class Do>
void FrontSpace::string_out(u64 offset, unsigned size, std::span<const u8> bytes, Do write_real) {
    if (!journal_.recording()) return write_real(bytes);
    buffer_.assign(bytes.begin(), bytes.end());
    Record record = entrance(Kind::PortOutString, Kind::MemoryOutSpan, offset, size);
    set_content(record, buffer_);
    const Journal::Entrance access(journal_, std::move(record));
    write_real(std::span<const u8>(buffer_));
}

void FrontSpace::read_string(u64 offset, unsigned size, std::span<u8> bytes) {
    string_in(offset, size, bytes, [&](std::span<u8> to) { real_->read_string(offset, size, to); });
}

void FrontSpace::write_string(u64 offset, unsigned size, std::span<const u8> bytes) {
    string_out(offset, size, bytes,
               [&](std::span<const u8> from) { real_->write_string(offset, size, from); });
}

void FrontSpace::read_span(u64 offset, unsigned size, std::span<u8> bytes) {
    string_in(offset, size, bytes, [&](std::span<u8> to) { real_->read_span(offset, size, to); });
}

void FrontSpace::write_span(u64 offset, unsigned size, std::span<const u8> bytes) {
    string_out(offset, size, bytes, [&](std::span<const u8> from) { real_->write_span(offset, size, from); });
}

// A window of its own for each range that is asked for. It lies behind `everything_` and never answers.
void FrontSpace::route(u64 first, u64 last) {
    const u64 length = last - first == ~u64{0} ? ~u64{0} : last - first + 1;
    routes_.push_back({first, last, front_.map({.base = first, .length = length}, *this)});
}

void FrontSpace::add_range(u64 first, u64 last) {
    journal_.note(range_record(of_, true, first, last));
    route(first, last);
}

/// What is left of a range is asked for before the whole is given back, so that no access gets lost between.
void FrontSpace::remove_range(u64 first, u64 last) {
    journal_.note(range_record(of_, false, first, last));
    std::vector<Route> touched;
    for (auto it = routes_.begin(); it != routes_.end();)
        if (it->last < first || it->first > last) {
            ++it;
        } else {
            touched.push_back(std::move(*it));
            it = routes_.erase(it);
        }
    for (const Route& old : touched) {
        if (old.first < first) route(old.first, first - 1);
        if (old.last > last) route(last + 1, old.last);
    }
}

u32 FrontBus::config_read(Bdf bdf, unsigned reg, unsigned size) const {
    Journal::Entrance access(
        journal_, {.kind = Kind::ConfigIn, .size = static_cast<u8>(size), .where = config_place(bdf, reg)});
    const u32 value = real_->config_read(bdf, reg, size);
    access.reply(value);
    return value;
}

void FrontBus::config_write(Bdf bdf, unsigned reg, unsigned size, u32 value) {
    const Journal::Entrance access(journal_, {.kind = Kind::ConfigOut,
                                              .size = static_cast<u8>(size),
                                              .where = config_place(bdf, reg),
                                              .value = value});
    real_->config_write(bdf, reg, size, value);
}

void FrontBus::set_function_sink(PciFunctionSink* sink) {
    sink_ = sink;
    real_->set_function_sink(sink != nullptr ? this : nullptr);
}

void FrontBus::add_function(Bdf bdf) {
    journal_.note({.kind = Kind::Function, .where = bdf.devfn(), .value = 1});
    sink_->add_function(bdf);
}

void FrontBus::remove_function(Bdf bdf) {
    journal_.note({.kind = Kind::Function, .where = bdf.devfn(), .value = 0});
    sink_->remove_function(bdf);
}

} // namespace dm::replay
