// What the rigs of all network cards share: a cable, its other end, guest memory.
#pragma once

#include "tests/support/fake_net.hpp"
#include "tests/support/frames.hpp"
#include "tests/support/rig.hpp"

#include <algorithm>

namespace dm::test {

struct NetRig : Rig {
    static constexpr ethernet::Address kMac{0x00, 0x16, 0x3e,
                                            0x00, 0x00, 0x03}; ///< where make_frame() sends to

    using Rig::Rig;

    void quiesce() override { net.set_link(true); } // a reset does not plug the cable in
    void copy_surroundings(Rig& from) override {
        Rig::copy_surroundings(from);
        const auto& other = dynamic_cast<NetRig&>(from);
        net.waiting = other.net.waiting;
        net.link = other.net.link;
        net.later = other.net.later;
    }
    /// A frame from the host, of a length at some border; `border` is one more.
    void offer_some_frame(Rng& rng, std::size_t border) {
        const std::array<std::size_t, 10> sizes{0, 1, 13, 14, 59, 60, 1514, 1518, border, 9000};
        Bytes frame = make_frame(1460);
        frame.resize(sizes[rng.below(sizes.size())], 0x55);
        if (!frame.empty() && rng.one_in(2)) frame[0] = rng.one_in(2) ? 0xff : 1;
        if (net.waiting.size() < 64) net.offer(std::move(frame));
    }

    void put_bytes(u64 addr, std::span<const u8> bytes) {
        hypervisor.ram.view(addr, bytes.size()); // a fuzzer's memory is filled when it is first looked at
        std::ranges::copy(bytes, ram.begin() + static_cast<std::ptrdiff_t>(addr));
    }
    Bytes bytes_at(u64 addr, std::size_t length) const {
        const auto from = hypervisor.ram.ram.begin() + static_cast<std::ptrdiff_t>(addr);
        return {from, from + static_cast<std::ptrdiff_t>(length)};
    }

    FakeNet net;
};

} // namespace dm::test
