// The scenes of the golden-image suite (tests/lab/guests/vgamodes/scenes.txt, which explains itself), played
// on an adapter without a guest. What program.c does there with CPU and bus is done here by accesses.
#pragma once

#include "tests/devices/std_vga_rig.hpp"

#include <algorithm>
#include <fstream>
#include <map>
#include <sstream>
#include <string>
#include <vector>

namespace dm::test {

struct Scene {
    using Line = std::vector<std::string>;
    std::string name;
    std::vector<std::string> flags;
    std::vector<Line> lines; ///< macros resolved

    bool has(std::string_view flag) const {
        return std::find(flags.begin(), flags.end(), flag) != flags.end();
    }
};

class SceneBook {
public:
    explicit SceneBook(const std::string& path) {
        std::ifstream file(path);
        for (std::string text; std::getline(file, text);) {
            std::istringstream words(text.substr(0, text.find('#')));
            Scene::Line line;
            for (std::string word; words >> word;)
                line.push_back(word);
            if (!line.empty()) add(line);
        }
    }
    const std::vector<Scene>& scenes() const { return scenes_; }
    const VgaMode& mode(const std::string& name) const { return modes_.at(name); }

private:
    void add(const Scene::Line& line) {
        if (line[0] == "registers")
            add_mode(line);
        else if (line[0] == "macro")
            target_ = &macros_[line[1]];
        else if (line[0] == "end")
            target_ = nullptr;
        else if (line[0] == "scene") {
            scenes_.push_back({line[1], {line.begin() + 2, line.end()}, {}});
        } else {
            std::vector<Scene::Line>& into = target_ != nullptr ? *target_ : scenes_.back().lines;
            if (line[0] == "use")
                into.insert(into.end(), macros_.at(line[1]).begin(), macros_.at(line[1]).end());
            else
                into.push_back(line);
        }
    }
    void add_mode(const Scene::Line& line) {
        std::vector<u8> values;
        for (std::size_t i = 2; i < line.size(); ++i)
            if (line[i] != "|") values.push_back(static_cast<u8>(std::stoul(line[i], nullptr, 16)));
        VgaMode& m = modes_[line[1]];
        m.misc = values.at(0);
        auto from = values.begin() + 1;
        const auto take = [&](auto& block) {
            std::copy_n(from, block.size(), block.begin());
            from += static_cast<std::ptrdiff_t>(block.size());
        };
        take(m.seq);
        take(m.crtc);
        take(m.gfx);
        take(m.attr);
    }

    std::map<std::string, VgaMode> modes_;
    std::map<std::string, std::vector<Scene::Line>> macros_;
    std::vector<Scene::Line>* target_ = nullptr;
    std::vector<Scene> scenes_;
};

class ScenePlayer {
public:
    ScenePlayer(StdVgaRig& rig, const SceneBook& book) : rig_(rig), book_(book) {}

    /// False: it has an operation that only a guest can do.
    bool play(const Scene& scene) {
        return std::all_of(scene.lines.begin(), scene.lines.end(),
                           [&](const Scene::Line& line) { return run(line); });
    }

private:
    static u64 number(const std::string& word) { return std::stoull(word, nullptr, 0); }
    /// In guest-physical memory.
    static u64 address(const std::string& word) {
        return word.starts_with("lfb+") ? StdVgaRig::kVram + number(word.substr(4)) : number(word);
    }

    bool run(const Scene::Line& line) {
        std::vector<u64> n;
        const std::string& op = line[0];
        if (op == "mode") {
            mode(book_.mode(line[1]));
            return true;
        }
        const bool names_register = op == "dispi";
        for (std::size_t i = names_register ? 2 : 1; i < line.size(); ++i)
            n.push_back(address(line[i]));
        VgaDriver& vga = rig_.drive;
        if (op == "dispi")
            vga.dispi(dispi_register(line[1]), static_cast<u16>(n[0]));
        else if (op == "seq")
            vga.seq(static_cast<u8>(n[0]), static_cast<u8>(n[1]));
        else if (op == "gfx")
            vga.gfx(static_cast<u8>(n[0]), static_cast<u8>(n[1]));
        else if (op == "crtc")
            vga.crtc(static_cast<u8>(n[0]), static_cast<u8>(n[1]));
        else if (op == "attr")
            attr(static_cast<u8>(n[0]), static_cast<u8>(n[1]));
        else if (op == "out")
            vga.out(static_cast<Port>(n[0]), static_cast<u8>(n[1]));
        else if (op == "mmio")
            rig_.poke(StdVgaRig::kMmio + n[0], n[2], static_cast<unsigned>(n[1]));
        else
            return draw(op, n);
        return true;
    }

    bool draw(const std::string& op, const std::vector<u64>& n) {
        if (op == "dac6" || op == "dac8")
            dac(op == "dac8");
        else if (op == "fill")
            fill(n);
        else if (op == "ramp")
            ramp(n);
        else if (op == "rmw")
            for (u64 i = 0; i < n[1]; ++i) {
                rig_.memory.read(n[0] + i, 1);
                rig_.memory.write(n[0] + i, 1, (n[2] + n[3] * i) & 0xff);
            }
        else if (op == "copy")
            for (u64 i = 0; i < n[2]; ++i)
                rig_.memory.write(n[1] + i, 1, rig_.memory.read(n[0] + i, 1));
        else if (op == "load") {
            buffer_.resize(n[1]);
            rig_.memory.read_span(n[0], 4, buffer_);
        } else if (op == "store")
            rig_.memory.write_span(n[0], 4, buffer_);
        else
            return false;
        return true;
    }

    void mode(const VgaMode& m) {
        rig_.drive.dispi(VbeDispi::ENABLE, 0);
        rig_.drive.out(0x3c6, 0xff);
        rig_.drive.set(m);
        rig_.drive.in(0x3da);
    }
    void attr(u8 index, u8 value) {
        rig_.drive.attr(index, value);
        rig_.drive.in(0x3da);
    }
    void dac(bool eight_bits) {
        rig_.drive.out(0x3c8, 0);
        for (unsigned i = 0; i < 256; ++i)
            for (const unsigned level :
                 {eight_bits ? i : i & 63, eight_bits ? i * 7 : i >> 2, eight_bits ? 255 - i : 63 - (i & 63)})
                rig_.drive.out(0x3c9, static_cast<u8>(level));
    }
    void fill(const std::vector<u64>& n) {
        std::vector<u8> bytes(n[1]);
        for (u64 i = 0; i < bytes.size(); ++i)
            bytes[i] = static_cast<u8>(n[2] + n[3] * i + n[4] * (i >> 8) + n[5] * (i >> 16));
        write(n[0], bytes);
    }
    void ramp(const std::vector<u64>& n) {
        std::vector<u8> bytes(n[1]);
        for (u64 i = 0; i < bytes.size(); ++i) {
            const u64 lane = i % 4;
            const u64 group = i / 4;
            bytes[i] = static_cast<u8>(n[2] + 85 * lane + (2 * lane + 1) * group + n[3] * (group >> 8) +
                                       n[4] * (group >> 16));
        }
        write(n[0], bytes);
    }
    /// As a guest does: past the adapter where it is the frame buffer.
    void write(u64 to, std::span<const u8> bytes) {
        if (to < StdVgaRig::kVram) {
            rig_.memory.write_span(to, 4, bytes);
            return;
        }
        const u64 offset = to - StdVgaRig::kVram;
        std::copy(bytes.begin(), bytes.end(),
                  rig_.video->memory.begin() + static_cast<std::ptrdiff_t>(offset));
        for (u64 page = offset >> kPageShift; page <= (offset + bytes.size() - 1) >> kPageShift; ++page)
            rig_.video->dirty_pages.push_back(page);
    }

    static u16 dispi_register(const std::string& name) {
        static const std::vector<std::string> names = {"ID",       "XRES",    "YRES",       "BPP",
                                                       "ENABLE",   "BANK",    "VIRT_WIDTH", "VIRT_HEIGHT",
                                                       "X_OFFSET", "Y_OFFSET"};
        return static_cast<u16>(std::find(names.begin(), names.end(), name) - names.begin());
    }

    StdVgaRig& rig_;
    const SceneBook& book_;
    std::vector<u8> buffer_;
};

} // namespace dm::test
