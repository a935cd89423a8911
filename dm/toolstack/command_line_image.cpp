// What -drive and -blockdev say about an image: file, format, and how the host treats it.
#include "dm/toolstack/command_line.hpp"

#include <algorithm>
#include <array>

namespace dm::toolstack {
namespace {

constexpr std::array<std::string_view, 7> kServedFormats{"qcow2", "qcow", "qed", "vpc",
                                                         "vhdx",  "vmdk", "vdi"};
constexpr std::array<std::string_view, 5> kNetwork{"nbd", "nbd+unix", "nbd+tcp", "nbds", "nbds+unix"};

bool is_one_of(std::string_view word, std::span<const std::string_view> words) {
    return std::find(words.begin(), words.end(), word) != words.end();
}

Status check_format(ImageOptions& image) {
    if (image.format == "vhd") image.format = "vpc"; // xl's word and QEMU's
    if (image.format == "raw" || image.format == "host_device" || is_one_of(image.format, kServedFormats))
        return {};
    return fail("there is no image format '{}': use raw, qcow2, qcow, qed, vpc (vhd), vhdx, vmdk or vdi",
                image.format);
}

/// "nbd+unix" of "nbd+unix:///?socket=/x": a word with a colon before the first slash is a protocol.
std::string_view protocol_of(std::string_view file) {
    const std::size_t colon = file.substr(0, file.find('/')).find(':');
    return colon == std::string_view::npos ? std::string_view() : file.substr(0, colon);
}

Status take_truth(QemuOpts& opts, std::string_view key, bool& value) {
    DM_TRY_ASSIGN(value, opts.take_bool(key, value));
    return {};
}

/// "cache.direct" and the like, in -blockdev also of the file below.
Status take_cache_flags(QemuOpts& opts, std::string_view prefix, ImageOptions& image) {
    DM_TRY(take_truth(opts, fmt::format("{}cache.direct", prefix), image.direct));
    DM_TRY(take_truth(opts, fmt::format("{}cache.no-flush", prefix), image.no_flush));
    const std::string write_back = fmt::format("{}cache.writeback", prefix);
    if (!opts.has(write_back)) return {};
    DM_TRY_ASSIGN(const bool on, opts.take_bool(write_back, true));
    image.write_through = !on;
    return {};
}

Status take_cache_word(QemuOpts& opts, ImageOptions& image) {
    const std::string word = opts.take_or("cache", "writeback");
    image.direct = word == "none" || word == "off" || word == "directsync";
    image.write_through = word == "writethrough" || word == "directsync";
    image.no_flush = word == "unsafe";
    if (image.direct || image.write_through || image.no_flush || word == "writeback") return {};
    return fail("cache={}: expected writeback, writethrough, none, directsync or unsafe", word);
}

Status take_discard(QemuOpts& opts, const std::string& key, ImageOptions& image) {
    const auto word = opts.take(key);
    if (!word) return {};
    if (*word != "unmap" && *word != "on" && *word != "ignore" && *word != "off")
        return fail("{}={}: expected unmap (on) or ignore (off)", key, *word);
    image.discard = *word == "unmap" || *word == "on";
    return {};
}

Status take_detect_zeroes(QemuOpts& opts, ImageOptions& image) {
    const std::string word = opts.take_or("detect-zeroes", "off");
    if (word == "off") return {};
    if (word != "on" && word != "unmap") return fail("detect-zeroes={}: expected off, on or unmap", word);
    image.detect_zeroes = word == "on" ? DetectZeroes::On : DetectZeroes::Unmap;
    if (word == "unmap" && !image.discard) return fail("detect-zeroes=unmap needs discard=unmap");
    return {};
}

Status take_aio(QemuOpts& opts, const std::string& key, ImageOptions& image) {
    const auto word = opts.take(key);
    if (!word) return {};
    if (*word != "threads" && *word != "native" && *word != "io_uring")
        return fail("{}={}: expected threads, native or io_uring", key, *word);
    image.aio = *word == "threads" ? DiskAio::Threads : DiskAio::Best;
    return {};
}

Status take_locking(QemuOpts& opts, const std::string& key, ImageOptions& image) {
    const auto word = opts.take(key);
    if (!word) return {};
    if (*word != "auto" && *word != "on" && *word != "off")
        return fail("{}={}: expected auto, on or off", key, *word);
    image.locking = *word == "auto" ? Locking::Auto : *word == "on" ? Locking::On : Locking::Off;
    return {};
}

/// The keys of an image that both options have. `prefix`: "" or "file.", where the file is a layer below.
Status take_treatment(QemuOpts& opts, std::string_view prefix, ImageOptions& image) {
    DM_TRY(take_cache_flags(opts, prefix, image));
    DM_TRY(take_discard(opts, fmt::format("{}discard", prefix), image));
    DM_TRY(take_aio(opts, fmt::format("{}aio", prefix), image));
    return take_locking(opts, fmt::format("{}locking", prefix), image);
}

/// "nbd://HOST:PORT/NAME" of the keys that describe a server one by one.
Result<std::string> take_server(QemuOpts& opts, std::string_view prefix) {
    const auto take = [&](std::string_view key, std::string_view of_server) {
        const auto value = opts.take(fmt::format("{}{}", prefix, key));
        return value ? *value : opts.take_or(fmt::format("{}server.{}", prefix, of_server), "");
    };
    const std::string name = take("export", "export");
    const std::string path = take("path", "path");
    const std::string host = take("host", "host");
    const std::string port = take("port", "port");
    opts.ignore({fmt::format("{}server.type", prefix)});
    if (!path.empty()) return fmt::format("nbd:unix:{}{}{}", path, name.empty() ? "" : ":exportname=", name);
    if (host.empty()) return fail("{}host= or {}path= is missing", prefix, prefix);
    return fmt::format("nbd:{}:{}{}{}", host, port.empty() ? "10809" : port,
                       name.empty() ? "" : ":exportname=", name);
}

/// A file named by its keys: file.driver=, file.filename= of -drive; driver=, filename= of a node.
Status take_file_keys(QemuOpts& opts, std::string_view prefix, std::string_view driver, ImageOptions& image) {
    if (driver == "nbd") {
        DM_TRY_ASSIGN(image.file, take_server(opts, prefix));
        return {};
    }
    if (driver != "file" && driver != "host_device" && driver != "host_cdrom")
        return fail("{}driver={} is not supported: use file, host_device or nbd", prefix, driver);
    image.file = opts.take_or(fmt::format("{}filename", prefix), "");
    if (image.file.empty()) return fail("{}filename= is missing", prefix);
    if (!protocol_of(image.file).empty()) image.file.insert(0, "./"); // a path, whatever it looks like
    return {};
}

bool names_file_by_keys(const QemuOpts& opts) {
    return opts.has("file.driver") || opts.has("file.filename");
}

/// What must hold of all that has been said.
Status check_image(ImageOptions& image) {
    DM_TRY(check_format(image));
    const bool network = is_one_of(protocol_of(image.file), kNetwork);
    if (network && image.format != "raw")
        return fail(
            "format={} inside a network disk is not supported: let the server serve what is in the image, "
            "and use format=raw",
            image.format);
    return {};
}

const DriveDraft* find_node(const CommandLineDraft& draft, const std::string& name) {
    const auto found = std::find_if(draft.drives.begin(), draft.drives.end(),
                                    [&](const DriveDraft& d) { return d.disk.id == name; });
    return found == draft.drives.end() ? nullptr : &*found;
}

/// The layer below a format: a node that was made before, or described in place.
Status take_layer_below(CommandLineDraft& draft, QemuOpts& opts, DriveDraft& drive) {
    ImageOptions& image = drive.disk;
    const std::string format = image.format;
    if (names_file_by_keys(opts)) {
        DM_TRY(take_file_keys(opts, "file.", opts.take_or("file.driver", "file"), image));
        DM_TRY(take_treatment(opts, "file.", image));
    } else {
        const auto name = opts.take("file");
        if (!name) return fail("file= is missing: the node-name of a -blockdev driver=file");
        const DriveDraft* below = find_node(draft, *name);
        if (below == nullptr || !below->is_node)
            return fail("there is no -blockdev with node-name={}", *name);
        if (below->attached || below->disk.format != "raw")
            return fail("the node {} is in use already", *name);
        image = static_cast<const ImageOptions&>(below->disk);
        drive.read_only = below->read_only;
        draft.drives[static_cast<std::size_t>(below - draft.drives.data())].attached = true;
    }
    image.format = format;
    return {};
}

} // namespace

Status check_file(std::string& file) {
    if (file.starts_with("file:")) file.erase(0, 5);
    const std::string_view protocol = protocol_of(file);
    if (protocol.empty() || is_one_of(protocol, kNetwork)) return {};
    return fail("'{}:' images are not supported: use a file, a block device, or what an NBD server "
                "(qemu-nbd, nbdkit) "
                "makes of it as nbd://...",
                protocol);
}

Status take_image(QemuOpts& opts, ImageOptions& image) {
    image.file = opts.take_or("file", "");
    image.format = opts.take_or("format", opts.take_or("driver", "raw"));
    DM_TRY(take_cache_word(opts, image));
    DM_TRY(take_treatment(opts, "", image));
    if (names_file_by_keys(opts)) {
        if (!image.file.empty()) return fail("file= says the same as file.filename=, leave one out");
        DM_TRY(take_file_keys(opts, "file.", opts.take_or("file.driver", "file"), image));
    } else {
        DM_TRY(check_file(image.file));
    }
    DM_TRY(take_treatment(opts, "file.", image));
    DM_TRY(take_detect_zeroes(opts, image));
    DM_TRY(take_truth(opts, "force-share", image.share_writers));
    opts.ignore({"copy-on-read", "auto-read-only", "file.auto-read-only"});
    return check_image(image);
}

/// A file as one node, or a format as another on top of it.
Status take_blockdev(CommandLineDraft& draft, const std::string& value) {
    if (value.starts_with('{')) return fail("JSON is not understood here: write driver=...,node-name=...");
    DM_TRY_ASSIGN(QemuOpts opts, QemuOpts::parse(value, ""));
    DriveDraft drive;
    ImageOptions& image = drive.disk;
    drive.text = draft.text;
    drive.interface_none = true;
    drive.is_node = true;
    drive.disk.id = opts.take_or("node-name", "");
    if (drive.disk.id.empty()) return fail("node-name= is missing");
    if (find_node(draft, drive.disk.id) != nullptr)
        return fail("node-name={} is in use already", drive.disk.id);
    const std::string driver = opts.take_or("driver", "");
    const bool layered = driver == "raw" || driver == "vhd" || is_one_of(driver, kServedFormats);
    if (layered) {
        image.format = driver;
        DM_TRY(take_layer_below(draft, opts, drive));
    } else {
        DM_TRY(take_file_keys(opts, "", driver, image));
    }
    if (opts.has("read-only")) {
        DM_TRY_ASSIGN(drive.read_only, opts.take_bool("read-only", false));
    }
    DM_TRY(take_treatment(opts, "", image));
    DM_TRY(take_detect_zeroes(opts, image));
    DM_TRY(take_truth(opts, "force-share", image.share_writers));
    opts.ignore({"auto-read-only"});
    DM_TRY(check_image(image));
    DM_TRY(opts.finish());
    draft.drives.push_back(std::move(drive));
    return {};
}

} // namespace dm::toolstack
