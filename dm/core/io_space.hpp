// Address spaces of I/O ports and of memory-mapped registers: who answers where.
//
// Widths belong here, not to the chips: an access wider than a handler takes is split, an access that
// straddles two handlers is done byte by byte, and where nobody answers reads give ones and writes vanish.
#pragma once

#include "dm/core/log.hpp"
#include "dm/core/types.hpp"

#include <memory>
#include <optional>
#include <span>
#include <string>
#include <vector>

namespace dm {

/// A block of registers (or of memory) that sees offsets, never addresses. Sizes are 1, 2, 4 or 8 and never
/// above the width it was mapped with. Values above `size` bytes are zero on writes and ignored on reads.
class IoHandler {
public:
    virtual ~IoHandler() = default;
    virtual u64 read(u64 offset, unsigned size) = 0;
    virtual void write(u64 offset, unsigned size, u64 value) = 0;

    /// String instruction on one port (rep ins/outs): elements of `size` bytes, in order, all at `offset`.
    /// `bytes` is a whole number of elements and may be guest RAM. The default goes element by element.
    virtual void read_string(u64 offset, unsigned size, std::span<u8> bytes);
    virtual void write_string(u64 offset, unsigned size, std::span<const u8> bytes);

    /// Consecutive addresses (rep movs/stos on MMIO), ascending. The default goes element by element.
    virtual void read_span(u64 offset, unsigned size, std::span<u8> bytes);
    virtual void write_span(u64 offset, unsigned size, std::span<const u8> bytes);
};

/// Told which addresses the space answers, so that the hypervisor sends us just those. Inclusive, in bytes.
class RangeSink {
public:
    virtual ~RangeSink() = default;
    virtual void add_range(u64 first, u64 last) = 0;
    virtual void remove_range(u64 first, u64 last) = 0;
};

class IoSpace;

/// What is answered at some addresses of a space.
struct IoMapping {
    u64 base = 0;
    u64 length = 0;         ///< bytes, at least 1
    unsigned max_width = 4; ///< widest access that the handler takes: 1, 2, 4 or 8
    u64 first_offset = 0;   ///< offset that the handler sees at `base`
    bool routed = true;     ///< false: known here, but the hypervisor is not asked for it
};

/// A mapping, or the place for one; gone with this object. The space outlives its windows.
class IoWindow {
public:
    IoWindow() = default;
    IoWindow(IoWindow&& other) noexcept : space_(other.space_), id_(other.id_) { other.space_ = nullptr; }
    IoWindow& operator=(IoWindow&& other) noexcept;
    ~IoWindow() { unmap(); }

    /// Answers there instead of where it answered before. Of a window that IoSpace gave.
    void map(const IoMapping& mapping, IoHandler& handler);
    void unmap();

private:
    friend class IoSpace;
    IoWindow(IoSpace& space, u64 id) : space_(&space), id_(id) {}
    IoSpace* space_ = nullptr;
    u64 id_ = 0;
};

class IoSpace {
public:
    /// `last`: the highest address of the space.
    IoSpace(std::string_view name, u64 last) : log_(name), last_(last) {}

    /// A window that stays where it is. Where windows overlap, the one that was made first answers. Parts
    /// beyond the space's end answer nowhere.
    [[nodiscard]] IoWindow map(const IoMapping& mapping, IoHandler& handler);
    /// One that the guest moves; it answers nowhere yet, and where it overlaps one that stays, that one
    /// answers. So who answers depends on where the windows are, not on how they came there: a restored
    /// machine is mapped in another order.
    [[nodiscard]] IoWindow movable();

    /// The listener hears at once of all that is mapped already. At most one.
    void set_range_sink(RangeSink* sink);

    u64 read(u64 addr, unsigned size);
    void write(u64 addr, unsigned size, u64 value);
    void read_string(u64 addr, unsigned size, std::span<u8> bytes);
    void write_string(u64 addr, unsigned size, std::span<const u8> bytes);
    void read_span(u64 addr, unsigned size, std::span<u8> bytes);
    void write_span(u64 addr, unsigned size, std::span<const u8> bytes);

    /// True when somebody answers every byte of the access.
    bool answers(u64 addr, u64 length) const;

private:
    friend class IoWindow;
    struct Window {
        u64 id;
        IoMapping mapping;
        IoHandler* handler;
    };
    struct Piece { // of the flattened map: sorted, disjoint
        u64 first;
        u64 last;
        u64 base_offset; ///< what the handler sees at `first`
        unsigned max_width;
        IoHandler* handler;
    };
    struct Range {
        u64 first;
        u64 last;
        bool operator==(const Range&) const = default;
    };

    void map(u64 id, const IoMapping& mapping, IoHandler& handler);
    void unmap(u64 id);
    void rebuild();
    std::vector<Piece> flatten() const;
    static std::vector<Range> merge(std::vector<Range> ranges);
    static std::vector<Range> subtract(const std::vector<Range>& from, const std::vector<Range>& what);
    const Piece* piece_at(u64 addr) const;
    const Piece* whole_piece(u64 addr, u64 length) const;

    Log log_;
    u64 last_;
    u64 next_id_ = 1;
    u64 next_movable_ = u64{1} << 32;
    std::vector<Window> windows_; ///< by their ids
    std::vector<Piece> pieces_;
    std::vector<Range> routed_;
    RangeSink* sink_ = nullptr;
};

} // namespace dm
