// Am79C970A: resets, initialization, start and stop.
#include "dm/devices/net/pcnet.hpp"

#include <numeric>

namespace dm {

using namespace pcnet;

namespace {

// Places in the address PROM (datasheet, "Address PROM Space").
constexpr std::size_t kHardwareId = 9;
constexpr std::size_t kChecksum = 12; // of all bytes but itself
constexpr std::size_t kSignature = 14;

} // namespace

void Pcnet::load_prom() {
    s_.prom = {};
    std::ranges::copy(mac(), s_.prom.begin());
    s_.prom[kHardwareId] = 0x11; // these two are what AMD's drivers look for
    s_.prom[kSignature] = s_.prom[kSignature + 1] = 'W';
    const u16 sum = std::accumulate(s_.prom.begin(), s_.prom.end(), u16{0});
    s_.prom[kChecksum] = byte_of(sum, 0);
    s_.prom[kChecksum + 1] = byte_of(sum, 1);
    for (unsigned i = 0; i < 3; ++i)
        s_.csr[PADR + i] = static_cast<u16>(s_.prom[i * 2] | s_.prom[i * 2 + 1] << 8);
}

/// A read of the RESET port. Bus configuration and the places of rings and block that the guest wrote stay.
void Pcnet::soft_reset() {
    const State before = s_;
    stop();
    s_.rap = 0;
    s_.bcr[BSBC] = static_cast<u16>(s_.bcr[BSBC] & ~kDwio);
    for (const Csr csr :
         {STATUS, MASKS, TEST, EXTENDED, LENGTHS, DMATCFW, MERRTO, MFC, BADRL, BADRH, BADXL, BADXH})
        s_.csr[csr] = kCsrsAtReset[csr];
    for (unsigned i = 0; i < 4; ++i)
        s_.csr[LADRF + i] = 0;
    for (unsigned i = 0; i < 3; ++i)
        s_.csr[PADR + i] = static_cast<u16>(before.prom[i * 2] | before.prom[i * 2 + 1] << 8);
    s_.csr[MODE] = before.csr[MODE] & kModeThroughReset;
    s_.rx = {};
    s_.tx = {};
    s_.poll_backoff = 0;
}

/// STOP is stronger than what is set with it.
void Pcnet::write_status(u16 value) {
    const Bits<Csr0> written{value};
    status() = static_cast<u16>(status() & ~(value & kCsr0Causes));
    clear(Csr0::IENA);
    if (written.has(Csr0::IENA)) set(Csr0::IENA);
    if (written.has(Csr0::STOP)) return stop();
    if (written.has(Csr0::INIT) && !has(Csr0::INIT)) {
        set(Csr0::INIT);
        clear(Csr0::STOP);
        initialize();
        if (has(Csr0::STOP)) return; // nobody answered
    }
    if (written.has(Csr0::STRT) && !has(Csr0::STRT)) {
        set(Csr0::STRT);
        clear(Csr0::STOP);
        if (!s_.init_waits) start();
    }
    if (written.has(Csr0::TDMD)) demand_transmission();
}

/// Without bus mastering it waits.
void Pcnet::initialize() {
    s_.init_waits = !works();
    if (s_.init_waits) return;
    const std::optional<InitBlock> block = read_init_block(memory_, csr_pair(IADRL), style(), high());
    if (!block) return system_error();
    s_.csr[LENGTHS] = static_cast<u16>(block->tlen << 12 | block->rlen << 8);
    s_.csr[MODE] = block->mode;
    std::ranges::copy(block->ladrf, s_.csr.begin() + LADRF);
    std::ranges::copy(block->padr, s_.csr.begin() + PADR);
    s_.csr[BADRL] = static_cast<u16>(block->rdra);
    s_.csr[BADRH] = static_cast<u16>(block->rdra >> 16);
    s_.csr[BADXL] = static_cast<u16>(block->tdra);
    s_.csr[BADXH] = static_cast<u16>(block->tdra >> 16);
    s_.rx = {.length = ring_length(block->rlen)};
    s_.tx = {.length = ring_length(block->tlen)};
    set(Csr0::IDON);
    if (has(Csr0::STRT)) start();
}

void Pcnet::start() {
    if (!has(Mode::DTX)) set(Csr0::TXON);
    if (!has(Mode::DRX)) set(Csr0::RXON);
    s_.poll_backoff = 0;
    s_.poll_at.reset();
    s_.waiting.dropping = false;
    go_on_sending();
    stop_waiting();
}

void Pcnet::stop() {
    status() = static_cast<u16>(Csr0::STOP);
    s_.csr[TEST] = static_cast<u16>(s_.csr[TEST] & ~kCsr4Stopped);
    s_.csr[EXTENDED] = static_cast<u16>(s_.csr[EXTENDED] & ~kCsr5Stopped);
    s_.init_waits = false;
    s_.send_on_at.reset();
    stop_waiting();
}

/// Nobody answered where a ring or the initialization block should be: a master abort.
void Pcnet::system_error() {
    stop();
    s_.csr[EXTENDED] = static_cast<u16>(s_.csr[EXTENDED] | static_cast<u16>(Csr5::SINT));
}

/// A demand that comes while the card is suspended is served afterwards.
void Pcnet::demand_transmission() {
    if (!has(Csr0::TXON)) return;
    set(Csr0::TDMD);
    go_on_sending();
}

void Pcnet::go_on_sending() {
    if (!sends() || (!has(Csr0::TDMD) && !polls())) return;
    clear(Csr0::TDMD);
    transmit();
}

} // namespace dm
