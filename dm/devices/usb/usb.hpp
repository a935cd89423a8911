// The vocabulary of the Universal Serial Bus (Universal Serial Bus Specification 2.0, chapters 5, 8 and 9):
// what a host controller and a device say to each other.
//
// A transaction is the unit: one token, at most one data packet, one handshake. All controllers are made of
// these, whatever their descriptors look like. What gets lost on a real wire does not get lost here, so data
// toggles are nobody's business but the drivers'.
#pragma once

#include "dm/core/types.hpp"

#include <array>
#include <span>
#include <string_view>

namespace dm::usb {

/// Token packets (8.3.1), with their check bits.
enum class Pid : u8 { Out = 0xe1, In = 0x69, Setup = 0x2d };

enum class Handshake : u8 {
    Ack,
    Nak,    ///< not now
    Stall,  ///< never, until the host does something about it
    None,   ///< nobody answers: the host sees a time-out
    Babble, ///< more came than the host had room for
};

struct Answer {
    Handshake handshake = Handshake::None;
    u32 length = 0; ///< bytes of an IN's data packet
    /// The host will soon have more for this device, or the device for the host: a controller that looks
    /// into memory only now and then looks often from here on.
    bool more = false;
};

inline constexpr u8 kMostAddress = 127;
inline constexpr unsigned kMostPacket = 1280; ///< what one UHCI transaction can carry; no endpoint has more

/// The data of a SETUP packet (9.3).
struct Setup {
    u8 type = 0;
    u8 request = 0;
    u16 value = 0;
    u16 index = 0;
    u16 length = 0;

    constexpr bool to_host() const { return (type & 0x80) != 0; }
    /// bmRequestType and bRequest as one number.
    constexpr u16 code() const { return static_cast<u16>(type << 8 | request); }
};

/// bmRequestType.
enum RequestType : u8 {
    kToDevice = 0x00,
    kToInterface = 0x01,
    kToEndpoint = 0x02,
    kToOther = 0x03, ///< a port of a hub
    kClass = 0x20,
    kVendor = 0x40,
    kToHost = 0x80,
};
/// Table 9-4.
enum Request : u8 {
    GET_STATUS = 0,
    CLEAR_FEATURE = 1,
    SET_FEATURE = 3,
    SET_ADDRESS = 5,
    GET_DESCRIPTOR = 6,
    SET_DESCRIPTOR = 7,
    GET_CONFIGURATION = 8,
    SET_CONFIGURATION = 9,
    GET_INTERFACE = 10,
    SET_INTERFACE = 11,
};
constexpr u16 request_code(unsigned type, u8 request) {
    return static_cast<u16>(type << 8 | request);
}

/// Tables 9-5 and 9-6.
enum DescriptorType : u8 {
    kDevice = 1,
    kConfiguration = 2,
    kString = 3,
    kInterface = 4,
    kEndpoint = 5,
    kDeviceQualifier = 6,
    kOtherSpeedConfiguration = 7,
};
/// The string by which Windows learns that a device has descriptors for it (Microsoft OS 1.0 Descriptors).
inline constexpr u8 kOsString = 0xee;
enum Feature : u8 { ENDPOINT_HALT = 0, DEVICE_REMOTE_WAKEUP = 1 };

/// Slower ones first.
enum class Speed : u8 { Full, High };

/// What a device says of itself.
struct Description {
    std::span<const u8> device;                ///< 18 bytes
    std::span<const u8> configuration;         ///< the only one, with its interfaces and endpoints
    std::span<const std::string_view> strings; ///< from index 1 on
    u16 in_endpoints = 0;                      ///< a bit for each, without endpoint 0
    u16 out_endpoints = 0;
    std::span<const u8> high_device{}; ///< the same at high speed; empty: full speed is all it can
    std::span<const u8> high_configuration{};
    std::string_view os_string{}; ///< of index kOsString; empty: none

    constexpr std::span<const u8> device_at(Speed speed) const {
        return speed == Speed::High ? high_device : device;
    }
    constexpr std::span<const u8> configuration_at(Speed speed) const {
        return speed == Speed::High ? high_configuration : configuration;
    }
    constexpr u8 serial_index() const { return device[16]; }
    constexpr u8 configuration_value() const { return configuration[5]; }
    constexpr bool self_powered() const { return (configuration[7] & 0x40) != 0; }
    constexpr bool can_wake() const { return (configuration[7] & 0x20) != 0; }
};

} // namespace dm::usb
