#include "dm/host/disc_drive.hpp"

#include <fcntl.h>
#include <sys/ioctl.h>
#include <sys/stat.h>
#include <utility>
#if defined(__linux__)
#include <linux/cdrom.h>
#include <linux/fs.h>
#elif defined(__FreeBSD__)
#include <sys/disk.h>
#endif

namespace dm::host {
namespace {

/// 0: there is none, or it cannot be told.
u64 size_of(int fd) {
    struct stat st {};
    if (::fstat(fd, &st) != 0) return 0;
    if (S_ISREG(st.st_mode)) return static_cast<u64>(st.st_size);
#if defined(__linux__)
    u64 size = 0;
    return ::ioctl(fd, BLKGETSIZE64, &size) == 0 ? size : 0;
#elif defined(__FreeBSD__)
    off_t size = 0;
    return ::ioctl(fd, DIOCGMEDIASIZE, &size) == 0 ? static_cast<u64>(size) : 0;
#else
    const off_t end = ::lseek(fd, 0, SEEK_END);
    return end < 0 ? 0 : static_cast<u64>(end);
#endif
}

class SizeDiscControl final : public DiscControl {
public:
    explicit SizeDiscControl(int fd) : fd_(fd) {}
    DiscState state() override { return size_of(fd_) > 0 ? DiscState::Disc : DiscState::Empty; }
    bool changed() override {
        const u64 now = size_of(fd_);
        return std::exchange(size_, now) != now;
    }
    void lock(bool) override {}
    void move_tray(bool) override {}

private:
    int fd_;
    u64 size_ = 0;
};

#if defined(__linux__)

class LinuxDiscControl final : public DiscControl {
public:
    explicit LinuxDiscControl(int fd) : fd_(fd) {}
    DiscState state() override {
        switch (::ioctl(fd_, CDROM_DRIVE_STATUS, CDSL_CURRENT)) {
        case CDS_DISC_OK: return DiscState::Disc;
        case CDS_TRAY_OPEN: return DiscState::TrayOpen;
        case CDS_NO_INFO: return size_of(fd_) > 0 ? DiscState::Disc : DiscState::Empty;
        default: return DiscState::Empty; // none, or it is being looked at still
        }
    }
    bool changed() override { return ::ioctl(fd_, CDROM_MEDIA_CHANGED, CDSL_CURRENT) > 0; }
    void lock(bool locked) override { ::ioctl(fd_, CDROM_LOCKDOOR, locked ? 1 : 0); }
    void move_tray(bool open) override {
        if (open) lock(false); // the kernel locks drives that are in use
        ::ioctl(fd_, open ? CDROMEJECT : CDROMCLOSETRAY);
    }

private:
    int fd_;
};

bool is_disc_drive(int fd, const struct stat& st) {
    return S_ISBLK(st.st_mode) && ::ioctl(fd, CDROM_GET_CAPABILITY, nullptr) >= 0;
}
std::unique_ptr<DiscControl> make_disc_control(int fd) {
    return std::make_unique<LinuxDiscControl>(fd);
}

#else

bool is_disc_drive(int, const struct stat& st) {
    return S_ISBLK(st.st_mode) || S_ISCHR(st.st_mode);
}
std::unique_ptr<DiscControl> make_disc_control(int fd) {
    return make_size_disc_control(fd);
}

#endif

/// O_NONBLOCK: without a disc, too.
UniqueFd open_drive(const std::string& path) {
    return UniqueFd(::open(path.c_str(), O_RDONLY | O_CLOEXEC | O_NOCTTY | O_NONBLOCK));
}

} // namespace

std::unique_ptr<DiscControl> make_size_disc_control(int fd) {
    return std::make_unique<SizeDiscControl>(fd);
}

std::unique_ptr<DiscDrive> DiscDrive::find(const std::string& path, int given) {
    UniqueFd fd = given >= 0 ? UniqueFd(::fcntl(given, F_DUPFD_CLOEXEC, 3)) : open_drive(path);
    struct stat st {};
    if (!fd || ::fstat(fd.get(), &st) != 0 || !is_disc_drive(fd.get(), st)) return nullptr;
    auto control = make_disc_control(fd.get());
    return std::make_unique<DiscDrive>(path, std::move(fd), std::move(control));
}

DiscDrive::Event DiscDrive::look() {
    const DiscState now = control_->state();
    const bool changed = control_->changed();
    const std::optional<DiscState> before = std::exchange(known_, now);
    if (now == DiscState::Disc) return changed || before != now ? Event::Inserted : Event::None;
    if (before == now) return Event::None;
    return now == DiscState::TrayOpen ? Event::TrayOpened : Event::Removed;
}

/// Opening the drive anew makes the kernel look at the disc's size; in a chroot the old descriptor must do.
UniqueFd DiscDrive::open_disc() const {
    UniqueFd fd = open_drive(path_);
    if (!fd) fd = UniqueFd(::fcntl(fd_.get(), F_DUPFD_CLOEXEC, 3));
    return fd;
}

void DiscDrive::move_tray(bool open) {
    if (open == (known_ == DiscState::TrayOpen)) return;
    control_->move_tray(open);
}

} // namespace dm::host
