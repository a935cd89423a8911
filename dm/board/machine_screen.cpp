// The machine's picture as a file.
#include "dm/board/machine.hpp"
#include "dm/host/picture_file.hpp"

#include <algorithm>

namespace dm {
namespace {

constexpr unsigned kDisplayClass = 0x0300;

/// A display that looks once.
class Shot final : public Display {
public:
    // What a guest asks for beyond is cut off: the picture must not take memory without bound.
    static constexpr unsigned kMost = 4096;

    bool watched() const override { return true; }
    Surface resize(unsigned width, unsigned height) override {
        width_ = std::min(width, kMost);
        height_ = std::min(height, kMost);
        pixels_.assign(std::size_t{width_} * height_, 0);
        return {pixels_.data(), width_, height_, width_};
    }
    void changed(const Rect&) override {}
    host::Picture picture() const { return {width_, height_, pixels_}; }

private:
    unsigned width_ = 0;
    unsigned height_ = 0;
    std::vector<u32> pixels_;
};

} // namespace

Status Machine::dump_screen(ScreenDump dump) {
    if (screen_ == nullptr) return fail("screendump: the guest has no display adapter");
    if (!dump.device.empty()) {
        const auto devices = pci_devices();
        const bool shows = std::any_of(devices.begin(), devices.end(), [&](const PciDeviceInfo& d) {
            return d.qdev_id == dump.device && d.class_code == kDisplayClass;
        });
        if (!shows) return fail("screendump: device {} is no display adapter", dump.device);
    }
    if (dump.head != 0) return fail("screendump: there is no head {}, only 0", dump.head);
    Shot shot;
    screen_->snapshot(shot);
    const bool by_name = !dump.fd;
    const Status written =
        host::write_picture(shot.picture(), dump.png ? host::PictureFormat::Png : host::PictureFormat::Ppm,
                            dump.filename, std::move(dump.fd));
    if (written.ok()) return {};
    const bool confined = !options_.chroot_dir.empty() || options_.run_as;
    return fail("screendump: {}{}", written.error().message,
                by_name && confined
                    ? "; this device model is confined to a user or directory of its own: hand it an "
                      "open file with add-fd, and name that /dev/fdset/N"
                    : "");
}

} // namespace dm
