// A whole machine under record, driven as Xen drives it, and what became of its recording.
#pragma once

#include "dm/board/replay_board.hpp"
#include "dm/replay/recording.hpp"
#include "tests/support/fakes.hpp"
#include "tests/support/rng.hpp"

#include <filesystem>
#include <fstream>
#include <iterator>
#include <unistd.h>

namespace dm::test {

/// Timers and tasks: nothing here waits for an fd.
class TimerLoop final : public EventLoop {
public:
    void watch(int, FdEvents, FdHandler) override {}
    void change(int, FdEvents) override {}
    void unwatch(int) override {}
    void post(std::function<void()> task) override {
        const std::lock_guard lock(mutex_);
        posted_.push_back(std::move(task));
    }
    TimerQueue& machine_timers() override { return machine_timers_; }
    TimerQueue& host_timers() override { return host_timers_; }
    void quit(int) override {}

    /// Lets time pass, and serves what is due.
    void advance(u64 ns) {
        clock.now += ns;
        machine_timers_.run_due();
        host_timers_.run_due();
        std::vector<std::function<void()>> tasks;
        {
            const std::lock_guard lock(mutex_);
            tasks.swap(posted_);
        }
        for (const auto& task : tasks)
            task();
    }
    FakeClock clock;

private:
    TimerQueue machine_timers_{clock};
    TimerQueue host_timers_{clock};
    std::mutex mutex_;
    std::vector<std::function<void()>> posted_;
};

/// Xen's part: asks for ranges as it does, and keeps the spaces for the test to use.
class FakeAccelerator final : public Accelerator, private RangeSink, private PciFunctionSink {
public:
    FakeHypervisor inner;

    GuestMemory& memory() override { return inner.memory(); }
    IrqSink& isa_irqs() override { return inner.isa_irqs(); }
    IrqSink& pci_intx() override { return inner.pci_intx(); }
    void route_pci_link(unsigned link, u8 irq) override { inner.route_pci_link(link, irq); }
    Result<std::unique_ptr<VideoMemory>> make_video_memory(u64 size) override {
        auto made = std::make_unique<FakeVideoMemory>(size);
        video = made.get();
        return std::unique_ptr<VideoMemory>(std::move(made));
    }
    void shutdown(ShutdownReason reason) override { inner.shutdown(reason); }
    void lock_roms(bool locked) override { inner.lock_roms(locked); }
    bool set_acpi_sleep_state(unsigned state) override { return inner.set_acpi_sleep_state(state); }
    Status set_serving(bool on) override { return inner.set_serving(on); }
    void set_log_dirty(bool on) override { inner.set_log_dirty(on); }
    void drain_buffered() override { inner.drain_buffered(); }
    Status start(EventLoop&, IoSpace& to_ports, IoSpace& to_memory, PciBus& to_pci) override {
        ports = &to_ports;
        mmio = &to_memory;
        pci = &to_pci;
        ports->set_range_sink(this);
        mmio->set_range_sink(this);
        pci->set_function_sink(this);
        return {};
    }
    Status restrict_handles() override { return {}; }
    void announce_running() override {}
    void trim() override {}

    FakeVideoMemory* video = nullptr;
    IoSpace* ports = nullptr;
    IoSpace* mmio = nullptr;
    PciBus* pci = nullptr;
    unsigned functions = 0;
    std::map<u64, u64> ranges; ///< first to last, ports and memory

private:
    void add_range(u64 first, u64 last) override { ranges[first] = last; }
    void remove_range(u64 first, u64) override { ranges.erase(first); }
    void add_function(Bdf) override { ++functions; }
    void remove_function(Bdf) override { --functions; }
};

inline std::vector<u8> file_content(const std::string& path) {
    std::ifstream file(path, std::ios::binary);
    return {std::istreambuf_iterator<char>(file), {}};
}

inline std::string scratch_path(std::string_view name) {
    return fmt::format("{}/hvmdm-replay-{}-{}", std::filesystem::temp_directory_path().string(), ::getpid(),
                       name);
}

class RecordedMachine {
public:
    explicit RecordedMachine(std::string path = scratch_path("rec")) : path_(std::move(path)) {
        for (std::size_t i = 0; i < disk.data.size(); ++i)
            disk.data[i] = static_cast<u8>(content_.next());
        auto made = std::make_unique<FakeAccelerator>();
        xen = made.get();
        auto recorder = replay::Recorder::create(std::move(made), {path_, medium_ports()});
        DM_CHECK(recorder.ok());
        recorder_ = std::move(recorder).value();
        BoardParts parts;
        parts.ram_below_4g = 256 << 20;
        parts.serials[0] = &com1;
        parts.ide.drives[0].emplace().medium = &disk;
        DriveConfig& drive = parts.ide.drives[2].emplace();
        drive.kind = DriveKind::Cdrom;
        drive.medium = &disc;
        parts.vga.emplace().rom = std::vector<u8>(4096, 0x55);
        parts.vga->memory = recorder_->make_video_memory(StdVga::memory_size(1)).value();
        put_under_record(parts, *recorder_);
        auto board_made = Board::create(recorder_->machine_timers(loop), *recorder_, std::move(parts));
        DM_CHECK(board_made.ok());
        board = std::move(board_made).value();
        input = &recorder_->input(board->input());
        DM_CHECK(recorder_->start(loop, board->ports(), board->memory(), board->pci()).ok());
    }
    ~RecordedMachine() {
        if (board != nullptr) finish();
        std::filesystem::remove(path_);
    }
    RecordedMachine(const RecordedMachine&) = delete;
    RecordedMachine& operator=(const RecordedMachine&) = delete;

    /// Ends it in order, as Machine does; returns the file.
    std::vector<u8> finish() {
        board->quiesce();
        recorder_->finish();
        board->ports().set_range_sink(nullptr);
        board->memory().set_range_sink(nullptr);
        board->pci().set_function_sink(nullptr);
        board.reset();
        recorder_.reset();
        return file_content(path_);
    }

    // As a guest does it.
    u64 in(u64 port, unsigned size = 1) { return xen->ports->read(port, size); }
    void out(u64 port, u64 value, unsigned size = 1) { xen->ports->write(port, size, value); }
    void set_config(u8 dev, u8 fn, unsigned reg, u32 value, unsigned size = 4) {
        xen->pci->config_write({0, dev, fn}, reg, size, value);
    }
    void place_vga() {
        set_config(3, 0, pci::BAR0, 0xf0000000);
        set_config(3, 0, pci::COMMAND, 7, 2);
    }
    void task_file(u8 sectors, u32 lba, u8 command) {
        out(0x1f2, sectors);
        out(0x1f3, lba & 0xff);
        out(0x1f4, lba >> 8 & 0xff);
        out(0x1f5, lba >> 16 & 0xff);
        out(0x1f6, 0xe0);
        out(0x1f7, command);
    }
    std::vector<u8> read_by_pio(u32 lba) {
        task_file(1, lba, 0x20);
        std::vector<u8> sector(512);
        xen->ports->read_string(0x1f0, 2, sector);
        return sector;
    }
    void write_by_pio(u32 lba, u8 fill) {
        task_file(1, lba, 0x30);
        const std::vector<u8> sector(512, fill);
        xen->ports->write_string(0x1f0, 2, sector);
    }
    /// One region of guest memory, by the primary channel's bus master.
    void dma(u32 lba, u32 addr, u8 sectors, bool read) {
        set_config(1, 1, 0x20, 0xc000);
        set_config(1, 1, pci::COMMAND, 5, 2);
        const std::array<u32, 2> entry{addr, 0x80000000U | sectors * 512U};
        std::memcpy(xen->inner.ram.ram.data() + 0x1000, entry.data(), sizeof entry);
        out(0xc004, 0x1000, 4);
        task_file(sectors, lba, read ? 0xc8 : 0xca);
        out(0xc000, read ? 9 : 1);
        in(0xc002);
        out(0xc002, 4);
        out(0xc000, 0);
        in(0x1f7);
    }
    /// Any access to anything that the machine answers.
    void random_access(Rng& rng) {
        auto range = xen->ranges.begin();
        std::advance(range, rng.below(xen->ranges.size()));
        const u64 at = range->first + rng.below(std::min<u64>(range->second - range->first + 1, 0x2000));
        const bool port = at <= 0xffff;
        IoSpace& space = port ? *xen->ports : *xen->mmio;
        const unsigned size = 1U << rng.below(port ? 3 : 4);
        const u64 value = rng.one_in(2) ? rng.next() : u64{1} << rng.below(u64{size} * 8);
        if (rng.one_in(20)) {
            std::vector<u8> bytes(size * (1 + rng.below(200)), static_cast<u8>(value));
            if (port)
                rng.one_in(2) ? space.read_string(at, size, bytes) : space.write_string(at, size, bytes);
            else
                rng.one_in(2) ? space.read_span(at, size, bytes) : space.write_span(at, size, bytes);
        } else if (rng.one_in(2)) {
            space.read(at, size);
        } else {
            space.write(at, size, value);
        }
    }

    TimerLoop loop;
    FakeBlock disk{1 << 20};
    FakeBlock disc{1 << 20};
    FakeChar com1;
    FakeAccelerator* xen = nullptr; ///< the recorder owns it
    std::unique_ptr<Board> board;
    InputSink* input = nullptr;

private:
    std::string path_;
    Rng content_{7};
    std::unique_ptr<replay::Recorder> recorder_;
};

struct Played {
    std::string error; ///< the file's
    std::string difference;
    u64 operations = 0;
    u64 restored = 0;
    bool ended_in_order = false;
    bool equal() const { return error.empty() && difference.empty(); }
};

/// `restore_every`: after so many operations another machine goes on with what was saved; 0: never.
inline Played play(const replay::Recording& recording, u64 restore_every = 0) {
    replay::Player player(recording);
    auto board = make_replay_board(recording.shape(), player);
    if (!board.ok()) return {.error = board.error().message, .difference = {}};
    replay::Stage& stage = player.stage();
    std::unique_ptr<Board> b = std::move(board).value();
    const auto entrances = [&b] {
        return replay::Player::Entrances{b->ports(), b->memory(), b->pci(), b->input()};
    };
    u64 restored = 0;
    const auto restore = [&]() -> std::optional<replay::Player::Entrances> {
        if (stage.operations() % restore_every != 0) return std::nullopt;
        const Status exchanged = exchange_board(b, recording.shape(), player);
        if (!exchanged.ok()) stage.differ(exchanged.error().message);
        ++restored;
        return entrances();
    };
    if (restore_every != 0) player.set_between(restore);
    player.run(entrances());
    return {.error = stage.damage() ? stage.damage()->message : "",
            .difference = stage.difference() ? stage.difference()->text : "",
            .operations = stage.operations(),
            .restored = restored,
            .ended_in_order = stage.ended_in_order()};
}

inline Played play(std::vector<u8> file) {
    auto recording = replay::Recording::from(std::move(file));
    return recording.ok() ? play(recording.value())
                          : Played{.error = recording.error().message, .difference = {}};
}

} // namespace dm::test
