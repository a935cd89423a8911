// The golden pictures: what QEMU's adapter shows, or where ours differs for a reason (see the file
// `differences-std`), ours.
#include "tests/devices/vga_scenes.hpp"
#include "tests/support/png.hpp"

#include <cstdlib>
#include <filesystem>

namespace dm::test {
namespace {

const std::string kSuite = "tests/lab/guests/vgamodes/";

/// The picture of a scene, or the one of the other phase of blinking.
std::optional<PngPicture> golden(const std::string& name) {
    for (const char* folder : {"golden/std-ours/", "golden/std/"})
        if (const std::string path = kSuite + folder + name + ".png"; std::filesystem::exists(path))
            return PngReader::read(path);
    return std::nullopt;
}

std::string difference(const Picture& screen, const PngPicture& wanted) {
    if (screen.width != wanted.width || screen.height != wanted.height)
        return fmt::format("{}x{} instead of {}x{}", screen.width, screen.height, wanted.width,
                           wanted.height);
    u64 wrong = 0;
    std::string first;
    for (unsigned y = 0; y < wanted.height; ++y)
        for (unsigned x = 0; x < wanted.width; ++x) {
            const u32 pixel = wanted.pixels[std::size_t{y} * wanted.width + x];
            if (screen.at(x, y) == pixel) continue;
            if (wrong++ == 0)
                first = fmt::format("{},{}: {:06x} instead of {:06x}", x, y, screen.at(x, y), pixel);
        }
    return wrong == 0 ? "" : fmt::format("{} pixels differ, the first at {}", wrong, first);
}

struct VgaScenesTest : testing::Test {
    StdVgaRig rig{16 << 20};
    SceneBook book{kSuite + "scenes.txt"};

    void refresh() { rig.dev->display().refresh(rig.screen, false); }

    std::string differs_from(const std::string& name) {
        const auto wanted = golden(name);
        return wanted ? difference(rig.screen, *wanted) : "no picture of " + name;
    }

    /// For who looks at what differs: HVMDM_SCENES=FOLDER.
    void keep(const std::string& name) {
        const char* folder = std::getenv("HVMDM_SCENES");
        if (folder == nullptr) return;
        std::ofstream file(std::filesystem::path(folder) / (name + ".ppm"), std::ios::binary);
        file << "P6\n" << rig.screen.width << " " << rig.screen.height << "\n255\n";
        for (const u32 pixel : rig.screen.visible())
            file << static_cast<char>(pixel >> 16) << static_cast<char>(pixel >> 8)
                 << static_cast<char>(pixel);
    }

    void show(const std::string& name) {
        refresh();
        keep(name);
        EXPECT_EQ(differs_from(name), "") << name;
    }
    /// Which of the two pictures is seen first is nobody's business.
    void show_both_phases(const Scene& scene) {
        const std::string second = scene.name + "-2";
        rig.clock.now = kMillisecond;
        refresh();
        keep(scene.name);
        const bool turned = differs_from(scene.name) != "";
        EXPECT_EQ(differs_from(turned ? second : scene.name), "") << scene.name;
        rig.clock.now += (scene.has("cursor") ? 8 : 16) * kSecond / 60;
        refresh();
        keep(second);
        EXPECT_EQ(differs_from(turned ? scene.name : second), "") << second;
    }
};

// One adapter for all, as in a guest: what a scene leaves behind must not be seen in the next one.
TEST_F(VgaScenesTest, EveryScenePlayedWithoutAGuestLooksLikeItsGoldenPicture) {
    ScenePlayer player(rig, book);
    unsigned shown = 0;
    for (const Scene& scene : book.scenes()) {
        if (scene.has("bios")) continue;
        ASSERT_TRUE(player.play(scene)) << scene.name;
        if (scene.has("cursor") || scene.has("blinks"))
            show_both_phases(scene);
        else
            show(scene.name);
        ++shown;
    }
    EXPECT_GT(shown, 50U);
}

} // namespace
} // namespace dm::test
