#include "tests/fuzz/device_run.hpp"

#include "tests/fuzz/guard.hpp"
#include "tests/support/state_places.hpp"

#include <algorithm>
#include <map>

namespace dm::fuzz {
namespace {

using Kind = Operation::Kind;
using Space = test::Target::Kind;

Bdf bdf_of(u8 devfn) {
    return {0, static_cast<u8>(devfn >> 3), static_cast<u8>(devfn & 7)};
}

std::vector<unsigned> high_lines(const test::FakeIrqs& irqs) {
    std::vector<unsigned> high;
    for (const auto& [line, level] : irqs.levels)
        if (level) high.push_back(line);
    return high;
}

/// What a device keeps telling the machine around it, however it came to that.
struct Outputs {
    explicit Outputs(const test::FakeHypervisor& hypervisor)
        : isa(high_lines(hypervisor.isa)), intx(high_lines(hypervisor.intx)),
          roms_locked(hypervisor.roms_locked) {
        for (const auto& [link, irq] : hypervisor.links)
            if (irq != 0) links.emplace_back(link, irq);
    }
    bool operator==(const Outputs&) const = default;
    std::vector<unsigned> isa;
    std::vector<unsigned> intx;
    std::vector<std::pair<unsigned, u8>> links; ///< that lead anywhere
    bool roms_locked;
};

/// The name of what differs, as far as a state's own names tell.
std::string first_difference(std::span<const u8> a, std::span<const u8> b) {
    const auto [at, other] = std::mismatch(a.begin(), a.end(), b.begin(), b.end());
    const auto place = static_cast<std::size_t>(at - a.begin());
    // Records are "name, kind, length, payload": the last printable run before the place names it.
    std::string name;
    std::string run;
    for (std::size_t i = 0; i < place; ++i) {
        const char c = static_cast<char>(a[i]);
        if ((c >= 'a' && c <= 'z') || c == '_' || c == '/' || c == '-' || (c >= '0' && c <= '9'))
            run += c;
        else
            run.clear();
        if (run.size() > 2) name = run;
    }
    return fmt::format("at byte {} of {}, near {}", place, a.size(), name);
}

/// What a new device looks like.
struct PowerOn {
    explicit PowerOn(test::Rig& rig)
        : state((rig.device().reset(), test::snapshot(rig))), outputs(rig.hypervisor) {}
    std::vector<u8> state;
    Outputs outputs;
};

/// Made once for each kind of rig: every input ends with it.
const PowerOn& power_on(MakeRig make) {
    static std::map<MakeRig, PowerOn> known;
    auto at = known.find(make);
    if (at == known.end()) at = known.emplace(make, PowerOn(*make())).first;
    return at->second;
}

} // namespace

Layout layout_of(test::Rig& rig) {
    return {.targets = rig.targets(), .ram_bytes = rig.ram.size()};
}

DeviceRun::DeviceRun(const Target& target, std::span<const u8> input)
    : input_(input),
      make_(target.rigs.size() == 1 ? target.rigs[0] : target.rigs[input_.byte() % target.rigs.size()]) {
    rig_ = make_();
    layout_ = layout_of(*rig_);
}

void DeviceRun::run() {
    rig_->hypervisor.ram.first_view = &pages_;
    for (unsigned i = 0; i < kMostOperations && !input_.empty(); ++i)
        step(decode(input_, layout_));
    finish();
}

void DeviceRun::step(const Operation& op) {
    const auto text = [&] { return OperationText(op); };
    if (tracing()) trace(text());
    const bool loads = op.kind == Kind::Restore || op.kind == Kind::Damage;
    const Operating operating(text, loads ? kMostAllocatedByRig : kMostAllocated);
    if (loads) {
        if (++loads_ > kMostLoads) return;
        return op.kind == Kind::Restore ? restore() : damage(op);
    }
    const Seen seen = apply(*rig_, op);
    if (tracing() && op.kind == Kind::Read) trace(fmt::format("    # {:#x}", seen.value));
    if (twin_ == nullptr) return;
    const Seen twin = apply(*twin_, op);
    if (seen.value != twin.value)
        finding("a restored device reads {:#x}, the one that was saved {:#x}", twin.value, seen.value);
    if (seen.bytes != twin.bytes)
        finding("a restored device reads another string than the one that was saved");
    compare_outputs();
}

DeviceRun::Seen DeviceRun::apply(test::Rig& rig, const Operation& op) {
    switch (op.kind) {
    case Kind::Read:
    case Kind::Write: return access(rig, op);
    case Kind::ReadString:
    case Kind::WriteString: return string(rig, op);
    case Kind::Stimulate: {
        test::Rng choices(op.bytes);
        rig.stimulate(choices);
        break;
    }
    case Kind::Advance: rig.advance(op.value); break;
    case Kind::Deadline: {
        const u64 due = rig.timers.next_deadline().value_or(0);
        if (due > rig.clock.now) rig.advance(due - rig.clock.now);
        break;
    }
    case Kind::Ram: rig.hypervisor.ram.write(op.addr, op.bytes); break;
    case Kind::Reset: rig.device().reset(); break;
    case Kind::Wake: rig.device().wake_reset(); break;
    case Kind::Restore:
    case Kind::Damage: break; // concern more than one rig
    }
    return {};
}

DeviceRun::Seen DeviceRun::access(test::Rig& rig, const Operation& op) {
    const bool write = op.kind == Kind::Write;
    Seen seen;
    switch (op.space) {
    case Space::Ports:
        if (write)
            rig.ports.write(op.addr, op.size, op.value);
        else
            seen.value = rig.ports.read(op.addr, op.size);
        break;
    case Space::Memory:
        if (write)
            rig.memory.write(op.addr, op.size, op.value);
        else
            seen.value = rig.memory.read(op.addr, op.size);
        break;
    case Space::Config: {
        const auto reg = static_cast<unsigned>(op.addr);
        if (write)
            rig.pci.config_write(bdf_of(op.devfn), reg, op.size, static_cast<u32>(op.value & ones(op.size)));
        else
            seen.value = rig.pci.config_read(bdf_of(op.devfn), reg, op.size);
        break;
    }
    }
    if ((seen.value & ~ones(op.size)) != 0) finding("a read of {} bytes gives {:#x}", op.size, seen.value);
    return seen;
}

DeviceRun::Seen DeviceRun::string(test::Rig& rig, const Operation& op) {
    Seen seen;
    seen.bytes.resize(std::size_t{op.size} * op.count);
    if (op.kind == Kind::ReadString) {
        if (op.space == Space::Ports)
            rig.ports.read_string(op.addr, op.size, seen.bytes);
        else
            rig.memory.read_span(op.addr, op.size, seen.bytes);
        return seen;
    }
    if (!op.bytes.empty())
        for (std::size_t i = 0; i < seen.bytes.size(); ++i)
            seen.bytes[i] = op.bytes[i % op.bytes.size()];
    if (op.space == Space::Ports)
        rig.ports.write_string(op.addr, op.size, seen.bytes);
    else
        rig.memory.write_span(op.addr, op.size, seen.bytes);
    return seen;
}

std::vector<u8> DeviceRun::save(test::Rig& rig) {
    rig.quiesce();
    std::vector<u8> image = test::snapshot(rig);
    if (test::snapshot(rig) != image) finding("saving changed the device");
    return image;
}

bool DeviceRun::load(test::Rig& rig, std::span<const u8> image) {
    auto reader = StateReader::open(image);
    return reader.ok() && rig.device().load(*reader).ok() && reader->finish().ok();
}

void DeviceRun::restore() {
    compare_states();
    const std::vector<u8> image = save(*rig_);
    twin_ = make_();
    twin_->copy_surroundings(*rig_);
    auto reader = StateReader::open(image);
    if (!reader.ok()) finding("a saved state cannot be opened: {}", reader.error().message);
    const Status loaded = twin_->device().load(*reader);
    if (!loaded.ok()) finding("a saved state cannot be loaded: {}", loaded.error().message);
    if (!reader->finish().ok()) finding("a saved state holds too much: {}", reader->finish().error().message);
    compare_states();
}

/// An image that somebody has bent is refused and changes nothing, or is loaded into a device that answers
/// whatever comes next.
void DeviceRun::damage(const Operation& op) {
    twin_.reset();
    std::vector<u8> image = save(*rig_);
    const std::vector<u8> before = image;
    const std::vector<std::size_t> values = test::value_places(image);
    for (std::size_t i = 0; i + kDamageBytes <= op.bytes.size() && !image.empty(); i += kDamageBytes) {
        const std::size_t place = op.bytes[i] | unsigned{op.bytes[i + 1]} << 8;
        const bool in_value = place >= kDamagesValue && !values.empty();
        const std::size_t at =
            in_value ? values[(place - kDamagesValue) % values.size()] : place % image.size();
        if (at >= image.size()) continue; // it has been cut
        const u8 inverted = op.bytes[i + 2];
        if (inverted == 0)
            image.resize(at);
        else
            image[at] = static_cast<u8>(image[at] ^ inverted);
    }
    auto reader = StateReader::open(image);
    if (!reader.ok()) return;
    if (!rig_->device().load(*reader).ok()) {
        if (const std::vector<u8> after = test::snapshot(*rig_); after != before)
            finding("a refused state changed the device {}", first_difference(before, after));
        return;
    }
    bent_ = true;
    // What was accepted is a state like any other: it can be saved and loaded again.
    rig_->quiesce();
    if (!load(*rig_, save(*rig_))) finding("a device does not load what it saved after a bent state");
}

void DeviceRun::compare_outputs() const {
    if (Outputs(rig_->hypervisor) != Outputs(twin_->hypervisor))
        finding(
            "a restored device drives other interrupt lines, or routes or locks otherwise, than the saved");
    if (rig_->timers.next_deadline() != twin_->timers.next_deadline())
        finding("a restored device waits for another time than the one that was saved");
}

void DeviceRun::compare_states() {
    if (twin_ == nullptr) return;
    compare_outputs();
    const std::vector<u8> ours = save(*rig_);
    const std::vector<u8> theirs = save(*twin_);
    if (ours != theirs)
        finding("a restored device has another state than the one that was saved, {}",
                first_difference(ours, theirs));
    if (rig_->ram != twin_->ram) finding("a restored device wrote other memory than the one that was saved");
}

void DeviceRun::finish() {
    const auto text = [] { return std::string_view("the end: restore, reset"); };
    const Operating operating(text, kMostAllocatedByRig);
    restore(); // wherever the input led, it can be saved and loaded
    rig_->quiesce();
    rig_->device().reset();
    if (rig_->hypervisor.ram.pins != 0) finding("guest memory is left mapped");
    if (bent_ || !rig_->resets_to_power_on()) return;
    const PowerOn& fresh = power_on(make_);
    const std::vector<u8> now = test::snapshot(*rig_);
    if (now != fresh.state)
        finding("a reset device is not like a new one, {}", first_difference(fresh.state, now));
    if (Outputs(rig_->hypervisor) != fresh.outputs)
        finding("a reset device drives other interrupt lines, or routes or locks otherwise, than a new one");
}

void run_device(const Target& target, std::span<const u8> input) {
    DeviceRun(target, input).run();
}

} // namespace dm::fuzz
