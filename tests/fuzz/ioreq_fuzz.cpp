// Requests as a vCPU's slot may hold them, whatever is in it: each 32 bytes of input are one. What reaches a
// chip must be what IoHandler promises it.
#include "dm/devices/pci/i440fx.hpp"
#include "dm/xen/request.hpp"
#include "tests/fuzz/guard.hpp"
#include "tests/fuzz/page_source.hpp"
#include "tests/fuzz/target.hpp"
#include "tests/support/rig.hpp"

#include <bit>

namespace dm::fuzz {
namespace {

/// A chip that insists on the promises of dm/core/io_space.hpp.
class StrictChip final : public IoHandler {
public:
    StrictChip(u64 length, unsigned width) : length_(length), width_(width) {}

    u64 read(u64 offset, unsigned size) override {
        check(offset, size, size);
        return ++last_ & ones(size);
    }
    void write(u64 offset, unsigned size, u64 value) override {
        check(offset, size, size);
        if ((value & ~ones(size)) != 0) finding("a write of {} bytes carries {:#x}", size, value);
    }
    void read_string(u64 offset, unsigned size, std::span<u8> bytes) override {
        check(offset, size, size);
        whole(size, bytes.size());
        std::fill(bytes.begin(), bytes.end(), static_cast<u8>(++last_));
    }
    void write_string(u64 offset, unsigned size, std::span<const u8> bytes) override {
        check(offset, size, size);
        whole(size, bytes.size());
        for (const u8 byte : bytes)
            last_ += byte;
    }
    void read_span(u64 offset, unsigned size, std::span<u8> bytes) override {
        check(offset, size, bytes.size());
        whole(size, bytes.size());
        std::fill(bytes.begin(), bytes.end(), static_cast<u8>(++last_));
    }
    void write_span(u64 offset, unsigned size, std::span<const u8> bytes) override {
        check(offset, size, bytes.size());
        whole(size, bytes.size());
        for (const u8 byte : bytes)
            last_ += byte;
    }

private:
    void check(u64 offset, unsigned size, u64 reach) const {
        if (!std::has_single_bit(size) || size > width_)
            finding("a chip that takes {} bytes is given {}", width_, size);
        if (offset >= length_ || reach > length_ - offset)
            finding("{} bytes at offset {:#x} of a chip with {:#x}", reach, offset, length_);
    }
    static void whole(unsigned size, std::size_t bytes) {
        if (bytes == 0 || bytes % size != 0) finding("a string of {} bytes in elements of {}", bytes, size);
    }

    u64 length_;
    unsigned width_;
    u64 last_ = 0;
};

struct Machine {
    explicit Machine(Input& input) : pages(input) {
        pci.attach({0, 0, 0}, bridge);
        ram.first_view = &pages;
    }
    PageSource pages;
    test::FlatMemory ram{u64{256} * 1024, 0x1000};
    IoSpace ports{"ports", 0xffff};
    IoSpace memory{"memory", ~u64{0}};
    PciBus pci;
    StrictChip bytes{8, 1};
    StrictChip dwords{16, 4};
    StrictChip wide{0x20000, 8};
    StrictChip last{0x1000, 8};
    IoWindow bytes_window = ports.map({.base = 0x3f8, .length = 8, .max_width = 1}, bytes);
    IoWindow dwords_window = ports.map({.base = 0x400, .length = 16, .max_width = 4}, dwords);
    IoWindow wide_window = memory.map({.base = 0xa0000, .length = 0x20000, .max_width = 8}, wide);
    IoWindow last_window = memory.map({.base = ~u64{0xfff}, .length = 0x1000, .max_width = 8}, last);
    I440fx bridge{"i440fx", PciWiring{ports, memory, {}}};
    unsigned invalidated = 0;
    xen::RequestServer server{ports, memory, pci, ram, {[this] { ++invalidated; }}};
};

/// Layout of an input's request: flags, type, size (2), count (4), addr (8), data (8).
xen::Request next_request(Input& input) {
    xen::Request r;
    const u8 flags = input.byte();
    r.read = (flags & 1) != 0;
    r.pointer = (flags & 2) != 0;
    r.descending = (flags & 4) != 0;
    r.type = input.byte();
    r.size = static_cast<u32>(input.number(2));
    r.count = static_cast<u32>(input.number(4));
    r.addr = input.number(8);
    r.data = input.number(8);
    return r;
}

void run(const Target&, std::span<const u8> bytes) {
    constexpr unsigned kMostRequests = 256;
    Input input(bytes);
    Machine machine(input);
    for (unsigned i = 0; i < kMostRequests && !input.empty(); ++i) {
        xen::Request request = next_request(input);
        const xen::Request asked = request;
        const auto text = [&] {
            static std::array<char, 160> line{};
            const auto end = fmt::format_to_n(
                line.data(), line.size(), "type {} {}{}{} size {} count {} addr {:#x} data {:#x}", asked.type,
                asked.read ? "read" : "write", asked.pointer ? " pointer" : "",
                asked.descending ? " descending" : "", asked.size, asked.count, asked.addr, asked.data);
            return std::string_view(line.data(), std::min(end.size, line.size()));
        };
        if (tracing()) trace(text());
        const Operating operating(text);
        machine.server.serve(request);
    }
}

const Registered ioreq{{"ioreq", run}};

} // namespace
} // namespace dm::fuzz
