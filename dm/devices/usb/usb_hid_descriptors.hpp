// Descriptors of the keyboard and the pointers (Universal Serial Bus Specification 1.1, 9.6; HID 1.11,
// section 6, appendices B and E).
#pragma once

#include "dm/devices/usb/usb.hpp"

namespace dm::usb_hid {

/// Indices of strings.
enum Text : u8 { kManufacturer = 1, kProduct, kSerial, kConfigurationName };

inline constexpr u8 kBootInterface = 1;
inline constexpr u8 kThreeButtons = 7; ///< left, right and middle in a report
enum BootProtocol : u8 { kNoBoot = 0, kBootKeyboard = 1, kBootMouse = 2 };

constexpr std::array<u8, 18> device_descriptor() {
    return {18,
            usb::kDevice,
            0x00,
            0x01, // USB 1.0
            0,
            0,
            0,
            8, // class of the interface; packets of 8 bytes
            0x27,
            0x06,
            0x01,
            0x00, // 0627:0001
            0x00,
            0x00,
            kManufacturer,
            kProduct,
            kSerial,
            1};
}

/// At high speed.
constexpr std::array<u8, 18> high_device_descriptor() {
    std::array<u8, 18> d = device_descriptor();
    d[3] = 0x02; // USB 2.0
    d[7] = 64;
    return d;
}

// For Windows, which lets an idle keyboard or pointer sleep only when it hears that it may (Microsoft OS 1.0
// Descriptors). It remembers a device's request by its ids: it is the one that QEMU's have.
inline constexpr std::string_view kOsString = "MSFT100Q";
inline constexpr u8 kOsRequest = 'Q';
enum OsDescriptor : u8 { kCompatibleIds = 4, kExtendedProperties = 5 };

/// No other driver than that of the class.
inline constexpr std::array<u8, 40> kOsCompatibleIds{40, 0, 0, 0, 0, 1, kCompatibleIds, 0, 1, 0, 0, 0,
                                                     0,  0, 0, 0, 0, 1};

/// One property, a number of 32 bits, which is 1.
constexpr std::array<u8, 76> os_properties() {
    constexpr std::string_view kName = "SelectiveSuspendEnabled";
    constexpr u8 kHeader = 10;
    constexpr u8 kNameBytes = 2 * (kName.size() + 1);
    constexpr u8 kNumber = 4; // REG_DWORD_LITTLE_ENDIAN, and its bytes
    std::array<u8, 76> d{76, 0, 0,       0, 0, 1, kExtendedProperties, 0, 1, 0, 76 - kHeader, 0,
                         0,  0, kNumber, 0, 0, 0, kNameBytes};
    std::size_t at = 2 * kHeader;
    for (std::size_t i = 0; i < kName.size(); ++i)
        d[at + 2 * i] = static_cast<u8>(kName[i]);
    at += kNameBytes;
    d[at] = kNumber;
    d[at + 4] = 1;
    return d;
}
inline constexpr auto kOsProperties = os_properties();

inline constexpr u8 kTenMilliseconds = 10;
// At high speed the interval is an exponent: 2^(n-1) microframes.
inline constexpr u8 kHighOneMillisecond = 4;
inline constexpr u8 kHighEightMilliseconds = 7;

/// One interface, one interrupt endpoint.
constexpr std::array<u8, 34> configuration_descriptor(BootProtocol boot, u8 report_length, u8 packet,
                                                      u8 interval = kTenMilliseconds) {
    const u8 subclass = boot == kNoBoot ? u8{0} : kBootInterface;
    return {9,
            usb::kConfiguration,
            34,
            0,
            1,
            1,
            kConfigurationName,
            0xa0,
            50, // wakes up; 100 mA
            9,
            usb::kInterface,
            0,
            0,
            1,
            3,
            subclass,
            boot,
            0, // HID
            9,
            0x21,
            0x01,
            0x00,
            0,
            1,
            0x22,
            report_length,
            0, //
            7,
            usb::kEndpoint,
            0x81,
            3,
            packet,
            0,
            interval};
}

inline constexpr std::array<u8, 74> kTabletReport{
    0x05, 0x01,       // Usage Page (Generic Desktop)
    0x09, 0x02,       // Usage (Mouse)
    0xa1, 0x01,       // Collection (Application)
    0x09, 0x01,       //   Usage (Pointer)
    0xa1, 0x00,       //   Collection (Physical)
    0x05, 0x09,       //     Usage Page (Button)
    0x19, 0x01,       //     Usage Minimum (1)
    0x29, 0x03,       //     Usage Maximum (3)
    0x15, 0x00,       //     Logical Minimum (0)
    0x25, 0x01,       //     Logical Maximum (1)
    0x95, 0x03,       //     Report Count (3)
    0x75, 0x01,       //     Report Size (1)
    0x81, 0x02,       //     Input (Data, Variable, Absolute)
    0x95, 0x01,       //     Report Count (1)
    0x75, 0x05,       //     Report Size (5)
    0x81, 0x01,       //     Input (Constant)
    0x05, 0x01,       //     Usage Page (Generic Desktop)
    0x09, 0x30,       //     Usage (X)
    0x09, 0x31,       //     Usage (Y)
    0x15, 0x00,       //     Logical Minimum (0)
    0x26, 0xff, 0x7f, //     Logical Maximum (32767)
    0x35, 0x00,       //     Physical Minimum (0)
    0x46, 0xff, 0x7f, //     Physical Maximum (32767)
    0x75, 0x10,       //     Report Size (16)
    0x95, 0x02,       //     Report Count (2)
    0x81, 0x02,       //     Input (Data, Variable, Absolute)
    0x05, 0x01,       //     Usage Page (Generic Desktop)
    0x09, 0x38,       //     Usage (Wheel)
    0x15, 0x81,       //     Logical Minimum (-127)
    0x25, 0x7f,       //     Logical Maximum (127)
    0x35, 0x00,       //     Physical Minimum (as logical)
    0x45, 0x00,       //     Physical Maximum (as logical)
    0x75, 0x08,       //     Report Size (8)
    0x95, 0x01,       //     Report Count (1)
    0x81, 0x06,       //     Input (Data, Variable, Relative)
    0xc0,             //   End Collection
    0xc0,             // End Collection
};

inline constexpr std::array<u8, 52> kMouseReport{
    0x05, 0x01, // Usage Page (Generic Desktop)
    0x09, 0x02, // Usage (Mouse)
    0xa1, 0x01, // Collection (Application)
    0x09, 0x01, //   Usage (Pointer)
    0xa1, 0x00, //   Collection (Physical)
    0x05, 0x09, //     Usage Page (Button)
    0x19, 0x01, //     Usage Minimum (1)
    0x29, 0x05, //     Usage Maximum (5)
    0x15, 0x00, //     Logical Minimum (0)
    0x25, 0x01, //     Logical Maximum (1)
    0x95, 0x05, //     Report Count (5)
    0x75, 0x01, //     Report Size (1)
    0x81, 0x02, //     Input (Data, Variable, Absolute)
    0x95, 0x01, //     Report Count (1)
    0x75, 0x03, //     Report Size (3)
    0x81, 0x01, //     Input (Constant)
    0x05, 0x01, //     Usage Page (Generic Desktop)
    0x09, 0x30, //     Usage (X)
    0x09, 0x31, //     Usage (Y)
    0x09, 0x38, //     Usage (Wheel)
    0x15, 0x81, //     Logical Minimum (-127)
    0x25, 0x7f, //     Logical Maximum (127)
    0x75, 0x08, //     Report Size (8)
    0x95, 0x03, //     Report Count (3)
    0x81, 0x06, //     Input (Data, Variable, Relative)
    0xc0,       //   End Collection
    0xc0,       // End Collection
};

inline constexpr std::array<u8, 63> kKeyboardReport{
    0x05, 0x01, // Usage Page (Generic Desktop)
    0x09, 0x06, // Usage (Keyboard)
    0xa1, 0x01, // Collection (Application)
    0x75, 0x01, //   Report Size (1)
    0x95, 0x08, //   Report Count (8)
    0x05, 0x07, //   Usage Page (Key Codes)
    0x19, 0xe0, //   Usage Minimum (224)
    0x29, 0xe7, //   Usage Maximum (231)
    0x15, 0x00, //   Logical Minimum (0)
    0x25, 0x01, //   Logical Maximum (1)
    0x81, 0x02, //   Input (Data, Variable, Absolute)
    0x95, 0x01, //   Report Count (1)
    0x75, 0x08, //   Report Size (8)
    0x81, 0x01, //   Input (Constant)
    0x95, 0x05, //   Report Count (5)
    0x75, 0x01, //   Report Size (1)
    0x05, 0x08, //   Usage Page (LEDs)
    0x19, 0x01, //   Usage Minimum (1)
    0x29, 0x05, //   Usage Maximum (5)
    0x91, 0x02, //   Output (Data, Variable, Absolute)
    0x95, 0x01, //   Report Count (1)
    0x75, 0x03, //   Report Size (3)
    0x91, 0x01, //   Output (Constant)
    0x95, 0x06, //   Report Count (6)
    0x75, 0x08, //   Report Size (8)
    0x15, 0x00, //   Logical Minimum (0)
    0x25, 0xff, //   Logical Maximum (255)
    0x05, 0x07, //   Usage Page (Key Codes)
    0x19, 0x00, //   Usage Minimum (0)
    0x29, 0xff, //   Usage Maximum (255)
    0x81, 0x00, //   Input (Data, Array)
    0xc0,       // End Collection
};

} // namespace dm::usb_hid
