#include "dm/devices/net/net_card.hpp"

namespace dm {
namespace {

constexpr u16 kEthernetHardware = 1;
constexpr u16 kReverseRequest = 3;
// Places in the frame.
constexpr std::size_t kSource = 6;
constexpr std::size_t kHardwareType = ethernet::kHeader;
constexpr std::size_t kProtocolType = kHardwareType + 2;
constexpr std::size_t kHardwareLength = kHardwareType + 4;
constexpr std::size_t kProtocolLength = kHardwareType + 5;
constexpr std::size_t kOperation = kHardwareType + 6;
constexpr std::size_t kSender = kHardwareType + 8; // its IP address behind it is not known here
constexpr std::size_t kTarget = kHardwareType + 18;

} // namespace

/// RARP (RFC 903), which nobody answers: the card asks for the IP address of its own one.
void NetCard::announce() {
    const ethernet::Address own = address();
    if (unplugged() || ethernet::is_multicast(own) || own == ethernet::Address{}) return;
    std::array<u8, ethernet::kLeast> frame{};
    std::fill_n(frame.begin(), own.size(), u8{0xff});
    for (const std::size_t place : {kSource, kSender, kTarget})
        std::ranges::copy(own, frame.begin() + place);
    ethernet::set_be16(frame, ethernet::kAddresses, ethernet::RARP);
    ethernet::set_be16(frame, kHardwareType, kEthernetHardware);
    ethernet::set_be16(frame, kProtocolType, ethernet::IPV4);
    frame[kHardwareLength] = static_cast<u8>(own.size());
    frame[kProtocolLength] = 4;
    ethernet::set_be16(frame, kOperation, kReverseRequest);
    const iovec piece{frame.data(), frame.size()};
    static_cast<void>(send({&piece, 1}, {})); // a full queue has other news of this card
}

} // namespace dm
