// A device of the host: the guest's transactions in front of it, and what the host answers behind it.
#include "dm/devices/usb/usb_host_device.hpp"
#include "tests/fuzz/guard.hpp"
#include "tests/fuzz/input.hpp"
#include "tests/fuzz/target.hpp"
#include "tests/support/fake_usb_link.hpp"
#include "tests/support/fakes.hpp"

namespace dm::fuzz {
namespace {

constexpr std::array<usb::Pid, 4> kPids{usb::Pid::In, usb::Pid::Out, usb::Pid::Setup, usb::Pid::In};

struct Bus final : UsbUpstream {
    explicit Bus(usb::Speed its) : its_speed(its) {}
    void device_ready(UsbDevice&) override {}
    bool listens_to(const UsbDevice&) const override { return true; }
    usb::Speed speed() const override { return its_speed; }
    usb::Speed its_speed;
};

/// Endpoints as the input says, with packets of any size.
void take_endpoints(test::FakeUsbHost& host, Input& input) {
    host.endpoints.clear();
    for (u8 count = input.byte() % 6; count > 0; --count)
        host.endpoints.push_back({input.byte(), static_cast<UsbHostKind>(input.byte() % 4),
                                  static_cast<u16>(input.number(2) & 0x7ff)});
}

void transact(UsbHostDevice& device, Input& input) {
    const u8 what = input.byte();
    const usb::Pid pid = kPids[what & 3];
    const auto length = static_cast<std::size_t>(input.number(2)) % (usb::kMostPacket + 1);
    std::vector<u8> bytes(pid == usb::Pid::Setup ? 8 : length, what);
    if (pid == usb::Pid::Setup) std::ranges::copy(input.take(8), bytes.begin());
    const auto wanted = static_cast<u32>(input.number(1)) * 512;
    if (device.works_ahead(pid, what >> 4) && (what >> 4) == 0) finding("endpoint 0 works ahead");
    const usb::Answer answer = device.transact(pid, what >> 4, bytes, wanted);
    if (answer.length > bytes.size()) finding("{} bytes in room for {}", answer.length, bytes.size());
}

void answer(test::FakeUsbHost& host, Input& input) {
    if (host.kept.empty()) return;
    const auto result = static_cast<UsbHostResult>(input.byte() % 4);
    const bool in = (host.kept.front().transfer.endpoint & 0x80) != 0 ||
                    (host.kept.front().transfer.setup[0] & 0x80) != 0;
    const u32 room = in ? host.kept.front().transfer.room : 0;
    std::vector<u8> data(std::min<u32>(static_cast<u32>(input.number(2)), room));
    std::ranges::copy(input.take(std::min<std::size_t>(data.size(), 32)), data.begin());
    host.answer(result, data);
}

void check(const test::FakeUsbHost& host) {
    std::array<unsigned, kUsbHostTags> flying{};
    for (const auto& kept : host.kept) {
        if (kept.transfer.tag >= flying.size()) finding("tag {}", kept.transfer.tag);
        if (++flying[kept.transfer.tag] > 1) finding("two transfers at once for tag {}", kept.transfer.tag);
        const std::size_t bytes = kept.transfer.room + kept.out.size();
        if (bytes > UsbHostDevice::kMostBytes) finding("a transfer of {} bytes", bytes);
    }
}

void run(const Target&, std::span<const u8> bytes) {
    Input input(bytes);
    const auto text = [] { return std::string_view("a transaction or an answer"); };
    test::FakeClock clock;
    TimerQueue timers(clock);
    test::FakeUsbHost host;
    const u8 kind = input.byte();
    host.identity.speed = static_cast<UsbHostSpeed>(kind & 3);
    host.identity.device[7] = input.byte();
    take_endpoints(host, input);
    Bus bus((kind & 4) != 0 ? usb::Speed::High : usb::Speed::Full);
    bool lost = false;
    UsbHostDevice device("usb-host/1", std::make_unique<test::FakeUsbLink>(host), timers,
                         [&] { lost = true; });
    device.plug_into(&bus);
    for (unsigned n = 0; n < 4096 && !input.empty() && !lost; ++n) {
        const Operating operating(text);
        switch (input.byte() % 8) {
        case 0: device.bus_reset(); break;
        case 1: take_endpoints(host, input); break;
        case 2: host.refuses = !host.refuses; break;
        case 3: clock.now += kSecond; break;
        case 4: answer(host, input); break;
        default: transact(device, input); break;
        }
        host.calls.clear();
        check(host);
    }
    if (!lost && host.user != nullptr) host.user->gone();
    device.plug_into(nullptr);
}

const Registered usb_host{{"usb-host", run}};

} // namespace
} // namespace dm::fuzz
