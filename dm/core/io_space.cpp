#include "dm/core/io_space.hpp"

#include "dm/core/bits.hpp"
#include "dm/core/check.hpp"

#include <algorithm>
#include <cstring>
#include <utility>

namespace dm {
namespace {

u64 load(std::span<const u8> element) {
    u64 value = 0;
    for (std::size_t i = 0; i < element.size(); ++i)
        value |= u64{element[i]} << (i * 8);
    return value;
}

void store(std::span<u8> element, u64 value) {
    for (std::size_t i = 0; i < element.size(); ++i)
        element[i] = byte_of(value, static_cast<unsigned>(i));
}

} // namespace

void IoHandler::read_string(u64 offset, unsigned size, std::span<u8> bytes) {
    for (; bytes.size() >= size; bytes = bytes.subspan(size))
        store(bytes.first(size), read(offset, size));
}

void IoHandler::write_string(u64 offset, unsigned size, std::span<const u8> bytes) {
    for (; bytes.size() >= size; bytes = bytes.subspan(size))
        write(offset, size, load(bytes.first(size)));
}

void IoHandler::read_span(u64 offset, unsigned size, std::span<u8> bytes) {
    for (; bytes.size() >= size; bytes = bytes.subspan(size), offset += size)
        store(bytes.first(size), read(offset, size));
}

void IoHandler::write_span(u64 offset, unsigned size, std::span<const u8> bytes) {
    for (; bytes.size() >= size; bytes = bytes.subspan(size), offset += size)
        write(offset, size, load(bytes.first(size)));
}

IoWindow& IoWindow::operator=(IoWindow&& other) noexcept {
    if (this != &other) {
        unmap();
        space_ = other.space_;
        id_ = other.id_;
        other.space_ = nullptr;
    }
    return *this;
}

void IoWindow::map(const IoMapping& mapping, IoHandler& handler) {
    DM_CHECK(space_ != nullptr);
    space_->map(id_, mapping, handler);
}

void IoWindow::unmap() {
    if (space_ != nullptr) space_->unmap(id_);
}

IoWindow IoSpace::map(const IoMapping& mapping, IoHandler& handler) {
    const u64 id = next_id_++;
    map(id, mapping, handler);
    return IoWindow{*this, id};
}

IoWindow IoSpace::movable() {
    return IoWindow{*this, next_movable_++};
}

void IoSpace::map(u64 id, const IoMapping& mapping, IoHandler& handler) {
    DM_CHECK(mapping.length > 0);
    std::erase_if(windows_, [id](const Window& w) { return w.id == id; });
    const auto behind =
        std::find_if(windows_.begin(), windows_.end(), [id](const Window& w) { return w.id > id; });
    windows_.insert(behind, {id, mapping, &handler});
    rebuild();
}

void IoSpace::unmap(u64 id) {
    if (std::erase_if(windows_, [id](const Window& w) { return w.id == id; }) != 0) rebuild();
}

void IoSpace::set_range_sink(RangeSink* sink) {
    sink_ = sink;
    if (sink_ == nullptr) return;
    for (const Range& range : routed_)
        sink_->add_range(range.first, range.last);
}

std::vector<IoSpace::Range> IoSpace::merge(std::vector<Range> ranges) {
    std::sort(ranges.begin(), ranges.end(), [](const Range& a, const Range& b) { return a.first < b.first; });
    std::vector<Range> merged;
    for (const Range& range : ranges) {
        if (!merged.empty() && (merged.back().last == ~u64{0} || range.first <= merged.back().last + 1))
            merged.back().last = std::max(merged.back().last, range.last);
        else
            merged.push_back(range);
    }
    return merged;
}

std::vector<IoSpace::Range> IoSpace::subtract(const std::vector<Range>& from,
                                              const std::vector<Range>& what) {
    std::vector<Range> left;
    for (Range range : from) {
        bool gone = false;
        for (const Range& cut : what) {
            if (cut.last < range.first || cut.first > range.last) continue;
            if (cut.first > range.first) left.push_back({range.first, cut.first - 1});
            if (cut.last >= range.last) {
                gone = true;
                break;
            }
            range.first = cut.last + 1;
        }
        if (!gone) left.push_back(range);
    }
    return left;
}

std::vector<IoSpace::Piece> IoSpace::flatten() const {
    std::vector<Piece> pieces;
    std::vector<Range> taken;
    for (const Window& w : windows_) {
        const IoMapping& m = w.mapping;
        if (m.base > last_) continue;
        const u64 end = m.length - 1 > last_ - m.base ? last_ : m.base + m.length - 1;
        for (const Range& free : subtract({{m.base, end}}, taken))
            pieces.push_back(
                {free.first, free.last, m.first_offset + (free.first - m.base), m.max_width, w.handler});
        taken.push_back({m.base, end});
        taken = merge(std::move(taken));
    }
    std::sort(pieces.begin(), pieces.end(), [](const Piece& a, const Piece& b) { return a.first < b.first; });
    return pieces;
}

void IoSpace::rebuild() {
    pieces_ = flatten();
    std::vector<Range> wanted;
    for (const Window& w : windows_) {
        const IoMapping& m = w.mapping;
        if (!m.routed || m.base > last_) continue;
        wanted.push_back({m.base, m.length - 1 > last_ - m.base ? last_ : m.base + m.length - 1});
    }
    wanted = merge(std::move(wanted));
    const std::vector<Range> before = std::exchange(routed_, wanted);
    if (sink_ == nullptr) return;
    for (const Range& gone : subtract(before, wanted))
        sink_->remove_range(gone.first, gone.last);
    for (const Range& added : subtract(wanted, before))
        sink_->add_range(added.first, added.last);
}

const IoSpace::Piece* IoSpace::piece_at(u64 addr) const {
    const auto after = std::upper_bound(pieces_.begin(), pieces_.end(), addr,
                                        [](u64 a, const Piece& piece) { return a < piece.first; });
    if (after == pieces_.begin()) return nullptr;
    const Piece& piece = *std::prev(after);
    return addr <= piece.last ? &piece : nullptr;
}

const IoSpace::Piece* IoSpace::whole_piece(u64 addr, u64 length) const {
    const Piece* piece = piece_at(addr);
    return piece != nullptr && length - 1 <= piece->last - addr ? piece : nullptr;
}

bool IoSpace::answers(u64 addr, u64 length) const {
    while (length > 0) {
        const Piece* piece = piece_at(addr);
        if (piece == nullptr) return false;
        const u64 here = piece->last - addr + 1;
        if (here >= length) return true;
        addr += here;
        length -= here;
    }
    return true;
}

u64 IoSpace::read(u64 addr, unsigned size) {
    if (const Piece* piece = whole_piece(addr, size)) {
        const u64 offset = piece->base_offset + (addr - piece->first);
        if (size <= piece->max_width) return piece->handler->read(offset, size) & ones(size);
        // The handler may move its own window while it answers: nothing of `piece` is used after the first
        // call.
        const unsigned width = piece->max_width;
        u64 value = 0;
        for (unsigned i = 0; i < size; i += width)
            value |= read(addr + i, width) << (i * 8);
        return value;
    }
    if (size == 1) {
        log_.debug("read of {:#x}, where nothing is", addr);
        return ones(1);
    }
    u64 value = 0;
    for (unsigned i = 0; i < size; ++i)
        value |= read(addr + i, 1) << (i * 8);
    return value;
}

void IoSpace::write(u64 addr, unsigned size, u64 value) {
    value &= ones(size);
    if (const Piece* piece = whole_piece(addr, size)) {
        const u64 offset = piece->base_offset + (addr - piece->first);
        if (size <= piece->max_width) {
            piece->handler->write(offset, size, value);
            return;
        }
        const unsigned width = piece->max_width;
        for (unsigned i = 0; i < size; i += width)
            write(addr + i, width, value >> (i * 8));
        return;
    }
    if (size == 1) {
        log_.debug("write of {:#x} to {:#x}, where nothing is", value, addr);
        return;
    }
    for (unsigned i = 0; i < size; ++i)
        write(addr + i, 1, value >> (i * 8));
}

void IoSpace::read_string(u64 addr, unsigned size, std::span<u8> bytes) {
    const Piece* piece = whole_piece(addr, size);
    if (piece != nullptr && size <= piece->max_width) {
        piece->handler->read_string(piece->base_offset + (addr - piece->first), size, bytes);
        return;
    }
    for (; bytes.size() >= size; bytes = bytes.subspan(size))
        store(bytes.first(size), read(addr, size));
}

void IoSpace::write_string(u64 addr, unsigned size, std::span<const u8> bytes) {
    const Piece* piece = whole_piece(addr, size);
    if (piece != nullptr && size <= piece->max_width) {
        piece->handler->write_string(piece->base_offset + (addr - piece->first), size, bytes);
        return;
    }
    for (; bytes.size() >= size; bytes = bytes.subspan(size))
        write(addr, size, load(bytes.first(size)));
}

void IoSpace::read_span(u64 addr, unsigned size, std::span<u8> bytes) {
    const Piece* piece = whole_piece(addr, bytes.size());
    if (piece != nullptr && size <= piece->max_width) {
        piece->handler->read_span(piece->base_offset + (addr - piece->first), size, bytes);
        return;
    }
    for (; bytes.size() >= size; bytes = bytes.subspan(size), addr += size)
        store(bytes.first(size), read(addr, size));
}

void IoSpace::write_span(u64 addr, unsigned size, std::span<const u8> bytes) {
    const Piece* piece = whole_piece(addr, bytes.size());
    if (piece != nullptr && size <= piece->max_width) {
        piece->handler->write_span(piece->base_offset + (addr - piece->first), size, bytes);
        return;
    }
    for (; bytes.size() >= size; bytes = bytes.subspan(size), addr += size)
        write(addr, size, load(bytes.first(size)));
}

} // namespace dm
