// What a request costs between its arrival and its answer, in a whole machine without a hypervisor.
#include "dm/board/board.hpp"
#include "dm/xen/libxen.hpp"
#include "dm/xen/request.hpp"
#include "tests/support/fakes.hpp"

#include <benchmark/benchmark.h>

namespace dm {
namespace {

constexpr u64 kScreen = 0xe000'0000;

struct BenchMachine {
    BenchMachine() {
        Log::set_sink([](LogLevel, std::string_view) {});
        BoardParts parts;
        parts.ram_below_4g = hypervisor.ram.ram.size();
        parts.serials[0] = &wire;
        parts.ide.drives[0].emplace().medium = &disk;
        parts.vga =
            BoardParts::Vga{.memory = std::make_unique<test::FakeVideoMemory>(StdVga::memory_size(16)),
                            .rom = rom,
                            .slot = {}};
        board = Board::create(timers, hypervisor, std::move(parts)).value();
        requests.emplace(board->ports(), board->memory(), board->pci(), hypervisor.ram,
                         xen::RequestServer::MapNews{[] {}});
        for (const auto& [devfn, bar, base] :
             {std::tuple{0x18U, 0x10U, kScreen}, std::tuple{9U, 0x20U, u64{0xc000}}}) {
            config(devfn, bar, static_cast<u32>(base));
            config(devfn, pci::COMMAND, 7);
        }
    }

    u64 serve(u8 type, bool read, u64 addr, u32 size, u64 data = 0, u32 count = 1, bool pointer = false) {
        xen::Request request{.type = type,
                             .read = read,
                             .pointer = pointer,
                             .size = size,
                             .count = count,
                             .addr = addr,
                             .data = data};
        requests->serve(request);
        return request.data;
    }
    void config(u32 devfn, u32 reg, u32 value) {
        serve(IOREQ_TYPE_PCI_CONFIG, false, u64{devfn} << 32 | reg, 4, value);
    }
    /// One sector by PIO, as firmware reads it.
    void read_sector(u8 lba) {
        serve(IOREQ_TYPE_PIO, false, 0x1f2, 1, 1);
        serve(IOREQ_TYPE_PIO, false, 0x1f3, 1, lba);
        serve(IOREQ_TYPE_PIO, false, 0x1f6, 1, 0xe0);
        serve(IOREQ_TYPE_PIO, false, 0x1f7, 1, 0x20);
        serve(IOREQ_TYPE_PIO, true, 0x1f0, 4, 0x1000, 128, true);
    }

    test::FakeClock clock;
    TimerQueue timers{clock};
    test::FakeHypervisor hypervisor{16 << 20};
    test::FakeBlock disk{1 << 20};
    test::FakeChar wire;
    std::vector<u8> rom = std::vector<u8>(65536, 0x55);
    std::unique_ptr<Board> board;
    std::optional<xen::RequestServer> requests;
};

void port_read_of_the_serial_line_status(benchmark::State& state) {
    BenchMachine machine;
    for ([[maybe_unused]] auto _ : state)
        benchmark::DoNotOptimize(machine.serve(IOREQ_TYPE_PIO, true, 0x3fd, 1));
}
BENCHMARK(port_read_of_the_serial_line_status);

void port_read_where_nobody_answers(benchmark::State& state) {
    BenchMachine machine;
    for ([[maybe_unused]] auto _ : state)
        benchmark::DoNotOptimize(machine.serve(IOREQ_TYPE_PIO, true, 0x5650, 4));
}
BENCHMARK(port_read_where_nobody_answers);

void config_read_of_a_vendor(benchmark::State& state) {
    BenchMachine machine;
    for ([[maybe_unused]] auto _ : state)
        benchmark::DoNotOptimize(machine.serve(IOREQ_TYPE_PCI_CONFIG, true, 0, 4));
}
BENCHMARK(config_read_of_a_vendor);

void text_cell_written(benchmark::State& state) {
    BenchMachine machine;
    u64 cell = 0;
    for ([[maybe_unused]] auto _ : state)
        machine.serve(IOREQ_TYPE_COPY, false, 0xb8000 + 2 * (cell++ % 2000), 2, 0x0741);
}
BENCHMARK(text_cell_written);

void sector_read_by_pio(benchmark::State& state) {
    BenchMachine machine;
    u8 lba = 0;
    for ([[maybe_unused]] auto _ : state)
        machine.read_sector(lba++);
    state.SetBytesProcessed(static_cast<int64_t>(state.iterations()) * 512);
}
BENCHMARK(sector_read_by_pio);

} // namespace
} // namespace dm
