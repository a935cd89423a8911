// A USB device of the host as a test plays it: transfers are kept until the test answers them.
#pragma once

#include "dm/core/usb_host.hpp"

#include <deque>
#include <fmt/format.h>

namespace dm::test {

/// What outlives the link, which the device under test owns.
struct FakeUsbHost {
    struct Kept {
        UsbHostTransfer transfer;
        std::vector<u8> out;
    };
    UsbHostIdentity identity{.text = "1.5 (1234:5678)",
                             .speed = UsbHostSpeed::High,
                             .device = {18, 1, 0, 2, 0, 0, 0, 64, 0x34, 0x12, 0x78, 0x56, 0, 1, 1, 2, 3, 1}};
    std::vector<UsbHostEndpoint> endpoints{{0x81, UsbHostKind::Bulk, 512},
                                           {0x02, UsbHostKind::Bulk, 512},
                                           {0x83, UsbHostKind::Interrupt, 8},
                                           {0x04, UsbHostKind::Interrupt, 16}};
    std::deque<Kept> kept;          ///< submitted, and not answered or cancelled
    std::vector<std::string> calls; ///< "configuration 1", "cancel 17"
    UsbHostUser* user = nullptr;
    bool refuses = false; ///< whatever is asked
    bool there = true;    ///< the link is

    /// The answer to the transfer that has waited longest.
    void answer(UsbHostResult result = UsbHostResult::Done, const std::vector<u8>& data = {}) {
        const u8 tag = kept.front().transfer.tag;
        kept.pop_front();
        if (user != nullptr) user->transferred(tag, result, data);
    }
};

class FakeUsbLink final : public UsbHostLink {
public:
    explicit FakeUsbLink(FakeUsbHost& host) : host_(host) {}
    ~FakeUsbLink() override { host_.there = false; }
    const UsbHostIdentity& identity() const override { return host_.identity; }
    void set_user(UsbHostUser* user) override { host_.user = user; }
    std::vector<UsbHostEndpoint> endpoints() override { return host_.endpoints; }
    bool submit(const UsbHostTransfer& transfer) override {
        if (host_.refuses) return false;
        host_.kept.push_back({transfer, {transfer.out.begin(), transfer.out.end()}});
        return true;
    }
    void cancel(u8 tag) override {
        host_.calls.push_back(fmt::format("cancel {}", tag));
        std::erase_if(host_.kept, [&](const auto& k) { return k.transfer.tag == tag; });
    }
    bool set_configuration(u8 value) override { return call(fmt::format("configuration {}", value)); }
    bool set_interface(u8 number, u8 alternate) override {
        return call(fmt::format("interface {} {}", number, alternate));
    }
    bool clear_halt(u8 endpoint) override { return call(fmt::format("clear halt {:02x}", endpoint)); }
    void reset() override { call("reset"); }

private:
    bool call(std::string what) {
        host_.calls.push_back(std::move(what));
        return !host_.refuses;
    }
    FakeUsbHost& host_;
};

} // namespace dm::test
