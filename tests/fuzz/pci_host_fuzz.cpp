#include "tests/devices/pci_host_rig.hpp"
#include "tests/fuzz/target.hpp"

namespace dm::fuzz {
namespace {

const Registered pci_host{{"pci-host", run_device, {make_rig<test::PciHostRig>}}};

} // namespace
} // namespace dm::fuzz
