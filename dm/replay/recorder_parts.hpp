// What stands between the board and its surroundings while a recording is made: each part passes everything
// on and tells the journal.
#pragma once

#include "dm/core/block_backend.hpp"
#include "dm/core/char_backend.hpp"
#include "dm/core/hypervisor.hpp"
#include "dm/core/input.hpp"
#include "dm/replay/journal.hpp"

#include <cstdlib>
#include <list>

namespace dm::replay {

/// The machine's time; each look of the board at it is noted.
class RecordedClock final : public Clock {
public:
    RecordedClock(Journal& journal, const Clock& clock) : journal_(journal), clock_(clock) {}
    u64 now_ns() const override;

private:
    Journal& journal_;
    const Clock& clock_;
};

class RecordedLines final : public IrqSink {
public:
    RecordedLines(Journal& journal, IrqSink& sink, u64 first)
        : journal_(journal), sink_(sink), first_(first) {}
    void set_level(unsigned line, bool level) override;

private:
    Journal& journal_;
    IrqSink& sink_;
    u64 first_; ///< what line 0 is called
};

class RecordedMemory final : public GuestMemory {
public:
    RecordedMemory(Journal& journal, GuestMemory& memory) : journal_(journal), memory_(memory) {}

    std::span<u8> view(GuestPhys addr, u64 length) override;
    void wrote(GuestPhys addr, u64 length) override;
    void read(GuestPhys addr, std::span<u8> out) override;
    void write(GuestPhys addr, std::span<const u8> in) override;
    std::span<u8> pin(GuestPhys addr, u64 length) override;
    void unpin(GuestPhys addr, std::span<u8> bytes) override;

    /// The guest's address of what is pinned at `at`.
    std::optional<GuestPhys> locate(const void* at, std::size_t length) const;

private:
    struct Pinned {
        GuestPhys addr;
        Pin pin;
    };
    void note_read(GuestPhys addr, std::span<const u8> bytes);
    void note_write(GuestPhys addr, std::span<const u8> bytes);

    Journal& journal_;
    GuestMemory& memory_;
    std::list<Pinned> pins_;
};

/// Zeros that take no memory before they are written.
class ZeroedMemory {
public:
    explicit ZeroedMemory(std::size_t size)
        : bytes_(static_cast<u8*>(std::calloc(size, 1)), &std::free), size_(size) {
        DM_CHECK(bytes_ != nullptr);
    }
    std::span<u8> bytes() { return {bytes_.get(), size_}; }

private:
    std::unique_ptr<u8, void (*)(void*)> bytes_;
    std::size_t size_;
};

class RecordedVideo final : public VideoMemory {
public:
    RecordedVideo(Journal& journal, std::unique_ptr<VideoMemory> video);

    std::span<u8> bytes() override { return video_->bytes(); }
    void place(std::optional<GuestPhys> addr) override;
    bool collect_dirty(u64 first_page, u64 pages, std::span<u8> bitmap) override {
        return video_->collect_dirty(first_page, pages, bitmap);
    }
    void stop_tracking() override { video_->stop_tracking(); }
    void about_to_read(u64 offset, u64 length) override;
    void wrote(u64 offset, u64 length) override;

private:
    Journal& journal_;
    std::unique_ptr<VideoMemory> video_;
    ZeroedMemory known_; ///< what the replay will have there
};

class RecordedDisk final : public BlockBackend {
public:
    RecordedDisk(Journal& journal, RecordedMemory& memory, unsigned place, BlockBackend& medium)
        : journal_(journal), memory_(memory), place_(place), medium_(medium), size_(medium.size_bytes()) {}

    u64 size_bytes() const override { return size_; }
    bool read_only() const override { return medium_.read_only(); }
    u32 discard_granularity() const override { return medium_.discard_granularity(); }
    void submit(BlockIo& io) override;
    void drain() override;

private:
    struct Flight {
        BlockIo ours;
        BlockIo* theirs;
        RecordedDisk* disk;
        bool to_board; ///< a read into the board's own memory
    };
    void completed(Flight& flight, int error);

    Journal& journal_;
    RecordedMemory& memory_;
    unsigned place_;
    BlockBackend& medium_;
    u64 size_; ///< stays what it was when the recording began
    std::list<Flight> flights_;
};

class RecordedSerial final : public CharBackend, private CharFrontend {
public:
    RecordedSerial(Journal& journal, unsigned port, CharBackend& far_end)
        : journal_(journal), port_(port), far_end_(far_end) {}

    std::size_t write(std::span<const u8> bytes) override;
    void accept_input() override;
    void set_line(const LineSettings& line) override;
    void set_break(bool on) override;
    bool set_modem_outputs(u8 lines) override;
    std::optional<u8> modem_inputs() override;
    void set_frontend(CharFrontend* frontend) override;
    std::string description() const override { return far_end_.description(); }

private:
    std::size_t can_receive() const override;
    void receive(std::span<const u8> bytes) override;
    void writable() override;
    void break_received() override;

    Journal& journal_;
    unsigned port_;
    CharBackend& far_end_;
    CharFrontend* frontend_ = nullptr;
};

class RecordedInput final : public InputSink {
public:
    RecordedInput(Journal& journal, InputSink& devices) : journal_(journal), devices_(devices) {}
    void key(KeyCode code, bool down) override;
    bool key_room() const override { return devices_.key_room(); }
    void pointer(unsigned x, unsigned y, unsigned width, unsigned height, u8 buttons) override;
    void motion(s32 dx, s32 dy, u8 buttons) override;
    InputStatus status() const override { return devices_.status(); }
    void observe(InputObserver* observer) override { devices_.observe(observer); }

private:
    Journal& journal_;
    InputSink& devices_;
};

/// Of Kind::LineSettings and Kind::Pointer. On a screen without width x and y are a movement: two's
/// complement of 32 bits.
std::vector<u8> line_settings_content(const LineSettings& line);
std::vector<u8> pointer_content(unsigned x, unsigned y, unsigned width, unsigned height, u8 buttons);

} // namespace dm::replay
