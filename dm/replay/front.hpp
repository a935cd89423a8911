// What the accelerator sees instead of the board's address spaces and PCI bus while a recording is made.
#pragma once

#include "dm/core/io_space.hpp"
#include "dm/core/pci.hpp"
#include "dm/replay/journal.hpp"

#include <vector>

namespace dm::replay {

/// Record::where of Kind::ConfigIn and ConfigOut.
constexpr u64 config_place(Bdf bdf, unsigned reg) {
    return (u64{bdf.bus} << 8 | bdf.devfn()) << 32 | reg;
}

/// A space that passes every access on, and asks the accelerator for the ranges that the real one answers.
class FrontSpace final : private IoHandler, private RangeSink {
public:
    enum class Of : u8 { Ports, Memory };

    /// `medium_ports`: the ports at which disks' content comes out.
    FrontSpace(Journal& journal, Of of, std::vector<Port> medium_ports = {});
    ~FrontSpace();
    FrontSpace(const FrontSpace&) = delete;
    FrontSpace& operator=(const FrontSpace&) = delete;

    /// Both spaces outlive what the accelerator does with them.
    void stand_before(IoSpace& real);
    IoSpace& space() { return front_; }

private:
    struct Route {
        u64 first;
        u64 last;
        IoWindow window;
    };

    u64 read(u64 offset, unsigned size) override;
    void write(u64 offset, unsigned size, u64 value) override;
    void read_string(u64 offset, unsigned size, std::span<u8> bytes) override;
    void write_string(u64 offset, unsigned size, std::span<const u8> bytes) override;
    void read_span(u64 offset, unsigned size, std::span<u8> bytes) override;
    void write_span(u64 offset, unsigned size, std::span<const u8> bytes) override;

    template <class Do> void string_in(u64 offset, unsigned size, std::span<u8> bytes, Do read_real);
    template <class Do> void string_out(u64 offset, unsigned size, std::span<const u8> bytes, Do write_real);

    void add_range(u64 first, u64 last) override;
    void remove_range(u64 first, u64 last) override;
    void route(u64 first, u64 last);
    bool gives_medium(u64 offset) const;
    Record entrance(Kind of_ports, Kind of_memory, u64 offset, unsigned size) const;

    Journal& journal_;
    Of of_;
    std::vector<Port> medium_ports_;
    IoSpace* real_ = nullptr;
    IoSpace front_;
    IoWindow everything_; ///< first, so that it answers; asks for nothing
    std::vector<Route> routes_;
    std::vector<u8> buffer_;
};

class FrontBus final : public PciBus, private PciFunctionSink {
public:
    explicit FrontBus(Journal& journal) : journal_(journal) {}

    void stand_before(PciBus& real) { real_ = &real; }

    u32 config_read(Bdf bdf, unsigned reg, unsigned size) const override;
    void config_write(Bdf bdf, unsigned reg, unsigned size, u32 value) override;
    void set_function_sink(PciFunctionSink* sink) override;

private:
    void add_function(Bdf bdf) override;
    void remove_function(Bdf bdf) override;

    Journal& journal_;
    PciBus* real_ = nullptr;
    PciFunctionSink* sink_ = nullptr;
};

} // namespace dm::replay
