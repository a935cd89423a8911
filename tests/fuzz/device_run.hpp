// Runs an input's operations on a device in its rig. After a Restore a twin, loaded from the device's state,
// runs along and has to behave the same.
#pragma once

#include "tests/fuzz/operation.hpp"
#include "tests/fuzz/page_source.hpp"
#include "tests/fuzz/target.hpp"

#include <memory>

namespace dm::fuzz {

Layout layout_of(test::Rig& rig);

class DeviceRun {
public:
    DeviceRun(const Target& target, std::span<const u8> input);
    void run();

private:
    static constexpr unsigned kMostOperations = 1024;
    static constexpr unsigned kMostLoads = 16; ///< whole machines are large; more are left out

    /// What the guest sees of an access.
    struct Seen {
        u64 value = 0;
        std::vector<u8> bytes;
        bool operator==(const Seen&) const = default;
    };

    void step(const Operation& op);
    Seen apply(test::Rig& rig, const Operation& op);
    static Seen access(test::Rig& rig, const Operation& op);
    static Seen string(test::Rig& rig, const Operation& op);
    void restore();
    void damage(const Operation& op);
    void compare_outputs() const;
    void compare_states();
    void finish();
    /// False when it refuses the image.
    static bool load(test::Rig& rig, std::span<const u8> image);
    static std::vector<u8> save(test::Rig& rig);

    Input input_;
    MakeRig make_;
    PageSource pages_{input_};
    std::unique_ptr<test::Rig> rig_;
    std::unique_ptr<test::Rig> twin_;
    Layout layout_;
    unsigned loads_ = 0;
    bool bent_ = false; ///< it runs on from a damaged state: disks may be unplugged for good
};

} // namespace dm::fuzz
