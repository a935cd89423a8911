// Stand-ins for what is around a device.
#pragma once

#include "dm/core/block_backend.hpp"
#include "dm/core/char_backend.hpp"
#include "dm/core/clock.hpp"
#include "dm/core/guest_memory.hpp"
#include "dm/core/hypervisor.hpp"
#include "dm/core/irq.hpp"
#include "tests/support/work.hpp"

#include <algorithm>
#include <cstring>
#include <deque>
#include <map>
#include <optional>
#include <string>
#include <vector>

namespace dm::test {

class FakeClock final : public Clock {
public:
    u64 now_ns() const override { return now += per_look; }
    mutable u64 now = 1'000'000;
    u64 per_look = 0; ///< time that passes with each look at the clock, as it does on a busy host
};

/// Levels of all lines, and how often each changed.
class FakeIrqs final : public IrqSink {
public:
    void set_level(unsigned line, bool level) override {
        count_work(&Work::line_changes, "changes of interrupt lines");
        levels[line] = level;
        ++changes[line];
        if (level) ++raised;
    }
    bool level(unsigned line) const {
        const auto it = levels.find(line);
        return it != levels.end() && it->second;
    }
    std::map<unsigned, bool> levels;
    std::map<unsigned, unsigned> changes;
    unsigned raised = 0; ///< rising edges of all lines
};

/// Messages that were sent, the latest last.
class FakeMessages final : public MsiSink {
public:
    struct Message {
        u64 addr;
        u32 data;
        bool operator==(const Message&) const = default;
    };
    void send_msi(u64 addr, u32 data) override { sent.push_back({addr, data}); }
    std::vector<Message> sent;
};

/// Says what guest RAM holds that nobody has looked at yet.
class FirstView {
public:
    virtual ~FirstView() = default;
    virtual void fill(u64 page, std::span<u8> bytes) = 0;
};

/// Guest RAM from address 0 on. Everything above is a hole. Views end at multiples of `chunk`, as in a map
/// cache.
class FlatMemory final : public GuestMemory {
public:
    explicit FlatMemory(u64 size, u64 chunk = u64{64} * 1024) : ram(size, 0), chunk_(chunk) {}

    std::span<u8> view(GuestPhys addr, u64 length) override {
        if (addr >= ram.size() || length == 0) return {};
        count_work(&Work::guest_views, "views of guest memory");
        const u64 end =
            std::min<u64>({ram.size(), (addr / chunk_ + 1) * chunk_, addr + std::min(length, chunk_)});
        if (first_view != nullptr) fill_pages(addr, end);
        if (apart_.empty()) return std::span(ram).subspan(addr, end - addr);
        for (u64 i = addr; i < end; ++i)
            if (ram[i] != known_[i]) apart_[i] = known_[i] = ram[i];
        return std::span(apart_).subspan(addr, end - addr);
    }
    void wrote(GuestPhys addr, u64 length) override {
        dirty.emplace_back(addr, length);
        for (u64 i = addr; !apart_.empty() && i < std::min(addr + length, ram.size()); ++i)
            ram[i] = known_[i] = apart_[i];
    }
    /// From now on the device works on a copy, and `ram` has only what it reports.
    void keep_apart() { apart_ = known_ = ram; }
    /// An address where the device wrote and did not tell.
    std::optional<GuestPhys> unreported() const {
        const auto differ = std::mismatch(apart_.begin(), apart_.end(), known_.begin());
        if (differ.first == apart_.end()) return std::nullopt;
        return static_cast<GuestPhys>(differ.first - apart_.begin());
    }

    std::span<u8> pin(GuestPhys addr, u64 length) override {
        const std::span<u8> bytes = view(addr, length);
        if (!bytes.empty()) ++pins;
        return bytes;
    }
    void unpin(GuestPhys, std::span<u8>) override { --pins; }

    std::vector<u8> ram;
    std::vector<std::pair<GuestPhys, u64>> dirty;
    int pins = 0;
    FirstView* first_view = nullptr; ///< asked once for each page; null: zeros
    std::vector<bool> filled;        ///< pages that it was asked for

private:
    void fill_pages(u64 first, u64 end) {
        filled.resize((ram.size() + kPageSize - 1) / kPageSize);
        for (u64 page = first / kPageSize; page * kPageSize < end; ++page) {
            if (filled[page]) continue;
            filled[page] = true;
            const u64 at = page * kPageSize;
            first_view->fill(page, std::span(ram).subspan(at, std::min(kPageSize, ram.size() - at)));
        }
    }
    u64 chunk_;
    std::vector<u8> apart_; ///< what the device sees; empty: `ram`
    std::vector<u8> known_; ///< what both sides know
};

/// A disk in memory. Completes at once unless `hold` is set; then complete() does.
class FakeBlock final : public BlockBackend {
public:
    explicit FakeBlock(u64 size) : data(size, 0) {}
    u64 size_bytes() const override { return claimed_size.value_or(data.size()); }
    bool read_only() const override { return readonly; }
    u32 discard_granularity() const override { return granularity; }
    void submit(BlockIo& io) override {
        ++submitted;
        count_work(&Work::block_requests, "block requests");
        for (const iovec& v : io.iov)
            count_work(&Work::block_bytes, "bytes of block requests", v.iov_len);
        if (hold)
            held.push_back(&io);
        else
            finish(io);
    }
    void drain() override {
        while (!held.empty())
            complete();
    }
    /// Finishes the oldest request that is held back.
    void complete() {
        BlockIo* io = held.front();
        held.pop_front();
        finish(*io);
    }

    std::vector<u8> data;
    std::optional<u64> claimed_size; ///< instead of the size of `data`
    bool readonly = false;
    u32 granularity = 0;
    bool hold = false;
    int next_error = 0; ///< errno for the next request that finishes
    unsigned submitted = 0;
    unsigned flushes = 0;
    std::vector<std::pair<u64, u64>> discards; ///< offset and length; what is discarded reads as zeros
    std::vector<std::pair<u64, u64>> zeroings;
    std::deque<BlockIo*> held;

    /// The host made the image larger or smaller.
    void resize(u64 size) {
        data.resize(size);
        size_changed();
    }

private:
    void finish(BlockIo& io) {
        int error = std::exchange(next_error, 0);
        if (error == 0) error = transfer(io);
        io.done(io, error);
    }
    int transfer(BlockIo& io) {
        if (io.op == BlockIo::Op::Flush) return ++flushes, 0;
        if (!has_data(io.op)) return zero(io);
        u64 at = io.offset;
        for (const iovec& v : io.iov) {
            if (at > data.size() || v.iov_len > data.size() - at) return EINVAL;
            if (io.op == BlockIo::Op::Read)
                std::memcpy(v.iov_base, data.data() + at, v.iov_len);
            else
                std::memcpy(data.data() + at, v.iov_base, v.iov_len);
            at += v.iov_len;
        }
        return 0;
    }
    int zero(const BlockIo& io) {
        if (readonly) return EROFS;
        if (io.offset > data.size() || io.length > data.size() - io.offset) return EINVAL;
        (io.op == BlockIo::Op::Discard ? discards : zeroings).emplace_back(io.offset, io.length);
        if (io.op == BlockIo::Op::Discard && granularity == 0) return 0;
        std::memset(data.data() + io.offset, 0, io.length);
        return 0;
    }
};

/// The far end of a serial line: what was sent, and how much it takes.
class FakeChar final : public CharBackend {
public:
    std::size_t write(std::span<const u8> bytes) override {
        const std::size_t n = std::min(bytes.size(), room);
        sent.append(reinterpret_cast<const char*>(bytes.data()), n);
        if (room != SIZE_MAX) room -= n;
        return n;
    }
    void accept_input() override { ++accept_calls; }
    bool set_modem_outputs(u8 now) override {
        outputs = now;
        return lines.has_value();
    }
    std::optional<u8> modem_inputs() override { return lines; }
    void set_frontend(CharFrontend* f) override { frontend = f; }
    std::string description() const override { return "fake"; }
    /// Offers bytes to the port; returns how many it took.
    std::size_t send(std::string_view text) {
        const std::size_t n = std::min(text.size(), frontend != nullptr ? frontend->can_receive() : 0);
        if (n > 0) frontend->receive({reinterpret_cast<const u8*>(text.data()), n});
        return n;
    }

    std::string sent;
    std::size_t room = SIZE_MAX;
    unsigned accept_calls = 0;
    std::optional<u8> lines; ///< inputs as in MSR; none: a wire without
    u8 outputs = 0xff;       ///< as in MCR
    CharFrontend* frontend = nullptr;
};

/// Video memory without a guest: every page counts as dirty when told so.
class FakeVideoMemory final : public VideoMemory {
public:
    explicit FakeVideoMemory(u64 size) : memory(size, 0) {}
    std::span<u8> bytes() override { return memory; }
    void place(std::optional<GuestPhys> addr) override { placed = addr; }
    bool collect_dirty(u64 first, u64 pages, std::span<u8> bitmap) override {
        tracking = true;
        if (all_dirty) return all_dirty = false;
        for (const u64 page : dirty_pages)
            if (page >= first && page < first + pages)
                bitmap[(page - first) / 8] =
                    static_cast<u8>(bitmap[(page - first) / 8] | 1U << ((page - first) % 8));
        dirty_pages.clear();
        return true;
    }
    void stop_tracking() override { tracking = false; }
    void about_to_read(u64 offset, u64 length) override {
        if (offset + length <= by_guest.size())
            std::copy_n(by_guest.data() + offset, length, memory.data() + offset);
    }
    void wrote(u64 offset, u64 length) override {
        ++reported_writes;
        if (offset + length <= by_guest.size())
            std::copy_n(memory.data() + offset, length, by_guest.data() + offset);
    }

    std::vector<u8> by_guest; ///< when not empty: shows in `memory` only where a read is announced
    std::vector<u8> memory;
    std::optional<GuestPhys> placed;
    std::vector<u64> dirty_pages;
    bool all_dirty = true;
    bool tracking = false;
    unsigned reported_writes = 0;
};

/// A hypervisor that keeps what it was told.
class FakeHypervisor final : public Hypervisor {
public:
    explicit FakeHypervisor(u64 ram_size = 1 << 20) : ram(ram_size) {}
    GuestMemory& memory() override { return ram; }
    IrqSink& isa_irqs() override { return isa; }
    IrqSink& pci_intx() override { return intx; }
    MsiSink* msi() override { return &messages; }
    void route_pci_link(unsigned link, u8 irq) override { links[link] = irq; }
    Result<std::unique_ptr<VideoMemory>> make_video_memory(u64 size) override {
        return std::unique_ptr<VideoMemory>(std::make_unique<FakeVideoMemory>(size));
    }
    void shutdown(ShutdownReason reason) override { shutdowns.push_back(reason); }
    void lock_roms(bool locked) override { roms_locked = locked; }
    bool refuses_drivers(u16 product, u32 build) override { return refused == std::pair(product, build); }
    bool set_acpi_sleep_state(unsigned state) override {
        if (can_sleep) sleep_state = state;
        return can_sleep;
    }
    Status set_serving(bool on) override {
        serving = on;
        return {};
    }
    void set_log_dirty(bool on) override { log_dirty = on; }
    void drain_buffered() override { ++drains; }

    FlatMemory ram;
    FakeIrqs isa;
    FakeIrqs intx;
    FakeMessages messages;
    std::map<unsigned, u8> links;
    std::vector<ShutdownReason> shutdowns;
    bool roms_locked = false;
    std::optional<std::pair<u16, u32>> refused; ///< a black-listed driver's product and build
    unsigned sleep_state = 0;
    bool can_sleep = true;
    bool serving = false;
    bool log_dirty = false;
    unsigned drains = 0;
};

} // namespace dm::test
