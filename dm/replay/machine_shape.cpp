#include "dm/replay/machine_shape.hpp"

#include <algorithm>
#include <charconv>
#include <map>

namespace dm::replay {
namespace {

constexpr u64 kMostVideoMemory = u64{1} << 30;
constexpr u64 kMostRom = 1 << 20;
constexpr unsigned kMostCpus = 256;
constexpr unsigned kPlaces = 4;

/// One word, whatever is in it.
std::string quote(std::string_view text) {
    std::string out = "\"";
    for (const char c : text)
        if (c > ' ' && c < 0x7f && c != '%' && c != '"')
            out += c;
        else
            out += fmt::format("%{:02x}", static_cast<unsigned char>(c));
    return out + "\"";
}

std::optional<u64> number(std::string_view text, int base = 10) {
    u64 value = 0;
    const auto [end, error] = std::from_chars(text.data(), text.data() + text.size(), value, base);
    if (error != std::errc{} || end != text.data() + text.size()) return std::nullopt;
    return value;
}

std::optional<std::string> unquote(std::string_view text) {
    if (text.size() < 2 || text.front() != '"' || text.back() != '"') return std::nullopt;
    text = text.substr(1, text.size() - 2);
    std::string out;
    for (std::size_t i = 0; i < text.size(); ++i) {
        if (text[i] != '%') {
            out += text[i];
            continue;
        }
        const auto code = number(text.substr(i + 1, 2), 16);
        if (!code || i + 2 >= text.size()) return std::nullopt;
        out += static_cast<char>(*code);
        i += 2;
    }
    return out;
}

/// Words "key=value" of one line.
class Words {
public:
    explicit Words(std::string_view line) {
        while (!line.empty()) {
            const std::size_t end = std::min(line.find(' '), line.size());
            const std::string_view word = line.substr(0, end);
            const std::size_t equals = word.find('=');
            if (equals != std::string_view::npos)
                words_[std::string(word.substr(0, equals))] = word.substr(equals + 1);
            line.remove_prefix(std::min(end + 1, line.size()));
        }
    }
    u64 take(const std::string& key, u64 most) {
        const auto value = number(text(key));
        good_ = good_ && value && *value <= most;
        return value.value_or(0);
    }
    bool take_bool(const std::string& key) { return take(key, 1) != 0; }
    std::string take_text(const std::string& key) {
        const auto value = unquote(text(key));
        good_ = good_ && value;
        return value.value_or("");
    }
    bool has(const std::string& key) const { return words_.contains(key); }
    bool good() const { return good_; }

private:
    std::string_view text(const std::string& key) const {
        const auto it = words_.find(key);
        return it != words_.end() ? it->second : std::string_view();
    }
    std::map<std::string, std::string_view> words_;
    bool good_ = true;
};

bool read_line(std::string_view line, MachineShape& shape, u64& rom_size) {
    const std::string_view key = line.substr(0, line.find(' '));
    Words words(line);
    if (key == "machine") {
        shape.program = words.take_text("program");
        shape.cpus = static_cast<unsigned>(words.take("cpus", kMostCpus));
        shape.max_cpus = static_cast<unsigned>(words.take("max-cpus", kMostCpus));
        shape.ram_below_4g = words.take("ram-below-4g", ~u64{0});
        shape.ram_above_4g = words.take("ram-above-4g", ~u64{0});
        shape.boot_order = words.take_text("boot");
        shape.xen_platform = words.take_bool("xen-platform");
    } else if (key == "serial") {
        shape.serials[words.take("port", shape.serials.size() - 1) % shape.serials.size()] = true;
    } else if (key == "disk") {
        shape.disks.push_back({.place = static_cast<unsigned>(words.take("place", kPlaces - 1)),
                               .cdrom = words.take_bool("cdrom"),
                               .medium = words.take_bool("medium"),
                               .read_only = words.take_bool("read-only"),
                               .size = words.take("size", u64{1} << 62),
                               .discard_granularity = words.has("discard")
                                                          ? static_cast<u32>(words.take("discard", 1U << 31))
                                                          : 0, // older recordings
                               .serial = words.take_text("serial"),
                               .model = words.take_text("model"),
                               .firmware = words.take_text("firmware")});
    } else if (key == "vga") {
        shape.vga.emplace().memory = words.take("memory", kMostVideoMemory);
        if (words.has("model")) shape.vga->model = words.take_text("model"); // not in older recordings
        if (words.has("slot")) shape.vga->slot = static_cast<unsigned>(words.take("slot", 31));
        rom_size = words.take("rom", kMostRom);
    } else {
        return false;
    }
    return words.good();
}

} // namespace

std::string shape_text(const MachineShape& s) {
    std::string text = fmt::format(
        "machine program={} cpus={} max-cpus={} ram-below-4g={} ram-above-4g={} boot={} xen-platform={:d}\n",
        quote(s.program), s.cpus, s.max_cpus, s.ram_below_4g, s.ram_above_4g, quote(s.boot_order),
        s.xen_platform);
    for (std::size_t i = 0; i < s.serials.size(); ++i)
        if (s.serials[i]) text += fmt::format("serial port={}\n", i);
    for (const DiskShape& d : s.disks)
        text += fmt::format(
            "disk place={} cdrom={:d} medium={:d} read-only={:d} size={} serial={} model={} firmware={} "
            "discard={}\n",
            d.place, d.cdrom, d.medium, d.read_only, d.size, quote(d.serial), quote(d.model),
            quote(d.firmware), d.discard_granularity);
    if (s.vga) {
        text += fmt::format("vga memory={} rom={}", s.vga->memory, s.vga->rom.size());
        if (s.vga->slot) text += fmt::format(" slot={}", *s.vga->slot);
        text += fmt::format(" model={}", quote(s.vga->model));
        text += '\n';
    }
    return text;
}

std::vector<u8> write_shape(const MachineShape& shape) {
    const std::string text = shape_text(shape) + "\n";
    std::vector<u8> payload(text.begin(), text.end());
    if (shape.vga) payload.insert(payload.end(), shape.vga->rom.begin(), shape.vga->rom.end());
    return payload;
}

Result<MachineShape> read_shape(std::span<const u8> payload) {
    MachineShape shape;
    u64 rom_size = 0;
    const auto next_line = [&payload]() -> std::optional<std::string_view> {
        const auto end = std::find(payload.begin(), payload.end(), u8{'\n'});
        if (end == payload.end()) return std::nullopt;
        const auto length = static_cast<std::size_t>(end - payload.begin());
        const std::string_view line(reinterpret_cast<const char*>(payload.data()), length);
        payload = payload.subspan(length + 1);
        return line;
    };
    for (;;) {
        const std::optional<std::string_view> line = next_line();
        if (!line) return fail("the description of the machine is cut off");
        if (line->empty()) break;
        if (!read_line(*line, shape, rom_size))
            return fail("the description of the machine makes no sense: {}", *line);
    }
    if (shape.cpus == 0 || shape.cpus > shape.max_cpus)
        return fail("a machine with {} of {} CPUs", shape.cpus, shape.max_cpus);
    if (payload.size() != rom_size) return fail("the option ROM has the wrong size");
    if (shape.vga) shape.vga->rom.assign(payload.begin(), payload.end());
    return shape;
}

} // namespace dm::replay
