// The surroundings of a board that is driven from a recording. Outside of entrances (while the board is built
// or taken down) nothing is compared.
#pragma once

#include "dm/core/block_backend.hpp"
#include "dm/core/char_backend.hpp"
#include "dm/core/clock.hpp"
#include "dm/core/hypervisor.hpp"
#include "dm/replay/stage.hpp"

#include <list>

namespace dm::replay {

class PlayedClock final : public Clock {
public:
    explicit PlayedClock(Stage& stage) : stage_(stage) {}
    u64 now_ns() const override;

private:
    Stage& stage_;
};

class PlayedLines final : public IrqSink {
public:
    PlayedLines(Stage& stage, u64 first) : stage_(stage), first_(first) {}
    void set_level(unsigned line, bool level) override;

private:
    Stage& stage_;
    u64 first_;
};

class PlayedRanges final : public RangeSink {
public:
    PlayedRanges(Stage& stage, bool memory) : stage_(stage), memory_(memory) {}
    void add_range(u64 first, u64 last) override;
    void remove_range(u64 first, u64 last) override;

private:
    Stage& stage_;
    bool memory_;
};

class PlayedFunctions final : public PciFunctionSink {
public:
    explicit PlayedFunctions(Stage& stage) : stage_(stage) {}
    void add_function(Bdf bdf) override;
    void remove_function(Bdf bdf) override;

private:
    Stage& stage_;
};

class PlayedMemory final : public GuestMemory {
public:
    explicit PlayedMemory(Stage& stage) : stage_(stage) {}

    std::span<u8> view(GuestPhys addr, u64 length) override;
    void wrote(GuestPhys addr, u64 length) override;
    void read(GuestPhys addr, std::span<u8> out) override;
    void write(GuestPhys addr, std::span<const u8> in) override;
    std::span<u8> pin(GuestPhys addr, u64 length) override;
    void unpin(GuestPhys addr, std::span<u8> bytes) override;

    std::optional<GuestPhys> locate(const void* at, std::size_t length) const;
    /// Between entrances: no view is in use.
    void forget_views() { views_.clear(); }

private:
    struct Part {
        GuestPhys addr;
        std::vector<u8> bytes;
    };
    bool get(GuestPhys addr, std::vector<u8>& bytes);

    Stage& stage_;
    std::list<Part> pins_;
    std::list<Part> views_;
};

class PlayedVideo final : public VideoMemory {
public:
    /// `memory` outlives this: it is the guest's.
    PlayedVideo(Stage& stage, std::vector<u8>& memory) : stage_(stage), memory_(memory) {}

    std::span<u8> bytes() override { return memory_; }
    void place(std::optional<GuestPhys> addr) override;
    bool collect_dirty(u64, u64, std::span<u8>) override { return false; }
    void stop_tracking() override {}
    void about_to_read(u64 offset, u64 length) override;
    void wrote(u64, u64) override {}

private:
    Stage& stage_;
    std::vector<u8>& memory_;
};

class PlayedDisk final : public BlockBackend {
public:
    PlayedDisk(Stage& stage, const PlayedMemory& memory, const DiskShape& shape)
        : stage_(stage), memory_(memory), shape_(shape) {}

    u64 size_bytes() const override { return shape_.size; }
    bool read_only() const override { return shape_.read_only; }
    u32 discard_granularity() const override { return shape_.discard_granularity; }
    void submit(BlockIo& io) override;
    void drain() override;
    void complete(const Record& record);
    bool idle() const { return flights_.empty(); }

private:
    struct Flight {
        BlockIo* io;
        bool to_board;
    };

    Stage& stage_;
    const PlayedMemory& memory_;
    DiskShape shape_;
    std::vector<Flight> flights_;
};

class PlayedSerial final : public CharBackend {
public:
    PlayedSerial(Stage& stage, unsigned port) : stage_(stage), port_(port) {}

    std::size_t write(std::span<const u8> bytes) override;
    void accept_input() override;
    void set_line(const LineSettings& line) override;
    void set_break(bool on) override;
    bool set_modem_outputs(u8 lines) override;
    std::optional<u8> modem_inputs() override;
    void set_frontend(CharFrontend* frontend) override { frontend_ = frontend; }
    std::string description() const override { return fmt::format("replay:serial{}", port_); }

    CharFrontend* frontend() { return frontend_; }

private:
    Stage& stage_;
    unsigned port_;
    CharFrontend* frontend_ = nullptr;
};

} // namespace dm::replay
