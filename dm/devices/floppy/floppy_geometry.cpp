#include "dm/devices/floppy/floppy_geometry.hpp"

#include <algorithm>
#include <array>

namespace dm::floppy {
namespace {

using enum DriveType;
using enum Rate;

/// The first of a drive is its usual one, the first of a size the likeliest.
constexpr std::array kFormats{
    Geometry{80, 2, 18, K500, F1440K}, Geometry{80, 2, 20, K500, F1440K}, Geometry{80, 2, 21, K500, F1440K},
    Geometry{82, 2, 21, K500, F1440K}, Geometry{83, 2, 21, K500, F1440K}, Geometry{80, 2, 22, K500, F1440K},
    Geometry{80, 2, 23, K500, F1440K}, Geometry{80, 2, 24, K500, F1440K}, Geometry{80, 2, 36, M1, F2880K},
    Geometry{80, 2, 39, M1, F2880K},   Geometry{80, 2, 40, M1, F2880K},   Geometry{80, 2, 44, M1, F2880K},
    Geometry{80, 2, 48, M1, F2880K},   Geometry{80, 2, 9, K250, F1440K}, // 720 KB
    Geometry{80, 2, 10, K250, F1440K}, Geometry{82, 2, 10, K250, F1440K}, Geometry{83, 2, 10, K250, F1440K},
    Geometry{80, 2, 13, K250, F1440K}, Geometry{80, 2, 14, K250, F1440K}, Geometry{80, 2, 15, K500, F1200K},
    Geometry{80, 2, 18, K500, F1200K}, Geometry{82, 2, 18, K500, F1200K}, Geometry{83, 2, 18, K500, F1200K},
    Geometry{80, 2, 20, K500, F1200K}, Geometry{80, 2, 9, K250, F1200K},  Geometry{80, 2, 11, K250, F1200K},
    Geometry{40, 2, 9, K300, F1200K}, // 360 KB, in a drive that turns faster than theirs did
    Geometry{40, 1, 9, K300, F1200K},  Geometry{41, 2, 10, K300, F1200K}, Geometry{42, 2, 10, K300, F1200K},
    Geometry{40, 2, 8, K250, F1200K},  Geometry{40, 1, 8, K250, F1200K},  Geometry{80, 1, 9, K250, F1440K},
};

bool small_disk(DriveType type) {
    return type == F1440K || type == F2880K;
}

/// The first that `fits`; null: none.
template <class Fits> const Geometry* first(Fits fits) {
    const auto found = std::ranges::find_if(kFormats, fits);
    return found == kFormats.end() ? nullptr : &*found;
}

} // namespace

Geometry geometry_of(u64 bytes, DriveType drive) {
    const auto has_size = [&](const Geometry& g) { return g.bytes() == bytes; };
    if (const Geometry* g = first([&](const Geometry& f) { return has_size(f) && f.drive == drive; }))
        return *g;
    const auto same_inches = [&](const Geometry& f) {
        return has_size(f) && small_disk(f.drive) == small_disk(drive);
    };
    if (const Geometry* g = first(same_inches)) return *g;
    const Geometry* usual = first([&](const Geometry& f) { return f.drive == drive; });
    return usual != nullptr ? *usual : kFormats.front();
}

std::optional<DriveType> drive_for(u64 bytes) {
    const Geometry* g = first([&](const Geometry& f) { return f.bytes() == bytes; });
    return g != nullptr ? std::optional(g->drive) : std::nullopt;
}

} // namespace dm::floppy
