// RTL8029AS: the remote DMA, which the guest moves by reading or writing its port.
#include "dm/devices/net/ne2k_pci.hpp"

#include <algorithm>

namespace dm {

using namespace ne2k_pci;

namespace {

constexpr u8 page_of(u16 at) {
    return static_cast<u8>(at / kPageBytes);
}

} // namespace

/// Empty: there is no memory.
std::span<u8> Ne2kPci::page(u8 number) {
    if ((number & kRamPage) == 0) return {};
    return std::span(s_.ram).subspan((number & (kRamPage - 1U)) * std::size_t{kPageBytes}, kPageBytes);
}

u8 Ne2kPci::peek(u16 at) const {
    if ((page_of(at) & kRamPage) != 0) return s_.ram[at % kRamBytes];
    const unsigned in_prom = at % kRamBytes;
    return in_prom < prom_.size() ? prom_[in_prom] : u8{0xff};
}

/// Where the DMA is after so many bytes, at most a page of them: where the ring stops it begins anew.
u16 Ne2kPci::behind(u16 at, unsigned bytes) const {
    const auto next = static_cast<u16>(at + bytes);
    if (page_of(next) == page_of(at) || page_of(next) != s_.pstop) return next;
    return static_cast<u16>(s_.pstart * kPageBytes + next % kPageBytes);
}

/// Bytes that one access moves. In word mode a byte is the lower half of a word.
unsigned Ne2kPci::unit(unsigned size) const {
    return size == 1 && s_.dcr.has(Dcr::WTS) ? 2 : size;
}

/// In word mode A0 counts for nothing.
u64 Ne2kPci::read_data(unsigned size) {
    const unsigned bytes = unit(size);
    const u16 odd = s_.dcr.has(Dcr::WTS) ? s_.crda & 1U : 0U;
    auto at = static_cast<u16>(s_.crda - odd);
    u64 value = 0;
    for (unsigned i = 0; i < bytes; ++i) {
        value |= u64{peek(at)} << (i * 8);
        at = behind(at, 1);
    }
    s_.crda = at | odd;
    moved(bytes);
    return value & ones(size);
}

/// What is written behind the end of a transfer is lost.
void Ne2kPci::write_data(unsigned size, u64 value) {
    if (s_.rbcr == 0) return;
    const unsigned bytes = unit(size);
    const u16 odd = s_.dcr.has(Dcr::WTS) ? s_.crda & 1U : 0U;
    auto at = static_cast<u16>(s_.crda - odd);
    for (unsigned i = 0; i < bytes; ++i) {
        if ((page_of(at) & kRamPage) != 0) s_.ram[at % kRamBytes] = byte_of(value, i);
        at = behind(at, 1);
    }
    s_.crda = at | odd;
    moved(bytes);
}

void Ne2kPci::moved(std::size_t bytes) {
    if (s_.rbcr > bytes) {
        s_.rbcr = static_cast<u16>(s_.rbcr - bytes);
        return;
    }
    s_.rbcr = 0;
    s_.isr.set(Isr::RDC);
    if (!s_.send_packet) return;
    s_.send_packet = false;
    s_.bnry = s_.send_packet_next;
    room_may_be_there();
}

void Ne2kPci::start_remote_dma() {
    s_.send_packet = false;
    const bool reads = s_.cr.has(Cr::RD0);
    const bool writes = s_.cr.has(Cr::RD1);
    if (s_.cr.has(Cr::RD2) || (!reads && !writes)) return;
    if (reads && writes && s_.dcr.has(Dcr::ARM)) start_send_packet();
    if (s_.rbcr == 0) moved(0);
}

/// DP8390D, 9.0: the frame at BNRY, as long as its header says, which also tells where BNRY goes.
void Ne2kPci::start_send_packet() {
    s_.crda = static_cast<u16>(s_.bnry * kPageBytes);
    s_.send_packet_next = peek(s_.crda + 1);
    s_.rbcr = static_cast<u16>(peek(s_.crda + 2) | peek(s_.crda + 3) << 8);
    s_.send_packet = true;
}

/// Whether a string instruction's elements lie one behind the other in the memory.
bool Ne2kPci::straight(u64 offset, unsigned size) const {
    return offset >= kDataPort && offset < kResetPort && unit(size) == size &&
           (!s_.dcr.has(Dcr::WTS) || s_.crda % 2 == 0);
}

/// Bytes up to the end of the page, in whole elements; 0: the next element goes across.
std::size_t Ne2kPci::piece(unsigned size, std::size_t most) const {
    const std::size_t here = std::min<std::size_t>(most, kPageBytes - s_.crda % kPageBytes);
    return here - here % size;
}

void Ne2kPci::read_pieces(unsigned size, std::span<u8> bytes) {
    while (bytes.size() >= size) {
        const std::size_t here = piece(size, bytes.size());
        const std::span<const u8> from = page(page_of(s_.crda));
        if (here == 0 || from.empty()) {
            const u64 value = read_data(size);
            for (unsigned i = 0; i < size; ++i)
                bytes[i] = byte_of(value, i);
            bytes = bytes.subspan(size);
            continue;
        }
        std::ranges::copy(from.subspan(s_.crda % kPageBytes, here), bytes.begin());
        s_.crda = behind(s_.crda, static_cast<unsigned>(here));
        moved(here);
        bytes = bytes.subspan(here);
    }
}

void Ne2kPci::write_pieces(unsigned size, std::span<const u8> bytes) {
    while (bytes.size() >= size && s_.rbcr != 0) {
        const std::size_t left = (s_.rbcr + size - 1) / size * std::size_t{size};
        const std::size_t here = piece(size, std::min(bytes.size(), left));
        const std::span<u8> to = page(page_of(s_.crda));
        if (here == 0 || to.empty()) {
            u64 value = 0;
            for (unsigned i = 0; i < size; ++i)
                value |= u64{bytes[i]} << (i * 8);
            write_data(size, value);
            bytes = bytes.subspan(size);
            continue;
        }
        std::ranges::copy(bytes.first(here), to.begin() + s_.crda % kPageBytes);
        s_.crda = behind(s_.crda, static_cast<unsigned>(here));
        moved(here);
        bytes = bytes.subspan(here);
    }
}

void Ne2kPci::Registers::read_string(u64 offset, unsigned size, std::span<u8> bytes) {
    if (!card.straight(offset, size)) return IoHandler::read_string(offset, size, bytes);
    card.read_pieces(size, bytes);
    card.derive();
}

void Ne2kPci::Registers::write_string(u64 offset, unsigned size, std::span<const u8> bytes) {
    if (!card.straight(offset, size)) return IoHandler::write_string(offset, size, bytes);
    card.write_pieces(size, bytes);
    card.derive();
}

} // namespace dm
