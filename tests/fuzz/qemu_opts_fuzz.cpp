// QEMU's option grammar: "first,key=value,flag". What was read, written out again, must be read the same.
#include "dm/toolstack/qemu_opts.hpp"
#include "tests/fuzz/guard.hpp"
#include "tests/fuzz/target.hpp"

namespace dm::fuzz {
namespace {

using toolstack::QemuOpts;

std::string with_commas_doubled(std::string_view value) {
    std::string out;
    for (const char c : value)
        out += c == ',' ? std::string(",,") : std::string(1, c);
    return out;
}

void read_again(const QemuOpts& opts) {
    std::string text;
    for (const auto& [key, value] : opts.pairs())
        text += (text.empty() ? "" : ",") + key + "=" + with_commas_doubled(value);
    if (text.empty()) return;
    Result<QemuOpts> again = QemuOpts::parse(text, "");
    if (!again.ok()) finding("{} is refused: {}", text, again.error().message);
    if (again->pairs() != opts.pairs()) finding("{} is read as something else", text);
}

void read_values(QemuOpts& opts) {
    static_cast<void>(opts.wants_help());
    const auto pairs = opts.pairs();
    for (const auto& [key, value] : pairs)
        if (!opts.has(key)) finding("{} is not there", key);
    for (const auto& [key, value] : pairs) { // taking x takes nox, too
        static_cast<void>(toolstack::parse_bool(value));
        static_cast<void>(toolstack::parse_number(value, 0xffff));
        if (toolstack::parse_number(value).ok() && !toolstack::parse_size(value).ok())
            finding("{} is a number and no size", value);
        static_cast<void>(toolstack::parse_size(value, u64{1} << 20));
        static_cast<void>(opts.take_bool(key, false));
        static_cast<void>(opts.take_number(key, 100));
        static_cast<void>(opts.take_size(key));
    }
    if (!opts.rest().empty() || !opts.finish().ok())
        finding("all keys were taken, and {} are left", opts.rest().size());
}

void run(const Target&, std::span<const u8> input) {
    const std::string_view text{reinterpret_cast<const char*>(input.data()), input.size()};
    const auto what = [&] { return text; };
    const Operating operating(what);
    for (const std::string_view implied : {"", "driver"}) {
        Result<QemuOpts> opts = QemuOpts::parse(text, implied);
        if (!opts.ok()) continue;
        read_again(*opts);
        read_values(*opts);
    }
}

const Registered qemu_opts{{"qemu-opts", run}};

} // namespace
} // namespace dm::fuzz
