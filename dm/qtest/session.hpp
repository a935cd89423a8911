// The test protocol of QEMU (docs/devel/qtest.rst there): a line is a command, and each gets one line of
// reply. "IRQ raise N" and "IRQ lower N" may stand before a reply or come by themselves.
//
// Whatever a line says, the answer is a line: FAIL and the reason where a command is unknown or makes no
// sense.
#pragma once

#include "dm/qtest/bus.hpp"
#include "dm/qtest/irq_router.hpp"
#include "dm/qtest/text.hpp"
#include "dm/qtest/virtual_time.hpp"

#include <functional>
#include <string>

namespace dm::qtest {

class Session {
public:
    /// `write` takes its bytes in hexadecimal: a line holds twice as many, and the words before them.
    static constexpr u64 kMostBytes = u64{16} << 20;
    static constexpr std::size_t kLongestLine = 2 * kMostBytes + 128;
    /// memset carries no bytes.
    static constexpr u64 kMostFill = u64{1} << 32;

    Session(Bus& bus, VirtualTime& time, IrqRouter& irqs) : bus_(bus), time_(time), irqs_(irqs) {}
    ~Session() { irqs_.set_listener({}); }
    Session(const Session&) = delete;
    Session& operator=(const Session&) = delete;

    void execute(std::string_view line);
    void refuse_long_line() { fail_with("line is too long"); }

    /// What is to be sent; the owner takes it away.
    std::string& output() { return output_; }
    /// Called when an interrupt line changes while no command is executed.
    void set_on_event(std::function<void()> hook) { on_event_ = std::move(hook); }

private:
    struct Command;
    static const Command* find(std::string_view name);

    // Each appends the reply. `argument` is the command's own: an access size, a direction.
    using Handler = void(const Words& words, unsigned argument);
    Handler in, out, read_value, write_value, read_bytes, write_bytes, read_base64, write_base64, fill;
    Handler clock_step, clock_set, intercept, refuse_intercept, set_irq, endianness, refuse_module;

    struct Range {
        GuestPhys addr;
        u64 length;
    };
    /// Words 1 and 2. Nothing, and FAIL was said: no numbers, more than `most` bytes, or past the last
    /// address.
    std::optional<Range> range_in(const Words& words, u64 most);
    std::optional<u16> port_in(const Words& words);

    void ok() { output_ += "OK\n"; }
    template <class... A> void ok_with(fmt::format_string<A...> format, A&&... args) {
        output_ += "OK ";
        fmt::format_to(std::back_inserter(output_), format, std::forward<A>(args)...);
        output_ += '\n';
    }
    template <class... A> void fail_with(fmt::format_string<A...> format, A&&... args) {
        output_ += "FAIL ";
        fmt::format_to(std::back_inserter(output_), format, std::forward<A>(args)...);
        output_ += '\n';
    }
    void irq_changed(unsigned input, bool level);

    Bus& bus_;
    VirtualTime& time_;
    IrqRouter& irqs_;
    std::string output_;
    std::function<void()> on_event_;
    bool executing_ = false;
    bool intercepting_ = false;
};

} // namespace dm::qtest
