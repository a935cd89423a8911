#include "tests/devices/hda_rig.hpp"
#include "tests/fuzz/target.hpp"

namespace dm::fuzz {
namespace {

/// Nobody listens.
template <class R> struct Unheard final : R {
    Unheard() { this->audio.keep = 0; }
};

const Registered intel_hda{
    {"intel-hda", run_device, {make_rig<Unheard<test::HdaRig>>, make_rig<Unheard<test::HdaTwoCodecsRig>>}}};

} // namespace
} // namespace dm::fuzz
