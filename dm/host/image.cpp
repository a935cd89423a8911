#include "dm/host/image.hpp"

#include "dm/host/aligned_image.hpp"
#include "dm/host/nbd_image.hpp"
#include "dm/host/raw_file.hpp"

#include <algorithm>
#include <array>
#include <cstring>

namespace dm::host {
namespace {

constexpr std::array<std::string_view, 7> kQemuFormats{"qcow2", "qcow", "qed", "vpc", "vhdx", "vmdk", "vdi"};
constexpr std::array<std::string_view, 5> kNetworkDisks{
    "nbd:", "nbd+unix:", "nbd+tcp:", "nbds:", "nbds+unix:"};

Result<std::unique_ptr<Image>> open_raw(const ImageOptions& options, BlockEngine& engine, UniqueFd given) {
    DM_TRY_ASSIGN(std::unique_ptr<RawFile> file, RawFile::open(options, engine, std::move(given)));
    const u32 granule = file->granule();
    if (granule == 1) return std::unique_ptr<Image>(std::move(file));
    return std::unique_ptr<Image>(std::make_unique<AlignedImage>(std::move(file), granule, granule));
}

bool zeros(const u8* bytes, std::size_t length) {
    return length == 0 || (bytes[0] == 0 && std::memcmp(bytes, bytes + 1, length - 1) == 0);
}

} // namespace

bool is_qemu_format(std::string_view format) {
    return std::find(kQemuFormats.begin(), kQemuFormats.end(), format) != kQemuFormats.end();
}

bool is_network_disk(std::string_view file) {
    return std::any_of(kNetworkDisks.begin(), kNetworkDisks.end(),
                       [file](std::string_view scheme) { return file.starts_with(scheme); });
}

bool all_zeros(std::span<const iovec> iov) {
    return std::all_of(iov.begin(), iov.end(),
                       [](const iovec& v) { return zeros(static_cast<const u8*>(v.iov_base), v.iov_len); });
}

Result<std::unique_ptr<Image>> open_image(const ImageOptions& options, EventLoop& loop, BlockEngine& engine,
                                          UniqueFd given) {
    const bool raw = options.format == "raw" || options.format == "host_device";
    if (!raw && !is_qemu_format(options.format))
        return fail("disk {}: there is no image format '{}'", options.file, options.format);
    const bool network = !given && is_network_disk(options.file);
    if (network && !raw)
        return fail(
            "disk {0}: format={1} inside a network disk is not supported; let the server serve what is "
            "in the image (qemu-nbd -f {1}) and use format=raw",
            options.file, options.format);
    if (raw && !network) return open_raw(options, engine, std::move(given));
    if (given)
        return fail("disk {}: an image in format {} cannot be handed over as a descriptor; convert it with "
                    "qemu-img convert -O raw",
                    options.file, options.format);
    return open_nbd_image(options, loop);
}

} // namespace dm::host
